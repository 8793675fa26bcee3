from __future__ import annotations

import asyncio

import pytest

from services.gateway.edge.errors import Draining, TooManyStreams
from services.gateway.edge.streams import OpenStreams


async def test_a_viewer_s_streams_are_bounded_and_another_s_are_not() -> None:
    streams = OpenStreams(limit=2)
    async with streams.seat("a", "r1", None), streams.seat("a", "r2", None):
        with pytest.raises(TooManyStreams) as refused:
            async with streams.seat("a", "r3", None):
                pass
        assert refused.value.http_status == 429
        assert refused.value.retry_after_s is not None
        async with streams.seat("b", "r1", None):
            assert (streams.count, streams.runs) == (3, 2)
    async with streams.seat("a", "r1", None):
        assert streams.count == 1


async def test_no_limit_bounds_nothing() -> None:
    streams = OpenStreams(limit=None)
    async with streams.seat("a", "r", None), streams.seat("a", "r", None), streams.seat("a", "r", None):
        assert (streams.count, streams.runs) == (3, 1)
    assert (streams.count, streams.runs) == (0, 0)


async def test_a_stream_ends_quietly_with_its_token() -> None:
    async with OpenStreams(None).seat("a", "r", 0.01):
        await asyncio.Event().wait()


async def test_a_timeout_of_somebody_else_is_not_swallowed() -> None:
    with pytest.raises(TimeoutError):
        async with OpenStreams(None).seat("a", "r", 60):
            raise TimeoutError


async def test_a_drain_ends_all_streams_and_lets_no_new_one_in() -> None:
    streams = OpenStreams(None)
    seated = asyncio.Event()

    async def watch() -> None:
        async with streams.seat("a", "r", None):
            seated.set()
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(watch())
        await seated.wait()
        await streams.end_all()
    assert streams.count == 0
    with pytest.raises(Draining):
        async with streams.seat("a", "r", None):
            pass
