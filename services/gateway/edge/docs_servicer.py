"""The documents of the REST surface, made once at start."""

from __future__ import annotations

from typing import Any

import grpc
import orjson
from google.api.httpbody_pb2 import HttpBody
from mesh.gateway.v1 import docs_pb2 as pb
from mesh.gateway.v1.docs_pb2_grpc import DocsServicer

from services.gateway.edge.errors import AssetNotFound
from services.gateway.openapi.document import load_document
from services.gateway.openapi.page import PAGE, load_assets

Context = grpc.aio.ServicerContext[Any, Any]

_MINUTES, _DAY = "public, max-age=300", "public, max-age=86400"
# Scripts and calls of this origin alone. Swagger UI sets styles by itself, and has pictures in its style sheet.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Docs(DocsServicer):
    """mesh.gateway.v1.Docs."""

    def __init__(self) -> None:
        self._document = orjson.dumps(load_document())
        self._assets = load_assets()

    async def GetOpenApi(self, request: pb.GetOpenApiRequest, context: Context) -> HttpBody:
        return await _cached(context, _MINUTES, "application/json", self._document)

    async def GetDocsPage(self, request: pb.GetDocsPageRequest, context: Context) -> HttpBody:
        return await _cached(context, _MINUTES, "text/html; charset=utf-8", PAGE)

    async def GetDocsAsset(self, request: pb.GetDocsAssetRequest, context: Context) -> HttpBody:
        if request.name not in self._assets:
            raise AssetNotFound(params={"name": request.name})
        kind, data = self._assets[request.name]
        return await _cached(context, _DAY, kind, data)


async def _cached(context: Context, how_long: str, kind: str, data: bytes) -> HttpBody:
    headers = (
        ("cache-control", how_long),
        ("content-security-policy", _POLICY),
        ("x-content-type-options", "nosniff"),
    )
    await context.send_initial_metadata(headers)
    return HttpBody(content_type=kind, data=data)
