"""An incremental reader of server-sent events that keeps only `data`.

It is on the path of every token, so it works on whole network reads: one split per read and no state beyond the line
that has not ended yet. It works on bytes, and a line feed never occurs inside a UTF-8 sequence, so a read may end
anywhere. Comments, `event`, `id` and `retry` are skipped: no provider says with them what the data does not say.
"""

from __future__ import annotations

_BOM = b"\xef\xbb\xbf"


class LineTooLongError(ValueError):
    """A line grew beyond the bound."""


class SseReader:
    """Turns reads into the payloads of the events that they completed. Lines end with LF or CRLF."""

    def __init__(self, max_line_bytes: int) -> None:
        self._max = max_line_bytes
        self._tail: list[bytes] = []
        self._tail_size = 0
        self._data: list[bytes] = []
        self._data_size = 0
        self._started = False

    def feed(self, read: bytes) -> list[bytes]:
        """The payloads completed by this read, oldest first. Raises LineTooLongError."""
        lines = read.split(b"\n")
        if len(lines) > 1:
            lines[0] = self._take_tail() + lines[0]
        self._keep_tail(lines.pop())
        out: list[bytes] = []
        for line in lines:
            self._line(line, out)
        return out

    def close(self) -> list[bytes]:
        """The payload of an event that the end of the stream completes; servers do forget the last blank line."""
        out: list[bytes] = []
        self._line(self._take_tail(), out)
        self._line(b"", out)
        return out

    def _line(self, line: bytes, out: list[bytes]) -> None:
        if line.endswith(b"\r"):
            line = line[:-1]
        if not self._started:
            self._started = True
            line = line.removeprefix(_BOM)
        if line.startswith(b"data:"):
            self._add(line[6:] if line[5:6] == b" " else line[5:])
        elif not line and self._data:
            out.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
            self._data = []
            self._data_size = 0
        elif line == b"data":
            self._add(b"")

    def _add(self, value: bytes) -> None:
        self._data.append(value)
        self._data_size += len(value) + 1
        if self._data_size > self._max:
            raise LineTooLongError

    def _keep_tail(self, piece: bytes) -> None:
        if piece:
            self._tail.append(piece)
            self._tail_size += len(piece)
            if self._tail_size > self._max:
                raise LineTooLongError

    def _take_tail(self) -> bytes:
        tail = b"".join(self._tail)
        self._tail.clear()
        self._tail_size = 0
        return tail
