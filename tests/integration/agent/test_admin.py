"""What operators see and do, over a real pipeline."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from mesh.agent.v1 import admin_pb2 as pb
from mesh.agent.v1.admin_pb2_grpc import AgentAdminRestStub, AgentAdminStub
from mesh.agent.v1.runs_pb2 import StopRunRequest
from mesh.agent.v1.runs_pb2_grpc import AgentRunsStub
from structlog.testing import capture_logs

from services.kit.errors import InvalidArgument, MeshError, Unavailable
from services.kit.postgres import CheckViolation
from tests.fakes.neighbours import Neighbours
from tests.integration.agent.tables import column, until_there
from tests.integration.agent.watching import eventually, kinds, start, watch, watch_until
from tests.support.harness import ACCOUNTS
from tests.support.redis import EmbeddedRedis

Fakes = tuple[Neighbours, dict[str, str]]
ORPHAN = (
    "UPDATE runs SET status = 'running', owner = 'dead', epoch = 1, attempt = $2, started_at = now(),"
    " lease_until = now() - interval '1 hour' WHERE run_id = $1::uuid RETURNING 1"
)


async def refusal(call: Any) -> MeshError:
    """What a call is refused with."""
    with pytest.raises(MeshError) as caught:
        await call
    return caught.value


class Operator:
    """Stubs of somebody with the admin role."""

    def __init__(self, agent: Any) -> None:
        self.rpc: Any = agent.stub(AgentAdminStub, "admin")
        self._rest: Any = agent.stub(AgentAdminRestStub, "admin")

    async def rest(self, method: str, **fields: Any) -> Any:
        """What REST answers."""
        request = getattr(pb, f"AgentAdminRest{method}Request")(**fields)
        return json.loads((await getattr(self._rest, method)(request)).data)


async def busy(stub: Any, prompt: str = "[[say On it]] [[call slow {}]] [[step]] [[say Done]]") -> Any:
    """A run whose tool waits."""
    run = await start(stub, prompt)
    await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "tool_output")
    return run


async def test_a_resumed_run_is_the_same_run_under_another_epoch(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    agent = await make_agent()
    stub, operator = agent.stub(AgentRunsStub, "user"), Operator(agent)
    run = await busy(stub)
    answer = await operator.rpc.ResumeRun(pb.ResumeRunRequest(run_id=run.agent_run_id))
    assert (answer.success, answer.action, answer.HasField("error")) == (True, "resume", False)
    await until_there(agent, "SELECT epoch = 2 AND owner IS NOT NULL FROM runs")
    fakes.tools.gate.set()
    events = await watch(stub, run.agent_run_id)
    assert events[-1].run_ended.status == "completed"
    assert events[-1].epoch == 2
    assert fakes.tools.started == [f"{run.agent_run_id}:1:0"]
    assert await column(agent, "SELECT count(*) FROM runs") == [1]
    late = await operator.rpc.ResumeRun(pb.ResumeRunRequest(run_id=run.agent_run_id))
    assert (late.success, late.error) == (False, "It has ended")


STREAMING = "[[delay 10ms]] [[tokens 60]] [[call echo {}]] [[tokens 350]]"
"""Three leases long; its first owner meets the fence at the call."""


async def test_the_only_worker_goes_on_with_a_run_that_is_resumed_under_its_hands(make_agent: Any) -> None:
    agent = await make_agent()
    stub = agent.stub(AgentRunsStub, "user")
    run = await start(stub, STREAMING)
    await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "text_chunk")
    await Operator(agent).rpc.ResumeRun(pb.ResumeRunRequest(run_id=run.agent_run_id))
    events = await watch(stub, run.agent_run_id)
    assert (events[-1].run_ended.status, events[-1].epoch) == ("completed", 2)
    assert await column(agent, "SELECT attempt FROM runs") == [0]


async def test_a_run_that_its_worker_resumed_hears_a_stop(make_agent: Any) -> None:
    agent = await make_agent()
    stub = agent.stub(AgentRunsStub, "user")
    run = await start(stub, STREAMING)
    await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "text_chunk")
    await Operator(agent).rpc.ResumeRun(pb.ResumeRunRequest(run_id=run.agent_run_id))
    await watch_until(stub, run.agent_run_id, lambda e: e.epoch == 2 and e.WhichOneof("event") == "tool_output")
    await stub.StopRun(StopRunRequest(agent_run_id=run.agent_run_id))
    events = await watch(stub, run.agent_run_id)
    assert (events[-1].run_ended.status, events[-1].epoch) == ("stopped", 2)


@pytest.mark.parametrize(
    ("method", "field", "ended", "why"),
    [("CompleteRun", "reason", "completed", "looks done"), ("FailRun", "error", "failed", "went astray")],
)
async def test_an_operator_ends_a_run_whoever_owns_it(
    make_agent: Any, neighbours: Fakes, method: str, field: str, ended: str, why: str
) -> None:
    fakes, _ = neighbours
    agent = await make_agent()
    stub, operator = agent.stub(AgentRunsStub, "user"), Operator(agent)
    run = await busy(stub)
    request = getattr(pb, f"{method}Request")(run_id=run.agent_run_id, **{field: why})
    assert (await getattr(operator.rpc, method)(request)).success
    events = await watch(stub, run.agent_run_id)
    assert kinds(events).count("run_ended") == 1
    last = events[-1].run_ended
    assert (last.status, last.reason, last.message) == (ended, "admin", why)
    await eventually(lambda: run.agent_run_id in fakes.billing.released)
    await eventually(lambda: f"{run.agent_run_id}:1:0" in fakes.tools.cancelled)
    assert await column(agent, "SELECT act || ' ' || why FROM admin_acts") == [
        f"{method.removesuffix('Run').lower()} {why}"
    ]
    assert await column(agent, "SELECT subject::text FROM admin_acts") == [ACCOUNTS["admin"]]
    assert not (await getattr(operator.rpc, method)(request)).success
    after = await start(stub, "[[say free]]", thread_id=run.thread_id)
    assert (await watch(stub, after.agent_run_id))[-1].run_ended.status == "completed"


async def test_what_a_model_was_paid_for_an_answer_that_an_operator_cut_is_waste(
    make_agent: Any, neighbours: Fakes
) -> None:
    fakes, _ = neighbours
    agent = await make_agent()
    stub = agent.stub(AgentRunsStub, "user")
    run = await start(stub, "[[delay 10ms]] [[tokens 1000]]")
    await watch_until(stub, run.agent_run_id, lambda e: e.WhichOneof("event") == "text_chunk")
    await Operator(agent).rpc.FailRun(pb.FailRunRequest(run_id=run.agent_run_id))
    await eventually(lambda: run.agent_run_id in fakes.billing.released)
    (charge,) = fakes.billing.posts.values()
    assert charge.wasted
    assert charge.prompt_tokens > 0


async def test_a_queued_run_is_ended_too(make_agent: Any) -> None:
    agent = await make_agent("api")
    stub = agent.stub(AgentRunsStub, "user")
    run = await start(stub, "[[say never]]")
    assert (await Operator(agent).rpc.FailRun(pb.FailRunRequest(run_id=run.agent_run_id))).success
    events = await watch(stub, run.agent_run_id)
    assert kinds(events) == ["ack", "run_ended"]
    assert events[-1].run_ended.message == "Admin terminated"


async def test_stuck_runs_are_shown_with_the_reason(make_agent: Any) -> None:
    agent = await make_agent("api")
    stub, operator = agent.stub(AgentRunsStub, "user"), Operator(agent)
    waiting, orphan, late = [await start(stub, "[[say never]]") for _ in range(3)]
    behind = await start(stub, "[[say never]]", thread_id=waiting.thread_id)
    await column(agent, ORPHAN, orphan.agent_run_id, 1)
    await column(agent, ORPHAN, late.agent_run_id, 1)
    await column(agent, "UPDATE runs SET deadline = now() WHERE run_id = $1::uuid RETURNING 1", late.agent_run_id)
    found = {run["run_id"]: run for run in await operator.rest("ListStuckRuns", min_age=0)}
    assert {run_id: run["reason"] for run_id, run in found.items()} == {
        waiting.agent_run_id: "not_claimed",
        orphan.agent_run_id: "lease_over",
        late.agent_run_id: "past_deadline",
    }
    assert behind.agent_run_id not in found
    shown = found[orphan.agent_run_id]
    assert (shown["owner"], shown["status"]) == ("dead", "running")
    assert shown["heartbeat_age"] > 3000
    typed = await operator.rpc.ListStuckRuns(pb.ListStuckRunsRequest(min_age=0))
    assert [(run.run.run_id, run.reason) for run in typed.runs] == [(r["run_id"], r["reason"]) for r in found.values()]
    assert await operator.rest("ListStuckRuns") == []  # none is five minutes old


async def test_the_dashboard_counts_as_stuck_what_is_listed_as_stuck(make_agent: Any) -> None:
    agent = await make_agent("api")
    stub, operator = agent.stub(AgentRunsStub, "user"), Operator(agent)
    for _ in range(3):
        await start(stub, "[[say never]]")
    board = await operator.rpc.GetDashboard(pb.GetDashboardRequest())
    assert (board.active_runs, board.stuck_count) == (3, 0)
    assert not any("do not get on" in alert for alert in board.alerts)
    await column(agent, "UPDATE runs SET created_at = now() - interval '10 minutes' WHERE turn = 1 RETURNING 1")
    board = await operator.rpc.GetDashboard(pb.GetDashboardRequest())
    assert board.stuck_count == len(await operator.rest("ListStuckRuns")) == 3
    assert "3 runs do not get on" in board.alerts


async def test_the_history_shows_what_was_owed_to_others(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    fakes.threads.refuse_row = lambda _: Unavailable("not now")
    agent = await make_agent("api", mesh_report_s=0.2)
    await start(agent.stub(AgentRunsStub, "user"), "[[say never]]")
    await until_there(agent, "SELECT count(*) > 0 FROM samples WHERE figures->>'pending_rows' = '1'")
    history = await Operator(agent).rpc.GetMetricsHistory(pb.GetMetricsHistoryRequest(minutes=5))
    assert (history.current.pending_writes, history.history[-1].pending_writes) == (1, 1)


async def test_only_runs_that_changed_hands_count_as_recovered(make_agent: Any) -> None:
    agent = await make_agent("api")
    stub, operator = agent.stub(AgentRunsStub, "user"), Operator(agent)
    ended, taken_over = [await start(stub, "[[say never]]") for _ in range(2)]
    for run, epoch in ((ended, 1), (taken_over, 2)):
        await column(agent, ORPHAN, run.agent_run_id, 1)
        await column(agent, "UPDATE runs SET epoch = $2 WHERE run_id = $1::uuid RETURNING 1", run.agent_run_id, epoch)
    assert (await operator.rpc.GetDashboard(pb.GetDashboardRequest())).runs_recovered == 1
    for run in (ended, taken_over):
        await operator.rpc.FailRun(pb.FailRunRequest(run_id=run.agent_run_id))
    assert (await operator.rpc.GetDashboard(pb.GetDashboardRequest())).runs_recovered == 1


@pytest.mark.parametrize(
    "sql",
    ["TRUNCATE admin_acts", "DELETE FROM admin_acts", "UPDATE admin_acts SET why = 'somebody else'"],
)
async def test_what_operators_did_can_not_be_taken_back(make_agent: Any, sql: str) -> None:
    agent = await make_agent("api")
    await Operator(agent).rpc.SweepRuns(pb.SweepRunsRequest())
    with pytest.raises(CheckViolation, match="append_only"):
        await column(agent, sql)
    assert await column(agent, "SELECT act FROM admin_acts") == ["sweep"]


async def test_an_api_finds_runs_that_should_have_ended_by_itself(make_agent: Any) -> None:
    api = await make_agent("api")
    stub = api.stub(AgentRunsStub, "user")
    fresh, late, long = [await start(stub, "[[say never]]") for _ in range(3)]
    set_back = "UPDATE runs SET {} - interval '2 hours' WHERE run_id = $1::uuid RETURNING 1"
    await column(api, set_back.format("deadline = deadline"), late.agent_run_id)
    await column(api, ORPHAN, long.agent_run_id, 1)
    await column(api, set_back.format("started_at = started_at"), long.agent_run_id)
    with capture_logs() as lines:
        await make_agent("api")
        await eventually(lambda: any(line["event"] == "runs.stale" for line in lines))
    (line,) = [line for line in lines if line["event"] == "runs.stale"]
    assert (line["log_level"], line["past_deadline"], line["long_active"]) == ("warning", 1, 1)
    assert line["oldest"] == [late.agent_run_id, long.agent_run_id]
    assert fresh.agent_run_id not in line["oldest"]


async def test_a_run_is_shown_as_its_lease_shows_it(make_agent: Any) -> None:
    agent = await make_agent()
    operator = Operator(agent)
    run = await busy(agent.stub(AgentRunsStub, "user"))
    shown = await operator.rpc.GetRunDetail(pb.GetRunDetailRequest(run_id=run.agent_run_id))
    assert (shown.run_id, shown.thread_id, shown.status) == (run.agent_run_id, run.thread_id, "running")
    assert shown.owner
    assert -1 < shown.heartbeat_age < 60
    threads = await operator.rpc.ListActiveThreads(pb.ListActiveThreadsRequest())
    assert [(t.thread_id, t.run_id) for t in threads.threads] == [(run.thread_id, run.agent_run_id)]
    unknown = await refusal(operator.rpc.GetRunDetail(pb.GetRunDetailRequest(run_id=str(uuid4()))))
    assert (unknown.http_status, unknown.reason) == (404, "RUN_NOT_FOUND")


async def test_a_sweep_hands_orphans_on_and_ends_what_kills_its_workers(make_agent: Any, neighbours: Fakes) -> None:
    agent = await make_agent("api")
    stub, operator = agent.stub(AgentRunsStub, "user"), Operator(agent)
    orphan, poison = await start(stub, "[[say taken over]]"), await start(stub, "[[say never]]")
    await column(agent, ORPHAN, orphan.agent_run_id, 1)
    await column(agent, ORPHAN, poison.agent_run_id, 5)
    swept = await operator.rpc.SweepRuns(pb.SweepRunsRequest())
    assert (swept.orphaned, swept.recovered, swept.completed, list(swept.errors)) == (2, 1, 1, [])
    assert (await watch(stub, poison.agent_run_id))[-1].run_ended.reason == "poison"
    await make_agent("worker")
    assert (await watch(stub, orphan.agent_run_id))[-1].run_ended.status == "completed"


async def test_a_flush_delivers_what_is_owed_at_once(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    agent = await make_agent("api")
    run = await start(agent.stub(AgentRunsStub, "user"), "[[say never]]")
    await until_there(agent, "SELECT delivered_at IS NOT NULL FROM outbox")
    fakes.threads.rows.clear()
    await column(
        agent,
        "UPDATE outbox SET delivered_at = NULL, next_attempt_at = now() + interval '9 minutes' RETURNING 1",
    )
    flushed = await Operator(agent).rpc.FlushOutbox(pb.FlushOutboxRequest())
    assert (flushed.runs, flushed.total, dict(flushed.details)) == (1, 1, {run.agent_run_id: 1})
    assert fakes.threads.told(run.thread_id, "user")


async def test_a_dead_letter_is_listed_retried_and_then_gone(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    fakes.threads.refuse_row = lambda row: InvalidArgument("no") if row.type == "assistant" else None
    agent = await make_agent()
    stub, operator = agent.stub(AgentRunsStub, "user"), Operator(agent)
    run = await start(stub, "[[say kept]]")
    await watch(stub, run.agent_run_id)
    (entry,) = await operator.rest("ListDeadLetters", run_id=run.agent_run_id)
    assert (entry["run_id"], entry["write_type"], entry["attempt_count"]) == (run.agent_run_id, "messages", 5)
    assert entry["error"].startswith("INVALID_ARGUMENT")
    (typed,) = (await operator.rpc.ListDeadLetters(pb.ListDeadLettersRequest())).entries
    assert typed.entry_id == entry["entry_id"]
    assert b"kept" in typed.payload
    fakes.threads.refuse_row = lambda _: None
    for _ in range(2):  # twice is once
        answer = await operator.rpc.RetryDeadLetter(pb.RetryDeadLetterRequest(entry_id=entry["entry_id"]))
        assert (answer.success, answer.entry_id) == (True, entry["entry_id"])
    await eventually(lambda: bool(fakes.threads.told(run.thread_id, "assistant")))
    assert await operator.rest("ListDeadLetters") == []


async def test_a_retried_letter_that_is_refused_again_is_the_same_letter(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours
    fakes.threads.refuse_row = lambda row: InvalidArgument("no") if row.type == "assistant" else None
    agent = await make_agent()
    stub, operator = agent.stub(AgentRunsStub, "user"), Operator(agent)
    run = await start(stub, "[[say kept]]")
    await watch(stub, run.agent_run_id)
    (entry,) = await operator.rest("ListDeadLetters")
    await operator.rpc.RetryDeadLetter(pb.RetryDeadLetterRequest(entry_id=entry["entry_id"]))
    await column(agent, "UPDATE outbox SET refusals = 4 WHERE delivered_at IS NULL RETURNING 1")
    await until_there(agent, "SELECT state = 'dead' FROM dead_letters")
    (again,) = await operator.rest("ListDeadLetters")
    assert again["entry_id"] == entry["entry_id"]
    assert again["attempt_count"] > entry["attempt_count"]


async def test_dead_letters_are_discarded_one_by_one_or_by_age(make_agent: Any) -> None:
    agent = await make_agent("api")
    operator = Operator(agent)
    for seq, hours in enumerate((0, 5, 50)):
        await column(
            agent,
            "INSERT INTO dead_letters (kind, run_id, seq, account_id, payload, error, attempts, created_at, failed_at)"
            " VALUES ('charges', gen_random_uuid(), $1, gen_random_uuid(), '', 'x', 5, now(),"
            " now() - $2 * interval '1 hour') RETURNING 1",
            seq,
            hours,
        )
    entries = await operator.rest("ListDeadLetters")
    assert len(entries) == 3
    assert (await operator.rpc.PurgeDeadLetters(pb.PurgeDeadLettersRequest(older_than_hours=10))).deleted == 1
    one = entries[1]["entry_id"]
    for _ in range(2):
        assert (await operator.rpc.DiscardDeadLetter(pb.DiscardDeadLetterRequest(entry_id=one))).success
    page = await operator.rpc.ListDeadLetters(pb.ListDeadLettersRequest(count=1))
    assert len(page.entries) == 1
    assert page.next_page_token == ""
    assert (await operator.rpc.PurgeDeadLetters(pb.PurgeDeadLettersRequest())).deleted == 1
    missing = await refusal(operator.rpc.RetryDeadLetter(pb.RetryDeadLetterRequest(entry_id="999999")))
    assert (missing.http_status, missing.reason) == (404, "DEAD_LETTER_NOT_FOUND")


async def test_a_run_that_was_given_up_can_not_be_delivered_again(make_agent: Any) -> None:
    agent = await make_agent("api")
    stub, operator = agent.stub(AgentRunsStub, "user"), Operator(agent)
    poison = await start(stub, "[[say never]]")
    await column(agent, ORPHAN, poison.agent_run_id, 5)
    await operator.rpc.SweepRuns(pb.SweepRunsRequest())
    (entry,) = await operator.rest("ListDeadLetters")
    assert entry["write_type"] == "run"
    refused = await refusal(operator.rpc.RetryDeadLetter(pb.RetryDeadLetterRequest(entry_id=entry["entry_id"])))
    assert (refused.http_status, refused.reason) == (409, "NOT_REPLAYABLE")


async def test_the_dashboard_shows_what_processes_report_and_the_database_knows(make_agent: Any) -> None:
    agent = await make_agent(mesh_report_s=0.2)
    stub, operator = agent.stub(AgentRunsStub, "user"), Operator(agent)
    done = await start(stub, "[[say Done]]")
    await watch(stub, done.agent_run_id)
    await busy(stub)
    await until_there(agent, "SELECT count(*) > 0 FROM samples WHERE figures->'work'->>'claimed' = '2'")
    board = await operator.rpc.GetDashboard(pb.GetDashboardRequest())
    assert (board.active_runs, board.active_runs_metric, board.owned_runs) == (1, 1, 1)
    assert (board.runs_started, board.runs_completed, board.runs_failed) == (2, 1, 0)
    assert (board.healthy, list(board.alerts), board.dlq.total, board.wal.total_pending) == (True, [], 0, 0)
    assert board.flush_latency_p99 >= board.flush_latency_avg > 0
    pressure = await operator.rpc.GetBackpressure(pb.GetBackpressureRequest())
    assert (pressure.level, pressure.should_accept_work, pressure.should_shed_load) == ("normal", True, False)
    assert pressure.active_runs == 1
    assert 0 < pressure.memory_percent < 100
    ((name, limiter),) = (await operator.rest("ListRateLimiters")).items()
    assert name.startswith("claims:")
    assert limiter["total_acquired"] == 2
    history = await operator.rpc.GetMetricsHistory(pb.GetMetricsHistoryRequest(minutes=5))
    assert history.minutes == 5
    assert history.current.active_runs == 1
    assert history.history[-1].workers == 1
    metrics = await agent.stub(AgentAdminRestStub, "admin").GetMetrics(pb.AgentAdminRestGetMetricsRequest())
    assert b"mesh_loop_lag_seconds" in metrics.data


async def test_limiters_show_each_accounts_window_as_this_process_met_it(make_agent: Any) -> None:
    agent = await make_agent("api", mesh_report_s=0.2, mesh_rate_starts_per_minute=1)
    stub, operator = agent.stub(AgentRunsStub, "user"), Operator(agent)
    await start(stub, "[[say Done]]")
    assert (await refusal(start(stub, "[[say Done]]"))).http_status == 429
    await start(agent.stub(AgentRunsStub, "other"), "[[say Done]]")
    await until_there(agent, "SELECT count(*) > 0 FROM samples WHERE figures->'starts'->>'total_acquired' = '2'")
    ((name, window),) = (await operator.rest("ListRateLimiters")).items()
    assert name.startswith("starts:")
    assert window == {
        "type": "sliding_window",
        "max_requests": 1,
        "window_seconds": 60,
        "current_count": 2,
        "total_acquired": 2,
        "total_rejected": 1,
        "unchecked": 0,
    }
    (same,) = (await operator.rpc.ListRateLimiters(pb.ListRateLimitersRequest())).limiters
    assert (same.name, same.max_requests, same.total_rejected, same.HasField("rate")) == (name, 1, 1, False)


async def test_health_is_for_everybody_and_refused_where_nobody_executes_runs(make_agent: Any) -> None:
    agent = await make_agent("api", mesh_report_s=0.2)
    anybody = agent.stub(AgentAdminStub, "anonymous")
    health = await anybody.GetHealth(pb.GetHealthRequest())
    assert (health.healthy, health.ready, health.shutting_down, health.ownership.workers) == (True, True, False, 0)
    await start(agent.stub(AgentRunsStub, "user"), "[[say never]]")
    await column(agent, "UPDATE runs SET created_at = now() - interval '2 minutes' RETURNING 1")
    sick = await refusal(anybody.GetHealth(pb.GetHealthRequest()))
    assert (sick.http_status, sick.reason) == (503, "PIPELINE_UNHEALTHY")
    await make_agent("worker", mesh_report_s=0.2)
    await until_there(agent, "SELECT count(*) > 0 FROM samples WHERE figures->>'work' IS NOT NULL")
    assert (await anybody.GetHealth(pb.GetHealthRequest())).ownership.workers == 1


async def test_without_redis_copies_are_not_counted_and_the_dashboard_says_why(
    make_agent: Any, private_redis: EmbeddedRedis
) -> None:
    operator = Operator(await make_agent("api", redis_url=private_redis.url))
    assert (await operator.rpc.GetWalStats(pb.GetWalStatsRequest())).total_pending == 0
    with private_redis.frozen():
        hangs = await refusal(operator.rpc.GetWalStats(pb.GetWalStatsRequest()))
    private_redis.stop()
    away = await refusal(operator.rpc.GetWalStats(pb.GetWalStatsRequest()))
    assert [(error.http_status, error.reason) for error in (hangs, away)] == [(503, "CACHE_UNAVAILABLE")] * 2
    assert "Redis is away" in (await operator.rpc.GetDashboard(pb.GetDashboardRequest())).alerts


async def test_circuit_breakers_of_all_processes_are_shown_and_reset(make_agent: Any) -> None:
    agent = await make_agent("api", mesh_report_s=0.2, mesh_threads_url="127.0.0.1:1")
    await make_agent("worker", mesh_report_s=0.2)
    stub, operator = agent.stub(AgentRunsStub, "user"), Operator(agent)
    for _ in range(5):
        await refusal(start(stub, "[[say never]]"))
    await until_there(agent, "SELECT count(*) > 0 FROM samples WHERE figures::text LIKE '%\"open\"%'")
    shown = (await operator.rest("ListCircuitBreakers"))["threads"]
    assert shown["state"] == "open"
    assert shown["stats"]["failed_calls"] >= 5
    assert 0 < shown["retry_after"] <= 30
    assert shown["opened_at"]
    typed = await operator.rpc.ListCircuitBreakers(pb.ListCircuitBreakersRequest())
    assert {"threads", "redis"} <= {breaker.name for breaker in typed.breakers}
    assert (await operator.rpc.ResetCircuitBreakers(pb.ResetCircuitBreakersRequest())).success

    async def closed() -> bool:
        return bool((await operator.rest("ListCircuitBreakers"))["threads"]["state"] == "closed")

    await eventually_true(closed)


async def test_operators_are_known_while_starts_do_not_reach_billing(make_agent: Any, neighbours: Fakes) -> None:
    fakes, _ = neighbours

    async def for_ever(_: str) -> None:
        await asyncio.Event().wait()

    fakes.billing.holding = for_ever
    agent = await make_agent("api", mesh_report_s=0.2)
    stub, operator = agent.stub(AgentRunsStub, "user"), Operator(agent)
    await asyncio.gather(*(refusal(start(stub, "[[say never]]")) for _ in range(5)))
    assert (await refusal(start(stub, "[[say never]]"))).reason == "CIRCUIT_OPEN"
    fakes.billing.holding = None
    assert (await operator.rpc.ResetCircuitBreakers(pb.ResetCircuitBreakersRequest())).success

    async def reset() -> bool:
        return bool((await operator.rest("ListCircuitBreakers"))["billing"]["state"] == "closed")

    await eventually_true(reset)
    assert (await start(stub, "[[say at last]]")).agent_run_id


async def eventually_true(ask: Callable[[], Awaitable[bool]]) -> None:
    """Awaits that a question is answered with yes."""
    async with asyncio.timeout(10):
        while not await ask():
            await asyncio.sleep(0.05)
