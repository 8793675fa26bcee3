"""A viewer who takes nothing costs a bounded buffer, is cut, and resumes without a loss."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from google.protobuf.message import Message
from mesh.agent.v1 import events_pb2, runs_pb2

from services.gateway.config import Settings
from services.gateway.edge.app import build
from tests.contract.gateway.sample_events import event
from tests.integration.gateway.conftest import NEIGHBOURS, House
from tests.integration.gateway.envoy_process import open_door
from tests.integration.gateway.fake_mesh import Call, FakeMesh, Requests
from tests.integration.gateway.tokens import token
from tests.support.harness import ServiceHarness, make_settings
from tests.support.redis import EmbeddedRedis

pytestmark = pytest.mark.asyncio(loop_scope="module")

RUN = "6f1c0000-0000-4000-8000-000000000001"
WATCH = "/mesh.agent.v1.AgentRuns/WatchRun"
EVENTS, PER_BATCH = 60_000, 500
MOST_BYTES = 12 * 2**20
"""Of frames that may be on their way: buffers here some 2 MiB, the kernel's up to 4 MiB and its own ideas. All: 25."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def impatient(
    mesh: FakeMesh, redis_server: EmbeddedRedis, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """A house that gives a client a second to take something."""
    folder = tmp_path_factory.mktemp("impatient")
    targets = {f"mesh_{name}_url": mesh.address for name in NEIGHBOURS}
    settings = make_settings(Settings, folder, redis_url=redis_server.url, **targets)
    async with (
        ServiceHarness(settings, build) as edge,
        open_door(folder, mesh.address, mesh_edge_url=edge.address, mesh_deaf_client_s=1) as door,
    ):
        yield House(door, mesh, edge)


class LongRun:
    """Sixty thousand events in batches; what it sent, from where it was asked, and whether the caller was cut."""

    def __init__(self) -> None:
        self.sent = 0
        self.asked: list[str] = []
        self.cut = asyncio.Event()

    async def __call__(self, requests: Requests, _: Call) -> AsyncIterator[Message]:
        request = await anext(aiter(requests))
        self.asked.append(request.last_id)
        begun = int(request.last_id.partition("-")[2] or 0)
        try:
            for place in range(begun + 1, EVENTS, PER_BATCH):
                yield runs_pb2.WatchRunResponse(run_id=RUN, thread_id=RUN, events=self._events(place))
                self.sent = place + PER_BATCH
            yield runs_pb2.WatchRunResponse(
                events=[event("run_ended", events_pb2.RunEnded(status="completed"), n=EVENTS)]
            )
        finally:
            self.cut.set()

    @staticmethod
    def _events(place: int) -> list[events_pb2.RunEvent]:
        said = events_pb2.TextChunk(message_id=RUN, text="word ")
        return [event("text_chunk", said, n=n) for n in range(place, min(place + PER_BATCH, EVENTS))]


async def test_a_viewer_who_takes_nothing_is_cut_and_resumes_where_he_was(impatient: House) -> None:
    run = LongRun()
    with impatient.mesh.on(WATCH, run):
        with asked_for_stream(impatient.door.address) as one:
            await asyncio.wait_for(run.cut.wait(), 20)
            assert run.sent * 420 < MOST_BYTES
            heard = ids(unchunked(await everything(one)))
        rest = ids(await resumed(impatient, heard[-1]))
    assert run.asked == ["", f"1-{heard[-1]}"]
    assert heard + rest == list(range(1, EVENTS + 1))


def asked_for_stream(address: str) -> socket.socket:
    """A socket with the smallest buffer there is, which reads nothing of the stream that it asked for."""
    host, _, port = address.partition(":")
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.connect((host, int(port)))
    head = f"GET /v1/agent-run/{RUN}/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token()}\r\n\r\n"
    one.sendall(head.encode())
    one.setblocking(False)
    return one


async def everything(one: socket.socket) -> bytes:
    """What can still be read."""
    read = b""
    loop = asyncio.get_running_loop()
    while True:
        try:
            piece = await loop.sock_recv(one, 65536)
        except ConnectionResetError:
            return read
        if not piece:
            return read
        read += piece


async def resumed(house: House, last: int) -> bytes:
    headers = {"authorization": f"Bearer {token()}", "last-event-id": f"1-{last}"}
    answer = await house.door.client.get(f"/v1/agent-run/{RUN}/stream", headers=headers)
    assert answer.status_code == 200
    return answer.content


def ids(body: bytes) -> list[int]:
    """The numbers of the whole frames."""
    return [int(n) for n in re.findall(rb"id: 1-(\d+)\ndata: [^\n]+\n\n", body)]


def unchunked(answer: bytes) -> bytes:
    """The body of an answer in chunks, as far as it came."""
    body = b""
    _, _, rest = answer.partition(b"\r\n\r\n")
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body
