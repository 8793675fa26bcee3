"""The durable events as viewers read them: one of those who wait at the same place asks for all."""

from __future__ import annotations

from services.agent.stream.history import History, Looks
from services.agent.stream.ids import EventId
from tests.fakes.run_stream import RUN, MemoryStore

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
