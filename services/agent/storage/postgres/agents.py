"""Agents and their versions.

A page by number needs the number of all that fit, so one walk over the account's agents answers both: they are few.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson

from services.agent.domain.agents import DEFAULT_NAME, Agent, AgentFilter, AgentKey, AgentVersion, Setup
from services.agent.errors import AgentLimitExceeded, AgentNotFound
from services.kit.postgres import Connection, Database, Record

NEWEST: Final = AgentKey(datetime(9999, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1))
"""In front of every key."""

COLUMNS = """
    a.agent_id, a.account_id, a.name, a.description, a.is_default, a.icon_name, a.icon_color, a.icon_background,
    a.version_count, a.revision, a.created_at, a.updated_at,
    v.agent_version_id, v.number, v.system_prompt, v.model, v.configured_mcps, v.custom_mcps, v.agentpress_tools,
    v.created_at AS version_created_at
"""
CURRENT = "agents a JOIN agent_versions v ON v.agent_version_id = a.current_version_id"

# Two that do this at once meet at agents_one_default, and the second does nothing.
ENSURE_DEFAULT = """
WITH made AS (
    INSERT INTO agents (agent_id, account_id, name, is_default, current_version_id)
    SELECT $2, $1, $4, true, $3
    WHERE NOT EXISTS (SELECT FROM agents WHERE account_id = $1 AND is_default)
    ON CONFLICT (account_id) WHERE is_default DO NOTHING
    RETURNING agent_id
)
INSERT INTO agent_versions (agent_version_id, agent_id, number)
SELECT $3, agent_id, 1 FROM made
"""

GET = f"SELECT {COLUMNS} FROM {CURRENT} WHERE a.agent_id = $2 AND a.account_id = $1 AND a.deleted_at IS NULL"

PAGE = f"""
SELECT (SELECT count(*) FROM agents WHERE account_id = $1 AND deleted_at IS NULL) AS total, page.*
FROM (SELECT) always
LEFT JOIN LATERAL (
    SELECT {COLUMNS}
    FROM {CURRENT}
    WHERE a.account_id = $1 AND a.deleted_at IS NULL AND (a.created_at, a.agent_id) < ($2::timestamptz, $3::uuid)
    ORDER BY a.created_at DESC, a.agent_id DESC
    LIMIT $4
) page ON true
"""

ORDERS: Final = {
    ("name", False): "lower(a.name), a.agent_id",
    ("name", True): "lower(a.name) DESC, a.agent_id DESC",
    ("created_at", False): "a.created_at, a.agent_id",
    ("created_at", True): "a.created_at DESC, a.agent_id DESC",
    ("updated_at", False): "a.updated_at, a.agent_id",
    ("updated_at", True): "a.updated_at DESC, a.agent_id DESC",
}

# $1 account, $2 page, $3 size, then the filter, null for any: $4 search, $5 default, $6 with MCP servers, $7 with tools
# switched on by name, $8 with one of these switched on.
NUMBERED = f"""
WITH listed AS (
    SELECT a.agent_id, count(*) OVER () AS total, row_number() OVER (ORDER BY {{order}}) AS place
    FROM {CURRENT}
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(key), '{{{{}}}}') AS names
        FROM json_each(v.agentpress_tools)
        WHERE CASE json_typeof(value)
            WHEN 'boolean' THEN value::text = 'true'
            WHEN 'object' THEN coalesce(value->>'enabled', 'true') = 'true'
            ELSE false
        END
    ) enabled
    WHERE a.account_id = $1 AND a.deleted_at IS NULL
      AND ($4::text IS NULL OR position(lower($4) IN lower(a.name || ' ' || coalesce(a.description, ''))) > 0)
      AND ($5::boolean IS NULL OR a.is_default = $5)
      AND ($6::boolean IS NULL OR $6 = (json_array_length(v.configured_mcps) + json_array_length(v.custom_mcps) > 0))
      AND ($7::boolean IS NULL OR $7 = (cardinality(enabled.names) > 0))
      AND ($8::text[] IS NULL OR enabled.names && $8)
)
SELECT coalesce((SELECT max(total) FROM listed), 0) AS total, page.*
FROM (SELECT) always
LEFT JOIN LATERAL (
    SELECT {COLUMNS}, listed.place
    FROM listed JOIN agents a USING (agent_id) JOIN agent_versions v ON v.agent_version_id = a.current_version_id
    WHERE listed.place > ($2::bigint - 1) * $3 AND listed.place <= $2::bigint * $3
) page ON true
ORDER BY page.place
"""

COUNT = "SELECT count(*) FROM agents WHERE account_id = $1 AND NOT is_default AND deleted_at IS NULL"

# One at a time of an account: what is counted, and which is the default, stays true until the commit.
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text, 0))"

TAKEN = "SELECT 1 FROM agents WHERE agent_id = $1"

UNSET_DEFAULT = """
UPDATE agents SET is_default = false, revision = revision + 1 WHERE account_id = $1 AND is_default
"""

CREATE = """
WITH version AS (
    INSERT INTO agent_versions (
        agent_version_id, agent_id, number, system_prompt, model, configured_mcps, custom_mcps, agentpress_tools
    )
    VALUES ($9, $1, 1, $10, $11, $12::text::json, $13::text::json, $14::text::json)
)
INSERT INTO agents (
    agent_id, account_id, name, description, is_default, icon_name, icon_color, icon_background, current_version_id
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""

# $15: the revision that was read.
REPLACE = """
WITH changed AS (
    UPDATE agents
    SET name = $3, description = $4, is_default = $5, icon_name = $6, icon_color = $7, icon_background = $8,
        revision = revision + 1, updated_at = now(), current_version_id = $9,
        version_count = version_count + CASE WHEN current_version_id = $9 THEN 0 ELSE 1 END
    WHERE agent_id = $1 AND account_id = $2 AND deleted_at IS NULL AND revision = $15
    RETURNING agent_id, version_count
), version AS (
    INSERT INTO agent_versions (
        agent_version_id, agent_id, number, system_prompt, model, configured_mcps, custom_mcps, agentpress_tools
    )
    SELECT $9, agent_id, version_count, $10, $11, $12::text::json, $13::text::json, $14::text::json
    FROM changed
    WHERE NOT EXISTS (SELECT FROM agent_versions WHERE agent_version_id = $9)
)
SELECT agent_id FROM changed
"""

DELETE = """
UPDATE agents SET deleted_at = now(), updated_at = now(), revision = revision + 1
WHERE agent_id = $2 AND account_id = $1 AND deleted_at IS NULL AND NOT is_default
RETURNING agent_id
"""


class _Changed(Exception):
    """The row is not the one that was read: the transaction is given up."""


class PostgresAgents:
    """AgentStore in Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ensure_default(self, account_id: UUID, agent_id: UUID, version_id: UUID) -> None:
        await self._database.execute(ENSURE_DEFAULT, account_id, agent_id, version_id, DEFAULT_NAME)

    async def get(self, account_id: UUID, agent_id: UUID) -> Agent | None:
        row = await self._database.fetchrow(GET, account_id, agent_id)
        return _agent(row) if row else None

    async def page(self, account_id: UUID, before: AgentKey | None, size: int) -> tuple[list[Agent], int]:
        key = before or NEWEST
        return _listed(await self._database.fetch(PAGE, account_id, key.created_at, key.agent_id, size))

    async def numbered(self, account_id: UUID, wanted: AgentFilter, number: int, size: int) -> tuple[list[Agent], int]:
        rows = await self._database.fetch(
            NUMBERED.format(order=ORDERS[wanted.sort_by, wanted.descending]),
            account_id,
            number,
            size,
            wanted.search,
            wanted.is_default,
            wanted.has_mcps,
            wanted.has_tools,
            None if wanted.tools is None else list(wanted.tools),
        )
        return _listed(rows)

    async def count(self, account_id: UUID) -> int:
        count: int = await self._database.fetchval(COUNT, account_id)
        return count

    async def create(self, agent: Agent, most: int) -> Agent:
        async with self._database.transaction() as connection:
            await connection.execute(ONE_AT_A_TIME, agent.account_id)
            if not await connection.fetchval(TAKEN, agent.agent_id):
                count = await connection.fetchval(COUNT, agent.account_id)
                if count >= most:
                    raise AgentLimitExceeded(count, most)
                if agent.is_default:
                    await connection.execute(UNSET_DEFAULT, agent.account_id)
                await connection.execute(CREATE, *_values(agent))
            row = await connection.fetchrow(GET, agent.account_id, agent.agent_id)
        if row is None:
            raise AgentNotFound(agent.agent_id)
        return _agent(row)

    async def replace(self, before: Agent, after: Agent) -> Agent | None:
        try:
            async with self._database.transaction() as connection:
                return await self._replace(connection, before, after)
        except _Changed:
            return None

    async def _replace(self, connection: Connection, before: Agent, after: Agent) -> Agent:
        if after.is_default and not before.is_default:
            await connection.execute(ONE_AT_A_TIME, after.account_id)
            await connection.execute(UNSET_DEFAULT, after.account_id)
        if not await connection.fetchval(REPLACE, *_values(after), before.revision):
            raise _Changed
        row = await connection.fetchrow(GET, after.account_id, after.agent_id)
        assert row is not None
        return _agent(row)

    async def delete(self, account_id: UUID, agent_id: UUID) -> bool:
        return await self._database.fetchval(DELETE, account_id, agent_id) is not None


def _values(agent: Agent) -> tuple[object, ...]:
    setup = agent.current.setup
    return (
        agent.agent_id,
        agent.account_id,
        agent.name,
        agent.description,
        agent.is_default,
        agent.icon_name,
        agent.icon_color,
        agent.icon_background,
        agent.current.version_id,
        setup.system_prompt,
        setup.model,
        _json(setup.configured_mcps),
        _json(setup.custom_mcps),
        _json(setup.agentpress_tools),
    )


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _listed(rows: list[Record]) -> tuple[list[Agent], int]:
    return [_agent(row) for row in rows if row["agent_id"] is not None], rows[0]["total"]


def _agent(row: Record) -> Agent:
    return Agent(
        agent_id=row["agent_id"],
        account_id=row["account_id"],
        name=row["name"],
        description=row["description"],
        is_default=row["is_default"],
        icon_name=row["icon_name"],
        icon_color=row["icon_color"],
        icon_background=row["icon_background"],
        version_count=row["version_count"],
        revision=row["revision"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        current=_version(row),
    )


def _version(row: Record) -> AgentVersion:
    setup = Setup(
        system_prompt=row["system_prompt"],
        model=row["model"],
        configured_mcps=tuple(orjson.loads(row["configured_mcps"])),
        custom_mcps=tuple(orjson.loads(row["custom_mcps"])),
        agentpress_tools=orjson.loads(row["agentpress_tools"]),
    )
    return AgentVersion(row["agent_version_id"], row["number"], setup, row["version_created_at"])
