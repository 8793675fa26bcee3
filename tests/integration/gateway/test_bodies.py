"""Bytes in both directions: forms, uploads, downloads, events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message

from tests.integration.gateway.envoy_process import Door
from tests.integration.gateway.fake_mesh import Call, FakeMesh, Requests, answering
from tests.integration.gateway.tokens import bearer

pytestmark = pytest.mark.asyncio(loop_scope="module")

ID = "6f1c0000-0000-4000-8000-000000000001"
MIB = 2**20


async def test_a_form_reaches_the_edge_as_it_was_sent(door: Door, mesh: FakeMesh) -> None:
    with mesh.on(
        "/mesh.gateway.v1.Edge/StartAgentRun", answering(HttpBody(content_type="application/json", data=b"{}"))
    ):
        answer = await door.client.post(
            "/v1/agent/start",
            headers={**bearer(), "idempotency-key": "k1"},
            data={"prompt": "hi"},
            files={"files": ("a.txt", b"content")},
        )
    assert (answer.status_code, answer.text) == (200, "{}")
    assert mesh.last.requests[0].body.content_type.startswith("multipart/form-data; boundary=")
    body = b"".join(request.body.data for request in mesh.last.requests)  # in as many pieces as it came
    assert b'name="prompt"\r\n\r\nhi' in body
    assert b'filename="a.txt"' in body
    assert mesh.last.metadata["idempotency-key"] == "k1"


async def test_an_upload_arrives_in_pieces_while_it_is_sent(door: Door, mesh: FakeMesh) -> None:
    arrived = asyncio.Event()

    async def storing(requests: Requests, call: Call) -> AsyncIterator[Message]:
        async for _ in requests:
            arrived.set()
        yield HttpBody(content_type="application/json", data=b"{}")

    async def body() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield b"x" * MIB
        await arrived.wait()  # only what is not held back can arrive before the body has ended
        for _ in range(22):
            yield b"y" * MIB

    with mesh.on("/mesh.gateway.v1.Edge/UploadSandboxFile", storing):
        answer = await door.client.post(
            f"/v1/sandboxes/{ID}/files",
            headers={**bearer(), "content-type": "multipart/form-data; boundary=x"},
            content=body(),
        )
    assert answer.status_code == 200
    sizes = [len(request.body.data) for request in mesh.last.requests]
    assert sum(sizes) == 30 * MIB
    assert max(sizes) <= MIB
    assert mesh.last.requests[0].sandbox_id == ID


async def test_a_download_streams_with_its_headers(door: Door, mesh: FakeMesh) -> None:
    async def reading(requests: Requests, call: Call) -> AsyncIterator[Message]:
        await call.context.send_initial_metadata((("content-disposition", 'attachment; filename="a.bin"'),))
        for _ in range(20):
            yield HttpBody(content_type="application/octet-stream", data=b"z" * MIB)

    with mesh.on("/mesh.sandbox.v1.Sandboxes/ReadFile", reading):
        answer = await door.client.get(f"/v1/sandboxes/{ID}/files/content?path=a.bin", headers=bearer())
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == 'attachment; filename="a.bin"'
    assert len(answer.content) == 20 * MIB


async def test_each_frame_is_seen_when_it_is_sent(door: Door, mesh: FakeMesh) -> None:
    seen: asyncio.Queue[None] = asyncio.Queue()

    async def telling(requests: Requests, call: Call) -> AsyncIterator[Message]:
        for number in range(5):
            yield HttpBody(content_type="text/event-stream", data=f"id: 1-{number}\ndata: {{}}\n\n".encode())
            await asyncio.wait_for(seen.get(), 10)

    with mesh.on("/mesh.gateway.v1.Edge/StreamAgentRun", telling):
        frames = []
        async with door.client.stream("GET", f"/v1/agent-run/{ID}/stream", headers=bearer()) as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            async for piece in answer.aiter_raw():
                frames.append(piece.decode())
                seen.put_nowait(None)
    assert frames == [f"id: 1-{number}\ndata: {{}}\n\n" for number in range(5)]


async def test_a_viewer_who_leaves_ends_the_call(door: Door, mesh: FakeMesh) -> None:
    ended = asyncio.Event()

    async def telling(requests: Requests, call: Call) -> AsyncIterator[Message]:
        try:
            yield HttpBody(content_type="text/event-stream", data=b"data: {}\n\n")
            await asyncio.Event().wait()
        finally:
            ended.set()

    with mesh.on("/mesh.gateway.v1.Edge/StreamAgentRun", telling):
        async with door.client.stream("GET", f"/v1/agent-run/{ID}/stream", headers=bearer()) as answer:
            async for _ in answer.aiter_raw():
                break
        await asyncio.wait_for(ended.wait(), 10)


async def test_a_cursor_in_the_header_arrives(door: Door, mesh: FakeMesh) -> None:
    with mesh.on("/mesh.gateway.v1.Edge/StreamAgentRun", answering(HttpBody(data=b"x"))):
        await door.client.get(f"/v1/agent-run/{ID}/stream", headers={**bearer(), "last-event-id": "3-4"})
    assert mesh.last.metadata["last-event-id"] == "3-4"
