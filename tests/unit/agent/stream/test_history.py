"""The durable events as viewers read them: one of those who wait at the same place asks for all, and tells them."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from mesh.agent.v1 import events_pb2

from services.agent.ports import Stamped
from services.agent.stream.codec import frame
from services.agent.stream.history import History, Looks
from services.agent.stream.ids import EventId
from services.agent.stream.ports import Entry, StoredEvent
from services.agent.stream.reader import Reader
from services.agent.stream.viewer import Pace
from services.kit.errors import Unavailable
from tests.fakes.run_stream import RUN, MemoryStore, MemoryTail, View
from tests.support.virtual_loop import VirtualLoop

END = EventId(0, 1)


async def test_viewers_who_wait_at_the_same_place_look_once() -> None:
    store, looks = MemoryStore(), Looks(60.0)
    store.admit()
    waiting = [History(store, RUN, 10, looks) for _ in range(100)]
    assert [await history.look(END) for history in waiting] == [None] * 100
    assert store.reads == 1


async def test_another_place_and_a_later_time_are_looked_at_again() -> None:
    store, later = MemoryStore(), Looks(0.0)
    store.admit()
    history = History(store, RUN, 10, later)
    assert await history.look(EventId(0, 0)) == END
    assert await history.look(EventId(0, 0)) == END
    patient = History(store, RUN, 10, Looks(60.0))
    assert await patient.look(END) is None
    assert await patient.look(EventId(0, 0)) == END


async def test_what_one_found_is_told_to_all_who_wait_there() -> None:
    store, looks = MemoryStore(), Looks(60.0)
    store.admit()
    waiting = [History(store, RUN, 10, looks) for _ in range(10)]
    assert await asyncio.gather(*(history.look(EventId(0, 0)) for history in waiting)) == [END] * 10
    assert await History(store, RUN, 10, looks).look(EventId(0, 0)) == END
    assert store.reads == 1


async def test_who_waits_for_another_s_look_that_fails_is_told_nothing_and_nobody_asks_again_at_once() -> None:
    store, looks = MemoryStore(), Looks(60.0)
    store.admit()
    store.down = True
    first, *others = await asyncio.gather(
        *(History(store, RUN, 10, looks).look(END) for _ in range(5)), return_exceptions=True
    )
    assert isinstance(first, Unavailable)
    assert others == [None] * 4
    assert store.reads == 1


async def test_a_viewer_that_goes_does_not_take_the_others_look_with_it() -> None:
    store, looks = Slow(), Looks(60.0)
    store.admit()
    looking = asyncio.ensure_future(History(store, RUN, 10, looks).look(EventId(0, 0)))
    waiting, patient = (asyncio.ensure_future(History(store, RUN, 10, looks).look(EventId(0, 0))) for _ in range(2))
    await asyncio.wait([looking], timeout=0.01)
    waiting.cancel()
    await asyncio.wait([waiting])
    store.answers.set()
    assert await looking == await patient == END


async def test_a_viewer_that_goes_while_it_looks_leaves_nobody_waiting() -> None:
    store, looks = Slow(), Looks(60.0)
    store.admit()
    looking, patient = (asyncio.ensure_future(History(store, RUN, 10, looks).look(END)) for _ in range(2))
    await asyncio.wait([looking], timeout=0.01)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert await patient is None


class Slow(MemoryStore):
    """Answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = asyncio.Event()

    async def read(self, run_id: UUID, after: tuple[int, int], limit: int) -> list[StoredEvent]:
        await self.answers.wait()
        return await super().read(run_id, after, limit)


def event(n: int, **said: Any) -> bytes:
    """A durable event of the first owner."""
    return events_pb2.RunEvent(epoch=1, n=n, durable=True, **said).SerializeToString()


@pytest.mark.parametrize("apart_s", [0.0, 0.1])
def test_all_viewers_of_a_run_whose_terminal_never_reached_redis_have_it_after_one_look(apart_s: float) -> None:
    """Its owner was killed between the commit and the XADD."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        waited = runner.run(until_all_have_it(apart_s))
    assert len(waited) == 10
    assert max(waited) <= PACE.idle_s + PACE.overdue_s + apart_s * 10


PACE = Pace()


async def until_all_have_it(apart_s: float) -> list[float]:
    """Seconds after the commit in which each of ten viewers had the terminal, who came so many seconds apart."""
    store, tail = MemoryStore(), MemoryTail()
    store.admit()
    store.epoch = 1
    begun = event(1, run_started=events_pb2.RunStarted(message_id="m"))
    store.write(1, [Stamped(1, begun)])
    await tail.append(Entry(1, EventId(1, 1), frame(begun), False), None, 1)
    reader, loop = Reader(store, tail, PACE), asyncio.get_running_loop()
    ended = loop.time() + 10 * apart_s + 1

    async def view(late_s: float) -> float:
        await asyncio.sleep(late_s)
        assert (await View().watch(reader.watch(RUN, ""))).ended
        return loop.time() - ended

    viewers = [asyncio.ensure_future(view(n * apart_s)) for n in range(10)]
    await asyncio.sleep(ended - loop.time())
    store.write(1, [Stamped(2, event(2, run_ended=events_pb2.RunEnded(status="completed")))])
    return await asyncio.gather(*viewers)
