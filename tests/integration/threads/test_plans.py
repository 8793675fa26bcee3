"""Pages cost the same wherever they are: the key bounds the walk over the index in the plan for any arguments."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.kit.postgres import Database
from services.threads.storage import sql
from tests.support.threads import new_id

KEY = ("2026-01-01T00:00:00Z", "ffffffff-ffff-ffff-ffff-ffffffffffff")


@pytest.fixture
async def crowded(database: Database) -> tuple[str, str]:
    """An account with 3,000 threads, one of which has 3,000 rows: the account and that thread."""
    account, thread = new_id(), new_id()
    await database.execute(
        """
        WITH p AS (INSERT INTO projects (project_id, account_id, name) VALUES ($2, $1, 'p') RETURNING project_id),
        t AS (INSERT INTO threads (thread_id, project_id, account_id, created_at)
              SELECT CASE n WHEN 1 THEN $2 ELSE gen_random_uuid() END, p.project_id, $1, now() - n * interval '1 s'
              FROM p, generate_series(1, 3000) n)
        INSERT INTO messages (message_id, thread_id, position, turn, type, is_llm_message, content, metadata)
        SELECT gen_random_uuid(), $2, n, n / 10, 'user', true, '{}', '{}' FROM generate_series(1, 3000) n
        """,
        account,
        thread,
    )
    async with database.connection() as connection:
        await connection.execute("ANALYZE threads; ANALYZE messages")
    return account, thread


async def plan(database: Database, statement: str, *arguments: str) -> str:
    """The generic plan, as text."""
    async with database.transaction() as connection:
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await connection.execute("PREPARE page AS " + statement)
        listed = ", ".join(arguments)
        rows = await connection.fetch(f"EXPLAIN (FORMAT JSON, COSTS OFF) EXECUTE page({listed})")
        await connection.execute("DEALLOCATE page")
    return str(rows[0][0])


def index_conditions(text: str) -> list[str]:
    """The conditions by which indexes are walked."""
    found: list[str] = []

    def visit(node: dict[str, Any]) -> None:
        if "Index Cond" in node:
            found.append(node["Index Cond"])
        for child in node.get("Plans", ()):
            visit(child)

    visit(json.loads(text)[0]["Plan"])
    return found


async def test_a_page_of_threads_is_walked_from_its_key(database: Database, crowded: tuple[str, str]) -> None:
    account, thread = crowded
    for statement, whose in ((sql.PAGE_OF_ACCOUNT, account), (sql.PAGE_OF_PROJECT, thread)):
        text = await plan(database, statement, f"'{whose}'", f"'{KEY[0]}'", f"'{KEY[1]}'", "20")
        assert any("created_at" in condition for condition in index_conditions(text)), text


@pytest.mark.parametrize("statement", [sql.MESSAGES_ASC, sql.MESSAGES_DESC])
async def test_a_page_of_rows_is_walked_from_its_position(
    database: Database, crowded: tuple[str, str], statement: str
) -> None:
    text = await plan(database, statement, f"'{crowded[1]}'", "1500", "20", "NULL")
    assert any("position" in condition for condition in index_conditions(text)), text


async def test_a_models_rows_are_walked_from_their_turn(database: Database, crowded: tuple[str, str]) -> None:
    text = await plan(database, sql.CONTEXT, f"'{crowded[1]}'", f"'{crowded[0]}'", "5", "20")
    assert any("turn" in condition for condition in index_conditions(text)), text


async def test_an_append_is_planned_once_whatever_it_brings(database: Database) -> None:
    columns = [new_id()], ["user"], [True], ["{}"], ["{}"], [1], [""], [""], [""]
    async with database.transaction() as connection:
        statement = await connection.prepare(sql.APPEND)
        for _ in range(8):
            await statement.fetch(new_id(), new_id(), *columns)
        kept = "SELECT generic_plans FROM pg_prepared_statements WHERE statement = $1"
        assert await connection.fetchval(kept, sql.APPEND) == 3  # after the five by which Postgres decides
