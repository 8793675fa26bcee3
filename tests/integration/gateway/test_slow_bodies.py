"""A client that sends its headers and then nothing, or hardly anything, is told 408 in the one shape."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from google.api.httpbody_pb2 import HttpBody

from services.gateway.config import Settings
from services.gateway.edge.app import build
from services.gateway.envoy import routes
from tests.integration.gateway.conftest import NEIGHBOURS
from tests.integration.gateway.envoy_process import Door, open_door
from tests.integration.gateway.fake_mesh import FakeMesh, answering
from tests.integration.gateway.tokens import bearer
from tests.support.harness import ServiceHarness, make_settings
from tests.support.redis import EmbeddedRedis

pytestmark = pytest.mark.asyncio(loop_scope="module")

ID = "6f1c0000-0000-4000-8000-000000000001"
FILES = f"/v1/sandboxes/{ID}/files"
FORM_BEGINS = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'


async def answer_to(door: Door, method: str, path: str, content_type: str, begins: bytes) -> tuple[bytes, Any]:
    """Sends a body that begins so and then dribbles; the status line and the JSON that come."""
    host, port = door.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n"
        f"authorization: {bearer()['authorization']}\r\n\r\n".encode()
        + b"%x\r\n%b\r\n" % (len(begins), begins)
    )
    dribble = asyncio.create_task(_dribble(writer))
    try:
        head, _, body = (await asyncio.wait_for(reader.readuntil(b"}}"), 20)).partition(b"\r\n\r\n")
    finally:
        dribble.cancel()
        writer.transport.abort()
    return head.partition(b"\r\n")[0], json.loads(body[body.index(b"{") :])


async def _dribble(writer: asyncio.StreamWriter) -> None:
    while not writer.transport.is_closing():
        writer.write(b"1\r\n \r\n")
        await asyncio.sleep(0.05)


def assert_timed_out(answer: tuple[bytes, Any]) -> None:
    status, body = answer
    assert status == b"HTTP/1.1 408 Request Timeout"
    assert set(body) == {"detail"}
    assert body["detail"]["error_code"] == "REQUEST_TIMEOUT"
    assert set(body["detail"]) >= {"message", "code", "params", "request_id"}


@asynccontextmanager
async def edge_behind(folder: Any, mesh: FakeMesh, redis_url: str, **values: Any) -> AsyncIterator[Door]:
    """A real edge behind Envoy; its neighbours are scripted."""
    targets = {f"mesh_{name}_url": mesh.address for name in NEIGHBOURS}
    settings = make_settings(Settings, folder, redis_url=redis_url, **targets, **values)
    async with (
        ServiceHarness(settings, build) as edge,
        open_door(folder, mesh.address, mesh_edge_url=edge.address) as door,
    ):
        yield door


async def test_an_upload_that_dribbles(
    mesh: FakeMesh, redis_server: EmbeddedRedis, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("patience")
    asked = (("POST", FILES), ("PUT", f"{FILES}/binary"), ("POST", "/v1/agent/start"))
    async with edge_behind(folder, mesh, redis_server.url, mesh_body_patience_s=0.5) as door:
        form = "multipart/form-data; boundary=x"
        for answer in await asyncio.gather(*(answer_to(door, *where, form, FORM_BEGINS) for where in asked)):
            assert_timed_out(answer)


async def test_a_json_body_that_dribbles(
    mesh: FakeMesh, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "DEFAULT_DEADLINE_S", 0.1)
    folder = tmp_path_factory.mktemp("json")
    async with open_door(folder, mesh.address, mesh_body_patience_s=0.2) as door:
        assert_timed_out(await answer_to(door, "PUT", FILES, "application/json", b'{"path": "a", "content": "'))


async def test_a_whole_request_that_takes_too_long(mesh: FakeMesh, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("whole")
    stored = answering(HttpBody(content_type="application/json", data=b"{}"))
    with mesh.on("/mesh.gateway.v1.Edge/UploadSandboxFile", stored):
        async with open_door(folder, mesh.address, mesh_request_timeout_s=1) as door:
            assert_timed_out(await answer_to(door, "POST", FILES, "multipart/form-data; boundary=x", FORM_BEGINS))
