"""Which wires a part has: the addresses that it is told, each led through a proxy of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from services.cli.parts import Part
from tests.chaos.proxy import Address, Wire

_NEIGHBOURS: Final = {
    "agent-worker": ("threads", "billing", "tools"),
    "agent-api": ("threads", "billing", "tools"),
    "threads": ("billing", "agent", "sandbox"),
    "tools": ("sandbox",),
    "sandbox": ("threads",),
    "edge": ("agent", "threads", "billing", "sandbox", "tools"),
    "envoy": ("edge", "agent", "threads", "billing"),
}
"""Whom each part calls."""
_STORED: Final = ("agent-worker", "agent-api", "threads", "billing", "sandbox", "tools")
_STREAMING: Final = ("agent-worker", "agent-api")


class Line(NamedTuple):
    """One address in a part's environment; `url` has the proxy's {port}."""

    variable: str
    server: str
    upstream: Address
    url: str


Wires = dict[tuple[str, str], Wire]


def lines(part: Part) -> Iterator[Line]:
    """Every wire of a part."""
    kind = part.name.rstrip("-0123456789")
    for neighbour in _NEIGHBOURS.get(kind, ()):
        variable = f"MESH_{neighbour.upper()}_URL"
        host, _, port = part.env[variable].rpartition(":")
        yield Line(variable, neighbour, Address(host, int(port)), "127.0.0.1:{port}")
    if kind in _STORED:
        folder = parse_qs(urlsplit(part.env["DATABASE_URL"]).query)["host"][0]
        upstream = Address(path=f"{folder}/.s.PGSQL.5432")
        url = "postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable"
        yield Line("DATABASE_URL", "postgres", upstream, url)
    if kind in _STREAMING:
        upstream = Address(path=part.env["REDIS_URL"].removeprefix("unix://"))
        yield Line("REDIS_URL", "redis", upstream, "redis://127.0.0.1:{port}/0")
    if kind == "agent-worker":
        model = urlsplit(part.env["OPENAI_API_BASE"])
        url = f"http://127.0.0.1:{{port}}{model.path}"
        yield Line("OPENAI_API_BASE", "model", Address(str(model.hostname), int(model.port or 80)), url)


async def rewired(part: Part, folder: str, wires: Wires) -> Part:
    """The part with fault points, and a proxy in each of its wires."""
    told: Mapping[str, str] = part.env
    for line in lines(part):
        wire = wires[part.name, line.server] = await Wire(part.name, line.server, line.upstream).open()
        told = {**told, line.variable: line.url.format(port=wire.port)}
    argv, service = part.argv, part.argv[2].removeprefix("services.") if len(part.argv) > 2 else ""
    if service in ("agent", "threads", "billing", "tools"):
        argv = (argv[0], "-m", "tests.chaos.process", folder, service, *argv[3:])
    return replace(part, argv=argv, env=told)
