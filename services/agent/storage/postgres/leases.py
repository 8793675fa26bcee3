"""The heartbeat's statement, on a connection of its own."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.agent.domain.run import StopReason
from services.agent.storage.postgres.rows import stop_reason
from services.kit.config import MeshSettings
from services.kit.postgres import Connection, connect_once, outages

BEAT = """
UPDATE runs SET lease_until = now() + $3 * interval '1 second'
FROM unnest($1::uuid[], $2::int[]) AS mine (run_id, epoch)
WHERE runs.run_id = mine.run_id AND runs.epoch = mine.epoch AND runs.status = 'running'
RETURNING runs.run_id, runs.stop_requested_at, runs.stop_reason
"""


class PostgresLeases:
    """Leases, renewed over one connection that is opened again when it breaks. Belongs to the loop that uses it."""

    def __init__(self, settings: MeshSettings) -> None:
        self._settings = settings
        self._connection: Connection | None = None

    async def beat(
        self, runs: Sequence[tuple[UUID, int]], ttl_s: float, timeout_s: float
    ) -> dict[UUID, StopReason | None]:
        """Renews; returns the runs that are still owned, with the reason why each should stop, if any. Raises
        StorageUnavailable, UnforeseenFailure, StorageConflict, whatever Postgres says: leases run out meanwhile."""
        try:
            with outages():
                connection = await self._open()
                rows = await connection.fetch(
                    BEAT, [run_id for run_id, _ in runs], [epoch for _, epoch in runs], ttl_s, timeout=timeout_s
                )
        except BaseException:
            self.close()
            raise
        return {row["run_id"]: stop_reason(row) for row in rows}

    def close(self) -> None:
        """Drops the connection."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _open(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect_once(self._settings)
        return self._connection
