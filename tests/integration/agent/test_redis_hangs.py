"""Redis takes connections and answers nothing: what is durable without it is answered at once, and it is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from mesh.agent.v1 import admin_pb2, runs_pb2
from mesh.agent.v1.admin_pb2_grpc import AgentAdminStub
from mesh.agent.v1.runs_pb2_grpc import AgentRunsStub

from tests.fakes.neighbours import Neighbours
from tests.integration.agent.tables import column, until_there
from tests.integration.agent.watching import eventually, start
from tests.support.redis import EmbeddedRedis

Fakes = tuple[Neighbours, dict[str, str]]
ENDED = "SELECT status = $2 FROM runs WHERE run_id = $1::uuid"


async def timely(call: Awaitable[Any]) -> Any:
    """An answer that does not wait for Redis."""
    async with asyncio.timeout(1.0):
        return await call


def stop(stub: Any, run_id: str) -> Any:
    """Asks a run to stop."""
    return stub.StopRun(runs_pb2.StopRunRequest(agent_run_id=run_id))


async def breaker(agent: Any) -> Any:
    """Redis' circuit breaker, as operators are shown it."""
    answer = await agent.stub(AgentAdminStub, "admin").ListCircuitBreakers(admin_pb2.ListCircuitBreakersRequest())
    return next(found for found in answer.breakers if found.name == "redis")


async def test_starts_and_stops_are_answered_while_redis_hangs_and_runs_go_on_to_their_end(
    make_agent: Any, private_redis: EmbeddedRedis
) -> None:
    agent = await make_agent(redis_url=private_redis.url, mesh_rate_starts_per_minute=100)
    stub = agent.stub(AgentRunsStub, "user")
    first = await start(stub, "[[say Warm]]")
    await until_there(agent, ENDED, first.agent_run_id, "completed")
    with private_redis.frozen():
        done = await timely(start(stub, "[[say Done]]"))
        cut = await timely(start(stub, "[[delay 20ms]] [[tokens 5000]]"))
        await until_there(agent, "SELECT status = 'running' FROM runs WHERE run_id = $1::uuid", cut.agent_run_id)
        assert (await timely(stop(stub, cut.agent_run_id))).status == "stopped"
        await until_there(agent, ENDED, done.agent_run_id, "completed", within_s=5)
        await until_there(agent, ENDED, cut.agent_run_id, "stopped", within_s=5)
    assert await column(agent, "SELECT count(*) FROM runs") == [3]


async def test_a_stop_of_a_queued_run_is_answered_while_redis_hangs(
    make_agent: Any, private_redis: EmbeddedRedis
) -> None:
    agent = await make_agent("api", redis_url=private_redis.url)
    stub = agent.stub(AgentRunsStub, "user")
    run = await start(stub, "[[say never]]")
    with private_redis.frozen():
        assert (await timely(stop(stub, run.agent_run_id))).status == "stopped"


async def test_calls_of_a_run_that_is_ended_from_outside_are_cancelled_while_redis_hangs(
    make_agent: Any, neighbours: Fakes, private_redis: EmbeddedRedis
) -> None:
    fakes, _ = neighbours
    agent = await make_agent(redis_url=private_redis.url)
    run = await start(agent.stub(AgentRunsStub, "user"), "[[say On it]] [[call slow {}]]")
    await eventually(lambda: bool(fakes.tools.started))
    operator: Any = agent.stub(AgentAdminStub, "admin")
    with private_redis.frozen():
        assert (await timely(operator.FailRun(admin_pb2.FailRunRequest(run_id=run.agent_run_id)))).success
        assert f"{run.agent_run_id}:1:0" in fakes.tools.cancelled


async def test_a_redis_that_hangs_is_left_alone_and_asked_again_once_it_answers(
    make_agent: Any, private_redis: EmbeddedRedis
) -> None:
    agent = await make_agent("api", redis_url=private_redis.url, mesh_rate_starts_per_minute=100, mesh_report_s=0.1)
    stub = agent.stub(AgentRunsStub, "user")
    await start(stub, "[[say never]]")
    with private_redis.frozen():
        for _ in range(3):  # each asks the window and gives a hint
            await timely(start(stub, "[[say never]]"))
        async with asyncio.timeout(5):
            while (await breaker(agent)).stats.failed_calls < 5:
                await asyncio.sleep(0.05)
        assert (await breaker(agent)).state in ("open", "half_open")
        for _ in range(20):
            await timely(start(stub, "[[say never]]"))
        async with asyncio.timeout(5):
            while not (await breaker(agent)).stats.rejected_calls:
                await asyncio.sleep(0.05)
    async with asyncio.timeout(10):
        while (await breaker(agent)).state != "closed":
            await timely(start(stub, "[[say never]]"))
            await asyncio.sleep(0.05)
