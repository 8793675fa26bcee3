"""What a worker says of the runs that it owns."""

from __future__ import annotations

from typing import cast

from services.agent.engine.ownership import RunOwnership
from services.agent.ports import Fence, OwnershipStore
from services.kit.errors import Unavailable
from tests.unit.agent.engine.test_heartbeat import FAST, FakeLeases
from tests.unit.agent.records import claim


class FakeStore:
    """The table, which may be away."""

    def __init__(self) -> None:
        self.away = False
        self.released: list[Fence] = []

    async def release(self, fence: Fence) -> None:
        if self.away:
            raise Unavailable
        self.released.append(fence)


async def test_a_run_is_given_back_under_its_epoch_and_left_to_its_lease_while_storage_is_away() -> None:
    store, mine = FakeStore(), claim()
    ownership = RunOwnership("w", cast(OwnershipStore, store), FAST, FakeLeases, lambda *_: None, lambda *_: None)
    store.away = True
    assert not await ownership.release(mine)
    store.away = False
    assert await ownership.release(mine)
    assert store.released == [Fence(mine.run_id, mine.epoch, mine.run.account_id)]
