"""What time a part takes it to be, seen from outside: storage is asked, of others it is their last line's stamp."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import asyncpg
import orjson
import redis.asyncio as redis

from tests.chaos.stage import Stage

_TAIL = 20_000


async def is_moved(stage: Stage, part: str, seconds: float) -> bool:
    """Whether its clock is seen to be about so much ahead, or behind."""
    try:
        told = await _told(stage, part)
    except (OSError, asyncpg.PostgresError, redis.RedisError):
        return False
    return told is not None and abs(told - time.time() - seconds) < abs(seconds) / 2


async def _told(stage: Stage, part: str) -> float | None:
    if part == "postgres":
        return await _of_postgres(stage.database_url)
    if part == "redis":
        return await _of_redis(stage.redis_url)
    return logged(stage.log_tail(part, _TAIL))


def logged(tail: str) -> float | None:
    """The stamp of the last whole line that has one."""
    for line in reversed(tail.splitlines()):
        try:
            said = orjson.loads(line)
            stamp = datetime.fromisoformat(said.get("timestamp") or said["time"])
        except (ValueError, LookupError, AttributeError):
            continue
        return stamp.replace(tzinfo=stamp.tzinfo or UTC).timestamp()
    return None


async def _of_postgres(url: str) -> float:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        stamp: datetime = await connection.fetchval("SELECT clock_timestamp()")
    finally:
        await connection.close()
    return stamp.timestamp()


async def _of_redis(url: str) -> float:
    client = redis.from_url(url)
    try:
        seconds, microseconds = await client.time()
    finally:
        await client.aclose()
    return float(seconds) + microseconds / 1e6
