"""Streams that came without a time to live, as from a restored dump."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from services.agent.stream.cleanup import StreamCleanup
from services.agent.stream.publisher import LIVE_TTL_MS
from services.kit.tasks import Supervisor
from tests.integration.agent.stream.streams import Streams


async def test_a_worker_that_starts_gives_lost_streams_a_time_to_live(streams: Streams) -> None:
    lost, kept = (f"agent:{{{uuid4()}}}:stream" for _ in range(2))
    for name in (lost, kept, "somebody:else"):
        await streams.wire.call("XADD", name, "*", "field", "value")
    await streams.wire.call("PEXPIRE", kept, 5_000)
    async with Supervisor() as tasks:
        tasks.start("mend", StreamCleanup(streams.wire).run)
        async with asyncio.timeout(10):
            while await streams.wire.call("PTTL", lost) == -1:
                await asyncio.sleep(0.01)
    assert 5_000 < await streams.wire.call("PTTL", lost) <= LIVE_TTL_MS
    assert 0 < await streams.wire.call("PTTL", kept) <= 5_000
    assert await streams.wire.call("PTTL", "somebody:else") == -1
