"""What is set makes a provider reachable; what is not set disables it and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from services.agent.config import Settings
from services.agent.llm.errors import ModelUnavailableError
from services.agent.llm.providers import PROVIDERS, Access
from services.agent.llm.registry import ModelRegistry
from services.agent.models import model_settings


def _settings(**given: Any) -> Settings:
    told: dict[str, Any] = {"database_url": "postgresql://h/d", "redis_url": "redis://h", "_env_file": None}
    return Settings(**told | given)


def _access(**given: Any) -> dict[str, Access]:
    nothing = {name: None for name in Settings.model_fields if "api" in name or "token_bedrock" in name}
    return dict(model_settings(_settings(**nothing | given)).access)


@pytest.mark.parametrize("provider", [name for name in PROVIDERS if name != "bedrock"])
def test_key_makes_its_provider_reachable_and_no_other(provider: str) -> None:
    assert _access(**{f"{provider}_api_key": "k"}) == {provider: Access(api_key="k")}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {}),
        ({"openai_api_base": "http://h/v1"}, {"openai": Access(api_base="http://h/v1")}),
        ({"openai_api_base": "https://api.openai.com/v1/"}, {}),
        ({"mesh_anthropic_api_base": "http://h"}, {}),
        (
            {"mesh_anthropic_api_base": "http://h", "anthropic_api_key": "a"},
            {"anthropic": Access(api_key="a", api_base="http://h")},
        ),
        (
            {"aws_bearer_token_bedrock": "b", "aws_region_name": "eu-west-1"},
            {"bedrock": Access(api_key="b", options={"aws_region_name": "eu-west-1"})},
        ),
        (
            {"aws_access_key_id": "i", "aws_secret_access_key": "s"},
            {
                "bedrock": Access(
                    options={
                        "aws_access_key_id": "i",
                        "aws_secret_access_key": "s",
                        "aws_region_name": "us-east-1",
                    }
                )
            },
        ),
        (
            {"mesh_litellm_providers": {"azure": {"api_key": "z", "api_base": "http://z", "api_version": "1"}}},
            {"azure": Access(api_key="z", api_base="http://z", options={"api_version": "1"})},
        ),
    ],
)
def test_settings_say_how_a_provider_is_reached(given: dict[str, Any], expected: dict[str, Access]) -> None:
    assert _access(**given) == expected


def test_provider_without_its_key_is_refused_by_name_and_the_rest_works() -> None:
    registry = ModelRegistry(model_settings(_settings(gemini_api_key="g")))

    with pytest.raises(ModelUnavailableError, match="MISTRAL_API_KEY"):
        registry.resolve("mistral/mistral-large-latest")
    assert registry.resolve("gemini/gemini-2.5-pro").context_window == 1_048_576
