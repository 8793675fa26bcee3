"""An operator ends a run whose owner lives: whatever the owner commits meanwhile is counted, once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from mesh.billing.v1 import billing_pb2

from services.agent.codec.rows import encode_charges
from services.agent.domain.journal import Journal, OwedRow
from services.agent.domain.run import Ending, Run
from services.agent.engine import bill
from services.agent.engine.conversation import call_key
from services.agent.errors import Fenced
from services.agent.llm.port import Usage
from services.agent.ports import ChosenAgent, Fence, NewRun, Owed, Stamped, Writes
from services.agent.use_cases.deliver_owed import DeliverOwed
from services.agent.use_cases.end_run import DELIVERED_WITHIN_S, TRIES, EndRun
from services.kit.errors import Aborted, Unavailable
from tests.chaos.sim.tables import Tables
from tests.unit.agent.records import ACCOUNT_ID, NOW, call, claim, started, step

ENDING = Ending("failed", "admin", "went astray", "INTERNAL_ERROR")
USAGE = Usage(10, 5)


class Owner:
    """A run in its owner's hands, and the tables. `meanwhile`: what it commits once somebody else read the journal."""

    def __init__(self) -> None:
        self.tables = Tables(lambda: 1000.0)
        new = NewRun(
            uuid4(), ACCOUNT_ID, uuid4(), uuid4(), ChosenAgent(uuid4(), uuid4(), None), 1, claim().spec, 60.0, b"",
            None, b"", b"message",
        )  # fmt: skip
        self.tables.admit(new)
        (mine,) = self.tables.claim("w1", 5.0, 1, False)
        self.run: Run = mine.run
        self.fence = Fence(mine.run_id, mine.epoch, ACCOUNT_ID)
        self.reads = 0
        self.meanwhile: list[Callable[[], object]] = []
        self._n = 0

    def __getattr__(self, name: str) -> Any:
        async def asked(*args: Any) -> Any:
            return getattr(self.tables, name)(*args)

        return asked

    async def load(self, run_id: UUID) -> Journal:
        """What others read, and the owner's next write right behind it."""
        self.reads += 1
        journal = self.tables.load(run_id)
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return journal

    def begin(self) -> None:
        self.tables.begin_step(self.fence, started(), b"", self._writes())

    def finish(self) -> None:
        charge = bill.charge(self.run.run_id, self.run.model, started(), USAGE)
        payload = encode_charges(ACCOUNT_ID, self.run.run_id, self.run.thread_id, [charge], release=False)
        self.tables.finish_step(self.fence, step(), [], [], self._writes(Owed("charges", payload)))

    def call(self) -> None:
        self.tables.begin_calls(self.fence, [call(state="started")], self._writes())

    def _writes(self, *owed: Owed) -> Writes:
        self._n += 1
        return Writes([Stamped(self._n, b"event")], owed)

    def charged(self) -> list[str]:
        """The keys of all that billing is told, in order."""
        told = [billing_pb2.SettleRunRequest.FromString(row.owed.payload) for row in self.tables.outbox[1:]]
        return [charge.key for request in told for charge in request.charges]


class Operator:
    """Who ends runs. `told`: what was delivered, and within how many seconds."""

    def __init__(self, owner: Owner) -> None:
        self.cancelled: list[str] = []
        self.told: list[tuple[list[OwedRow], float, str]] = []
        self._owner = owner
        self.end = EndRun(cast(Any, owner), cast(Any, owner), cast(Any, self), cast(Any, self), self._tell, self._bring,
                          lambda: NOW)  # fmt: skip

    async def cancel(self, key: str, epoch: int) -> None:
        self.cancelled.append(key)

    async def work(self) -> None:
        """A hint."""

    async def _tell(self, run_id: UUID, epoch: int, payload: bytes) -> None:
        """To viewers."""

    async def _bring(self, run: Run, owed: Sequence[OwedRow], within_s: float) -> None:
        self.told.append((list(owed), within_s, self._owner.tables.runs[run.run_id].run.status))


async def test_a_step_that_is_done_while_it_is_ended_is_charged_and_no_waste() -> None:
    owner = Owner()
    owner.begin()
    owner.meanwhile = [owner.finish]
    assert await Operator(owner).end(owner.run, ENDING)
    assert owner.charged() == [f"post:{owner.run.run_id}:1"]
    assert owner.tables.runs[owner.run.run_id].run.status == "failed"


async def test_a_step_that_begins_while_its_run_is_ended_is_waste() -> None:
    owner = Owner()
    owner.meanwhile = [owner.begin]
    assert await Operator(owner).end(owner.run, ENDING)
    assert owner.charged() == [f"post:{owner.run.run_id}:1:waste:e1"]


async def test_a_call_that_begins_while_its_run_is_ended_is_cancelled() -> None:
    owner = Owner()
    owner.begin()
    owner.meanwhile = [owner.call]
    operator = Operator(owner)
    assert await operator.end(owner.run, ENDING)
    assert operator.cancelled == [call_key(owner.run.run_id, 1, 0)]
    with pytest.raises(Fenced):
        owner.finish()


async def test_a_run_whose_owner_never_stops_to_write_is_left_to_it_after_a_bounded_time() -> None:
    owner = Owner()
    owner.begin()
    owner.meanwhile = [owner.call] * (2 * TRIES)
    with pytest.raises(Aborted):
        await Operator(owner).end(owner.run, ENDING)
    assert owner.reads == TRIES
    assert owner.tables.runs[owner.run.run_id].run.status == "running"


async def test_a_run_that_changed_hands_is_read_again_by_who_asked() -> None:
    owner = Owner()

    def taken_over() -> None:
        owner.tables.runs[owner.run.run_id].owner = None
        owner.tables.claim("w2", 5.0, 1, False)

    owner.meanwhile = [taken_over]
    operator = Operator(owner)
    assert not await operator.end(owner.run, ENDING)
    assert owner.tables.runs[owner.run.run_id].run.status == "running"


async def test_what_a_run_owes_is_delivered_before_its_end_as_long_as_a_stop_would_wait() -> None:
    owner = Owner()
    operator = Operator(owner)
    assert await operator.end(owner.run, ENDING)
    ((rows, within_s, status),) = operator.told
    assert [row.payload for row in rows] == [b"message"]
    assert within_s == pytest.approx(DELIVERED_WITHIN_S, abs=0.5)
    assert status == "running"


class FakeThreads:
    """Threads; `away` refuses."""

    def __init__(self) -> None:
        self.away = False
        self.rows: list[bytes] = []

    async def deliver(self, account_id: UUID, payload: bytes) -> bool:
        if self.away:
            raise Unavailable
        self.rows.append(payload)
        return False


@pytest.mark.parametrize("away", [False, True])
async def test_delivering_ends_when_threads_has_the_messages_or_after_its_time(away: bool) -> None:
    threads, marked = FakeThreads(), list[tuple[UUID, int]]()
    threads.away = away
    deliver = DeliverOwed(cast(Any, threads), cast(Any, None), cast(Any, None), marked.extend)
    run = claim().run
    await deliver(run, [OwedRow(2, "messages", b"a"), OwedRow(5, "charges", b"c"), OwedRow(6, "messages", b"b")], 0.05)
    assert threads.rows == ([] if away else [b"ab"])
    assert marked == ([] if away else [(run.run_id, 2), (run.run_id, 6)])
