"""Output of any size, kept within bounds: what was left out is always said."""

from __future__ import annotations

import codecs
from collections import deque

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class BoundedText:
    """Keeps the first and the last half of `limit` characters of what is added, and counts the rest."""

    def __init__(self, limit: int) -> None:
        self._half = max(limit // 2, 1)
        self._head: list[str] = []
        self._head_room = self._half
        self._tail: deque[str] = deque()
        self._tail_size = 0
        self._left_out = 0

    def add(self, text: str) -> None:
        """Appends. Memory stays within twice the limit, whatever comes."""
        if self._head_room:
            head, text = text[: self._head_room], text[self._head_room :]
            self._head.append(head)
            self._head_room -= len(head)
        if text:
            self._left_out += max(len(text) - self._half, 0)
            self._tail.append(text[-self._half :])
            self._tail_size += len(self._tail[-1])
        while self._tail and self._tail_size - len(self._tail[0]) >= self._half:
            dropped = len(self._tail.popleft())
            self._tail_size -= dropped
            self._left_out += dropped

    def text(self) -> str:
        """What was kept, with a note where something is missing."""
        tail = "".join(self._tail)
        left_out = self._left_out + max(len(tail) - self._half, 0)
        return "".join(self._head) + (omission(left_out) if left_out else "") + tail[-self._half :]


def omission(count: int) -> str:
    """The note that stands for `count` characters."""
    return f"\n[... {count} characters left out ...]\n"


def bounded(text: str, limit: int) -> str:
    """`text`, or its beginning and end with a note between."""
    if len(text) <= limit:
        return text
    kept = BoundedText(limit)
    kept.add(text)
    return kept.text()


class TextDecoder:
    """Decodes UTF-8 that arrives in pieces; what is no text, NUL included, becomes U+FFFD."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def decode(self, data: bytes, *, final: bool = False) -> str:
        """The characters that are complete by now."""
        return self._decoder.decode(data, final).replace("\0", REPLACEMENT)
