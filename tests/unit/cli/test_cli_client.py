"""The client of the public surface, against a transport that plays the mesh."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx
import orjson
import pytest

from services.cli.client import Frame, MeshClient, RefusedError, UnreachableError, is_terminal

DONE: Frame = {"type": "status", "status": "completed", "_event_id": "1-9"}


def sse(*frames: Frame) -> bytes:
    return b"".join(b"data: " + orjson.dumps(frame) + b"\n\n" for frame in frames)


class Cut(httpx.AsyncByteStream):
    """A body that breaks off."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body
        raise httpx.ReadError("cut")


def client_of(answer: Callable[[httpx.Request], httpx.Response]) -> tuple[MeshClient, list[httpx.Request], list[str]]:
    requests: list[httpx.Request] = []
    told: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return answer(request)

    http = httpx.AsyncClient(base_url="http://mesh", transport=httpx.MockTransport(handle))
    return MeshClient(http, told.append), requests, told


async def all_frames(client: MeshClient) -> list[Frame]:
    return [frame async for frame in client.frames("r1")]


async def test_a_start_is_multipart_with_only_what_was_given() -> None:
    answer = {"agent_run_id": "r1", "thread_id": "t1", "project_id": "p1", "sandbox_id": None, "status": "running"}
    client, requests, _ = client_of(lambda request: httpx.Response(200, json=answer))

    started = await client.start("hello", "mock-ai", None)

    assert (started.run_id, started.thread_id) == ("r1", "t1")
    assert requests[0].headers["content-type"].startswith("multipart/form-data")
    body = requests[0].content.decode()
    assert 'name="prompt"' in body
    assert "thread_id" not in body


async def test_frames_end_with_the_terminal_one() -> None:
    body = sse({"type": "ack", "_event_id": "0-1"}, DONE, {"type": "ping"})
    client, _, _ = client_of(lambda request: httpx.Response(200, content=body))

    frames = await all_frames(client)

    assert [frame["type"] for frame in frames] == ["ack", "status"]
    assert is_terminal(frames[-1])


async def test_a_cut_stream_is_resumed_after_the_last_id() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("last_id") == "1-2":
            return httpx.Response(200, content=sse(DONE))
        return httpx.Response(200, stream=Cut(sse({"type": "thinking", "_event_id": "1-2"}, {"type": "ping"})))

    client, requests, told = client_of(answer)

    frames = await all_frames(client)

    assert [frame["type"] for frame in frames] == ["thinking", "ping", "status"]
    assert len(requests) == 2
    assert "resuming" in told[0]


async def test_a_stream_that_closes_without_an_end_is_resumed() -> None:
    bodies = [sse({"type": "ack", "_event_id": "0-1"}), sse(DONE)]
    client, requests, _ = client_of(lambda request: httpx.Response(200, content=bodies.pop(0)))

    await all_frames(client)

    assert requests[1].url.params["last_id"] == "0-1"


async def test_a_gateway_that_is_away_for_a_moment_is_asked_again() -> None:
    answers = [httpx.Response(503), httpx.Response(200, content=sse(DONE))]
    client, _, _ = client_of(lambda request: answers.pop(0))

    assert is_terminal((await all_frames(client))[-1])


async def test_a_refusal_is_told_in_the_mesh_s_words() -> None:
    detail = {"message": "Thread not found", "error_code": "THREAD_NOT_FOUND", "code": "thread_not_found"}
    client, _, _ = client_of(lambda request: httpx.Response(404, json={"detail": detail}))

    with pytest.raises(RefusedError, match=r"Thread not found \(THREAD_NOT_FOUND, HTTP 404\)"):
        await client.messages("t1")
    with pytest.raises(RefusedError) as refused:
        await all_frames(client)
    assert refused.value.status == 404


async def test_a_mesh_that_does_not_answer_is_said_to_be_away() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    client, _, _ = client_of(answer)

    with pytest.raises(UnreachableError, match="no mesh answers at http://mesh"):
        await client.stop("r1")


async def test_usage_is_that_of_the_run_alone() -> None:
    records = [{"run_id": "r1", "credits_used": 0.5}, {"run_id": "r2", "credits_used": 9.0}]
    answer = {"agent_run_id": "r1", "thread_id": "t1", "project_id": "p1", "usage_records": records}
    client, _, _ = client_of(lambda request: httpx.Response(200, json=answer))

    usage = await client.usage(await client.start("hello", None, None))

    assert usage == [records[0]]
