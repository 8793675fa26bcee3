"""Storage that a URL was given for, looked at before anything is started: a wrong URL is one sentence, and at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

from pydantic import SecretStr

from services.kit.migrations import reach
from services.kit.postgres import StorageUnavailable
from services.kit.redis import CacheUnavailable, open_redis, ping

from .config import Settings
from .errors import CliError

_PATIENCE = 10.0  # seconds: a server beside the mesh may still be starting
_PAUSE = 0.5


async def look_at_given_storage(settings: Settings, say: Callable[[str], None], patience: float = _PATIENCE) -> None:
    """CliError where Postgres does not answer within `patience` seconds; of Redis, which nothing needs to start, only
    a word. ConfigError where a URL is wrong."""
    if settings.database_url is not None:
        await _postgres(settings, _place(settings.database_url), say, patience)
    if settings.redis_url is not None:
        await _redis(settings, _place(settings.redis_url), say)


async def _postgres(settings: Settings, place: str, say: Callable[[str], None], patience: float) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + patience
    say(f"looking for PostgreSQL at {place}")
    while True:
        try:
            return await reach(settings)
        except StorageUnavailable as away:
            if loop.time() > until:
                raise CliError(
                    f"DATABASE_URL: no PostgreSQL answers at {place} ({_why(away)}); start it, correct the URL, or "
                    "unset it: then one is started here"
                ) from None
        await asyncio.sleep(_PAUSE)


async def _redis(settings: Settings, place: str, say: Callable[[str], None]) -> None:
    try:
        async with open_redis(settings) as client:
            await ping(client)
    except CacheUnavailable as away:
        say(f"REDIS_URL: no Redis answers at {place} ({_why(away)}); until one does, streams show whole messages only")


def _place(url: SecretStr) -> str:
    """Without user and password."""
    where = urlsplit(url.get_secret_value())
    return where.netloc.rpartition("@")[2] or where.path


def _why(away: Exception) -> str:
    cause = away.__cause__
    return str(cause) or type(cause).__name__
