"""A name goes to its adapter, or is refused with the setting that is missing."""

from __future__ import annotations

from typing import Any

import pytest

from services.agent.llm.errors import ErrorType, ModelUnavailableError
from services.agent.llm.mock_ai import MockAi
from services.agent.llm.port import ModelPort
from services.agent.llm.providers import Access
from services.agent.llm.registry import ALIASES, ModelRegistry, ModelSettings


class _Recorder:
    """Notes what adapters are made of."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str | None]] = []
        self.closed = 0

    def __call__(self, base: str, key: str | None) -> ModelPort:
        self.made.append((base, key))
        return _Closing(self)

    def through_litellm(self, provider: str, access: Access) -> ModelPort:
        self.made.append((f"litellm:{provider}", access.api_key))
        return _Closing(self)


class _Closing(MockAi):
    def __init__(self, recorder: _Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    async def aclose(self) -> None:
        self._recorder.closed += 1


def _registry(recorder: _Recorder | None = None, **given: Any) -> ModelRegistry:
    """`openai_api_key="k"` and the like say how providers are reached; all else is the settings' own."""
    own = {name: given.pop(name) for name in ("production", "default_model", "adapter") if name in given}
    access: dict[str, dict[str, str]] = {}
    for name, value in given.items():
        provider, field = name.split("_", 1)
        access.setdefault(provider, {})[field] = value
    settings = ModelSettings(**own, access={name: Access(**fields) for name, fields in access.items()})  # type: ignore[arg-type]
    recorder = recorder or _Recorder()
    return ModelRegistry(settings, compatible=recorder, litellm=recorder.through_litellm)


@pytest.mark.parametrize(
    ("settings", "name", "base", "key", "model"),
    [
        ({"openai_api_key": "k"}, "openai/gpt-4o", "https://api.openai.com/v1", "k", "gpt-4o"),
        ({"openai_api_base": "http://h/v1"}, "openai/any/thing:x", "http://h/v1", None, "any/thing:x"),
        ({"openai_api_base": "http://h/v1", "openai_api_key": "k"}, "openai/m", "http://h/v1", "k", "m"),
        ({"openrouter_api_key": "r"}, "openrouter/a/b", "https://openrouter.ai/api/v1", "r", "a/b"),
        ({"groq_api_key": "g"}, "groq/a/b", "https://api.groq.com/openai/v1", "g", "a/b"),
        ({"anthropic_api_key": "a"}, "anthropic/claude", "litellm:anthropic", "a", "claude"),
        ({"bedrock_options": {"aws_region_name": "x"}}, "bedrock/us.a.b-v1:0", "litellm:bedrock", None, "us.a.b-v1:0"),
        ({"cohere_api_key": "c"}, "cohere/command", "litellm:cohere", "c", "command"),
        ({"openai_api_key": "k", "adapter": "litellm"}, "openai/m", "litellm:openai", "k", "m"),
        (
            {"xai_api_key": "x", "xai_api_base": "http://h/v1", "adapter": "openai_compatible"},
            "xai/m",
            "http://h/v1",
            "x",
            "m",
        ),
    ],
)
def test_name_goes_to_its_server(settings: dict[str, Any], name: str, base: str, key: str | None, model: str) -> None:
    recorder = _Recorder()

    resolved = _registry(recorder, **settings).resolve(name)

    assert (resolved.name, resolved.model) == (name, model)
    assert recorder.made == [(base, key)]
    assert resolved.context_window > 0


@pytest.mark.parametrize(
    ("settings", "name", "variable"),
    [
        ({}, "openai/gpt-4o", "OPENAI_API_KEY"),
        ({}, "anthropic/claude", "ANTHROPIC_API_KEY"),
        ({}, "bedrock/nova", "AWS_BEARER_TOKEN_BEDROCK or AWS_ACCESS_KEY_ID"),
        ({"anthropic_api_key": "a", "adapter": "openai_compatible"}, "anthropic/claude", "MESH_LLM_ADAPTER"),
        ({}, "openrouter/a/b", "OPENROUTER_API_KEY"),
        ({"production": True}, "mock-ai", "MESH_DEFAULT_MODEL"),
        ({"production": True}, None, "OPENAI_API_KEY"),
        ({"default_model": "openrouter/x"}, None, "OPENROUTER_API_KEY"),
    ],
)
def test_missing_setting_is_named(settings: dict[str, Any], name: str | None, variable: str) -> None:
    with pytest.raises(ModelUnavailableError) as refusal:
        _registry(**settings).resolve(name)

    assert refusal.value.variable == variable
    assert variable in refusal.value.message
    assert not refusal.value.retryable


@pytest.mark.parametrize("name", ["gpt-4o", "openai/", "anthropic/", "nobody/x", "kortix/unknown", "mock-ai/x", "/"])
def test_unknown_name_is_refused_with_one_that_works(name: str) -> None:
    with pytest.raises(ModelUnavailableError, match="openrouter/") as refusal:
        _registry(openai_api_key="k").resolve(name)

    assert refusal.value.error_type == ErrorType.MODEL_NOT_SUPPORTED


@pytest.mark.parametrize(
    ("settings", "default"),
    [
        ({}, "mock-ai"),
        ({"openai_api_key": "k"}, "openai/gpt-4o-mini"),
        ({"openai_api_base": "http://h/v1"}, "openai/gpt-4o-mini"),
        ({"openrouter_api_key": "k"}, "openrouter/anthropic/claude-haiku-4.5"),
        ({"openai_api_key": "k", "default_model": "mock-ai"}, "mock-ai"),
        ({"openai_api_base": "http://h/v1", "default_model": "openai/mine"}, "openai/mine"),
        ({"openai_api_key": "k", "default_model": "kortix/basic"}, "openai/gpt-4o-mini"),
        ({"openai_api_key": "k", "production": True}, "openai/gpt-4o-mini"),
        ({"anthropic_api_key": "a"}, "anthropic/claude-haiku-4-5"),
        ({"gemini_api_key": "g", "production": True}, "gemini/gemini-2.5-flash"),
    ],
)
@pytest.mark.parametrize("name", [None, "", " ", *sorted(ALIASES)])
def test_no_name_and_aliases_mean_the_default(settings: dict[str, Any], default: str, name: str | None) -> None:
    assert _registry(**settings).resolve(name).name == default


def test_default_is_listed_first_and_recommended() -> None:
    listed = _registry(openai_api_key="k", openrouter_api_key="r").list_models()

    assert listed[0].id == "openai/gpt-4o-mini"
    assert [model.recommended for model in listed] == [True] + [False] * (len(listed) - 1)
    assert [model.priority for model in listed] == sorted((model.priority for model in listed), reverse=True)
    assert {model.provider for model in listed} == {"openai", "openrouter", "mock-ai"}


def test_every_listed_model_that_is_allowed_resolves() -> None:
    registry = _registry(openai_api_key="k", openrouter_api_key="r")

    assert [registry.resolve(model.id).name for model in registry.list_models()] == [
        model.id for model in registry.list_models() if model.allowed
    ]


def test_default_that_cannot_be_reached_is_listed_as_not_allowed() -> None:
    (first, *_) = _registry(default_model="anthropic/claude").list_models()

    assert (first.id, first.allowed) == ("anthropic/claude", False)


def test_server_of_ones_own_is_not_said_to_have_openais_models() -> None:
    registry = _registry(openai_api_base="http://h/v1", default_model="openai/mine")

    assert [model.id for model in registry.list_models()] == ["openai/mine", "mock-ai"]


def test_production_offers_no_mock_and_may_offer_nothing() -> None:
    assert _registry(production=True).list_models() == []
    assert "mock-ai" not in [model.id for model in _registry(production=True, openai_api_key="k").list_models()]


async def test_one_adapter_serves_all_models_of_a_server_and_is_closed_once() -> None:
    recorder = _Recorder()
    registry = _registry(recorder, openai_api_key="k")

    assert registry.resolve("openai/a").port is registry.resolve("openai/b").port
    await registry.aclose()

    assert recorder.closed == 1


def test_keys_are_not_shown_in_representations() -> None:
    access = Access(api_key="secret", options={"aws_secret_access_key": "secret"})
    assert "secret" not in repr(ModelSettings(access={"bedrock": access}))


@pytest.mark.parametrize(
    ("settings", "needed"),
    [
        ({}, False),
        ({"openai_api_key": "k"}, False),
        ({"anthropic_api_key": "a"}, True),
        ({"openai_api_key": "k", "anthropic_api_key": "a"}, False),
        ({"openai_api_key": "k", "adapter": "litellm"}, True),
        ({"default_model": "anthropic/claude"}, False),
        ({"production": True}, False),
    ],
)
def test_litellm_is_loaded_ahead_where_the_default_model_needs_it(settings: dict[str, Any], needed: bool) -> None:
    assert _registry(**settings).default_needs_litellm == needed
