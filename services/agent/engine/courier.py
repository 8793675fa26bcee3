"""Delivers what one run owes, in order, as long as its owner lives; what is left then, any process relays.

Requests of one kind are joined while they wait: repeated fields of serialized messages merge by concatenation. What is
refused together goes one by one, and a row that its receiver refuses for good becomes a dead letter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Literal
from uuid import UUID

import structlog

from services.agent.domain.journal import OwedRow, joinable
from services.agent.domain.run import StopReason
from services.agent.errors import refusals_of
from services.agent.ports import Billing, OutboxStore, Owed, Threads
from services.kit.context import acting_for
from services.kit.errors import MeshError, Unavailable
from services.kit.pauses import Pauses
from services.kit.tasks import Supervisor

log = structlog.get_logger()

Mark = Callable[[Iterable[tuple[UUID, int]]], None]
Deliver = Callable[[bytes], Awaitable[None]]
Refuse = Callable[[OwedRow, MeshError], Awaitable[bool]]
"""Counts a refusal for good. True: the row is not to be delivered any more."""


class Lane:
    """One kind of request, delivered in order, repeated until acknowledged or given up."""

    def __init__(self, name: str, run_id: UUID, deliver: Deliver, mark: Mark, refuse: Refuse) -> None:
        self._name = name
        self._run_id = run_id
        self._deliver = deliver
        self._mark = mark
        self._refuse = refuse
        self._waiting: list[OwedRow] = []
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def add(self, row: OwedRow) -> None:
        """Queues a row; rows come in seq order."""
        self.hold(row)
        self._wake.set()

    def hold(self, row: OwedRow) -> None:
        """Queues a row that goes with the next one."""
        self._waiting.append(row)
        self._idle.clear()

    async def settled(self, timeout: float | None) -> bool:
        """Waits until everything queued is acknowledged or given up; False when that took too long."""
        if self._idle.is_set():
            return True
        self._wake.set()
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Delivers until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            one_by_one = False
            while self._waiting:
                batch = self._waiting[: 1 if one_by_one else joinable(self._waiting)]
                if await self._send(batch):
                    del self._waiting[: len(batch)]
                else:
                    one_by_one = True
            self._idle.set()

    async def _send(self, batch: Sequence[OwedRow]) -> bool:
        """Delivers until that is settled; False: they were refused together, and one of them may be to blame."""
        pauses = Pauses(0.2, 5.0)
        while True:
            try:
                await self._deliver(b"".join(row.payload for row in batch))
            except MeshError as error:
                log.warning("run.delivery_failed", lane=self._name, run_id=str(self._run_id), reason=error.reason)
                if refusals_of(error) is not None:
                    if len(batch) > 1:
                        return False
                    if await self._refuse(batch[0], error):
                        return True
                await asyncio.sleep(pauses.next())
            else:
                self._mark((self._run_id, row.seq) for row in batch)
                return True


class Courier:
    """Both lanes of a run. Its receivers check the account alone, so that the runs of one account share a token."""

    def __init__(
        self,
        run: tuple[UUID, UUID],
        threads: Threads,
        billing: Billing,
        outbox: OutboxStore,
        mark: Mark,
        on_stop: Callable[[StopReason], None],
    ) -> None:
        self._run_id, self._account_id = run
        self._threads = threads
        self._billing = billing
        self._outbox = outbox
        self._on_stop = on_stop
        self._lanes: dict[Literal["messages", "charges"], Lane] = {
            "messages": Lane("messages", self._run_id, self._messages, mark, self._refuse),
            "charges": Lane("charges", self._run_id, self._charges, mark, self._refuse),
        }

    def start(self, tasks: Supervisor) -> None:
        """Delivers in the background."""
        for name, lane in self._lanes.items():
            tasks.start(name, lane.run)

    def owe(self, base: int, events: int, owed: Sequence[Owed]) -> None:
        """Takes over the outbox rows of a durable write; `base` is the seq before its first row."""
        for place, row in enumerate(owed, start=base + events + 1):
            self.add(OwedRow(place, row.kind, row.payload))

    def add(self, row: OwedRow) -> None:
        """Takes over one row."""
        self._lanes[row.kind].add(row)

    def hold(self, row: OwedRow) -> None:
        """Takes over one row that may wait for the next."""
        self._lanes[row.kind].hold(row)

    async def messages_settled(self, timeout: float | None) -> bool:
        """Whether threads has acknowledged all rows, within so many seconds; None: as long as it takes."""
        return await self._lanes["messages"].settled(timeout)

    async def charges_settled(self, timeout: float) -> bool:
        """Whether billing has acknowledged all charges."""
        return await self._lanes["charges"].settled(timeout)

    async def _messages(self, payload: bytes) -> None:
        with acting_for(str(self._account_id)):
            if await self._threads.deliver(self._account_id, payload):
                self._on_stop("deleted")

    async def _refuse(self, row: OwedRow, error: MeshError) -> bool:
        limit = refusals_of(error)
        assert limit is not None
        try:
            became = await self._outbox.refuse(self._run_id, row.seq, f"{error.reason}: {error.message}", limit)
        except Unavailable:  # it is refused again, and counted then
            return False
        if became == "dead":
            log.error("run.undeliverable", run_id=str(self._run_id), seq=row.seq, kind=row.kind, reason=error.reason)
            self._on_stop("undeliverable")
        return became != "counted"

    async def _charges(self, payload: bytes) -> None:
        with acting_for(str(self._account_id)):
            await self._billing.deliver(self._account_id, payload)
