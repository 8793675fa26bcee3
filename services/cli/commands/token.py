"""`mesh token`: a development token on stdout."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from services.cli.config import Settings
from services.cli.tokens import development_token
from services.kit.config import load_settings


def token(
    sub: Annotated[UUID | None, typer.Option(help="User it is for; default: this data directory's developer.")] = None,
    ttl: Annotated[float, typer.Option(min=1, help="Seconds it is good for.")] = 24 * 3600,
) -> None:
    """Print a bearer token for development, signed with this mesh's secret. Refuses in production."""
    settings = load_settings(Settings)
    data = settings.data_dir()
    data.create()
    typer.echo(development_token(settings, data, ttl=ttl, sub=sub))
