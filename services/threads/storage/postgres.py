"""Projects, threads and messages in Postgres: the only place that knows SQL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import orjson

from services.kit.postgres import Database, Record, StorageConflict, UniqueViolation
from services.threads.domain import (
    Deleted,
    Draft,
    Ensured,
    Limits,
    Message,
    MessagePage,
    Notice,
    Project,
    Standing,
    Thread,
    ThreadKey,
    ThreadPage,
    Usage,
)
from services.threads.errors import (
    MessageConflict,
    ProjectLimitExceeded,
    ProjectNotFound,
    ThreadLimitExceeded,
    ThreadNotFound,
)
from services.threads.storage import sql

_T = TypeVar("_T")
_ATTEMPTS = 4

# Keys in front of everything.
_NEWEST = ThreadKey(datetime(9999, 1, 1, tzinfo=UTC), "ffffffff-ffff-ffff-ffff-ffffffffffff")
_LAST_POSITION = 2**31 - 1


class PostgresThreads:
    """The stores of `ports.py`, on one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # Projects

    async def project(self, project_id: str) -> Project | None:
        row = await self._database.fetchrow(sql.PROJECT, project_id)
        return None if row is None else _project(row, row["created_at"], row["updated_at"])

    async def delete_project(self, project_id: str, account_id: str) -> Deleted | None:
        return await self._bury(sql.LOCK_PROJECT, project_id, account_id, None)

    async def standing_of_project(self, project_id: str) -> Standing | None:
        return _standing(await self._database.fetchrow(sql.PROJECT_STANDING, project_id))

    # Threads

    async def ensure(self, thread_id: str, project_id: str, account_id: str, name: str, limits: Limits) -> Ensured:
        arguments = (thread_id, project_id, account_id, name, limits.threads, limits.projects)
        row = await _again_when_raced(lambda: self._database.fetchrow(sql.ENSURE, *arguments))
        assert row is not None
        if row["project_id"] is not None:
            if not row["alive"] or str(row["account_id"]) != account_id:
                raise ThreadNotFound(thread_id)
            return Ensured(thread_id, str(row["project_id"]), created=False)
        if row["created"]:
            return Ensured(thread_id, project_id, created=True)
        if row["wanted_account"] is not None and not (row["wanted_alive"] and str(row["wanted_account"]) == account_id):
            raise ProjectNotFound(project_id)
        if row["threads"] >= limits.threads:
            raise ThreadLimitExceeded(row["threads"], limits.threads)
        raise ProjectLimitExceeded(row["projects"], limits.projects)

    async def thread(self, thread_id: str) -> Thread | None:
        row = await self._database.fetchrow(sql.THREAD, thread_id)
        return None if row is None else decode_thread(row)

    async def page(self, account_id: str, project_id: str | None, before: ThreadKey | None, size: int) -> ThreadPage:
        key = before or _NEWEST
        statement = sql.PAGE_OF_PROJECT if project_id else sql.PAGE_OF_ACCOUNT
        whose = project_id or account_id
        rows = await self._database.fetch(statement, whose, key.created_at, key.thread_id, size + 1)
        threads = tuple(decode_thread(row) for row in rows if row["thread_id"] is not None)
        more = len(threads) > size
        last = threads[size - 1] if more else None
        following = ThreadKey(last.created_at, last.thread_id) if last else None
        return ThreadPage(threads[:size], rows[0]["total"], following)

    async def page_starts(self, account_id: str, project_id: str | None, size: int, pages: int) -> list[ThreadKey]:
        statement = sql.STARTS_OF_PROJECT if project_id else sql.STARTS_OF_ACCOUNT
        rows = await self._database.fetch(statement, project_id or account_id, size, pages)
        return [ThreadKey(row["created_at"], str(row["thread_id"])) for row in rows]

    async def update(self, thread_id: str, account_id: str, name: str | None, is_public: bool | None) -> Thread | None:
        row = await self._database.fetchrow(sql.UPDATE, thread_id, account_id, name, is_public)
        return None if row is None else decode_thread(row)

    async def delete_thread(self, thread_id: str, account_id: str) -> Deleted | None:
        return await self._bury(sql.LOCK_PROJECT_OF_THREAD, thread_id, account_id, thread_id)

    async def standing_of_thread(self, thread_id: str) -> Standing | None:
        return _standing(await self._database.fetchrow(sql.THREAD_STANDING, thread_id))

    async def usage(self, account_id: str) -> Usage:
        row = await self._database.fetchrow(sql.USAGE, account_id)
        return Usage(0, 0) if row is None else Usage(row["threads"], row["projects"])

    async def _bury(self, lock: str, what: str, account_id: str, thread_id: str | None) -> Deleted | None:
        async with self._database.transaction() as connection:
            project_id = await connection.fetchval(lock, what, account_id)
            if project_id is None:
                return None
            # Its own statements after the locks: each sees what was committed before the lock was had.
            rows = await connection.fetch(sql.BURY, project_id, account_id, thread_id)
            if thread_id is not None and not rows:
                return None
            gone = [row["thread_id"] for row in rows]
            await connection.execute(sql.DROP_MESSAGES, gone)
            await connection.execute(sql.DROP_SEARCH, gone)
        return Deleted(threads=len(rows))

    # Messages

    async def append(self, thread_id: str, account_id: str, drafts: Sequence[Draft]) -> bool:
        return await _again_when_raced(lambda: self._append(thread_id, account_id, drafts))

    async def _append(self, thread_id: str, account_id: str, drafts: Sequence[Draft]) -> bool:
        rows = await self._database.fetch(sql.APPEND, thread_id, account_id, *_columns(drafts))
        if not rows or not rows[0]["is_owner"]:
            raise ThreadNotFound(thread_id)
        if not rows[0]["alive"]:
            return False
        known = {str(row["message_id"]): row for row in rows if row["message_id"] is not None}
        for draft in drafts:
            if draft.message_id in known and not _is_same(draft, thread_id, known[draft.message_id]):
                raise MessageConflict(draft.message_id)
        if rows[0]["added"] + len(known) < len(drafts):
            raise _Raced  # the thread was deleted after this statement began
        return True

    async def message(self, message_id: str) -> Message | None:
        row = await self._database.fetchrow(sql.MESSAGE, message_id)
        return None if row is None else _message(row)

    async def messages(
        self, thread_id: str, after: int | None, size: int, newest_first: bool, types: Sequence[str] | None = None
    ) -> MessagePage:
        statement = sql.MESSAGES_DESC if newest_first else sql.MESSAGES_ASC
        begin = after if after is not None else _LAST_POSITION if newest_first else 0
        rows = await self._database.fetch(statement, thread_id, begin, size + 1, types)
        following = rows[size - 1]["position"] if len(rows) > size else None
        return MessagePage(tuple(map(_message, rows[:size])), following)

    async def context(self, thread_id: str, account_id: str, turn: int, size: int) -> list[Message] | None:
        rows = await self._database.fetch(sql.CONTEXT, thread_id, account_id, turn, size)
        if not rows:
            return None
        return [_message(row) for row in reversed(rows) if row["message_id"] is not None]

    # Notices

    async def claim_notices(self, size: int) -> list[Notice]:
        return [_notice(row) for row in await self._database.fetch(sql.CLAIM_NOTICES, size)]

    async def settle_notice(self, notice_id: int) -> None:
        await self._database.execute(sql.SETTLE_NOTICE, notice_id)


class _Raced(UniqueViolation):
    """Somebody committed between the statement's snapshot and its locks: look again."""

    def __init__(self) -> None:
        super().__init__(None)


async def _again_when_raced(statement: Callable[[], Awaitable[_T]]) -> _T:
    for _ in range(_ATTEMPTS):
        try:
            return await statement()
        except UniqueViolation:
            continue
    raise StorageConflict


def _columns(drafts: Sequence[Draft]) -> tuple[list[object], ...]:
    return (
        [draft.message_id for draft in drafts],
        [draft.type for draft in drafts],
        [draft.is_llm_message for draft in drafts],
        [draft.content_json for draft in drafts],
        [draft.metadata_json for draft in drafts],
        [draft.turn for draft in drafts],
        [draft.agent_id for draft in drafts],
        [draft.agent_version_id for draft in drafts],
        [draft.run_id for draft in drafts],
    )


def _is_same(draft: Draft, thread_id: str, row: Record) -> bool:
    """Compares what is said, not how it is spaced: a sender may have kept its copy as jsonb."""
    return (
        str(row["thread_id"]) == thread_id
        and row["type"] == draft.type
        and orjson.loads(row["content"]) == orjson.loads(draft.content_json)
        and orjson.loads(row["metadata"]) == orjson.loads(draft.metadata_json)
    )


def _standing(row: Record | None) -> Standing | None:
    if row is None:
        return None
    return Standing(str(row["account_id"]), str(row["project_id"]), row["is_public"])


def _project(row: Record, created_at: object, updated_at: object) -> Project:
    return Project(
        project_id=str(row["project_id"]),
        account_id=str(row["account_id"]),
        name=row["name"],
        description=row["description"],
        is_public=row["is_public"],
        icon_name=row["icon_name"],
        created_at=created_at,  # type: ignore[arg-type]
        updated_at=updated_at,  # type: ignore[arg-type]
    )


def decode_thread(row: Record) -> Thread:
    return Thread(
        thread_id=str(row["thread_id"]),
        account_id=str(row["account_id"]),
        metadata_json=row["metadata"],
        message_count=row["message_count"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        project=_project(row, row["project_created_at"], row["project_updated_at"]),
    )


def _message(row: Record) -> Message:
    return Message(
        message_id=str(row["message_id"]),
        thread_id=str(row["thread_id"]),
        position=row["position"],
        turn=row["turn"],
        type=row["type"],
        is_llm_message=row["is_llm_message"],
        content_json=row["content"],
        metadata_json=row["metadata"],
        agent_id=row["agent_id"],
        agent_version_id=row["agent_version_id"],
        run_id=row["run_id"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _notice(row: Record) -> Notice:
    return Notice(
        notice_id=row["notice_id"],
        target=row["target"],
        account_id=str(row["account_id"]),
        project_id=str(row["project_id"]),
        thread_ids=tuple(map(str, row["thread_ids"])),
        attempts=row["attempts"],
    )
