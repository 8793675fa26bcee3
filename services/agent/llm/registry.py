"""Which model goes by which adapter, base URL and key.

A name is `mock-ai`, or `<provider>/<the provider's own name>`; aliases that the frontend knows mean the default model.
The registry never asks a provider what it has: names are passed on, and the table here only says what is worth showing
and how long a context is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType

from services.agent.llm.errors import ErrorType, ModelUnavailableError
from services.agent.llm.guarded import GuardedModel, is_down
from services.agent.llm.mock_ai import MockAi
from services.agent.llm.openai_compatible import OpenAiCompatible
from services.agent.llm.port import ModelPort
from services.kit.circuit_breaker import CircuitBreaker
from services.kit.clock import Clock, SystemClock

MOCK = "mock-ai"
OPENAI_BASE = "https://api.openai.com/v1"
OPENROUTER_BASE = "https://openrouter.ai/api/v1"
ALIASES = frozenset({"kortix/basic", "kortix/power", "kortix/haiku", "kortix/minimax"})
UNKNOWN_CONTEXT_WINDOW = 128_000

# Providers whose own wires are not spoken here; an OpenAI-compatible gateway reaches them.
_OTHER_WIRES = frozenset({"anthropic", "azure", "bedrock", "cohere", "gemini", "groq", "mistral", "vertex_ai", "xai"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """What the registry is told; None or empty where nothing is configured."""

    production: bool = False
    default_model: str | None = None
    openai_api_base: str | None = None
    openai_api_key: str | None = field(default=None, repr=False)
    openrouter_api_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model as account-state shows it; `context_window` in tokens, a higher `priority` stands first."""

    id: str
    name: str
    allowed: bool
    context_window: int
    capabilities: tuple[str, ...]
    priority: int
    recommended: bool
    provider: str


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """Where a model is reached: `name` is what is stored and billed, `model` the provider's own name."""

    name: str
    model: str
    provider: str
    context_window: int
    port: ModelPort


@dataclass(frozen=True, slots=True)
class _Known:
    name: str
    context_window: int
    capabilities: tuple[str, ...]


_CHAT = ("chat", "function_calling")
_KNOWN = MappingProxyType(
    {
        "openai/gpt-4o-mini": _Known("GPT-4o mini", 128_000, (*_CHAT, "vision", "prompt_caching")),
        "openai/gpt-4o": _Known("GPT-4o", 128_000, (*_CHAT, "vision", "prompt_caching")),
        "openrouter/anthropic/claude-haiku-4.5": _Known(
            "Claude Haiku 4.5", 200_000, (*_CHAT, "vision", "thinking", "prompt_caching")
        ),
        "openrouter/openai/gpt-4o-mini": _Known("GPT-4o mini", 128_000, (*_CHAT, "vision", "prompt_caching")),
        MOCK: _Known("Mock AI", 1_000_000, (*_CHAT, "thinking")),
    }
)


class ModelRegistry:
    """Resolves names and keeps one adapter per base URL, made at first use."""

    def __init__(
        self,
        settings: ModelSettings,
        *,
        mock: Callable[[], ModelPort] = MockAi,
        compatible: Callable[[str, str | None], ModelPort] = OpenAiCompatible,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._mock = mock
        self._compatible = compatible
        self._ports: dict[str, ModelPort] = {}
        self._clock = clock or SystemClock()
        self.breakers: dict[str, CircuitBreaker] = {}
        """One for each provider that was asked, by its name."""

    @property
    def default(self) -> str:
        """The model of a run that names none. Raises ModelUnavailableError where nothing is configured."""
        configured = self._settings.default_model
        if configured and configured not in ALIASES:
            return configured
        offered = self._offered()
        if not offered:
            raise _nothing_configured()
        return offered[0]

    def resolve(self, name: str | None = None) -> ResolvedModel:
        """The model of this name, the default for none or an alias. Raises ModelUnavailableError."""
        asked = name.strip() if name else ""
        full = self.default if not asked or asked in ALIASES else asked
        if (problem := self._problem(full)) is not None:
            raise problem
        provider, _, model = full.partition("/")
        known = _KNOWN.get(full)
        window = known.context_window if known else UNKNOWN_CONTEXT_WINDOW
        return ResolvedModel(full, model or full, provider, window, self._port(provider))

    def list_models(self) -> list[ModelInfo]:
        """The models worth offering, the default first; none where nothing is configured."""
        offered = self._offered()
        if not offered and not self._settings.default_model:
            return []
        default = self.default
        names = [default, *(name for name in offered if name != default and not self._is_guess(name))]
        return [self._info(name, 100 - place, default) for place, name in enumerate(names)]

    async def aclose(self) -> None:
        """Closes every adapter."""
        for port in self._ports.values():
            await port.aclose()

    def _offered(self) -> list[str]:
        return [name for name in _KNOWN if self._problem(name) is None]

    def _is_guess(self, name: str) -> bool:
        """A server of one's own has models of its own, and need not have OpenAI's."""
        return name.startswith("openai/") and not self._is_openai_itself()

    def _info(self, name: str, priority: int, default: str) -> ModelInfo:
        provider, _, model = name.partition("/")
        known = _KNOWN.get(name) or _Known(model or name, UNKNOWN_CONTEXT_WINDOW, _CHAT)
        return ModelInfo(
            name,
            known.name,
            self._problem(name) is None,
            known.context_window,
            known.capabilities,
            priority,
            name == default,
            provider,
        )

    def _problem(self, name: str) -> ModelUnavailableError | None:
        """Why this model cannot be reached, None where nothing is missing."""
        provider, _, model = name.partition("/")
        settings = self._settings
        if name == MOCK:
            return _not_in_production() if settings.production else None
        if provider not in ("openai", "openrouter") or not model:
            return _unknown(name, provider)
        if provider == "openrouter":
            return None if settings.openrouter_api_key else _needs(name, "OPENROUTER_API_KEY")
        return None if settings.openai_api_key or not self._is_openai_itself() else _needs(name, "OPENAI_API_KEY")

    def _is_openai_itself(self) -> bool:
        base = self._settings.openai_api_base
        return not base or base.rstrip("/") == OPENAI_BASE

    def _port(self, provider: str) -> ModelPort:
        if provider not in self._ports:
            self._ports[provider] = self._guarded(provider, self._make(provider))
        return self._ports[provider]

    def _guarded(self, provider: str, port: ModelPort) -> ModelPort:
        if provider == MOCK:
            return port
        breaker = self.breakers[provider] = CircuitBreaker(provider, self._clock, is_down)
        return GuardedModel(port, breaker)

    def _make(self, provider: str) -> ModelPort:
        settings = self._settings
        if provider == "openai":
            return self._compatible(settings.openai_api_base or OPENAI_BASE, settings.openai_api_key)
        if provider == "openrouter":
            return self._compatible(OPENROUTER_BASE, settings.openrouter_api_key)
        return self._mock()


def _not_in_production() -> ModelUnavailableError:
    text = f"{MOCK} is not offered in production: name another model, or set MESH_DEFAULT_MODEL."
    return ModelUnavailableError(ErrorType.MODEL_NOT_SUPPORTED, text, variable="MESH_DEFAULT_MODEL")


def _nothing_configured() -> ModelUnavailableError:
    text = "No model is configured: set OPENAI_API_KEY, OPENAI_API_BASE or OPENROUTER_API_KEY."
    return ModelUnavailableError(ErrorType.MODEL_NOT_SUPPORTED, text, variable="OPENAI_API_KEY")


def _needs(name: str, variable: str) -> ModelUnavailableError:
    text = f"The model {name!r} needs {variable}, which is not set."
    return ModelUnavailableError(ErrorType.AUTHENTICATION, text, variable=variable)


def _unknown(name: str, provider: str) -> ModelUnavailableError:
    if provider in _OTHER_WIRES:
        text = f"Models of {provider} are not reached directly yet: use openrouter/... instead of {name!r}."
    else:
        text = f"There is no model {name!r}: use openai/<name>, openrouter/<name> or {MOCK}."
    return ModelUnavailableError(ErrorType.MODEL_NOT_SUPPORTED, text)
