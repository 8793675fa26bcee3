"""Recovers at once what workers would recover by themselves, and delivers what is owed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from services.agent.domain.operations import Swept
from services.agent.engine.recovery import RunRecovery
from services.agent.operations_ports import OperationsStore
from services.agent.ports import Hints
from services.agent.stream.cleanup import StreamCleanup
from services.agent.stream.ports import WireDown
from services.agent.use_cases.relay_outbox import RelayOutbox


@dataclass(frozen=True, slots=True)
class Sweep:
    """What was found; runs that were ended; streams that were given a time to live; what could not be done."""

    found: Swept
    ended: int
    streams: int
    errors: tuple[str, ...]


class SweepRuns:
    """The use case."""

    def __init__(
        self,
        store: OperationsStore,
        recovery: RunRecovery,
        cleanup: StreamCleanup,
        relay: RelayOutbox,
        hints: Hints,
        ttl_s: float,
    ) -> None:
        self._store = store
        self._recovery = recovery
        self._cleanup = cleanup
        self._relay = relay
        self._hints = hints
        self._ttl_s = ttl_s

    async def sweep(self, subject: UUID) -> Sweep:
        """Hands orphans to workers and ends the poisoned ones."""
        await self._store.act(subject, "sweep", "", "")
        ended = await self._recovery.sweep()
        found = await self._store.sweep(self._ttl_s)
        await self._hints.work()
        try:
            return Sweep(found, ended, await self._cleanup(), ())
        except WireDown:
            return Sweep(found, ended, 0, ("Redis is away: streams were not looked at",))

    async def flush(self, subject: UUID) -> Counter[UUID]:
        """Rows that were delivered, by run."""
        await self._store.act(subject, "flush", "", "")
        return await self._relay.flush()
