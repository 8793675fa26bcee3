"""What a process printed, for everybody and from the start."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.sandbox.domain import OutputChunk
from services.sandbox.providers.local.spool import Spool, make_room, read_finished


async def joined(spool: Spool) -> list[tuple[str, bytes]]:
    return [(chunk.stream, chunk.data) async for chunk in spool.read()]


async def test_reader_gets_all_from_the_start_and_then_what_comes(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", 1000)
    spool.append(0, b"early ")
    reading = asyncio.create_task(joined(spool))
    await asyncio.sleep(0)
    spool.append(0, b"late ")
    spool.append(1, b"error")
    await asyncio.sleep(0)
    spool.close()
    late = await joined(spool)
    assert b"".join(data for stream, data in await reading if stream == "stdout") == b"early late "
    assert late == [("stdout", b"early late "), ("stderr", b"error")]


async def test_output_past_the_limit_is_dropped_and_the_place_is_marked_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", 5)
    for data in (b"123", b"4567", b"89"):
        spool.append(0, data)
    spool.append(1, b"x")
    spool.close()
    assert [chunk async for chunk in spool.read()] == [
        OutputChunk("stdout", b"12345"),
        OutputChunk("stdout", b"", truncated=True),
    ]


async def test_output_that_fills_the_limit_is_whole(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", 5)
    spool.append(0, b"12345")
    assert not spool.full
    spool.close()
    assert [chunk async for chunk in spool.read()] == [OutputChunk("stdout", b"12345")]


async def test_record_that_a_crash_cut_short_is_left_out(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", 100)
    spool.append(0, b"whole")
    spool.append(1, b"cut short")
    spool.close()
    data = (tmp_path / "s").read_bytes()
    for size in range(len(data) - 9, len(data)):
        (tmp_path / "s").write_bytes(data[:size])
        assert [chunk async for chunk in read_finished(tmp_path / "s")] == [OutputChunk("stdout", b"whole")]


async def test_output_that_was_dropped_is_a_mark_alone(tmp_path: Path) -> None:
    assert [chunk async for chunk in read_finished(tmp_path / "none")] == [OutputChunk("stdout", b"", truncated=True)]


def test_oldest_outputs_make_room_and_running_ones_stay(tmp_path: Path) -> None:
    for age, name in enumerate(("newest", "middle", "running", "oldest")):
        (tmp_path / name).write_bytes(bytes(100))
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    make_room(tmp_path, 400, {"running"})
    assert len(list(tmp_path.iterdir())) == 4
    make_room(tmp_path, 250, {"running"})
    assert {path.name for path in tmp_path.iterdir()} == {"newest", "running"}
    make_room(tmp_path, 0, {"running"})
    assert {path.name for path in tmp_path.iterdir()} == {"running"}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=st.lists(st.tuples(st.integers(0, 1), st.binary(min_size=1, max_size=70_000)), max_size=20))
async def test_whatever_was_written_is_read_in_order(tmp_path: Path, writes: list[tuple[int, bytes]]) -> None:
    spool = Spool(tmp_path / "s", 10**7)
    for stream, data in writes:
        spool.append(stream, data)
    spool.close()
    live, finished = await joined(spool), [(c.stream, c.data) async for c in read_finished(tmp_path / "s")]
    assert live == finished
    for number, name in enumerate(("stdout", "stderr")):
        wanted = b"".join(data for stream, data in writes if stream == number)
        assert b"".join(data for stream, data in live if stream == name) == wanted
