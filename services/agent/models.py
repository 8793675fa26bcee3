"""From settings to what the model registry is told: a provider is reachable where its key, or a server, is named."""

from __future__ import annotations

from dataclasses import replace

from pydantic import SecretStr

from services.agent.config import Settings
from services.agent.llm.providers import PROVIDERS, Access, is_own_server
from services.agent.llm.registry import ModelSettings


def model_settings(settings: Settings) -> ModelSettings:
    """What the registry is told."""
    return ModelSettings(
        production=settings.env_mode == "production",
        default_model=settings.mesh_default_model,
        adapter=settings.mesh_llm_adapter,
        access=_named(settings) | {name: _further(given) for name, given in settings.mesh_litellm_providers.items()},
    )


def _named(settings: Settings) -> dict[str, Access]:
    """The providers with settings of their own that have what they need."""
    keys = {name: getattr(settings, f"{name}_api_key", None) for name in PROVIDERS}
    access = {name: Access(api_key=_told(key)) for name, key in keys.items()}
    access["openai"] = replace(access["openai"], api_base=settings.openai_api_base)
    access["anthropic"] = replace(access["anthropic"], api_base=settings.mesh_anthropic_api_base)
    access["openrouter"] = replace(access["openrouter"], api_base=settings.mesh_openrouter_api_base)
    access["bedrock"] = _bedrock(settings)
    return {
        name: made
        for name, made in access.items()
        if made.api_key or made.options or (name == "openai" and is_own_server(made))
    }


def _bedrock(settings: Settings) -> Access:
    region = {"aws_region_name": settings.aws_region_name}
    if token := _told(settings.aws_bearer_token_bedrock):
        return Access(api_key=token, options=region)
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    signing = {name: told for name in names if (told := _told(getattr(settings, name)))}
    return Access(options=signing | region) if settings.aws_access_key_id else Access()


def _further(given: dict[str, SecretStr]) -> Access:
    options = {name: value.get_secret_value() for name, value in given.items()}
    return Access(api_key=options.pop("api_key", None), api_base=options.pop("api_base", None), options=options)


def _told(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
