"""Postgres goes away as an answer is to be written: the answer is not paid again, whether its owner dies or lives."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

from mesh.agent.v1 import admin_pb2
from mesh.agent.v1.admin_pb2_grpc import AgentAdminStub
from mesh.agent.v1.runs_pb2_grpc import AgentRunsStub
from redis import Redis

from services.agent.stream.wal import StreamWal
from services.agent.stream.wire import Wire
from services.kit.errors import Unavailable
from services.kit.tasks import Supervisor
from tests.fakes.neighbours import Neighbours
from tests.integration.agent.watching import eventually, kinds, start, told, watch, watch_until, worker_process
from tests.support.postgres import EmbeddedPostgres
from tests.support.redis import EmbeddedRedis

Fakes = tuple[Neighbours, dict[str, str]]

READ_ONLY = "ALTER SYSTEM SET default_transaction_read_only = {}; SELECT pg_reload_conf();"


async def test_an_answer_that_could_not_be_written_is_applied_by_the_next_owner(
    make_agent: Any, neighbours: Fakes, private_postgres: EmbeddedPostgres, redis_server: EmbeddedRedis
) -> None:
    fakes, _ = neighbours
    agent = await make_agent("api", database_url=private_postgres.create_database(), mesh_lease_ttl_s=3.0)
    stub = agent.stub(AgentRunsStub, "user")
    async with worker_process(agent.settings) as owner:
        run = await start(stub, "[[delay 20ms]] [[tokens 100]]")
        await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "text_chunk")
        await asyncio.to_thread(private_postgres.kill)
        await eventually(lambda: kept(redis_server, UUID(run.agent_run_id)), within_s=30)
        owner.kill()
    await asyncio.to_thread(private_postgres.start)
    waiting = await wal_stats(agent)
    assert (waiting.total_pending, waiting.runs_with_pending) == (1, 1)
    await make_agent("worker", database_url=agent.settings.database_url.get_secret_value(), mesh_lease_ttl_s=3.0)
    async with asyncio.timeout(40):
        events = await watch(stub, run.agent_run_id)
    assert events[-1].run_ended.status == "completed"
    assert kinds(events).count("run_ended") == 1
    (row,) = fakes.threads.told(run.thread_id, "assistant")
    assert row["content"].split()[-1] == "word100"
    assert told(events)[row["message_id"]] == row["content"]
    assert list(fakes.billing.posts) == [f"post:{run.agent_run_id}:1"]  # nothing was wasted
    assert (await wal_stats(agent)).total_pending == 0


async def test_a_server_that_turned_read_only_is_away_and_its_owner_goes_on_by_itself(
    make_agent: Any, neighbours: Fakes, private_postgres: EmbeddedPostgres, redis_server: EmbeddedRedis
) -> None:
    """As after a failover, or where the storage of a managed server is full."""
    fakes, _ = neighbours
    agent = await make_agent("all", database_url=private_postgres.create_database(), mesh_lease_ttl_s=3.0)
    stub = agent.stub(AgentRunsStub, "user")
    run = await start(stub, "[[delay 20ms]] [[tokens 100]]")
    await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "text_chunk")
    await asyncio.to_thread(private_postgres.run_sql, READ_ONLY.format("on"))
    await eventually(lambda: kept(redis_server, UUID(run.agent_run_id)), within_s=30)
    await asyncio.to_thread(private_postgres.run_sql, READ_ONLY.format("off"))
    async with asyncio.timeout(40):
        events = await watch(stub, run.agent_run_id)
    assert (events[-1].epoch, events[-1].run_ended.status) == (1, "completed")
    assert list(fakes.billing.posts) == [f"post:{run.agent_run_id}:1"]
    assert not kept(redis_server, UUID(run.agent_run_id))


async def test_a_worker_that_is_told_to_leave_meanwhile_ends_and_leaves_the_answer_to_the_next(
    make_agent: Any, neighbours: Fakes, private_postgres: EmbeddedPostgres, redis_server: EmbeddedRedis
) -> None:
    fakes, _ = neighbours
    agent = await make_agent("api", database_url=private_postgres.create_database(), mesh_lease_ttl_s=3.0)
    stub = agent.stub(AgentRunsStub, "user")
    async with worker_process(agent.settings) as owner:
        run = await start(stub, "[[delay 20ms]] [[tokens 100]]")
        await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "text_chunk")
        await asyncio.to_thread(private_postgres.kill)
        await eventually(lambda: kept(redis_server, UUID(run.agent_run_id)), within_s=30)
        owner.terminate()
        assert await asyncio.to_thread(owner.wait, 30) == 0
    await asyncio.to_thread(private_postgres.start)
    await wal_stats(agent)
    await make_agent("worker", database_url=agent.settings.database_url.get_secret_value(), mesh_lease_ttl_s=3.0)
    async with asyncio.timeout(40):
        events = await watch(stub, run.agent_run_id)
    assert events[-1].run_ended.status == "completed"
    assert list(fakes.billing.posts) == [f"post:{run.agent_run_id}:1"]


async def test_it_is_told_whether_there_is_a_second_copy(redis_url: str) -> None:
    wire, run_id = Wire(redis_url), uuid4()
    wal = StreamWal(wire, 60)
    assert not await wal.keep(run_id, "key", b"paid")  # not connected yet
    async with Supervisor() as tasks:
        tasks.start("wire", wire.run)
        async with asyncio.timeout(10):
            while not await wal.keep(run_id, "key", b"paid"):
                await asyncio.sleep(0.01)
        assert await wal.read(run_id) == {"key": b"paid"}
        await wal.drop(run_id)


def kept(redis: EmbeddedRedis, run_id: UUID) -> bool:
    with Redis.from_url(redis.url) as client:
        return bool(client.exists(f"agent:{{{run_id}}}:wal"))


async def wal_stats(agent: Any) -> Any:
    """As soon as the database is back."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await agent.stub(AgentAdminStub, "admin").GetWalStats(admin_pb2.GetWalStatsRequest())
            except Unavailable:
                await asyncio.sleep(0.1)
