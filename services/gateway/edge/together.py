"""Several neighbours asked at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from services.gateway.edge.domain import Json
from services.kit.errors import MeshError
from services.kit.logging import get_logger

log = get_logger()

A = TypeVar("A")
B = TypeVar("B")


async def both(first: Awaitable[A], second: Awaitable[B]) -> tuple[A, B]:
    """Both answers. Where both fail, the first one's error is told: it is the one that decides about access."""
    answers: Any = await asyncio.gather(first, second, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return answers[0], answers[1]


async def or_empty(asked: Awaitable[Json]) -> Json:
    """The answer, or nothing: a conversation can be read while its sandbox can not be asked."""
    try:
        return await asked
    except MeshError as failed:
        log.warning("view.part_missing", reason=failed.reason)
        return {}
