"""What tests of runs do again and again."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mesh.agent.v1 import runs_pb2
from pydantic import SecretStr

from services.agent.config import Settings
from services.kit.errors import MeshError


async def start(stub: Any, prompt: str, **fields: Any) -> Any:
    """Starts a run of mock-ai."""
    return await stub.StartRun(runs_pb2.StartRunRequest(prompt=prompt, model_name="mock-ai", **fields))


async def refusal(call: Any) -> MeshError:
    """What a call is refused with."""
    with pytest.raises(MeshError) as caught:
        await call
    return caught.value


async def watch(stub: Any, run_id: str, last_id: str = "") -> list[Any]:
    """All events to the terminal."""
    events: list[Any] = []
    async for part in stub.WatchRun(runs_pb2.WatchRunRequest(agent_run_id=run_id, last_id=last_id)):
        events += part.events
    return events


async def watch_until(stub: Any, run_id: str, seen: Callable[[Any], bool]) -> list[Any]:
    """All events to the first that is meant, and what came with it."""
    events: list[Any] = []
    call = stub.WatchRun(runs_pb2.WatchRunRequest(agent_run_id=run_id))
    async for part in call:
        events += part.events
        if any(seen(event) for event in part.events):
            call.cancel()
            break
    return events


def kinds(events: list[Any]) -> list[str]:
    """The fields of the oneof."""
    return [event.WhichOneof("event") for event in events]


def ids(events: list[Any]) -> list[tuple[int, int]]:
    """The events' ids."""
    return [(event.epoch, event.n) for event in events]


def told(events: list[Any]) -> dict[str, str]:
    """The text of each message: its chunks after the last reset; whole, where a viewer came too late for chunks."""
    texts: dict[str, str] = {}
    for event in events:
        if event.WhichOneof("event") == "message_reset":
            texts[event.message_reset.message_id] = ""
        elif event.WhichOneof("event") == "assistant_complete":
            texts.setdefault(event.assistant_complete.message_id, event.assistant_complete.text)
        elif event.WhichOneof("event") == "text_chunk":
            chunk = event.text_chunk
            texts[chunk.message_id] = texts.get(chunk.message_id, "") + chunk.text
    return texts


async def eventually(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    """Awaits a condition."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.01)


def environment(settings: Settings) -> dict[str, str]:
    """Settings as a process is given them."""
    values = {}
    for name, value in settings.model_dump().items():
        if value is None:
            continue
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        values[name.upper()] = plain if isinstance(plain, str) else json.dumps(plain, default=str).strip('"')
    return values


@asynccontextmanager
async def worker_process(settings: Settings, log: Any = subprocess.DEVNULL) -> AsyncIterator[subprocess.Popen[bytes]]:
    """A worker in a process of its own, to be killed."""
    process = subprocess.Popen(  # noqa: ASYNC220 -- a moment, in a test
        [sys.executable, "-m", "services.agent", "worker"],
        env={**os.environ, **environment(settings), "MESH_LISTEN": "127.0.0.1:0"},
        stdout=log,
        stderr=log,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
