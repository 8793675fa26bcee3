"""One answer being given: beats become chunks, pauses become timers, faults become faults. No task runs for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

from services.agent.llm import script
from services.agent.llm.errors import ErrorType
from tests.fakes.llm.log import CallRecord
from tests.fakes.llm.protocol import Writer

Move = bytes | script.Pause | script.Broken

_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
)
_LAST = b"0\r\n\r\n"
_MOST_CHUNKS = 256


class Performance:
    """Gives one answer on a transport.

    It calls `on_change` when its record changed, and `on_end` when the connection is free for the next request.

    What lies between two pauses is one write, or one write per chunk (`flush_each`), as a server with no delay and one
    with real work between tokens would do.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        record: CallRecord,
        moves: Iterator[Move],
        *,
        flush_each: bool,
        on_change: Callable[[], None],
        on_end: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._record = record
        self._moves = moves
        self._flush_each = flush_each
        self._on_change = on_change
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.Handle | None = None
        self._pending: list[bytes] = []
        self._ended = False
        self._blocked = False

    def advance(self) -> None:
        """Goes on to the next pause, the next chunk where each is flushed, or the end."""
        self._next = None
        while not self._ended and self._next is None and not self._blocked:
            match move := next(self._moves, None):
                case bytes():
                    self._write(move)
                case script.Pause(seconds):
                    self._flush()
                    self._next = self._loop.call_later(seconds, self.advance)
                case _:
                    self._flush()
                    self._end(broken=move is not None)

    def block(self) -> None:
        """The client reads too slowly."""
        self._blocked = True

    def unblock(self) -> None:
        """The client has caught up."""
        self._blocked = False
        if self._next is None and not self._ended:
            self.advance()

    def lost(self) -> None:
        """The client is gone."""
        if self._next is not None:
            self._next.cancel()
        if not self._ended:
            self._ended = True
            self._record.disconnected_at = time.time()
            self._on_change()

    def _write(self, chunk: bytes) -> None:
        self._pending.append(chunk)
        if self._flush_each:
            self._flush()
            self._next = self._loop.call_soon(self.advance)
        elif len(self._pending) >= _MOST_CHUNKS:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            self._record.first_byte_at = self._record.first_byte_at or time.time()
            written = b"".join(self._pending)
            self._pending.clear()
            self._transport.write(written)
            self._on_change()

    def _end(self, *, broken: bool) -> None:
        self._ended = True
        if broken:
            self._transport.close()
            return
        self._record.completed_at = time.time()
        self._on_change()
        self._on_end()


def moves(beats: Iterator[script.Beat], writer: Writer, record: CallRecord) -> Iterator[Move]:
    """The bytes of an answer, head and chunk framing included, and the pauses between them."""
    begun = False
    for beat in beats:
        if isinstance(beat, script.Pause):
            yield beat
            continue
        if isinstance(beat, script.Broken):
            record.failed = "cut"
            yield beat
            return
        if isinstance(beat, script.Failure):
            yield _failure(beat.cause, writer, record, begun=begun)
            return
        if not begun:
            begun = True
            yield _HEAD + _framed(writer.begin())
        record.tokens += isinstance(beat, script.Token)
        yield from map(_framed, writer.write(beat))
    yield _LAST


def failing_after(beats: Iterator[script.Beat], tokens: int) -> Iterator[script.Beat]:
    """The same beats, but the provider fails after so many tokens, or at the end of a shorter answer."""
    for beat in beats:
        if isinstance(beat, script.End) or (isinstance(beat, script.Token) and tokens == 0):
            yield script.Failure(ErrorType.API)
            return
        tokens -= isinstance(beat, script.Token)
        yield beat


def _failure(cause: ErrorType | int, writer: Writer, record: CallRecord, *, begun: bool) -> bytes:
    record.failed = str(cause)
    if begun or cause == ErrorType.LLM:
        return (b"" if begun else _HEAD) + _framed(writer.error(cause)) + _LAST
    record.status, body = writer.refusal(cause)
    return http_answer(record.status, body, retry_after=record.status in (429, 503, 529))


def _framed(event: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(event), event)


def http_answer(status: int, body: bytes, *, retry_after: bool = False) -> bytes:
    """A whole response."""
    extra = b"retry-after: 1\r\n" if retry_after else b""
    head = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\n%bcontent-length: %d\r\n\r\n"
    return head % (status, extra, len(body)) + body
