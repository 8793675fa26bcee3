"""Which model goes by which adapter, base URL and key.

A name is `mock-ai`, or `<provider>/<the provider's own name>`; aliases that the frontend knows mean the default model.
The registry never asks a provider what it has: names are passed on, and the catalogue only says what is worth showing
and how long a context is. Providers that speak OpenAI's wire go by the direct adapter, all others by litellm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from services.agent.llm.catalogue import LISTED, MOCK, entry
from services.agent.llm.errors import ErrorType, ModelUnavailableError
from services.agent.llm.guarded import GuardedModel, ModelBreakers
from services.agent.llm.mock_ai import MockAi
from services.agent.llm.openai_compatible import OpenAiCompatible
from services.agent.llm.port import ModelPort
from services.agent.llm.providers import PROVIDERS, Access, is_own_server
from services.agent.llm.via_litellm import LiteLlm
from services.kit.clock import Clock, SystemClock

ALIASES = frozenset({"kortix/basic", "kortix/power", "kortix/haiku", "kortix/minimax"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """What the registry is told; None or empty where nothing is configured."""

    production: bool = False
    default_model: str | None = None
    adapter: Literal["openai_compatible", "litellm"] | None = None
    """Forces one of them, where the provider can be reached by it."""
    access: Mapping[str, Access] = field(default_factory=dict)
    """Of the providers that can be reached, by name."""


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


def _through_litellm(provider: str, access: Access) -> ModelPort:
    return LiteLlm(provider, access.api_key, access.api_base, options=access.options)


class ModelRegistry:
    """Resolves names and keeps one adapter per base URL, made at first use."""

    def __init__(
        self,
        settings: ModelSettings,
        *,
        mock: Callable[[], ModelPort] = MockAi,
        compatible: Callable[[str, str | None], ModelPort] = OpenAiCompatible,
        litellm: Callable[[str, Access], ModelPort] = _through_litellm,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._mock = mock
        self._compatible = compatible
        self._litellm = litellm
        self._ports: dict[str, ModelPort] = {}
        self.breakers = ModelBreakers(clock or SystemClock())
        """Of all models but the mock."""

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
        return ResolvedModel(full, model or full, provider, entry(full).context_window, self._port(provider))

    def list_models(self) -> list[ModelInfo]:
        """The models worth offering, the default first; none where nothing is configured."""
        offered = self._offered()
        if not offered and not self._settings.default_model:
            return []
        default = self.default
        names = [default, *(name for name in offered if name != default and not self._is_guess(name))]
        return [self._info(name, 100 - place, default) for place, name in enumerate(names)]

    @property
    def default_needs_litellm(self) -> bool:
        """Whether a run that names no model will need litellm."""
        try:
            name = self.resolve().name
        except ModelUnavailableError:
            return False
        return name != MOCK and self._by_litellm(name.partition("/")[0])

    async def aclose(self) -> None:
        """Closes every adapter."""
        for port in self._ports.values():
            await port.aclose()

    def _offered(self) -> list[str]:
        return [name for name in LISTED if self._problem(name) is None]

    def _is_guess(self, name: str) -> bool:
        return name.startswith("openai/") and is_own_server(self._settings.access["openai"])

    def _info(self, name: str, priority: int, default: str) -> ModelInfo:
        provider = name.partition("/")[0]
        known, allowed = entry(name), self._problem(name) is None
        return ModelInfo(
            name, known.name, allowed, known.context_window, known.capabilities, priority, name == default, provider
        )

    def _problem(self, name: str) -> ModelUnavailableError | None:
        """Why this model cannot be reached, None where nothing is missing."""
        provider, _, model = name.partition("/")
        if name == MOCK:
            return _not_in_production() if self._settings.production else None
        if provider in self._settings.access and model:
            return None if self._by_litellm(provider) or self._base(provider) else _other_wire(name)
        known = PROVIDERS.get(provider)
        return _needs(name, known.variable) if known and model else _unknown(name)

    def _by_litellm(self, provider: str) -> bool:
        forced = self._settings.adapter
        return forced == "litellm" or (forced is None and (provider not in PROVIDERS or not PROVIDERS[provider].base))

    def _base(self, provider: str) -> str | None:
        known = PROVIDERS.get(provider)
        return self._settings.access[provider].api_base or (known.base if known else None)

    def _port(self, provider: str) -> ModelPort:
        if provider not in self._ports:
            self._ports[provider] = self._mock() if provider == MOCK else self._guarded(provider)
        return self._ports[provider]

    def _guarded(self, provider: str) -> ModelPort:
        return GuardedModel(provider, self._make(provider), self.breakers)

    def _make(self, provider: str) -> ModelPort:
        access = self._settings.access[provider]
        if self._by_litellm(provider):
            return self._litellm(provider, access)
        base = self._base(provider)
        assert base is not None
        return self._compatible(base, access.api_key)


def _not_in_production() -> ModelUnavailableError:
    text = f"{MOCK} is not offered in production: name another model, or set MESH_DEFAULT_MODEL."
    return ModelUnavailableError(ErrorType.MODEL_NOT_SUPPORTED, text, variable="MESH_DEFAULT_MODEL")


def _nothing_configured() -> ModelUnavailableError:
    text = "No model is configured: set OPENAI_API_KEY, OPENAI_API_BASE, ANTHROPIC_API_KEY or OPENROUTER_API_KEY."
    return ModelUnavailableError(ErrorType.MODEL_NOT_SUPPORTED, text, variable="OPENAI_API_KEY")


def _needs(name: str, variable: str) -> ModelUnavailableError:
    text = f"The model {name!r} needs {variable}, which is not set."
    return ModelUnavailableError(ErrorType.AUTHENTICATION, text, variable=variable)


def _other_wire(name: str) -> ModelUnavailableError:
    text = f"The model {name!r} can not be reached by MESH_LLM_ADAPTER=openai_compatible: unset it."
    return ModelUnavailableError(ErrorType.MODEL_NOT_SUPPORTED, text, variable="MESH_LLM_ADAPTER")


def _unknown(name: str) -> ModelUnavailableError:
    providers = ", ".join(f"{provider}/<name>" for provider in PROVIDERS)
    text = f"There is no model {name!r}: use {providers} or {MOCK}. MESH_LITELLM_PROVIDERS adds other providers."
    return ModelUnavailableError(ErrorType.MODEL_NOT_SUPPORTED, text)
