"""Rows that bound no step are written together, and no put returns before its row is committed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from services.agent.use_cases.write_buffer import WriteBuffer
from services.kit.errors import Unavailable
from services.kit.tasks import Supervisor


class Table:
    """Where rows go. `closed` writes wait; `away` ones fail."""

    def __init__(self) -> None:
        self.writes: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.away = False
        self.broken: Exception | None = None

    async def write(self, rows: Sequence[int]) -> None:
        await self.open.wait()
        if self.away:
            raise Unavailable
        if self.broken:
            raise self.broken
        self.writes.append(list(rows))


@asynccontextmanager
async def buffering(
    table: Table, *, rows: int = 3, within_s: float = 0.01, bound: int = 100
) -> AsyncIterator[WriteBuffer[int]]:
    buffer = WriteBuffer(table.write, rows=rows, within_s=within_s, bound=bound)
    async with Supervisor() as tasks:
        tasks.start("buffer", buffer.run)
        yield buffer


async def test_what_comes_together_is_written_together() -> None:
    async with buffering(table := Table()) as buffer:
        await asyncio.gather(*(buffer.put(n) for n in range(7)))
    assert table.writes == [[0, 1, 2], [3, 4, 5], [6]]


async def test_a_lone_row_does_not_wait_for_others() -> None:
    async with buffering(table := Table(), rows=200) as buffer:
        async with asyncio.timeout(5):
            await buffer.put(1)
    assert table.writes == [[1]]


async def test_enough_rows_are_not_kept_waiting() -> None:
    async with buffering(table := Table(), within_s=3600) as buffer:
        async with asyncio.timeout(5):
            await asyncio.gather(*(buffer.put(n) for n in range(3)))
    assert table.writes == [[0, 1, 2]]


async def test_nothing_is_acknowledged_from_memory() -> None:
    async with buffering(table := Table()) as buffer:
        table.open.clear()
        put = asyncio.ensure_future(buffer.put(1))
        done, _ = await asyncio.wait([put], timeout=0.1)
        assert not done
        table.open.set()
        await put
    assert table.writes == [[1]]


async def test_who_put_a_row_that_was_not_written_is_told() -> None:
    async with buffering(table := Table()) as buffer:
        table.away = True
        with pytest.raises(Unavailable):
            await buffer.put(1)
        table.away = False
        await buffer.put(2)
    assert table.writes == [[2]]


async def test_who_put_rows_that_failed_by_surprise_is_told_and_the_buffer_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with buffering(table := Table(), bound=3) as buffer, asyncio.timeout(5):
        table.broken = ValueError("no such column")
        puts = await asyncio.gather(*(buffer.put(n) for n in range(3)), return_exceptions=True)
        assert puts == [table.broken] * 3
        table.broken = None
        await asyncio.gather(*(buffer.put(n) for n in range(3, 6)))
    assert table.writes == [[3, 4, 5]]
    assert capsys.readouterr().out.count("task.failed") == 1


async def test_rows_behind_a_batch_that_failed_by_surprise_are_written() -> None:
    async with buffering(table := Table(), rows=2) as buffer, asyncio.timeout(5):
        table.open.clear()
        table.broken = ValueError("no such column")
        puts = [asyncio.ensure_future(buffer.put(n)) for n in range(4)]
        await asyncio.wait(puts, timeout=0.05)
        table.open.set()
        await asyncio.wait(puts[:2])
        table.broken = None
        await asyncio.gather(*puts[2:])
    assert table.writes == [[2, 3]]


async def test_who_put_a_row_whose_write_was_cut_does_not_wait_for_it() -> None:
    table = Table()
    async with buffering(table) as buffer:
        table.open.clear()
        put = asyncio.ensure_future(buffer.put(1))
        await asyncio.wait([put], timeout=0.05)
    async with asyncio.timeout(5):
        await asyncio.wait([put])
    assert put.cancelled()


async def test_a_full_buffer_makes_who_puts_wait() -> None:
    async with buffering(table := Table(), rows=2, bound=2) as buffer:
        table.open.clear()
        puts = [asyncio.ensure_future(buffer.put(n)) for n in range(5)]
        await asyncio.wait(puts, timeout=0.1)
        assert buffer.pending <= 2
        table.open.set()
        await asyncio.gather(*puts)
    assert sorted(n for rows in table.writes for n in rows) == [0, 1, 2, 3, 4]


async def test_how_long_writes_take_is_known() -> None:
    async with buffering(table := Table()) as buffer:
        assert buffer.latencies_ms == (0.0, 0.0)
        await buffer.put(1)
        mean, worst = buffer.latencies_ms
    assert 0 <= mean <= worst
    assert table.writes
