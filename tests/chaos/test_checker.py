"""The history checker finds what is planted into a history that is right, and calls it by its name."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
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
from tests.chaos.checker import Checker
from tests.chaos.clients import History, promises_stop
from tests.support.harness import make_settings
from tests.unit.agent.records import ACCOUNT_ID, call, claim, started

THREAD, PROJECT = uuid4(), uuid4()
_UNCHARGED = """
INSERT INTO agent.steps (run_id, step_no, epoch, state, message_id, llm_response_id, input_hash, price_version, held,
                         hold_ordinal)
SELECT run_id, 2, epoch, 'done', message_id, llm_response_id, input_hash, price_version, held, hold_ordinal
FROM agent.steps
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

    async def audit(self, what: str, epoch: int, **columns: object) -> None:
        """One more line of the audit."""
        values = {"what": what, "run_id": self.run_id, "epoch": epoch, **columns}
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
    made.history.views = [view(message_id)]
    made.calls = [{"request_id": f"{run_id}:1", "received_at": time.time()}]
    made.effects = [{"kind": "once", "key": f"{run_id}:1:0", "mark": "m", "at": time.time()}]
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
    await journal.finish_step(fence, step, [], [], Writes())
    await journal.finish_calls(fence, [call(1, 0, state="done", success=True)], Writes([Stamped(1, ack)], owed))
    ended = event(run_ended=events_pb2.RunEnded(status="completed"))
    await journal.finish_run(fence, Ending("completed", "stop", ""), Writes([Stamped(2, ended)]))
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
    for position, kind, text in ((1, "user", ""), (2, "assistant", "said")):
        await connection.execute(
            "INSERT INTO threads.messages (message_id, thread_id, position, turn, type, is_llm_message, content,"
            " metadata, run_id)"
            " VALUES ($1, $2, $3, 1, $4, true, '{}', json_build_object('text_content', $5::text), $6)",
            message_id if kind == "assistant" else uuid4(), THREAD, position, kind, text, str(run_id),
        )  # fmt: skip
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


def view(message_id: UUID) -> Any:
    """A viewer who saw it all."""
    frames = [{"_event_id": event_id, "type": "status"} for event_id in ("0-1", "1-1", "1-2")]
    told = {str(message_id): "said"}
    return SimpleNamespace(frames=frames, durable=frames, told=told, ended=True, cuts=0, refusals=Counter())


async def test_a_history_that_is_right_has_no_violation(past: Past) -> None:
    assert await past.broken() == set()


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
    "no terminal": ("I8", lambda p: p.sql("DELETE FROM agent.events WHERE n = 2")),
    "a run that never ends": ("I8", lambda p: p.sql("UPDATE agent.runs SET status = 'running'")),
    "a stop that was answered and is lost": ("I7", lambda p: setattr(p.history, "stop_answered", True)),
    "a viewer who waits for ever": ("I8", lambda p: setattr(p.history, "ended", False)),
    "a frame that was not shown": ("I11", lambda p: p.history.views[0].frames.pop(1)),
    "another text than is stored": ("I12", lambda p: p.history.views[0].told.update({str(p.message_id): "else"})),
    "a step without a charge": ("I15", lambda p: p.sql(_UNCHARGED)),
    "a second charge": ("I15", lambda p: charge(p.connection, p.run_id, "post again")),
    "a charge for nothing": ("I15", lambda p: p.sql("DELETE FROM agent.steps")),
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
