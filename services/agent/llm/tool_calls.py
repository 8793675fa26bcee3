"""Which call a piece of a call belongs to.

By the book a piece carries the index of its call, and the first one its id and name. Servers forget the index, repeat
id and name in each piece, give every call index 0, send no id at all, or send the arguments as an object. Whatever
they do, the deltas that leave here are by the book: indexes count from 0, id and name come first and once.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from services.agent.llm.port import ToolCallDelta


@dataclass(slots=True)
class _Call:
    index: int
    slot: int | None
    provider_id: str
    name: str = ""
    held: str = ""
    told: bool = False


class ToolCalls:
    """The calls of one answer. Calls that the server gave no id get one made of `request_id`."""

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id
        self._calls: list[_Call] = []

    def __len__(self) -> int:
        return len(self._calls)

    def read(self, pieces: list[Any]) -> list[ToolCallDelta]:
        """The deltas in one chunk's `tool_calls`."""
        deltas = (self._piece(piece) for piece in pieces if isinstance(piece, dict))
        return [delta for delta in deltas if delta is not None]

    @property
    def unnamed(self) -> bool:
        """Whether a call never got its name, which makes the answer unusable."""
        return any(not call.told for call in self._calls)

    def _piece(self, piece: dict[str, Any]) -> ToolCallDelta | None:
        function = piece.get("function")
        function = function if isinstance(function, dict) else {}
        slot, given_id, name = piece.get("index"), _text(piece.get("id")), _text(function.get("name"))
        call = self._find(slot if isinstance(slot, int) else None, given_id, name)
        arguments = _arguments(function.get("arguments"))
        if call.told:
            return ToolCallDelta(call.index, None, None, arguments) if arguments else None
        call.name = call.name or name
        call.held += arguments
        return self._tell(call) if call.name else None

    def _tell(self, call: _Call) -> ToolCallDelta:
        call.told = True
        held, call.held = call.held, ""
        return ToolCallDelta(call.index, call.provider_id or self._made_id(call.index), call.name, held)

    def _made_id(self, index: int) -> str:
        # Short: OpenAI takes ids of at most 40 characters back.
        return f"call_{blake2b(self._request_id.encode(), digest_size=8).hexdigest()}_{index}"

    def _find(self, slot: int | None, given_id: str, name: str) -> _Call:
        known = self._known(slot, given_id, name)
        if known is None:
            known = _Call(len(self._calls), slot, given_id)
            self._calls.append(known)
        return known

    def _known(self, slot: int | None, given_id: str, name: str) -> _Call | None:
        if slot is not None:
            return self._by_slot(slot, given_id)
        if given_id:
            return next((call for call in self._calls if call.provider_id == given_id), None)
        last = self._calls[-1] if self._calls else None
        # Neither index nor id: a name begins a call, unless the server repeats that of a call it gave an id.
        return None if last is None or (name and not (last.provider_id and last.name == name)) else last

    def _by_slot(self, slot: int, given_id: str) -> _Call | None:
        for call in reversed(self._calls):
            if call.slot == slot:
                return None if given_id and call.provider_id and call.provider_id != given_id else call
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _arguments(value: Any) -> str:
    if isinstance(value, dict):
        return orjson.dumps(value).decode()
    return _text(value)
