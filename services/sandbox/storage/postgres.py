"""Sandboxes, processes and announced uploads in Postgres."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.kit.postgres import Database, Record
from services.sandbox.domain import Outcome, Process, ProcessState, Sandbox, SandboxStatus

_SANDBOX = "sandbox_id, project_id, account_id, provider, status, created_at, last_used_at"
_PROCESS = "key, process_id, sandbox_id, command_hash, state, exit_code, message, unsafe, started_at, ended_at"


class PostgresSandboxes:
    """`ports.SandboxStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, sandbox: Sandbox, node: str) -> bool:
        added = await self._database.fetchval(
            "INSERT INTO sandboxes"
            " (sandbox_id, project_id, account_id, provider, node, status, created_at, last_used_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING true",
            sandbox.sandbox_id,
            sandbox.project_id,
            sandbox.account_id,
            sandbox.provider,
            node,
            sandbox.status,
            sandbox.created_at,
            sandbox.last_used_at,
        )
        return bool(added)

    async def of_project(self, project_id: str) -> Sandbox | None:
        row = await self._database.fetchrow(
            f"SELECT {_SANDBOX} FROM sandboxes WHERE project_id = $1 AND deleted_at IS NULL", project_id
        )
        return _sandbox(row) if row else None

    async def find(self, sandbox_id: str) -> Sandbox | None:
        row = await self._database.fetchrow(
            f"SELECT {_SANDBOX} FROM sandboxes WHERE sandbox_id = $1 AND deleted_at IS NULL", sandbox_id
        )
        return _sandbox(row) if row else None

    async def set_status(self, sandbox_id: str, status: SandboxStatus, used_at: datetime) -> None:
        await self._database.execute(
            "UPDATE sandboxes SET status = $2, last_used_at = greatest(last_used_at, $3)"
            " WHERE sandbox_id = $1 AND deleted_at IS NULL",
            sandbox_id,
            status,
            used_at,
        )

    async def take_idle(self, node: str, unused_since: datetime, busy: Sequence[str]) -> list[str]:
        rows = await self._database.fetch(
            "UPDATE sandboxes SET status = 'OFFLINE' WHERE node = $1 AND status = 'LIVE' AND deleted_at IS NULL"
            " AND last_used_at < $2 AND sandbox_id <> ALL($3::uuid[]) RETURNING sandbox_id",
            node,
            unused_since,
            list(busy),
        )
        return [str(row["sandbox_id"]) for row in rows]

    async def bury(self, project_id: str, new_id: str, provider: str, node: str, now: datetime) -> str:
        buried = await self._database.fetchval(
            "INSERT INTO sandboxes"
            " (sandbox_id, project_id, provider, node, status, created_at, last_used_at, deleted_at)"
            " VALUES ($2, $1, $3, $4, 'OFFLINE', $5, $5, $5) ON CONFLICT (project_id) DO UPDATE"
            " SET status = 'OFFLINE', deleted_at = coalesce(sandboxes.deleted_at, $5) RETURNING sandbox_id",
            project_id,
            new_id,
            provider,
            node,
            now,
        )
        return str(buried)


class PostgresProcesses:
    """`ports.ProcessStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, process: Process, node: str) -> bool:
        added = await self._database.fetchval(
            "INSERT INTO processes (key, process_id, sandbox_id, node, command_hash, state, unsafe, started_at)"
            " VALUES ($1, $2, $3, $4, $5, 'running', $6, $7) ON CONFLICT DO NOTHING RETURNING true",
            process.key,
            process.process_id,
            process.sandbox_id,
            node,
            process.command_hash,
            process.unsafe,
            process.started_at,
        )
        return bool(added)

    async def find(self, key: str) -> Process | None:
        row = await self._database.fetchrow(f"SELECT {_PROCESS} FROM processes WHERE key = $1", key)
        return _process(row) if row else None

    async def end(self, key: str, outcome: Outcome, now: datetime) -> None:
        await self._database.execute(
            "UPDATE processes SET state = $2, exit_code = $3, message = $4, ended_at = $5"
            " WHERE key = $1 AND ended_at IS NULL",
            key,
            outcome.state,
            outcome.exit_code,
            outcome.message,
            now,
        )

    async def end_running(self, node: str, outcome: Outcome, now: datetime) -> int:
        tag = await self._database.execute(
            "UPDATE processes SET state = $2, message = $3, ended_at = $4 WHERE node = $1 AND ended_at IS NULL",
            node,
            outcome.state,
            outcome.message,
            now,
        )
        return int(tag.removeprefix("UPDATE "))

    async def forget(self, node: str, ended_before: datetime, most: int) -> list[tuple[str, str]]:
        rows = await self._database.fetch(
            "DELETE FROM processes WHERE key IN (SELECT key FROM processes WHERE node = $1 AND ended_at < $2"
            " ORDER BY ended_at LIMIT $3) RETURNING sandbox_id, process_id",
            node,
            ended_before,
            most,
        )
        return [(str(row["sandbox_id"]), str(row["process_id"])) for row in rows]


class PostgresUploads:
    """`ports.UploadStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def announce(self, project_id: str, file_count: int, now: datetime, until: datetime) -> int:
        pending = await self._database.fetchval(
            "WITH added AS (INSERT INTO announced_uploads (project_id, file_count, expires_at) VALUES ($1, $2, $4))"
            " SELECT least(coalesce(sum(file_count), 0) + $2, 2147483647) FROM announced_uploads"
            " WHERE project_id = $1 AND expires_at > $3",
            project_id,
            file_count,
            now,
            until,
        )
        return int(pending)

    async def complete(self, project_id: str, now: datetime) -> None:
        await self._database.execute(
            "DELETE FROM announced_uploads WHERE batch = (SELECT batch FROM announced_uploads"
            " WHERE project_id = $1 AND expires_at > $2 ORDER BY batch LIMIT 1 FOR UPDATE SKIP LOCKED)",
            project_id,
            now,
        )

    async def pending(self, project_id: str, now: datetime) -> int:
        pending = await self._database.fetchval(
            "SELECT least(coalesce(sum(file_count), 0), 2147483647) FROM announced_uploads"
            " WHERE project_id = $1 AND expires_at > $2",
            project_id,
            now,
        )
        return int(pending)

    async def forget(self, now: datetime) -> None:
        await self._database.execute("DELETE FROM announced_uploads WHERE expires_at <= $1", now)


def _sandbox(row: Record) -> Sandbox:
    return Sandbox(
        str(row["sandbox_id"]),
        str(row["project_id"]),
        str(row["account_id"]),
        row["provider"],
        SandboxStatus(row["status"]),
        row["created_at"],
        row["last_used_at"],
    )


def _process(row: Record) -> Process:
    return Process(
        row["key"],
        str(row["process_id"]),
        str(row["sandbox_id"]),
        row["command_hash"],
        Outcome(ProcessState(row["state"]), row["exit_code"], row["message"]),
        row["unsafe"],
        row["started_at"],
        row["ended_at"],
    )
