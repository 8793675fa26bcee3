"""What Google and Amazon send, event by event, where no fake of theirs is worth having."""

from __future__ import annotations

import binascii
import struct
from typing import Any

import httpx
import orjson


def gemini(*chunks: dict[str, Any]) -> httpx.Response:
    """A stream of `streamGenerateContent?alt=sse`."""
    body = b"".join(b"data: " + orjson.dumps(chunk) + b"\r\n\r\n" for chunk in chunks)
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)


def part(part: dict[str, Any], reason: str | None = None, **usage: int) -> dict[str, Any]:
    """One chunk of Gemini's."""
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [part]}, "index": 0}
    if reason:
        candidate["finishReason"] = reason
    return {"candidates": [candidate]} | ({"usageMetadata": usage} if usage else {})


def bedrock(*events: tuple[str, dict[str, Any]]) -> httpx.Response:
    """A stream of `converse-stream`; the name of an exception ends in `Exception`."""
    body = b"".join(_message(name, orjson.dumps(payload)) for name, payload in events)
    return httpx.Response(200, headers={"content-type": "application/vnd.amazon.eventstream"}, content=body)


def _message(name: str, payload: bytes) -> bytes:
    kind = "exception" if name.endswith("Exception") else "event"
    headers = b"".join(
        map(_header, (f":{kind}-type", ":content-type", ":message-type"), (name, "application/json", kind))
    )
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", binascii.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", binascii.crc32(message))


def _header(name: str, value: str) -> bytes:
    return bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
