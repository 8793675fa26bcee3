"""What a run owes is delivered in order, together, and again until it is acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any
from uuid import UUID

import pytest

from services.agent.domain.journal import JOINED_BYTES, JOINED_ROWS, OwedRow, joinable
from services.agent.engine.courier import Courier, Lane
from services.agent.ports import Owed
from services.kit.errors import InvalidArgument, MeshError, Unavailable
from services.kit.tasks import Supervisor
from tests.unit.agent.records import ACCOUNT_ID, RUN_ID

OUTBOX: Any = None


class Receiver:
    """A neighbour. While `closed`, deliveries wait; `refuse` so many first."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.marked: list[int] = []
        self.open = asyncio.Event()
        self.open.set()
        self.asked = asyncio.Event()
        self.refuse = 0
        self.deleted = False
        self.unwelcome: set[bytes] = set()
        self.counted: list[int] = []

    async def take(self, payload: bytes) -> None:
        self.asked.set()
        await self.open.wait()
        if self.refuse:
            self.refuse -= 1
            raise Unavailable
        if any(part in payload for part in self.unwelcome):
            raise InvalidArgument
        self.got.append(payload)

    async def deliver(self, account_id: UUID, payload: bytes) -> bool:
        assert account_id == ACCOUNT_ID
        await self.take(payload)
        return self.deleted

    async def given_up(self, row: OwedRow, error: MeshError) -> bool:
        """The second refusal of a row is its last."""
        assert not isinstance(error, Unavailable)
        self.counted.append(row.seq)
        return self.counted.count(row.seq) == 2

    def mark(self, rows: Iterable[tuple[UUID, int]]) -> None:
        for run_id, seq in rows:
            assert run_id == RUN_ID
            self.marked.append(seq)


def row(seq: int, kind: Any = "messages") -> OwedRow:
    return OwedRow(seq, kind, b"<%d>" % seq)


@pytest.fixture
async def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def lane(receiver: Receiver) -> AsyncIterator[Lane]:
    made = Lane("messages", RUN_ID, receiver.take, receiver.mark, receiver.given_up)
    async with Supervisor() as tasks:
        tasks.start("lane", made.run)
        yield made


async def test_rows_that_wait_go_together_and_in_order(lane: Lane, receiver: Receiver) -> None:
    receiver.open.clear()
    lane.add(row(1))
    await receiver.asked.wait()
    for seq in (2, 3, 4):
        lane.add(row(seq))
    receiver.open.set()
    assert await lane.settled(5)
    assert receiver.got == [b"<1>", b"<2><3><4>"]
    assert receiver.marked == [1, 2, 3, 4]


async def test_a_delivery_is_repeated_until_it_is_acknowledged(lane: Lane, receiver: Receiver) -> None:
    receiver.refuse = 2
    lane.add(row(1))
    assert await lane.settled(10)
    assert receiver.got == [b"<1>"]
    assert receiver.marked == [1]


async def test_nothing_overtakes_a_delivery_that_is_refused(lane: Lane, receiver: Receiver) -> None:
    receiver.refuse = 1
    lane.add(row(1))
    await receiver.asked.wait()
    lane.add(row(2))
    assert await lane.settled(10)
    assert receiver.got == [b"<1>", b"<2>"]


async def test_of_rows_that_are_refused_together_the_one_to_blame_is_given_up(lane: Lane, receiver: Receiver) -> None:
    receiver.unwelcome = {b"<2>"}
    for seq in (1, 2, 3):
        lane.hold(row(seq))
    assert await lane.settled(10)
    assert receiver.got == [b"<1>", b"<3>"]
    assert receiver.counted == [2, 2]
    assert receiver.marked == [1, 3]


async def test_a_held_row_goes_with_the_next_and_before_it(lane: Lane, receiver: Receiver) -> None:
    lane.hold(row(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert receiver.got == []
    lane.add(row(2))
    assert await lane.settled(5)
    assert receiver.got == [b"<1><2>"]


async def test_a_held_row_goes_alone_when_somebody_waits_for_it(lane: Lane, receiver: Receiver) -> None:
    lane.hold(row(1))
    assert await lane.settled(5)
    assert receiver.got == [b"<1>"]


async def test_waiting_for_an_acknowledgement_has_an_end(lane: Lane, receiver: Receiver) -> None:
    receiver.open.clear()
    lane.add(row(1))
    assert not await lane.settled(0.01)
    receiver.open.set()
    assert await lane.settled(None)


async def test_nothing_owed_is_settled_at_once(lane: Lane) -> None:
    assert await lane.settled(None)


async def test_one_request_is_bounded_in_rows(lane: Lane, receiver: Receiver) -> None:
    for seq in range(2 * JOINED_ROWS + 1):
        lane.hold(row(seq))
    assert await lane.settled(5)
    assert [part.count(b"<") for part in receiver.got] == [JOINED_ROWS, JOINED_ROWS, 1]
    assert receiver.marked == list(range(2 * JOINED_ROWS + 1))


def test_one_request_is_bounded_in_bytes_but_never_empty() -> None:
    big, small = OwedRow(1, "messages", b"x" * (JOINED_BYTES + 1)), row(2)
    assert joinable([big, small]) == 1
    assert joinable([small, big]) == 1
    assert joinable([small, small]) == 2
    assert joinable([]) == 0


async def test_a_write_is_owed_by_its_numbers_each_kind_on_its_own_lane() -> None:
    threads, billing, deleted = Receiver(), Receiver(), asyncio.Event()
    billing.mark = threads.mark  # type: ignore[method-assign]
    courier = Courier((RUN_ID, ACCOUNT_ID), threads, billing, OUTBOX, threads.mark, lambda _: deleted.set())  # type: ignore[arg-type]
    async with Supervisor() as tasks:
        courier.start(tasks)
        billing.open.clear()
        courier.owe(10, 2, [Owed("messages", b"m"), Owed("charges", b"c")])
        assert await courier.messages_settled(5)
        assert not await courier.charges_settled(0.01)
        assert (threads.got, threads.marked) == ([b"m"], [13])
        billing.open.set()
        assert await courier.charges_settled(5)
    assert (billing.got, threads.marked) == ([b"c"], [13, 14])
    assert not deleted.is_set()


async def test_a_deleted_thread_is_told_of() -> None:
    threads, deleted = Receiver(), asyncio.Event()
    threads.deleted = True
    courier = Courier((RUN_ID, ACCOUNT_ID), threads, Receiver(), OUTBOX, threads.mark, lambda _: deleted.set())  # type: ignore[arg-type]
    async with Supervisor() as tasks:
        courier.start(tasks)
        courier.add(row(1))
        assert await courier.messages_settled(5)
    assert deleted.is_set()
