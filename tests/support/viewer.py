"""A viewer of a run's stream over REST, as a strict client: it checks ids, remembers the last, and resumes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

Frame = dict[str, Any]
TERMINAL = frozenset({"completed", "stopped", "error", "failed"})


@dataclass
class Viewer:
    """What one viewer saw. `frames` are the JSON objects in order, pings left out."""

    client: httpx.AsyncClient
    run_id: str
    frames: list[Frame] = field(default_factory=list)
    pings: int = 0
    cuts: int = 0

    @property
    def last_id(self) -> str | None:
        """Of the last frame that has one."""
        return next((frame["_event_id"] for frame in reversed(self.frames) if "_event_id" in frame), None)

    @property
    def ended(self) -> bool:
        """Whether the terminal frame came."""
        return bool(self.frames) and is_terminal(self.frames[-1])

    async def watch(self, until: Callable[[Frame], bool] = lambda _: False, *, by_header: bool = False) -> Viewer:
        """Reads to the terminal frame, or to the first that is meant; a cut in between is resumed from."""
        while not self.ended:
            try:
                async for frame in self._frames(by_header):
                    self._take(frame)
                    if until(frame):
                        return self
            except (httpx.TransportError, httpx.StreamError):
                pass
            self.cuts += not self.ended
        return self

    async def _frames(self, by_header: bool) -> AsyncIterator[Frame]:
        headers = {"Last-Event-ID": self.last_id} if by_header and self.last_id else {}
        params = {"last_id": self.last_id} if not by_header and self.last_id else {}
        url = f"/agent-run/{self.run_id}/stream"
        async with self.client.stream("GET", url, headers=headers, params=params, timeout=60) as response:
            if response.status_code in (502, 503, 504):
                return
            assert response.status_code == 200, await response.aread()
            event_id = None
            async for line in response.aiter_lines():
                if line.startswith("id: "):
                    event_id = line[4:]
                elif line.startswith("data: "):
                    frame = orjson.loads(line[6:])
                    assert frame.get("_event_id") == event_id, (frame, event_id)
                    event_id = None
                    yield frame
                else:
                    assert line == "", f"not a frame: {line!r}"

    def _take(self, frame: Frame) -> None:
        if frame["type"] == "ping":
            assert "_event_id" not in frame
            self.pings += 1
            return
        assert not self.ended, "a frame after the terminal one"
        last = self.last_id
        if last is not None:
            assert key(frame["_event_id"]) > key(last), f"{frame['_event_id']} after {last}"
        self.frames.append(frame)

    def of(self, kind: str) -> list[Frame]:
        """The frames of one type."""
        return [frame for frame in self.frames if frame["type"] == kind]

    @property
    def text(self) -> str:
        """All that was said and not withdrawn, in order."""
        return "".join(self.told.values())

    @property
    def told(self) -> dict[str, str]:
        """By message: its chunks after the last reset."""
        texts: dict[str, str] = {}
        pending = ""
        for frame in self.frames:
            if frame["type"] == "message_reset":
                pending = ""
            elif frame["type"] == "assistant":
                metadata, content = orjson.loads(frame["metadata"]), orjson.loads(frame["content"])
                if metadata.get("stream_status") == "chunk":
                    pending += content["content"]
                elif metadata.get("stream_status") == "complete":
                    texts[frame["message_id"]] = pending or content["content"] or ""
                    pending = ""
        return texts

    @property
    def durable(self) -> list[Frame]:
        """The frames that are stored: every viewer sees the same."""
        return [frame for frame in self.frames if is_durable(frame)]


def key(event_id: str) -> tuple[int, int]:
    """An event id in order."""
    epoch, _, n = event_id.partition("-")
    return int(epoch), int(n)


def is_terminal(frame: Frame) -> bool:
    """Whether the stream ends with it."""
    return frame["type"] == "status" and frame.get("status") in TERMINAL


def is_durable(frame: Frame) -> bool:
    """Whether it is one of those that are stored."""
    if frame["type"] == "message_reset":  # a stream that was lost is told again to those who watch it
        return bool(frame["reason"] != "stream_lost")
    return frame["type"] in ("ack", "tool", "error") or is_terminal(frame) or bool(frame.get("message_id"))


async def start_run(client: httpx.AsyncClient, prompt: str, model: str = "mock-ai", **form: str) -> dict[str, Any]:
    """POST /v1/agent/start; its answer."""
    fields = {"prompt": (None, prompt), "model_name": (None, model)} | {k: (None, v) for k, v in form.items()}
    response = await client.post("/agent/start", files=fields)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def messages_of(client: httpx.AsyncClient, thread_id: str, **query: Any) -> list[dict[str, Any]]:
    """GET /v1/threads/{id}/messages, oldest first."""
    response = await client.get(f"/threads/{thread_id}/messages", params={"order": "asc", **query})
    assert response.status_code == 200, response.text
    rows: list[dict[str, Any]] = response.json()["messages"]
    return rows
