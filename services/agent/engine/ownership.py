"""Which runs this worker owns: claims them, keeps their leases, gives them back."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from services.agent.domain.run import Claim, StopReason
from services.agent.engine.heartbeat import Heartbeat, HeartbeatSettings, Leases
from services.agent.ports import Fence, OwnershipStore
from services.kit.errors import Unavailable


class RunOwnership:
    """One worker's; `owner` names it in the rows. `on_lost` and `on_stop` are called on the worker's loop."""

    def __init__(
        self,
        owner: str,
        store: OwnershipStore,
        beats: HeartbeatSettings,
        open_leases: Callable[[], Leases],
        on_lost: Callable[[UUID, int], None],
        on_stop: Callable[[UUID, StopReason], None],
    ) -> None:
        self.owner = owner
        self._store = store
        self._ttl_s = beats.ttl_s
        self._heartbeat = Heartbeat(beats, open_leases, on_lost, on_stop)

    async def keep(self) -> None:
        """Beats for all that is owned, until cancelled."""
        await self._heartbeat.run()

    def may_steal(self) -> bool:
        """Whether a lease that is over says something, as the heartbeat sees it."""
        return self._heartbeat.may_steal

    async def claim(self, wanted: int) -> list[Claim]:
        """At most so many runs: queued ones, and those of owners that are gone. None while storage is away."""
        try:
            return await self._store.claim(self.owner, self._ttl_s, wanted, self._heartbeat.may_steal)
        except Unavailable:
            return []

    def add(self, claim: Claim) -> None:
        """Begins to beat for a run; the claim itself was the first beat."""
        self._heartbeat.add(claim.run_id, claim.epoch)

    def remove(self, claim: Claim) -> None:
        """Ends it; the same run under another epoch stays."""
        self._heartbeat.remove(claim.run_id, claim.epoch)

    async def fresh(self) -> None:
        """Waits until the last good beat is young enough to begin something new."""
        await self._heartbeat.fresh()

    async def release(self, claim: Claim) -> bool:
        """Gives a run back at once, burning no attempt. False while storage is away: its lease ends by itself."""
        try:
            await self._store.release(Fence(claim.run_id, claim.epoch, claim.run.account_id))
        except Unavailable:
            return False
        return True
