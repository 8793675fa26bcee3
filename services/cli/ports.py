"""Free TCP ports on loopback, kept from one start to the next and reserved while the mesh runs.

A reservation is a socket that is bound and never listens. It keeps other meshes and outgoing connections off the port,
and lets the part itself listen there, because both allow the address to be reused. New ports are drawn from below the
kernel's ephemeral range, so that between two starts nobody gets them by accident.
"""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Iterable, Mapping
from contextlib import ExitStack

from .errors import CliError, PortTakenError

_RANGE = range(20_000, 32_000)
_LOOPBACK = "127.0.0.1"
_DRAWS = 200


class Reservations:
    """The ports of one mesh, by name. Close it when the mesh is down."""

    def __init__(self, choose: random.Random) -> None:
        self._choose = choose
        self._held = ExitStack()
        self.ports: dict[str, int] = {}

    def reserve(self, names: Iterable[str], kept: Mapping[str, int]) -> dict[str, int]:
        """A port for each name: the kept one while it is free, else a new one."""
        for name in names:
            self.ports[name] = self._keep(kept[name]) if name in kept else self._draw()
        return self.ports

    def close(self) -> None:
        """Give all of them back."""
        self._held.close()

    def _keep(self, port: int) -> int:
        free = can_listen(_LOOPBACK, port) and self._hold(port)
        return port if free else self._draw()

    def _draw(self) -> int:
        for port in self._choose.sample(_RANGE, _DRAWS):
            if port not in self.ports.values() and _unused(port) and self._hold(port):
                return port
        raise CliError(f"no free TCP port found between {_RANGE.start} and {_RANGE.stop} on {_LOOPBACK}")

    def _hold(self, port: int) -> bool:
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind((_LOOPBACK, port))
        except OSError:
            held.close()
            return False
        self._held.enter_context(held)
        return True


def can_listen(host: str, port: int) -> bool:
    """Whether a server could listen here now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError:
            return False
    return True


def demand_public_port(port: int, variable: str) -> None:
    """Fail with a word about `variable` where the public port cannot be had."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
            probe.listen()
        except OSError as refused:
            raise PortTakenError(_refusal(refused, port, variable)) from refused


def any_free_port() -> int:
    """A port that is free now, for a mesh that lives for a moment."""
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def _unused(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((_LOOPBACK, port))
        except OSError:
            return False
    return True


def _refusal(refused: OSError, port: int, variable: str) -> str:
    if refused.errno == errno.EACCES:
        return f"port {port} needs more rights than this user has; set {variable} to a port from 1024 up"
    return f"port {port} is taken by another program; set {variable} to a free one, e.g. {variable}={port + 1}"
