"""Delivers what a run owes to threads, by somebody who does not own it: beside its owner, if that lives."""

from __future__ import annotations

from collections.abc import Sequence

from services.agent.domain.journal import OwedRow
from services.agent.domain.run import Run
from services.agent.engine.courier import Courier, Mark
from services.agent.ports import Billing, OutboxStore, Threads
from services.kit.tasks import Supervisor


class DeliverOwed:
    """The use case. Receivers know what they have, and each deliverer keeps the order: two at once do no harm."""

    def __init__(self, threads: Threads, billing: Billing, outbox: OutboxStore, mark: Mark) -> None:
        self._threads = threads
        self._billing = billing
        self._outbox = outbox
        self._mark = mark

    async def __call__(self, run: Run, owed: Sequence[OwedRow], within_s: float) -> None:
        """Until threads has acknowledged all of its rows; after `within_s` seconds they are left to the outbox."""
        messages = [row for row in owed if row.kind == "messages"]
        if not messages or within_s <= 0:
            return
        courier = Courier(
            (run.run_id, run.account_id), self._threads, self._billing, self._outbox, self._mark, lambda _: None
        )
        async with Supervisor() as tasks:
            courier.start(tasks)
            for row in messages:
                courier.add(row)
            await courier.messages_settled(within_s)
