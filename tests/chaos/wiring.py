"""Which wires a part has: the addresses that it is told, each led through a proxy of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from services.cli.parts import Part
from tests.chaos.clocks import Clocks
from tests.chaos.proxy import Address, Wire

_NEIGHBOURS: Final = {
    "agent-worker": ("threads", "billing", "tools"),
    "agent-api": ("threads", "billing", "tools"),
    "threads": ("billing", "agent", "sandbox"),
    "tools": ("sandbox",),
    "sandbox": ("threads",),
    "edge": ("agent", "threads", "billing", "sandbox", "tools"),
    "envoy": ("edge", "agent", "threads", "billing", "sandbox", "tools"),
}
"""Whom each part calls."""
_STORED: Final = ("agent-worker", "agent-api", "threads", "billing", "sandbox", "tools")
_STREAMING: Final = ("agent-worker", "agent-api")
PEOPLE: Final = "people"
"""Who calls the public port."""


class Line(NamedTuple):
    """What a part's environment says of a server; `url` has the proxy's {port}, once for each address."""

    variable: str
    server: str
    upstreams: tuple[Address, ...]
    url: str


Wires = dict[tuple[str, str], Wire]


def lines(part: Part) -> Iterator[Line]:
    """Every wire of a part."""
    kind = part.name.rstrip("-0123456789")
    for neighbour in _NEIGHBOURS.get(kind, ()):
        variable = f"MESH_{neighbour.upper()}_URL"
        sockets = (each.rpartition(":") for each in part.env[variable].split(","))
        yield Line(
            variable, neighbour, tuple(Address(host, int(port)) for host, _, port in sockets), "127.0.0.1:{port}"
        )
    if kind in _STORED:
        folder = parse_qs(urlsplit(part.env["DATABASE_URL"]).query)["host"][0]
        upstream = Address(path=f"{folder}/.s.PGSQL.5432")
        url = "postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable"
        yield Line("DATABASE_URL", "postgres", (upstream,), url)
    if kind in _STREAMING:
        upstream = Address(path=part.env["REDIS_URL"].removeprefix("unix://"))
        yield Line("REDIS_URL", "redis", (upstream,), "redis://127.0.0.1:{port}/0")
    if kind == "agent-worker":
        model = urlsplit(part.env["OPENAI_API_BASE"])
        url = f"http://127.0.0.1:{{port}}{model.path}"
        yield Line("OPENAI_API_BASE", "model", (Address(str(model.hostname), int(model.port or 80)),), url)


async def rewired(part: Part, folder: str, wires: Wires, clocks: Clocks | None) -> Part:
    """The part with fault points, a clock that can be moved, and a proxy in each of its wires; so has its twin."""
    told = {} if clocks is None else clocks.environment(part.name)
    for line in lines(part):
        wire = wires[part.name, line.server] = await Wire(part.name, line.server, *line.upstreams).open()
        told[line.variable] = ",".join(line.url.format(port=port) for port in wire.ports)
    return _bent(part, folder, told)


async def front(port: int, wires: Wires) -> int:
    """The port by which people reach the public one."""
    wire = wires[PEOPLE, "envoy"] = await Wire(PEOPLE, "envoy", Address("127.0.0.1", port)).open()
    return wire.ports[0]


def _bent(part: Part, folder: str, told: Mapping[str, str]) -> Part:
    argv, service = part.argv, part.argv[2].removeprefix("services.") if len(part.argv) > 2 else ""
    if service in ("agent", "threads", "billing", "tools"):
        argv = (argv[0], "-m", "tests.chaos.process", folder, service, *argv[3:])
    twin = None if part.twin is None else _bent(part.twin, folder, told)
    return replace(part, argv=argv, env={**part.env, **told}, twin=twin)
