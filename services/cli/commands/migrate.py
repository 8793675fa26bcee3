"""`mesh migrate`: bring every service's schema up to date."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import typer
from pydantic import SecretStr

from services.cli.config import Settings
from services.cli.embedded.account import unprivileged_account
from services.cli.embedded.postgres import EmbeddedPostgres
from services.cli.errors import CliError, NotRunningError
from services.cli.layout import DataDir
from services.cli.plan import SERVICES
from services.cli.state import load
from services.kit.config import MeshSettings, load_settings
from services.kit.errors import MeshError
from services.kit.logging import configure_logging
from services.kit.migrations import migrate as apply_missing

_SERVICES = Path(__file__).parents[2]


def migrate() -> None:
    """Apply the migrations that are missing, service by service, and say which.

    Works on DATABASE_URL (or MESH_<SERVICE>_DATABASE_URL), else on the PostgreSQL of the mesh that runs here. May be
    run any number of times, also while services run.
    """
    data = load_settings(Settings).data_dir()
    for settings, package in _schemas(data):
        configure_logging(settings.model_copy(update={"mesh_log_level": "warning"}))  # what is applied is said below
        try:
            applied = asyncio.run(apply_missing(settings, package))
        except MeshError as failure:
            raise CliError(f"{settings.service}: {failure.message}") from failure
        for name in applied or ("up to date",):
            typer.echo(f"{settings.service}: {name}")


def _schemas(data: DataDir) -> Iterator[tuple[MeshSettings, str]]:
    """Each service that owns tables: its settings and the package of its migrations."""
    for service in SERVICES:
        if _migrations_of(service).is_dir():
            yield _settings_of(service, data), f"services.{service}.storage.migrations"


def _migrations_of(service: str) -> Path:
    return _SERVICES / service / "storage" / "migrations"


def _settings_of(owner: str, data: DataDir) -> MeshSettings:
    class OwnerSettings(MeshSettings):
        service: ClassVar[str] = owner

    settings = load_settings(OwnerSettings)
    return settings if settings.database_url else settings.model_copy(update={"database_url": _embedded(data)})


def _embedded(data: DataDir) -> SecretStr:
    if not load(data.state).alive():
        raise NotRunningError("DATABASE_URL is not set and no mesh is running here: there is no database to migrate")
    return SecretStr(EmbeddedPostgres(data, unprivileged_account()).url)
