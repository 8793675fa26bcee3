"""Postgres goes and comes back: refusals are quick and honest, and what was acknowledged is there."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from mesh.threads.v1 import threads_pb2 as pb
from mesh.threads.v1 import threads_pb2_grpc as rpc

from services.kit.errors import Unavailable
from tests.support.harness import ACCOUNTS
from tests.support.postgres import EmbeddedPostgres
from tests.support.threads import NeighbourFakes, message, new_id, running_threads

OWNER = ACCOUNTS["user"]


async def test_an_outage_is_told_at_once_and_loses_nothing(private_postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    async with running_threads(private_postgres.url(), tmp_path, NeighbourFakes()) as threads:
        agent: Any = threads.stub(rpc.ThreadsInternalStub, "service:agent")
        owner: Any = threads.stub(rpc.ThreadsStub, "user")
        ensure = pb.EnsureThreadRequest(account_id=OWNER, thread_id=new_id(), create=True)
        await agent.EnsureThread(ensure)
        row = message("kept")
        append = pb.AppendMessagesRequest(account_id=OWNER, thread_id=ensure.thread_id, messages=[row])
        await agent.AppendMessages(append)
        private_postgres.kill()
        for call, request in ((agent.EnsureThread, ensure), (agent.AppendMessages, append)):
            started = time.monotonic()
            with pytest.raises(Unavailable) as away:
                await call(request)
            assert time.monotonic() - started < 3
            assert (away.value.http_status, away.value.retry_after_s) == (503, 1)
        private_postgres.start()
        await agent.AppendMessages(append)
        rows = await owner.ListMessages(pb.ListMessagesRequest(thread_id=ensure.thread_id))
        assert [found.message_id for found in rows.messages] == [row.message_id]
