"""A client of the mesh's public surface: REST, and the event stream with resume. What any program would write.

A frame is one event of a run, a JSON object with its id in `_event_id`. The stream is followed across cuts: after each
one it is asked for again from the last id that came, until the run's terminal frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from .errors import CliError

Frame = dict[str, Any]

_TERMINAL = frozenset({"completed", "stopped", "error", "failed"})
_SILENCE = 30.0  # seconds; a ping comes every 5
_RESUMES = 10
_RETRIED = frozenset({429, 502, 503, 504})
_USAGE_RECORDS = 200


class RefusedError(CliError):
    """The mesh answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class UnreachableError(CliError):
    """There is no answer, or none that can be read."""


@dataclass(frozen=True)
class StartedRun:
    """What a start answers."""

    run_id: str
    thread_id: str
    project_id: str


def is_terminal(frame: Frame) -> bool:
    """Whether nothing comes after this frame."""
    return frame.get("type") == "status" and frame.get("status") in _TERMINAL


class MeshClient:
    """One user's view. `log` is told of cuts."""

    def __init__(self, http: httpx.AsyncClient, log: Callable[[str], None]) -> None:
        self._http = http
        self._log = log

    async def start(self, prompt: str, model: str | None, thread_id: str | None) -> StartedRun:
        """Start a run, in a new thread unless one is given."""
        form = {"prompt": prompt, "model_name": model, "thread_id": thread_id}
        parts = {name: (None, value) for name, value in form.items() if value is not None}
        answer = await self._ask("POST", "/v1/agent/start", files=parts)
        return StartedRun(answer["agent_run_id"], answer["thread_id"], answer["project_id"])

    async def frames(self, run_id: str) -> AsyncIterator[Frame]:
        """Every frame of the run, each once, the last one terminal."""
        last_id, cuts = None, 0
        while cuts <= _RESUMES:
            try:
                async for frame in self._frames_after(run_id, last_id):
                    last_id, cuts = frame.get("_event_id", last_id), 0
                    yield frame
                    if is_terminal(frame):
                        return
            except httpx.TransportError as cut:
                self._log(f"the stream was cut ({type(cut).__name__}): resuming")
            cuts += 1
            await asyncio.sleep(min(0.1 * 2**cuts, 2.0))
        raise UnreachableError(f"the stream of run {run_id} was cut {_RESUMES} times in a row")

    async def stop(self, run_id: str) -> None:
        """Ask for the run's end; its terminal frame says when."""
        await self._ask("POST", f"/v1/agent-run/{run_id}/stop")

    async def messages(self, thread_id: str) -> list[dict[str, Any]]:
        """All rows of a thread, oldest first."""
        answer = await self._ask(
            "GET", f"/v1/threads/{thread_id}/messages", params={"order": "asc", "optimized": "false"}
        )
        return list(answer["messages"])

    async def usage(self, run: StartedRun) -> list[dict[str, Any]]:
        """What was charged for the run's steps so far."""
        return await self._of_run("/v1/billing/credit-usage", "usage_records", run)

    async def transactions(self, run: StartedRun) -> list[dict[str, Any]]:
        """The ledger's entries for the run so far."""
        return await self._of_run("/v1/billing/transactions", "transactions", run)

    async def _of_run(self, path: str, key: str, run: StartedRun) -> list[dict[str, Any]]:
        answer = await self._ask("GET", path, params={"limit": str(_USAGE_RECORDS)})
        return [record for record in answer[key] if record.get("run_id") == run.run_id]

    async def _ask(self, method: str, path: str, **how: Any) -> dict[str, Any]:
        try:
            response = await self._http.request(method, path, **how)
        except httpx.TransportError as away:
            raise UnreachableError(f"no mesh answers at {self._http.base_url} ({type(away).__name__})") from away
        if response.status_code >= httpx.codes.BAD_REQUEST:
            raise _refusal(response.status_code, response.content)
        answer: dict[str, Any] = orjson.loads(response.content)
        return answer

    async def _frames_after(self, run_id: str, last_id: str | None) -> AsyncIterator[Frame]:
        params = {} if last_id is None else {"last_id": last_id}
        async with self._http.stream(
            "GET", f"/v1/agent-run/{run_id}/stream", params=params, timeout=httpx.Timeout(10.0, read=_SILENCE)
        ) as response:
            if response.status_code in _RETRIED:
                return
            if response.status_code >= httpx.codes.BAD_REQUEST:
                raise _refusal(response.status_code, await response.aread())
            async for line in response.aiter_lines():
                if line.startswith("data:"):
                    yield orjson.loads(line.removeprefix("data:"))


@asynccontextmanager
async def open_client(address: str, token: str, log: Callable[[str], None]) -> AsyncIterator[MeshClient]:
    """A client of the mesh at `address`, e.g. http://127.0.0.1:8000, as the user of the token."""
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=30.0, trust_env=False) as http:
        yield MeshClient(http, log)


def _refusal(status: int, body: bytes) -> RefusedError:
    """The mesh's one error shape, or the status alone."""
    try:
        detail = orjson.loads(body)["detail"]
        message = f"{detail['message']} ({detail['error_code']}, HTTP {status})"
    except (orjson.JSONDecodeError, KeyError, TypeError):
        message = f"the mesh answered HTTP {status}"
    return RefusedError(status, message)
