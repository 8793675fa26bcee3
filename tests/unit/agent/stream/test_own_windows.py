"""A process' own windows of starts: the limit in every window, and a bound on what they remember."""

from __future__ import annotations

from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.agent.stream.own_windows import OwnWindows

ACCOUNT = UUID(int=1)


def takes(windows: OwnWindows, account: UUID, now: float, times: int = 1) -> int:
    """How many of so many new starts are counted."""
    return sum(windows.take(account, uuid4(), now) == 0 for _ in range(times))


@given(st.lists(st.integers(0, 40), max_size=80))
def test_no_window_has_more_than_the_limit(pauses: list[int]) -> None:
    windows, now, times = OwnWindows(3, 60), 0, list[int]()
    for pause in pauses:
        now += pause
        if takes(windows, ACCOUNT, now):
            times.append(now)
    assert all(later - earlier >= 60 for earlier, later in zip(times, times[3:], strict=False))


def test_who_waits_as_long_as_told_is_let_in_and_not_before() -> None:
    windows = OwnWindows(2, 60)
    assert [takes(windows, ACCOUNT, now) for now in (0.0, 10.0)] == [1, 1]
    assert windows.take(ACCOUNT, uuid4(), 15.0) == 45
    assert [takes(windows, ACCOUNT, now, 2) for now in (59.0, 60.0)] == [0, 1]


def test_a_start_counts_once_and_gives_its_place_back() -> None:
    windows, start = OwnWindows(1, 60), uuid4()
    assert [windows.take(ACCOUNT, start, now) for now in (0.0, 1.0)] == [0, 0]
    assert windows.has(ACCOUNT, start, 1.0)
    assert not takes(windows, ACCOUNT, 1.0)
    windows.give_back(ACCOUNT, start)
    assert takes(windows, ACCOUNT, 1.0)


def test_of_too_many_accounts_the_one_that_started_nothing_for_longest_is_forgotten() -> None:
    windows, accounts = OwnWindows(2, 60, accounts=3), [uuid4() for _ in range(4)]
    for account in (*accounts[:3], accounts[0], accounts[3]):
        assert takes(windows, account, 0.0)
    assert [takes(windows, account, 0.0, 2) for account in (accounts[0], accounts[3], accounts[2])] == [0, 1, 1]
    assert takes(windows, accounts[1], 0.0, 2) == 2
