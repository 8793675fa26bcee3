"""Keeps a viewer's chunks right where some were lost.

A viewer's chunks of a message, after its last reset, are none or the whole. After a hole it is shown no chunk until a
message begins, is reset or is complete; and the ids that were lost with the chunks are free to say what makes it whole:
a reset of what was shown, and at the message's completion the whole of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from services.agent.domain.events import RunEvent, TextChunk
from services.agent.stream.codec import CHUNKS, WireEvent, id_of, kind_of, live, message_of, whole, withdrawal
from services.agent.stream.ids import START, EventId, free_ids

_SETTLING = frozenset({"model_call_started", "message_reset", "assistant_complete"})


class Mender:
    """What one viewer may have been shown, and what it is still owed."""

    def __init__(self, *, shown: bool) -> None:
        self.shown = shown
        """It may hold chunks of a message that is not complete."""
        self.holding = False
        """Chunks are held back."""
        self.torn_to = START
        """The last event that it was shown of a message while that one's chunks were held back."""
        self._within = False
        """A message is open; not known where chunks may have been shown."""
        self._last = START
        self._torn: str | None = None
        self._withdrawn: str | None = None

    def tear(self, at: EventId, message_id: str | None) -> None:
        """Events after `at` were lost; `message_id`: of the message open there, if it may have been shown."""
        self._last = self._last if self.holding else at
        if self.shown:
            self._within = message_id is not None
        self._torn = message_id or self._torn
        self.holding, self.shown = True, False

    def mend(self, at: EventId, events: Iterable[WireEvent]) -> list[WireEvent]:
        """What the viewer is shown of events that come after `at`, with what stands in for lost ones."""
        self._last = self._last if self.holding else at
        shown: list[WireEvent] = []
        for event in events:
            if self.holding and kind_of(event) in CHUNKS:
                continue
            if self.holding:
                stand_ins = self._before(event)
                shown += stand_ins
                self._note_torn(stand_ins if kind_of(event) in _SETTLING else [event])
            shown.append(event)
            self._note(event)
        return shown

    def _before(self, event: WireEvent) -> list[WireEvent]:
        """What must be said before an event that is not a chunk."""
        owed = self._owed(event)
        ids = free_ids(self._last, id_of(event), len(owed[0]))
        said = next(choice for choice in owed if len(choice) <= len(ids))
        if said and self._torn is not None:
            self._torn, self._withdrawn = None, self._torn
        return [live(stand_in, at, event.at_ms) for stand_in, at in zip(said, ids[len(ids) - len(said) :], strict=True)]

    def _owed(self, event: WireEvent) -> list[list[RunEvent]]:
        """The same in ever fewer events; the last choice is silence."""
        kind = kind_of(event)
        about = message_of(event) if kind in _SETTLING else None
        if self._torn is not None and kind == "message_reset" and about == self._torn:
            return [[]]
        reset: list[RunEvent] = [] if self._torn is None else [withdrawal(self._torn)]
        if kind != "assistant_complete" or about not in (self._torn, self._withdrawn):
            return [reset, []]
        told = whole(event)
        return [reset + told, reset + [said for said in told if isinstance(said, TextChunk)], reset, []]

    def _note_torn(self, events: list[WireEvent]) -> None:
        if self._within and events:
            self.torn_to = id_of(events[-1])

    def _note(self, event: WireEvent) -> None:
        kind = kind_of(event)
        self._last = id_of(event)
        if kind in CHUNKS:
            self.shown = True
        elif kind in _SETTLING:
            self.shown = self.holding = False
            self._within = kind != "assistant_complete"
            self._torn = self._withdrawn = None
