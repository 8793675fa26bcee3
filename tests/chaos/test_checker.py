"""The history checker finds what is planted into a history that is right, and calls it by its name."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from mesh.agent.v1 import events_pb2

from services.agent import app as agent
from services.agent.config import Settings as AgentSettings
from services.agent.domain.run import Ending
from services.agent.ports import ChosenAgent, Fence, NewRun, Owed, Stamped, Writes
from services.agent.storage.postgres.journal import PostgresJournal
from services.agent.storage.postgres.ownership import PostgresOwnership
from services.agent.storage.postgres.runs import PostgresRuns
from services.billing import app as billing
from services.billing.config import Settings as BillingSettings
from services.kit.migrations import prepare_schema
from services.kit.postgres import open_database
from services.threads import app as threads
from services.threads.config import Settings as ThreadsSettings
from tests.chaos import audit
from tests.chaos.campaign import answered_500
from tests.chaos.checker import Checker, Figures
from tests.chaos.clients import History, promises_stop
from tests.support.harness import make_settings
from tests.unit.agent.records import ACCOUNT_ID, call, claim, started

THREAD, PROJECT, RESULT = uuid4(), uuid4(), uuid4()
IDS = ("0-1", "1-1", "1-2", "1-3")
TEXT = '{"text_content":"said"}'
_UNCHARGED = """
INSERT INTO agent.steps (run_id, step_no, epoch, state, message_id, llm_response_id, input_hash, price_version, held,
                         hold_ordinal)
SELECT run_id, 2, epoch, 'done', message_id, llm_response_id, input_hash, price_version, held, hold_ordinal
FROM agent.steps
"""


_ANOTHER = """
INSERT INTO agent.runs (run_id, turn, account_id, thread_id, project_id, agent_id, agent_version_id, model, spec,
                        status, end_reason, request_hash, deadline, completed_at)
SELECT $1, $2, account_id, thread_id, project_id, agent_id, agent_version_id, model, spec, status, end_reason,
       request_hash, deadline, completed_at
FROM agent.runs LIMIT 1
"""


@dataclass
class Past:
    """What happened to one run, as every witness tells it."""

    connection: asyncpg.Connection[asyncpg.Record]
    run_id: UUID
    message_id: UUID
    history: History
    calls: list[dict[str, Any]] = field(default_factory=list)
    effects: list[dict[str, Any]] = field(default_factory=list)

    async def broken(self) -> set[str]:
        """The invariants that do not hold."""
        figures = await Checker(self.connection, [self.history], self.calls, self.effects, []).check()
        return {violation.invariant for violation in figures.violations}

    async def sql(self, statement: str) -> None:
        """Changes the past."""
        await self.connection.execute(statement)

    async def ends(self, status: str, reason: str) -> None:
        """Another ending."""
        await self.connection.execute("UPDATE agent.runs SET status = $1, end_reason = $2", status, reason)

    async def another(self, turn: int = 2) -> UUID:
        """One more run of the thread."""
        run_id = uuid4()
        await self.connection.execute(_ANOTHER, run_id, turn)
        return run_id

    async def audit(self, what: str, epoch: int, **columns: object) -> None:
        """One more line of the audit."""
        values = {"run_id": self.run_id, **columns, "what": what, "epoch": epoch}
        places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
        await self.connection.execute(
            f"INSERT INTO chaos.audit ({', '.join(values)}) VALUES ({places})", *values.values()
        )


def event(**fields: Any) -> bytes:
    return events_pb2.RunEvent(durable=True, **fields).SerializeToString()


@pytest.fixture
async def past(own_database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Past]:
    """A run of one step with one call, as it should be."""
    urls = {"database_url": own_database_url, "redis_url": redis_url}
    for settings_cls, migrations in (
        (ThreadsSettings, threads.MIGRATIONS), (BillingSettings, billing.MIGRATIONS), (AgentSettings, agent.MIGRATIONS),
    ):  # fmt: skip
        more = {"mesh_billing_url": "x:1", "mesh_agent_url": "x:1", "mesh_sandbox_url": "x:1"}
        await prepare_schema(make_settings(settings_cls, tmp_path, **urls, **more), migrations)
    await audit.install(own_database_url)
    connection = await asyncpg.connect(own_database_url)
    async with open_database(make_settings(AgentSettings, tmp_path, **urls)) as database:
        run_id, message_id = await lived(database)
    await stored(connection, run_id, message_id)
    made = Past(connection, run_id, message_id, History(str(ACCOUNT_ID), "key", "prompt", str(run_id), str(THREAD)))
    made.history.ended = True
    made.history.views = [view(message_id), view(message_id)]
    made.calls = [{"request_id": f"{run_id}:1", "received_at": time.time(), "tokens": 1}]
    made.effects = [{"kind": "once", "key": f"{run_id}:1:0", "mark": "m", "made": "", "at": time.time()}]
    yield made
    await connection.close()


async def lived(database: Any) -> tuple[UUID, UUID]:
    """Writes the run as its owner does."""
    chosen, ack = ChosenAgent(uuid4(), uuid4(), None), event(ack=events_pb2.Ack(message="hi"))
    run_id, journal = uuid4(), PostgresJournal(database)
    new = NewRun(run_id, ACCOUNT_ID, THREAD, PROJECT, chosen, 1, claim().spec, 60.0, b"", None, ack, b"m")
    await PostgresRuns(database).admit(new)
    await PostgresOwnership(database).claim("host:1:a", 5.0, 1, False)
    fence, owed = Fence(run_id, 1, ACCOUNT_ID), [Owed("messages", b"")]
    step = started(1)
    await journal.begin_step(fence, step, b"", Writes())
    await journal.begin_calls(fence, [call(1, 0, function_name="effect_once")], Writes())
    await journal.finish_step(fence, step, [], [], Writes([Stamped(1, ack)]))
    await journal.finish_calls(fence, [call(1, 0, state="done", success=True)], Writes([Stamped(2, ack)], owed))
    ended = event(run_ended=events_pb2.RunEnded(status="completed"))
    await journal.finish_run(fence, Ending("completed", "stop", ""), Writes([Stamped(3, ended)]))
    return run_id, step.message_id


async def stored(connection: asyncpg.Connection[asyncpg.Record], run_id: UUID, message_id: UUID) -> None:
    """What threads and billing have of it."""
    await connection.execute(
        "INSERT INTO threads.projects (project_id, account_id, name) VALUES ($1, $2, '')", PROJECT, ACCOUNT_ID
    )
    await connection.execute(
        "INSERT INTO threads.threads (thread_id, project_id, account_id) VALUES ($1, $2, $3)",
        THREAD,
        PROJECT,
        ACCOUNT_ID,
    )
    asked = {"message_id": str(uuid4()), "type": "user", "is_llm_message": True, "content": "{}", "metadata": "{}"}
    for position, row in enumerate([asked, *messages(message_id)], start=1):
        await connection.execute(
            "INSERT INTO threads.messages (message_id, thread_id, position, turn, type, is_llm_message, content,"
            " metadata, run_id) VALUES ($1, $2, $3, 1, $4, $5, $6, $7, $8)",
            UUID(row["message_id"]), THREAD, position, row["type"], row["is_llm_message"], row["content"],
            row["metadata"], str(run_id),
        )  # fmt: skip
    await connection.execute("UPDATE agent.outbox SET delivered_at = now()")
    await charge(connection, run_id, "post")


async def charge(connection: asyncpg.Connection[asyncpg.Record], run_id: UUID, key: str) -> None:
    """A charge for the first step."""
    transfer = await connection.fetchval(
        "INSERT INTO billing.transfers (account_id, key, kind, amount, run_id, step_no, digest, created_at)"
        " VALUES ($1, $2, 'post', 1, $3, 1, '', now()) RETURNING transfer_id",
        ACCOUNT_ID,
        key,
        run_id,
    )
    await connection.execute(
        "INSERT INTO billing.usage VALUES ($1, $2, 'm', 1, 1, 0, 0, false, false, 1, NULL)", ACCOUNT_ID, transfer
    )


def messages(message_id: UUID) -> list[dict[str, Any]]:
    """An answer and a tool's result, as they are shown and stored."""
    said, done = str(message_id), str(RESULT)
    answer = {"message_id": said, "type": "assistant", "content": '{"content":"said"}', "metadata": TEXT}
    result = {"message_id": done, "type": "tool", "content": '{"content":"done"}', "metadata": '{"result":{}}'}
    return [{**answer, "is_llm_message": True}, {**result, "is_llm_message": True}]


def view(message_id: UUID) -> Any:
    """A viewer who saw it all."""
    shown = [{"type": "ack"}, *messages(message_id), {"type": "status", "status": "completed"}]
    frames = [{"_event_id": event_id, **frame} for event_id, frame in zip(IDS, shown, strict=True)]
    told = {str(message_id): "said"}
    return SimpleNamespace(frames=frames, durable=frames, told=told, ended=True, cuts=0, refusals=Counter())


async def test_a_history_that_is_right_has_no_violation(past: Past) -> None:
    assert await past.broken() == set()


def told_result(past: Past, output: str) -> None:
    """Another result is shown to everybody."""
    for seen in past.history.views:
        seen.frames[2]["content"] = f'{{"content":"{output}"}}'


def asked(past: Past, step: str) -> None:
    """The model is asked once more."""
    past.calls.append({**past.calls[0], "request_id": step})


def done(past: Past, kind: str, *times: tuple[str, str]) -> None:
    """Effects of one call: with which key, and what was made."""
    effect = past.effects.pop()
    past.effects += [{**effect, "kind": kind, "key": f"{past.run_id}:{key}", "made": made} for key, made in times]


CHANGES: dict[str, tuple[str, Callable[[Past], Any]]] = {
    "an epoch with two owners": ("I1", lambda p: p.audit("run", 1, owner="host:2:b", status="running")),
    "a write behind a higher epoch": ("I2", lambda p: p.audit("step", 0, status="done", step_no=9)),
    "a step done twice": ("I4", lambda p: p.audit("step", 1, status="done", step_no=1)),
    "an effect twice": ("I4", lambda p: p.effects.append(p.effects[0])),
    "a question without an INTENT": ("I5", lambda p: p.calls.append(p.calls[0])),
    "a question before its INTENT": ("I6", lambda p: p.calls[0].update(received_at=1.0)),
    "an effect without an INTENT": ("I6", lambda p: p.effects.append({**p.effects[0], "key": f"{p.run_id}:7:0"})),
    "a success without an effect": ("I7", lambda p: p.effects.clear()),
    "a message that is lost": ("I7", lambda p: p.sql("DELETE FROM threads.messages WHERE type = 'user'")),
    "a run that is lost": ("I7", lambda p: p.sql("DELETE FROM agent.runs")),
    "an answer that was shown and is lost": ("I7", lambda p: p.history.views[0].told.update(other="text")),
    "a frame that was shown and is lost": ("I7", lambda p: p.sql("DELETE FROM agent.events WHERE n = 1 AND epoch = 1")),
    "no terminal": ("I8", lambda p: p.sql("DELETE FROM agent.events WHERE n = 3")),
    "a run that never ends": ("I8", lambda p: p.sql("UPDATE agent.runs SET status = 'running'")),
    "a stop that was answered and is lost": ("I7", lambda p: setattr(p.history, "stop_answered", True)),
    "a viewer who waits for ever": ("I8", lambda p: setattr(p.history, "ended", False)),
    "a frame that was not shown": ("I11", lambda p: p.history.views[0].frames.pop(1)),
    "another text than is stored": ("I12", lambda p: p.history.views[0].told.update({str(p.message_id): "else"})),
    "a step without a charge": ("I15", lambda p: p.sql(_UNCHARGED)),
    "a second charge": ("I15", lambda p: charge(p.connection, p.run_id, "post again")),
    "a charge for nothing": ("I15", lambda p: p.sql("DELETE FROM agent.steps")),
    "a tool's message that is lost": ("I7", lambda p: p.sql("DELETE FROM threads.messages WHERE type = 'tool'")),
    "a row that is never delivered": ("I7", lambda p: p.sql("UPDATE agent.outbox SET delivered_at = NULL")),
    "a frame that is another for another viewer": ("I11", lambda p: p.history.views[1].frames[0].update(message="b")),
    "another result of a tool than is stored": ("I12", lambda p: told_result(p, "else")),
    "a run that fails": ("I8", lambda p: p.ends("failed", "error")),
    "a run that is stopped by nobody": ("I8", lambda p: p.ends("stopped", "user")),
    "a run that is interrupted by nothing": ("I8", lambda p: p.ends("stopped", "interrupted")),
    "a run that is poison and in no queue": ("I8", lambda p: p.ends("failed", "poison")),
    "a run that nobody was told of": ("I13", lambda p: p.another()),
    "a question of a step without any INTENT": ("I6", lambda p: asked(p, f"{p.run_id}:2")),
    "an idempotent effect under another key": ("I4", lambda p: done(p, "idempotent", ("1:0", "a"), ("1:0:2", "b"))),
    "an effect that happens once under another key": ("I4", lambda p: done(p, "once", ("1:0", ""), ("1:0:2", ""))),
    "a queryable effect that is begun twice": ("I4", lambda p: done(p, "start", ("1:0", ""), ("1:0", ""))),
    "a sixth attempt": ("I18", lambda p: p.audit("run", 1, attempt=6, status="completed")),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_what_is_planted_is_found(past: Past, change: str) -> None:
    invariant, plant = CHANGES[change]
    planted = plant(past)
    if hasattr(planted, "__await__"):
        await planted
    assert invariant in await past.broken()


async def test_an_intent_behind_a_stop_is_found(past: Past) -> None:
    await past.audit("run", 1, stopping=True, status="running")
    await past.audit("step", 1, status="started", step_no=2)
    assert "I9" in await past.broken()


async def test_two_active_runs_of_a_thread_are_found(past: Past) -> None:
    await past.audit("run", 1, thread_id=THREAD, status="running")
    other = History(str(ACCOUNT_ID), "other", "prompt", str(uuid4()), str(THREAD), ended=True)
    await past.connection.execute(
        "INSERT INTO chaos.audit (what, run_id, epoch, thread_id, status) VALUES ('run', $1, 1, $2, 'running')",
        UUID(other.run_id), THREAD,
    )  # fmt: skip
    figures = await Checker(past.connection, [past.history, other], past.calls, past.effects, []).check()
    assert "I3" in {violation.invariant for violation in figures.violations}


@pytest.mark.parametrize(("status", "promised"), [("stopped", True), ("completed", False), ("failed", False)])
def test_a_stop_is_promised_by_an_answer_that_says_so(status: str, promised: bool) -> None:
    assert promises_stop(httpx.Response(200, json={"status": status})) is promised
    assert not promises_stop(httpx.Response(404, json={}))


async def told(past: Past, run_id: UUID, on_conflict: str = "") -> History:
    """The history of one more run of the thread, that was asked for when the first had its answer."""
    more = History(str(ACCOUNT_ID), "more", "prompt", str(run_id), str(THREAD), on_conflict, asked_at=2, ended=True)
    past.history.asked_at, past.history.answered_at, more.answered_at = 0.5, 1.0, 3.0
    return more


async def of_threads(past: Past, *more: History) -> set[str]:
    """What does not hold of order, of refusals and of endings."""
    figures = await Checker(past.connection, [past.history, *more], past.calls, past.effects, []).check()
    return {f"{v.invariant} {v.what}" for v in figures.violations if v.invariant in ("I3", "I8", "I13")}


async def later(past: Past, on_conflict: str) -> History:
    """One more run, that was interrupted, with the terminal that belongs to it."""
    run_id = await past.another()
    ended = event(run_ended=events_pb2.RunEnded(status="stopped"))
    await past.connection.execute("INSERT INTO agent.events VALUES ($1, 1, 0, 1, $2)", run_id, ended)
    return await told(past, run_id, on_conflict)


async def test_a_run_may_be_interrupted_for_a_later_one_that_says_so_and_for_no_other(past: Past) -> None:
    more = await later(past, "interrupt")
    await past.sql("UPDATE agent.runs SET status = 'stopped', end_reason = 'interrupted' WHERE turn = 1")
    assert await of_threads(past, more) == set()
    more.on_conflict = "enqueue"
    assert {broken.partition(" no story")[0] for broken in await of_threads(past, more)} == {"I8"}


async def test_a_run_that_was_stopped_by_a_person_and_a_poison_one_in_the_queue_may_end_so(past: Past) -> None:
    await past.ends("stopped", "user")
    past.history.stop_asked = True
    assert await of_threads(past) == set()
    await past.ends("failed", "poison")
    await past.sql(
        "INSERT INTO agent.dead_letters (kind, run_id, seq, account_id, payload, error, attempts, created_at)"
        " SELECT 'run', run_id, 0, account_id, '', '', 5, now() FROM agent.runs"
    )
    assert await of_threads(past) == set()


async def test_turns_that_are_not_in_the_order_of_admission_are_found(past: Past) -> None:
    more = await later(past, "")
    assert await of_threads(past, more) == set()
    past.history.asked_at, past.history.answered_at = 4.0, 5.0
    (broken,) = await of_threads(past, more)
    assert broken.startswith("I3 admitted after")


async def test_a_run_that_begins_before_those_that_came_before_it_is_found(past: Past) -> None:
    more = await later(past, "")
    await past.audit("run", 1, thread_id=THREAD, status="completed", run_id=UUID(more.run_id))
    assert await of_threads(past, more) == set()
    await past.sql("UPDATE agent.runs SET turn = 9 WHERE turn = 1")
    await past.audit("run", 1, thread_id=THREAD, status="running", run_id=UUID(more.run_id))
    assert any(broken.startswith("I3 turn 2 begins behind turn 9") for broken in await of_threads(past, more))


async def test_a_run_that_was_to_be_refused_and_is_admitted_beside_another_is_found(past: Past) -> None:
    await past.audit("run", 1, thread_id=THREAD, status="running")
    more = await told(past, uuid4(), "reject")
    await past.audit("run", 0, thread_id=THREAD, status="queued", run_id=UUID(more.run_id))
    assert any(broken.startswith("I3 it was to be refused") for broken in await of_threads(past, more))


async def test_a_refusal_for_a_run_that_nobody_knows_is_found(past: Past) -> None:
    refused = History(str(ACCOUNT_ID), "refused", "prompt", on_conflict="reject", busy_with=str(past.run_id))
    assert await of_threads(past, refused) == set()
    refused.busy_with = str(uuid4())
    assert any("nobody knows it" in broken for broken in await of_threads(past, refused))


async def test_what_a_client_was_told_of_a_start_without_a_run_is_found(past: Past) -> None:
    refused = History(str(ACCOUNT_ID), "refused", "prompt", broken=[("client", "a start was refused: 402")])
    figures = await Checker(past.connection, [past.history, refused], past.calls, past.effects, []).check()
    assert [violation.invariant for violation in figures.violations] == ["client"]


async def test_what_is_paid_for_again_within_an_epoch_is_counted_apart(past: Past) -> None:
    past.calls.append({**past.calls[0], "received_at": time.time()})
    await past.audit("step", 1, status="started", step_no=1)
    assert await repaid(past) == (0, 1)
    past.calls[1]["tokens"] = 0
    assert await repaid(past) == (0, 0)


async def test_what_a_take_over_pays_for_again_is_not_counted_within_an_epoch(past: Past) -> None:
    await past.audit("step", 2, status="started", step_no=1, at=datetime.now(UTC) + timedelta(seconds=1))
    past.calls.append({**past.calls[0], "received_at": time.time() + 2})
    assert await repaid(past) == (1, 0)


async def repaid(past: Past) -> tuple[int, int]:
    """By take-overs, and within an epoch."""
    figures = await Checker(past.connection, [past.history], past.calls, past.effects, []).check()
    return figures.repaid, figures.repaid_within


def test_answers_of_500_are_counted_however_they_say_so() -> None:
    figures = Figures(refusals=Counter({"500 INTERNAL_ERROR": 2, "500 <html>": 1, "503 UNAVAILABLE": 5}))
    assert answered_500(figures) == 3
