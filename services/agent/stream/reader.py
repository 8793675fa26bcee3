"""The viewers' side of all runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from uuid import UUID

from services.agent.stream.history import History, Looks
from services.agent.stream.ids import parse_cursor
from services.agent.stream.ports import EventStore, RunHead, Tails
from services.agent.stream.viewer import Pace, Viewer

PAGE = 100


class Reader:
    """Streams runs to viewers; `page` is the number of stored events per statement."""

    def __init__(self, store: EventStore, tails: Tails, pace: Pace | None = None, page: int = PAGE) -> None:
        self._store = store
        self._tails = tails
        self._pace = pace or Pace()
        self._page = page
        self._looks = Looks(self._pace.idle_s)

    async def watch(self, run_id: UUID, last_id: str, head: RunHead | None = None) -> AsyncGenerator[bytes, None]:
        """Serialized WatchRunResponses, to the terminal event, and for as long as that takes.

        `last_id` is the id of the last event that the viewer has; empty, or not of this run: from the start. `head` is
        the run's row, where the caller has just read it. Raises InvalidCursor, RunNotFound, and Unavailable when
        Postgres is needed and away: the viewer resumes.
        """
        cursor = parse_cursor(last_id)
        history = History(self._store, run_id, self._page, self._looks)
        with self._tails.joined(run_id) as tail:
            async for payload in Viewer(history, tail, cursor, self._pace).run(head):
                yield payload
