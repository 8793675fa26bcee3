"""Where a viewer wants to go on."""

from __future__ import annotations

from services.gateway.edge.domain import Cursor
from services.gateway.edge.errors import InvalidCursor


def decode_cursor(header: str | None, query: str | None) -> Cursor | None:
    """The greater of `Last-Event-ID` and `?last_id=`; None for the start. InvalidCursor for anything but an id."""
    given = [_parsed(name, text) for name, text in (("Last-Event-ID", header), ("last_id", query)) if text]
    return max(given, default=None)


def _parsed(name: str, text: str) -> Cursor:
    cursor = Cursor.parse(text)
    if cursor is None:
        raise InvalidCursor.of(name, "is not the id of an event, <epoch>-<n>")
    return cursor
