"""All of the agent's storage on a real Postgres, as tests of it use it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from services.agent.domain.run import Claim, Run
from services.agent.ports import ChosenAgent, Fence, NewRun, Owed, Stamped, Writes
from services.agent.storage.postgres.journal import PostgresJournal
from services.agent.storage.postgres.outbox import PostgresOutbox
from services.agent.storage.postgres.ownership import PostgresOwnership
from services.agent.storage.postgres.runs import PostgresRuns
from services.kit.postgres import Database
from tests.unit.agent.records import ACCOUNT_ID, claim

TTL = 4.0
OLD_ENOUGH = "SELECT now() > pg_postmaster_start_time() + $1 * interval '1 second'"
TAKE = "UPDATE runs SET status = 'running', epoch = 1, owner = 'w' WHERE run_id = $1"
ENDED, RELEASE = Stamped(1, b"ended"), Owed("charges", b"release")


class Stores:
    """All of the agent's storage, and what tests do with it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.runs = PostgresRuns(database)
        self.ownership = PostgresOwnership(database)
        self.journal = PostgresJournal(database)
        self.outbox = PostgresOutbox(database)

    async def admit(self, thread_id: UUID | None = None, turn: int = 1, on_conflict: Any = "enqueue") -> Run:
        """A queued run."""
        agent = ChosenAgent(uuid4(), uuid4(), None)
        new = NewRun(
            uuid4(), ACCOUNT_ID, thread_id or uuid4(), uuid4(), agent, turn, claim().spec, 60.0, b"", None, b"a", b"m"
        )
        admitted = await self.runs.admit(replace(new, on_conflict=on_conflict))
        assert admitted is not None
        return admitted.run

    async def claimed(self) -> Claim:
        """A new run in its first owner's hands."""
        await self.admit()
        (mine,) = await self.ownership.claim("w1", TTL, 1, steal=False)
        return mine

    async def expire(self, **values: Any) -> None:
        """Ends every lease."""
        await self.database.execute("UPDATE runs SET lease_until = now() - interval '1 s' WHERE status = 'running'")

    async def stop(self, run_id: UUID) -> Run | None:
        return await self.runs.request_stop(run_id, "user", ENDED, RELEASE)

    async def value(self, sql: str, *values: object) -> Any:
        return await self.database.fetchval(sql, *values)


def fence(mine: Claim) -> Fence:
    return Fence(mine.run_id, mine.epoch, ACCOUNT_ID)


def writes(n: int = 1) -> Writes:
    return Writes([Stamped(n, b"event")], [Owed("messages", b"row")])
