"""The chat surface is whole: each endpoint has its route, the rule that the list says, and its place in a matrix."""

from __future__ import annotations

from importlib import import_module

import pytest

from services.gateway.envoy.surface import Rpc, load_surface
from services.gateway.policies import load_rules
from tests.contract.access_matrix import Kind
from tests.e2e.endpoints import Endpoint, listed
from tests.support.mesh import CHECKOUT

ENDPOINTS, MORE = listed()
SURFACE = load_surface((CHECKOUT / "protos/gen/mesh.binpb").read_bytes(), load_rules())
ROUTES: dict[str, Rpc] = {f"{verb} {path}": rpc for rpc in SURFACE.rpcs for verb, path in rpc.bindings}


def kind_of(rpc: Rpc) -> Kind:
    """How the service's access matrix tries the RPC; KeyError where it does not."""
    matrix = import_module(f"tests.contract.{rpc.service}.test_access")
    kind: Kind = matrix.KINDS[".".join(rpc.method.rpartition(".")[2].split("/"))]
    return kind


@pytest.mark.parametrize("endpoint", [*ENDPOINTS, *MORE], ids=str)
def test_each_endpoint_is_routed_and_tried_by_everybody(endpoint: Endpoint) -> None:
    rpc = ROUTES[endpoint.name]
    assert rpc.rule.users
    assert rpc.rule.anonymous == (endpoint.auth in ("reader", "anybody"))
    assert rpc.rule.role == ("admin" if endpoint.auth == "admin" else None)
    kind = kind_of(rpc)
    assert kind != "internal"
    if endpoint.auth == "reader":
        assert kind == "read"
