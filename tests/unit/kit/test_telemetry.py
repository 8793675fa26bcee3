"""Metrics of a process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError

from services.kit.telemetry import once


def test_threads_that_ask_at_the_same_time_make_one() -> None:
    inside, made = Barrier(2), list[object]()

    @once
    def make() -> object:
        with suppress(BrokenBarrierError):
            inside.wait(0.2)  # for the other one, who is kept out
        made.append(object())
        return made[-1]

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.submit(make), threads.submit(make)
    assert first.result() is second.result()
    assert len(made) == 1
