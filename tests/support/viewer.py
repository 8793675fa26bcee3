"""A viewer of a run's stream over REST: it reads server-sent events, resumes after every cut, and has a `Story` check
each frame."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
import orjson

from tests.support.story import TERMINAL, Frame, Story

_PAUSE_S = 0.2


class Habit(Protocol):
    """How a viewer reads."""

    def resume(self, last_id: str) -> tuple[dict[str, str], dict[str, str]]:
        """Headers and query that say where to go on."""

    def pieces(self, raw: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """What he reads of a connection; when it ends he hangs up."""


class Steady:
    """Reads all there is."""

    def resume(self, last_id: str) -> tuple[dict[str, str], dict[str, str]]:
        return {}, {"last_id": last_id}

    def pieces(self, raw: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        return raw


class Restless:
    """Hangs up in the middle of anything, and sometimes reads slowly."""

    def __init__(self, dice: random.Random, most_bytes: int = 8000) -> None:
        self._dice = dice
        self._most = most_bytes
        self._slow = dice.random() < 0.25
        self._last_id = ""

    def resume(self, last_id: str) -> tuple[dict[str, str], dict[str, str]]:
        if last_id == self._last_id:  # a frame may be larger than what is read of a connection
            self._most *= 2
        self._last_id = last_id
        return self._dice.choice(
            [
                ({"Last-Event-ID": last_id}, {}),
                ({}, {"last_id": last_id}),
                ({"Last-Event-ID": last_id}, {"last_id": "0-1"}),
            ]
        )

    async def pieces(self, raw: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        left = self._dice.randint(1, self._most)
        async for piece in raw:
            yield piece[:left]
            left -= len(piece)
            if left <= 0:
                return
            if self._slow:
                await asyncio.sleep(self._dice.random() * 0.02)


@dataclass
class Viewer:
    """What one viewer saw. `frames` are the JSON objects in order, pings left out."""

    client: httpx.AsyncClient
    run_id: str
    frames: list[Frame] = field(default_factory=list)
    habit: Habit = field(default_factory=Steady)
    pings: int = 0
    cuts: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    """Connections that got no stream: by their status, or by what went wrong before there was one."""
    _answered: bool = False

    def __post_init__(self) -> None:
        self.story = Story(self.run_id)
        for frame in self.frames:
            self.story.tell(orjson.dumps(frame))

    @property
    def last_id(self) -> str | None:
        """Of the last frame."""
        return str(self.frames[-1]["_event_id"]) if self.frames else None

    @property
    def ended(self) -> bool:
        """Whether the terminal frame came."""
        return self.story.ended

    async def watch(self, until: Callable[[Frame], bool] = lambda _: False) -> Viewer:
        """Reads to the terminal frame, or to the first that is meant; a cut in between is resumed from."""
        while not self.ended:
            before = len(self.frames)
            self._answered = False
            try:
                async for frame in self._frames():
                    if until(frame):
                        return self
            except (httpx.TransportError, httpx.StreamError) as cut:
                if not self._answered:
                    self.refusals[type(cut).__name__] += 1
            self.cuts += not self.ended
            if len(self.frames) == before:
                await asyncio.sleep(_PAUSE_S)
        return self

    async def _frames(self) -> AsyncIterator[Frame]:
        """The frames of one connection, each once it is whole."""
        headers, params = self.habit.resume(self.last_id) if self.last_id else ({}, {})
        url = f"/agent-run/{self.run_id}/stream"
        async with self.client.stream("GET", url, headers=headers, params=params, timeout=60) as response:
            self._answered = True
            if response.status_code in (502, 503, 504):
                self.refusals[f"stream {response.status_code}"] += 1
                return
            assert response.status_code == 200, await response.aread()
            if response.headers["content-type"] != "text/event-stream":  # its kind comes with the first frame
                assert not await response.aread(), response.headers
                return
            unread = b""
            async for piece in self.habit.pieces(response.aiter_raw()):
                *whole, unread = (unread + piece).split(b"\n\n")
                for event in whole:
                    if frame := self._taken(event):
                        yield frame

    def _taken(self, event: bytes) -> Frame | None:
        """One server-sent event; None: it only says that the connection is alive."""
        head, data = (b"", event) if event.startswith(b"data: ") else event.split(b"\n", 1)
        assert data.startswith(b"data: "), event
        assert b"\n" not in data, event
        if not head:
            assert data == b'data: {"type":"ping"}', event
            self.pings += 1
            return None
        frame = self.story.tell(data.removeprefix(b"data: "))
        assert head == b"id: " + frame["_event_id"].encode(), event
        self.frames.append(frame)
        return frame

    def of(self, kind: str) -> list[Frame]:
        """The frames of one type."""
        return [frame for frame in self.frames if frame["type"] == kind]

    @property
    def text(self) -> str:
        """All that was said, in order."""
        return "".join(self.told.values())

    @property
    def told(self) -> dict[str, str]:
        """By complete message: its text, which its chunks after the last reset were too, if there were any."""
        complete = [frame for frame in self.of("assistant") if frame["message_id"]]
        return {frame["message_id"]: orjson.loads(frame["metadata"])["text_content"] for frame in complete}

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
