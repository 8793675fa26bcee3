"""A breaker's whole life, with a clock that the test owns."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from services.kit.circuit_breaker import DEFAULTS, CircuitBreaker, CircuitOpen, CircuitState
from services.kit.errors import NotFound, Unavailable


class ManualClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def breaker(clock: ManualClock) -> CircuitBreaker:
    return CircuitBreaker("model", clock, is_away)


def is_away(error: BaseException) -> bool:
    return isinstance(error, Unavailable)


def call(breaker: CircuitBreaker, error: BaseException | None = None) -> None:
    with breaker.calling():
        if error is not None:
            raise error


def fail(breaker: CircuitBreaker, times: int = DEFAULTS.failures) -> None:
    for _ in range(times):
        with pytest.raises(Unavailable):
            call(breaker, Unavailable())


def test_five_failures_in_a_row_open_it_and_nothing_more_is_sent(breaker: CircuitBreaker, clock: ManualClock) -> None:
    fail(breaker)
    assert breaker.state is CircuitState.OPEN
    clock.seconds = 10
    with pytest.raises(CircuitOpen) as refused:
        call(breaker)
    assert refused.value.retry_after_s == 20
    assert (breaker.stats.total_calls, breaker.stats.rejected_calls) == (5, 1)


def test_failures_with_successes_between_do_not_open_it(breaker: CircuitBreaker) -> None:
    for _ in range(5):
        fail(breaker, DEFAULTS.failures - 1)
        call(breaker)
    assert breaker.state is CircuitState.CLOSED


def test_a_refusal_is_an_answer(breaker: CircuitBreaker) -> None:
    for _ in range(20):
        with pytest.raises(NotFound):
            call(breaker, NotFound())
    assert breaker.state is CircuitState.CLOSED


def test_three_successful_probes_close_it(breaker: CircuitBreaker, clock: ManualClock) -> None:
    fail(breaker)
    clock.seconds = 30
    for expected in (CircuitState.HALF_OPEN, CircuitState.HALF_OPEN, CircuitState.HALF_OPEN):
        assert breaker.state is expected
        call(breaker)
    assert breaker.state is CircuitState.CLOSED
    fail(breaker, DEFAULTS.failures - 1)
    assert breaker.state is CircuitState.CLOSED


def test_one_failed_probe_opens_it_again(breaker: CircuitBreaker, clock: ManualClock) -> None:
    fail(breaker)
    clock.seconds = 30
    call(breaker)
    fail(breaker, 1)
    assert breaker.state is CircuitState.OPEN
    assert breaker.retry_after_s == 30


async def test_half_open_lets_three_probe_at_once(breaker: CircuitBreaker, clock: ManualClock) -> None:
    fail(breaker)
    clock.seconds = 30
    asked, answered = asyncio.Semaphore(0), asyncio.Event()

    async def probe() -> None:
        with breaker.calling():
            asked.release()
            await answered.wait()

    probes = [asyncio.create_task(probe()) for _ in range(DEFAULTS.successes)]
    for _ in probes:
        await asked.acquire()
    with pytest.raises(CircuitOpen):
        call(breaker)
    answered.set()
    await asyncio.gather(*probes)
    call(breaker)


async def test_a_cancelled_probe_gives_its_place_back(breaker: CircuitBreaker, clock: ManualClock) -> None:
    fail(breaker)
    clock.seconds = 30
    for _ in range(10):
        with pytest.raises(asyncio.CancelledError):
            call(breaker, asyncio.CancelledError())
    call(breaker)
    assert breaker.state is CircuitState.HALF_OPEN


def test_it_probes_sooner_when_the_dependency_is_seen_to_be_back(clock: ManualClock) -> None:
    seen: list[bool] = [False]
    breaker = CircuitBreaker("threads", clock, is_away, back=lambda cause: seen[0] and is_away(cause))
    fail(breaker)
    with pytest.raises(CircuitOpen):
        call(breaker)
    seen[0] = True
    call(breaker)
    assert breaker.state is CircuitState.HALF_OPEN


def test_a_reset_of_a_closed_one_is_no_turn(breaker: CircuitBreaker) -> None:
    fail(breaker, 4)
    with capture_logs() as lines:
        breaker.reset()
    assert lines == []
    fail(breaker, 4)
    assert breaker.state is CircuitState.CLOSED


def test_a_reset_closes_it(breaker: CircuitBreaker) -> None:
    fail(breaker)
    breaker.reset()
    call(breaker)
    assert breaker.opened_at is None


@settings(max_examples=200)
@given(st.lists(st.sampled_from(["fail", "succeed", "refuse", "cancel", "wait"]), max_size=60))
def test_an_open_breaker_sends_nothing_but_its_probes(events: list[str]) -> None:
    """I21, over any history: a call is refused exactly while the last opening is younger than thirty seconds."""
    clock = ManualClock()
    breaker = CircuitBreaker("any", clock, is_away)
    raised = {"fail": Unavailable(), "refuse": NotFound(), "cancel": asyncio.CancelledError(), "succeed": None}
    for event in events:
        if event == "wait":
            clock.seconds += 7
            continue
        opened = breaker.opened_at
        must_refuse = breaker.state is CircuitState.OPEN
        try:
            call(breaker, raised[event])
            refused = False
        except CircuitOpen:
            refused = True
        except (Unavailable, NotFound, asyncio.CancelledError):
            refused = False
        assert refused == must_refuse
        if refused:
            assert opened is not None
            assert clock.now() - opened < timedelta(seconds=DEFAULTS.open_s)
    stats = breaker.stats
    assert stats.total_calls >= stats.successful_calls + stats.failed_calls
