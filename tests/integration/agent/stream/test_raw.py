"""Ready-made bytes through a generated servicer, to a generated stub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from mesh.agent.v1 import runs_pb2, runs_pb2_grpc

from services.agent.stream.raw import AnsweringBytes
from services.agent.stream.viewer import Pace
from tests.fakes.run_stream import RUN, MemoryStore, Owner, View, check
from tests.integration.agent.stream.streams import Streams


class Runs(runs_pb2_grpc.AgentRunsServicer):
    def __init__(self, payloads: AsyncIterator[bytes]) -> None:
        self._payloads = payloads

    async def WatchRun(self, request: Any, context: Any) -> AsyncIterator[bytes]:  # type: ignore[override]
        yield runs_pb2.WatchRunResponse(run_id=request.agent_run_id, thread_id="t").SerializeToString()
        async for payload in self._payloads:
            yield payload

    async def StopRun(self, request: Any, context: Any) -> runs_pb2.StopRunResponse:
        return runs_pb2.StopRunResponse(status="stopped")


async def test_batches_pass_unparsed_beside_ordinary_methods(streams: Streams, store: MemoryStore) -> None:
    reader = streams.reader(store, Pace(idle_s=0.1))
    server = grpc.aio.server()
    runs: Any = Runs(reader.watch(RUN, ""))  # type: ignore[abstract]  # the other methods are not called
    adapted: Any = AnsweringBytes(server, "WatchRun")
    runs_pb2_grpc.add_AgentRunsServicer_to_server(runs, adapted)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    store.epoch = 1
    publisher = streams.publisher(RUN, 1, lambda: None)
    owner = Owner(store, publisher, 1, lambda: asyncio.sleep(0))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = runs_pb2_grpc.AgentRunsStub(channel)
        watching = aiter(stub.WatchRun(runs_pb2.WatchRunRequest(agent_run_id=str(RUN))))
        first = await anext(watching)
        assert (first.run_id, first.thread_id) == (str(RUN), "t")
        await owner.say("m", ["one ", "two "])
        await owner.end()
        view = View()
        async for response in watching:
            view.add(response.SerializeToString())
        check(view, store)
        assert (await stub.StopRun(runs_pb2.StopRunRequest(agent_run_id=str(RUN)))).status == "stopped"
    await publisher.close()
    await server.stop(0)
