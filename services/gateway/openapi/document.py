"""The document, whole."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from services.gateway.envoy.surface import Rpc, Surface, load_surface
from services.gateway.openapi.contract import Contract
from services.gateway.openapi.operations import BEARER, TOKEN, Operations
from services.gateway.openapi.refusals import ERROR, HEADERS
from services.gateway.openapi.rules import Json
from services.gateway.openapi.schemas import Schemas
from services.gateway.policies import load_rules

DESCRIPTORS = Path(__file__).parents[3] / "protos" / "gen" / "mesh.binpb"
_ABOUT = """A backend for AI agents: a message goes in; a durable, billed, streamed agent run comes out.

Ids are UUIDs, times are ISO 8601 in UTC, credits are $0.01. Every refusal has the shape of `Error`; `error_code` is for
programs. Fields that are not known are ignored. In JSON bodies null counts as missing, and a number may also come as
text. The same calls are offered as gRPC on the same port, see `x-grpc-method`.
"""
_SECURITY: Json = {
    BEARER: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "Of the identity provider.",
    },
    TOKEN: {"type": "apiKey", "in": "query", "name": "token", "description": "The same, where no header can be sent."},
}


def load_document() -> Json:
    """Of the committed descriptors and policies."""
    descriptors = DESCRIPTORS.read_bytes()
    return document(load_surface(descriptors, load_rules()), Contract(descriptors))


def document(surface: Surface, contract: Contract) -> Json:
    """OpenAPI 3.1 of everything that has a route."""
    schemas = Schemas(contract)
    operations, paths = Operations(contract, schemas), dict[str, Json]()
    bound = [rpc for rpc in surface.rpcs if rpc.bindings]
    for rpc in bound:
        for path, verb, operation in operations.of(rpc):
            paths.setdefault(path, {})[verb] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "Agent mesh", "version": version("agent-mesh"), "description": _ABOUT},
        "servers": [{"url": "/"}],
        "tags": _tags(bound, contract),
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {"Error": ERROR, **dict(sorted(schemas.components.items()))},
            "headers": HEADERS,
            "securitySchemes": _SECURITY,
        },
    }


def _tags(rpcs: list[Rpc], contract: Contract) -> list[Json]:
    said: dict[str, dict[str, None]] = {}
    for rpc in rpcs:
        said.setdefault(rpc.service, {})[contract.comment(rpc.full_service)] = None
    return [{"name": service, "description": "\n\n".join(comments)} for service, comments in sorted(said.items())]
