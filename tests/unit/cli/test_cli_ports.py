"""Ports that stay free for the mesh that reserved them."""

from __future__ import annotations

import random
import socket

import pytest

from services.cli.errors import PortTakenError
from services.cli.ports import Reservations, any_free_port, can_listen, demand_public_port


def test_a_reserved_port_is_closed_to_others_and_open_to_its_part() -> None:
    reserved = Reservations(random.Random(1))
    port = reserved.reserve(["threads"], {})["threads"]

    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    assert can_listen("127.0.0.1", port)
    reserved.close()


def test_two_meshes_never_get_the_same_port() -> None:
    first, second = Reservations(random.Random(1)), Reservations(random.Random(1))
    names = [str(number) for number in range(20)]

    taken = set(first.reserve(names, {}).values())
    others = set(second.reserve(names, {}).values())

    assert len(taken) == len(others) == 20
    assert taken.isdisjoint(others)
    first.close()
    second.close()


def test_kept_ports_are_used_again_unless_somebody_listens_there() -> None:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        taken, free = somebody.getsockname()[1], any_free_port()
        reserved = Reservations(random.Random())

        ports = reserved.reserve(["a", "b"], {"a": taken, "b": free})

    assert ports["a"] != taken
    assert ports["b"] == free
    reserved.close()


def test_a_taken_public_port_names_its_variable() -> None:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        port = somebody.getsockname()[1]

        with pytest.raises(PortTakenError, match=f"port {port} is taken by another program; set MESH_HTTP_PORT"):
            demand_public_port(port, "MESH_HTTP_PORT")
