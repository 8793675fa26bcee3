"""What viewers were shown of a message whose owner died, read back from the run's tail.

The tail is disposable, so what is not known to be the whole from the message's beginning is as good as nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID

from services.agent.ports import Shown
from services.agent.stream.codec import WireEvent, kind_of, parse_batch
from services.agent.stream.ids import EventId
from services.agent.stream.ports import Entry, WireDown
from services.agent.stream.tail import Tail
from services.agent.stream.wire import Wire


class _Telling:
    """One message, as one epoch's events tell it. `whole`: nothing of it is missing so far."""

    def __init__(self, message_id: str) -> None:
        self._message_id = message_id
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._whole = False

    def hear(self, events: Iterable[WireEvent]) -> None:
        for event in events:
            match kind_of(event):
                case "model_call_started":
                    self.forget(whole=True)
                case "message_reset" if event.message_reset.message_id == self._message_id:
                    self.forget(whole=True)
                case "text_chunk" if event.text_chunk.message_id == self._message_id:
                    self._text.append(event.text_chunk.text)
                case "reasoning_chunk" if event.reasoning_chunk.message_id == self._message_id:
                    self._reasoning.append(event.reasoning_chunk.text)

    def forget(self, *, whole: bool) -> None:
        self._text, self._reasoning, self._whole = [], [], whole

    @property
    def shown(self) -> Shown:
        return Shown("".join(self._text), "".join(self._reasoning)) if self._whole else Shown()


class TailRecall:
    """`ports.Recall` over Redis."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def __call__(self, run_id: UUID, epoch: int, message_id: UUID) -> Shown:
        telling, place = _Telling(str(message_id)), EventId(epoch, 0)
        with suppress(WireDown):
            while entries := await self._page(run_id, place):
                for entry in entries:
                    if entry.first != place.n + 1:
                        telling.forget(whole=False)
                    telling.hear(parse_batch(entry.payload))
                    place = entry.id
            return telling.shown
        return Shown()

    async def _page(self, run_id: UUID, place: EventId) -> list[Entry]:
        entries = await Tail(self._wire, run_id).page(place)
        return [entry for entry in entries if entry.id.epoch == place.epoch]
