"""An outage of Postgres is no reason to take a run from who lives: who owned what before it, and who does after it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg

from services.cli.identity import ProcessId

_LIVE: Final = """
SELECT run_id, epoch, owner FROM agent.runs WHERE status = 'running' AND owner IS NOT NULL AND lease_until > now()
"""
_CLAIMED: Final = """
SELECT run_id, epoch, owner FROM chaos.audit
WHERE what = 'run' AND owner IS NOT NULL AND id > $1 AND run_id = ANY($2) ORDER BY id
"""


class Owned(NamedTuple):
    """How a run was owned, and by which process."""

    epoch: int
    owner: str
    process: ProcessId


@dataclass(frozen=True)
class Owners:
    """The live runs of one moment; `last_id`: of the audit then."""

    last_id: int
    owned: Mapping[UUID, Owned]

    @classmethod
    async def now(cls, url: str) -> Owners:
        """Those whose lease is good and whose process is there."""
        connection = await asyncpg.connect(url)
        try:
            last_id = await connection.fetchval("SELECT coalesce(max(id), 0) FROM chaos.audit")
            rows = await connection.fetch(_LIVE)
        finally:
            await connection.close()
        found = ((row, ProcessId.of(int(row["owner"].split(":")[1]))) for row in rows)
        return cls(last_id, {row["run_id"]: Owned(row["epoch"], row["owner"], who) for row, who in found if who})

    @property
    def outlived(self) -> int:
        """How many runs have an owner that still lives."""
        return sum(owned.process.alive() for owned in self.owned.values())

    async def robbed(self, url: str) -> AsyncIterator[tuple[str, str]]:
        """Runs that somebody else claimed while their owner's process lives, each once, with what happened to it."""
        connection = await asyncpg.connect(url)
        try:
            claims = await connection.fetch(_CLAIMED, self.last_id, list(self.owned))
        finally:
            await connection.close()
        robbed: set[UUID] = set()
        for run_id, epoch, owner in claims:
            before = self.owned[run_id]
            is_taken = epoch > before.epoch and owner != before.owner and before.process.alive()
            if is_taken and run_id not in robbed:
                robbed.add(run_id)
                yield str(run_id), f"epoch {epoch} of {owner}, while {before.owner} lives, who had epoch {before.epoch}"
