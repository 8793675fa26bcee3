"""`mesh notice`: what everybody who opens the web client is told. It shows at once; nothing is restarted."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import orjson
import typer

from services.cli import notices
from services.cli.config import Settings
from services.kit.config import load_settings

notice = typer.Typer(help="Tell everybody of maintenance or of a fault, or take it back.", no_args_is_help=True)

_TIMES = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"]


class Severity(StrEnum):
    """How bad a fault is."""

    DEGRADED = "degraded"
    OUTAGE = "outage"
    MAINTENANCE = "maintenance"


@notice.command()
def maintenance(
    start: Annotated[datetime, typer.Option("--from", formats=_TIMES, help="When it begins; UTC without an offset.")],
    end: Annotated[datetime, typer.Option("--until", formats=_TIMES, help="When it is over.")],
) -> None:
    """Announce maintenance."""
    begins, ends = (moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in (start, end))
    if ends <= begins:
        raise typer.BadParameter("is not after --from", param_hint="--until")
    told = {"startTime": begins.isoformat(), "endTime": ends.isoformat()}
    _show(notices.announce(_file(), notices.MAINTENANCE, told, datetime.now(UTC)))


@notice.command()
def issue(
    message: Annotated[str, typer.Argument(help="What is wrong, in a sentence.")],
    severity: Annotated[Severity, typer.Option(help="How bad it is.")] = Severity.DEGRADED,
    description: Annotated[str | None, typer.Option(help="More about it.")] = None,
    affected: Annotated[list[str] | None, typer.Option(help="A service that is affected; may be repeated.")] = None,
    resolution: Annotated[str | None, typer.Option(help="When it is expected to be solved.")] = None,
    status_url: Annotated[str | None, typer.Option(help="Where one can follow it.")] = None,
) -> None:
    """Tell of a fault."""
    told = {
        "message": message,
        "severity": severity,
        "description": description,
        "affectedServices": affected,
        "estimatedResolution": resolution,
        "statusUrl": status_url,
    }
    _show(notices.announce(_file(), notices.ISSUE, told, datetime.now(UTC)))


@notice.command()
def clear() -> None:
    """Take everything back."""
    _show(notices.clear(_file(), datetime.now(UTC)))


@notice.command()
def show() -> None:
    """Print what is told now."""
    _show(notices.load(_file()))


def _file() -> Path:
    data = load_settings(Settings).data_dir()
    data.create()
    return data.notices


def _show(said: notices.Notice) -> None:
    typer.echo(orjson.dumps(said, option=orjson.OPT_INDENT_2).decode())
