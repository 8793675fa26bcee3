"""A run's tail in Redis: a stream whose entries are batches of events.

An entry's id is `<epoch>-<m>` with m its last event's n. Its one field is named by its first event's n, with a `!`
where the terminal event is its last, and holds the serialized WatchRunResponse(events=[...]): readers forward it
unparsed.
"""

from __future__ import annotations

from hashlib import sha1
from typing import Any
from uuid import UUID

from services.agent.stream.ids import EventId
from services.agent.stream.ports import Entry, WireDown
from services.agent.stream.wire import Connection, Refused, Wire

# The entry before must still be there, else the tail was lost: that also tells a tail that a stale owner made anew, or
# that a restarted Redis loaded from an old snapshot. Returns -1: lost; the last id: the new one is not higher; else the
# bytes that the tail took when it was (re)created, or 0.
_APPEND = """
local key, id, before = KEYS[1], ARGV[1], ARGV[2]
if before ~= '' and #redis.call('XRANGE', key, before, before) == 0 then
  return -1
end
local added = redis.pcall('XADD', key, id, ARGV[3], ARGV[4])
if type(added) == 'table' and added.err then
  local last = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)
  if not last[1] then return redis.error_reply(added.err) end
  return last[1][1]
end
redis.call('PEXPIRE', key, ARGV[5])
if before == '' then return redis.call('MEMORY', 'USAGE', key) end
return 0
"""

_APPEND_SHA = sha1(_APPEND.encode(), usedforsecurity=False).hexdigest()

PAGE = 500
"""Entries per read, at most."""
PAGE_BYTES = 128 * 1024
"""What a viewer's read should bring, if its entries are like those before them."""
_FIRST_PAGE = 16


class Tail:
    """One run's tail, over the process' connection."""

    def __init__(self, wire: Wire, run_id: UUID) -> None:
        self._wire = wire
        self._key = f"agent:{{{run_id}}}:events"
        self._page = _FIRST_PAGE

    async def append(self, entry: Entry, before: EventId | None, ttl_ms: int) -> int | EventId:
        """As WritableTail."""
        field = f"{entry.first}!" if entry.terminal else str(entry.first)
        arguments = (1, self._key, str(entry.id), str(before or ""), field, entry.payload, ttl_ms)
        reply = await _run(self._wire, arguments)
        if isinstance(reply, int):
            return reply
        if (last := _event_id(reply)) < entry.id:  # so the id was not why: Redis takes nothing, and nobody is stale
            raise WireDown
        return last

    async def trim(self, below: EventId) -> None:
        """Forgets what is before an id. Raises WireDown."""
        await self._wire.call("XTRIM", self._key, "MINID", "=", str(below))

    async def expire(self, ttl_ms: int) -> None:
        """Keeps the tail for so long. Raises WireDown."""
        await self._wire.call("PEXPIRE", self._key, ttl_ms)

    async def page(self, after: EventId) -> list[Entry]:
        """Some entries behind an id, none at the end. Raises WireDown."""
        entries = _entries(await self._wire.call("XRANGE", self._key, f"({after}", "+", "COUNT", self._page))
        if entries:  # each viewer holds a page of his own
            size = sum(len(entry.payload) for entry in entries) // len(entries)
            self._page = max(1, min(PAGE, PAGE_BYTES // max(1, size)))
        return entries

    async def last(self) -> EventId | None:
        """The newest entry's id. Raises WireDown."""
        entries = await self._wire.call("XREVRANGE", self._key, "+", "-", "COUNT", 1)
        return _event_id(entries[0][0]) if entries else None

    async def wait(self, connection: Connection, after: EventId, block_ms: int) -> list[Entry]:
        """Up to PAGE entries; waits for the first one, so many milliseconds at most. Raises WireDown."""
        command = ("XREAD", "COUNT", PAGE, "BLOCK", block_ms, "STREAMS", self._key, str(after))
        streams = await connection.call(*command, within_s=block_ms / 1000 + 2.0)
        return _entries(streams[0][1]) if streams else []


async def _run(wire: Wire, arguments: tuple[Any, ...]) -> Any:
    """Runs the script by its digest, and by its text where Redis has not seen it since it started."""
    try:
        return await wire.call("EVALSHA", _APPEND_SHA, *arguments)
    except Refused as refused:
        if not str(refused).startswith("NOSCRIPT"):
            raise
    return await wire.call("EVAL", _APPEND, *arguments)


def _event_id(raw: bytes) -> EventId:
    epoch, n = raw.split(b"-")
    return EventId(int(epoch), int(n))


def _entries(raw: list[Any]) -> list[Entry]:
    return [_entry(entry_id, fields) for entry_id, fields in raw]


def _entry(entry_id: bytes, fields: list[bytes]) -> Entry:
    name = fields[0]
    terminal = name.endswith(b"!")
    return Entry(int(name[:-1] if terminal else name), _event_id(entry_id), fields[1], terminal)
