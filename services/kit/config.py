"""The only reader of the environment and of `.env`.

A service's `Settings` extends `MeshSettings`: frozen, with a docstring under every field. A field is read from the
variable of its name in upper case; `MESH_<SERVICE>_<FIELD>` sets it for one service alone. The environment wins over
`.env`, and an empty value counts as none.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TextIO, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)


def offer_to_libraries(**variables: str) -> None:
    """Sets variables that a library reads from the environment by itself; those that are set already stay."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)


class ConfigError(Exception):
    """The configuration cannot be used; the text names the variable and says what to do."""


class _ServiceFirst(EnvSettingsSource):
    """Reads `MESH_<SERVICE>_<FIELD>` before `<FIELD>`."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        own = self.env_vars.get(own_variable(self.settings_cls, field_name).lower())
        if own is not None:
            return own, field_name, self.field_is_complex(field)
        return super().get_field_value(field, field_name)


class _Environment(_ServiceFirst):
    """The process environment."""


class _DotEnv(_ServiceFirst, DotEnvSettingsSource):
    """The `.env` file in the working directory."""

    def __call__(self) -> dict[str, Any]:
        return EnvSettingsSource.__call__(self)


class MeshSettings(BaseSettings):
    """What every service is told from outside."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, use_attribute_docstrings=True
    )

    service: ClassVar[str] = "mesh"
    required: ClassVar[tuple[str, ...]] = ()
    """Fields without which this service cannot start."""

    env_mode: Literal["local", "staging", "production"] = "local"
    """Where this runs. `local` applies migrations at start and enforces no rate limits. Any case is accepted."""

    mesh_listen: str = "127.0.0.1:0"
    """host:port of the gRPC listener; port 0 takes a free one."""

    mesh_metrics_port: int = 0
    """Port of the Prometheus endpoint on the listener's host; 0 turns it off."""

    mesh_data_dir: Path = Path(".mesh")
    """Directory for data kept on this machine."""

    mesh_keys_dir: Path = Path(".mesh/keys")
    """Directory of Ed25519 keys: `<service>.pem` of this service, `<service>.pub` of each caller."""

    mesh_log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is logged."""

    mesh_drain_s: float = 10.0
    """Seconds that RPCs under way are given to end after SIGTERM."""

    mesh_max_message_bytes: int = 16 * 1024 * 1024
    """Largest gRPC message accepted or sent, in bytes."""

    mesh_max_streams: int = 10_000
    """Concurrent RPCs accepted per connection; more wait at the client. Each viewer of a run is one."""

    mesh_memory_limit_mib: int = Field(default=0, ge=0)
    """Memory that this process should stay below; near it a worker takes no more runs. 0: what the container
    is given, else the whole machine's; where unset, `mesh up` gives each process its share, at least 512."""

    database_url: SecretStr | None = None
    """postgresql:// URL. Required by services that own tables."""

    mesh_database_pool: int = 8
    """Connections to Postgres per process, opened on demand."""

    redis_url: SecretStr | None = None
    """redis:// URL. Required by services that stream or cache."""

    supabase_url: str | None = None
    """Base URL of the identity provider. Set: its JWKS is trusted and `iss` must be `<url>/auth/v1`."""

    supabase_jwt_secret: SecretStr | None = None
    """Secret of HS256 user tokens. Unset: such tokens are refused."""

    mesh_leave_s: float = 1.5
    """Seconds after SIGUSR1 (somebody else stands ready) in which callers turn away, before this process drains."""

    mesh_agent_url: str | None = None
    """host:port of the agent service; of this and all neighbours also several of IPv4, separated by commas."""

    mesh_threads_url: str | None = None
    """host:port of the threads service."""

    mesh_billing_url: str | None = None
    """host:port of the billing service."""

    mesh_sandbox_url: str | None = None
    """host:port of the sandbox service."""

    mesh_tools_url: str | None = None
    """host:port of the tools service."""

    mesh_edge_url: str | None = None
    """host:port of the gateway's edge."""

    otel_exporter_otlp_endpoint: str | None = None
    """OTLP/gRPC collector of spans and metrics. Unset: no spans are made, at no cost."""

    otel_exporter_otlp_metrics_endpoint: str | None = None
    """OTLP/gRPC collector of metrics, where it is another one than that of spans."""

    mesh_cloudwatch_namespace: str | None = None
    """CloudWatch namespace for metrics; region and credentials are those of AWS_* or ~/.aws. Unset: none go there."""

    mesh_figures_s: float = Field(default=60.0, ge=0)
    """Seconds between two sendings of metrics to OTLP and CloudWatch; 0: none are sent."""

    @field_validator("env_mode", "mesh_log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _of_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        return _begins_with(value, "postgresql://", "postgres://")

    @field_validator("redis_url")
    @classmethod
    def _of_redis(cls, value: SecretStr | None) -> SecretStr | None:
        return _begins_with(value, "redis://", "rediss://", "unix://")

    @field_validator("supabase_url")
    @classmethod
    def _bare_url(cls, value: str | None) -> str | None:
        return value.rstrip("/") if value else value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for name in self.required:
            if getattr(self, name) is None:
                raise ValueError(f"{name.upper()} is not set; {self.service} cannot start without it")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- replaced by ours
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        env_file = dotenv_settings.env_file if isinstance(dotenv_settings, DotEnvSettingsSource) else None
        return init_settings, _Environment(settings_cls), _DotEnv(settings_cls, env_file), file_secret_settings

    def target(self, service: str) -> tuple[str, ...]:
        """Where a neighbour may listen, each host:port; ConfigError where none is configured."""
        url: str | None = getattr(self, f"mesh_{service}_url", None)
        if not url:
            raise ConfigError(f"MESH_{service.upper()}_URL is not set; {self.service} calls {service}: set host:port")
        return tuple(each.removeprefix("http://").removeprefix("grpc://").rstrip("/") for each in url.split(","))


def _begins_with(url: SecretStr | None, *schemes: str) -> SecretStr | None:
    if url is not None and not url.get_secret_value().startswith(schemes):
        raise ValueError(f"it must begin with {' or '.join(schemes)}")
    return url


SettingsT = TypeVar("SettingsT", bound=MeshSettings)


def own_variable(settings_cls: type[BaseSettings], field_name: str) -> str:
    """The variable that sets a field for one service alone, e.g. MESH_THREADS_DATABASE_URL."""
    service: str = getattr(settings_cls, "service", "mesh")
    return f"MESH_{service.upper()}_{field_name.upper()}"


def load_settings(settings_cls: type[SettingsT]) -> SettingsT:
    """Reads the environment and `.env`; ConfigError with one line per wrong variable."""
    try:
        return settings_cls()
    except ValidationError as refused:
        raise ConfigError("\n".join(_complaints(settings_cls, refused))) from None
    except SettingsError as refused:
        raise ConfigError(_not_json(settings_cls, str(refused))) from None


def _complaints(settings_cls: type[MeshSettings], refused: ValidationError) -> Iterator[str]:
    # The value itself is never repeated: it may be a secret in the wrong place.
    for error in refused.errors(include_input=False, include_url=False):
        what = error["msg"].removeprefix("Value error, ")
        yield _complaint(settings_cls, str(error["loc"][0]), what) if error["loc"] else what


def _not_json(settings_cls: type[MeshSettings], refused: str) -> str:
    named = re.search(r'field "(\w+)"', refused)
    return _complaint(settings_cls, named[1], "it must be JSON") if named else f"{refused}: give it as JSON"


def _complaint(settings_cls: type[MeshSettings], name: str, what: str) -> str:
    meaning = " ".join((settings_cls.model_fields[name].description or "").split())
    return f"{name.upper()} is not usable: {what}. {meaning}"


def check_config(settings: MeshSettings, out: TextIO = sys.stdout) -> None:
    """Prints every field with its value and where that comes from; secrets are masked."""
    origins = _Origins(settings)
    for name in type(settings).model_fields:
        out.write(f"{name.upper()} = {_shown(getattr(settings, name))}  ({origins.of(name)})\n")


class _Origins:
    """Tells from which source a field was filled."""

    def __init__(self, settings: MeshSettings) -> None:
        self._cls = type(settings)
        self._files = _DotEnv(self._cls, self._cls.model_config.get("env_file")).env_vars

    def of(self, name: str) -> str:
        names = (own_variable(self._cls, name), name.upper())
        for variable in names:
            if os.environ.get(variable):
                return f"environment, {variable}"
        for variable in names:
            if self._files.get(variable.lower()):
                return f".env, {variable}"
        return "default"


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return "********" if value.get_secret_value() else "(empty)"
    text = str(value)
    if "://" in text and urlsplit(text).password:
        return "********"
    return "(unset)" if value is None else text
