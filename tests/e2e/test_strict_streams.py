"""A strict client over many runs: whatever cuts its streams, it sees what the contract says, and what is stored.

Runs of every kind are watched by viewers who hang up in the middle of anything and resume in any way there is, while
the edge is drained, the edge is killed, and Envoy is killed. A `Story` checks every frame as it comes; afterwards a
replay from the start must be the same frames, and the thread's rows the same rows.

    STRICT_RUNS=200 STRICT_SEED=1 pytest -s tests/e2e/test_strict_streams.py
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
import pytest

from tests.support.mesh import RunningMesh
from tests.support.story import check_rows, differences
from tests.support.viewer import Restless, Viewer

pytestmark = [pytest.mark.xdist_group("mesh"), pytest.mark.timeout(300)]

RUNS = int(os.environ.get("STRICT_RUNS", "80"))
SEED = int(os.environ.get("STRICT_SEED", "0")) or random.SystemRandom().randint(1, 10**6)
LANES = 30
PATIENCE_S = 60.0

FILE = '[[call create_file {"file_path": "<step>%s.txt", "file_contents": "x"}]]'
ECHO = '[[call execute_command {"command": "echo one; echo two; echo <step>"}]]'
SCRIPTS = {
    "text": "[[say A few words.]] [[delay 2ms]] [[tokens 150]]",
    "text at once": "[[tokens 4000]]",
    "nothing to say": '[[say ""]]',
    "traps": r'[[say "{\"type\": \"status\", \"status\": \"completed\"}\n\ndata: x\n\nid: 9-9 é🦊\u2028"]] [[step]]',
    "reasoning": "[[delay 1ms]] [[think Let me see what there is]] [[say So.]] [[tokens 40]]",
    "a stall": "[[tokens 10]] [[wait 1.5]] [[tokens 10]]",
    "tools in a row": f"[[say On it.]] {FILE % 'a'} [[step]] [[think Next]] {ECHO} [[step]] {FILE % 'b'} [[step]]",
    "tools at once": f"[[say Three.]] {FILE % 'a'} {FILE % 'b'} {ECHO} [[step]] [[delay 2ms]] [[tokens 40]]",
    "tools without a word": f"{FILE % 'a'} {FILE % 'b'} [[step]]",
    "a tool that fails": '[[call read_file {"file_path": "not/there.txt"}]] [[call nobody {}]] [[step]] [[say Oh.]]',
    "a tool that ends": '[[say Bye.]] [[call complete {"text": "That is all."}]]',
    "asked again": "[[tokens 20]] [[fail api_error times 1]] [[tokens 20]]",
    "refused at first": "[[fail 503 times 1]] [[tokens 20]]",
    "refused": "[[say One.]] [[fail authentication_error]]",
    "cut off": "[[delay 1ms]] [[tokens 20]] [[cut]]",
    "cut off with a tool": f"[[say Look.]] {ECHO} [[wait 300ms]] [[cut]] [[step]] [[say So.]]",
    "too long": "[[tokens 30]] [[finish length]]",
    "max steps": f"[[repeat 40]] {FILE % 'c'}",
    "stopped": "[[delay 3ms]] [[tokens 5000]]",
    "stopped in a tool": '[[say On it.]] [[call execute_command {"command": "echo one; sleep 60"}]] [[wait 60]]',
}
DIALECTS = ("mock-ai", "mock-ai", "openai/x", "openai/x:args-chars", "openai/x:no-usage", "openai/x:crlf")


@dataclass
class Tally:
    """What was tried, and what went wrong."""

    runs: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    frames: int = 0
    reconnects: int = 0
    faults: list[str] = field(default_factory=list)
    deviations: list[str] = field(default_factory=list)


class Lane:
    """One user, who starts one run after the other."""

    def __init__(self, client: httpx.AsyncClient, dice: random.Random, tally: Tally) -> None:
        self._client = client
        self._dice = dice
        self._tally = tally

    async def go_through(self, names: list[str]) -> None:
        for name in names:
            try:
                await self._run(name)
            except (AssertionError, LookupError, ValueError, ExceptionGroup) as deviation:
                self._tally.deviations.append(name + "\n" + "".join(traceback.format_exception(deviation)))
            self._tally.runs[name] += 1

    async def _run(self, name: str) -> None:
        run = await self._start(SCRIPTS[name], self._dice.choice(DIALECTS))
        viewer = Viewer(self._client, run["agent_run_id"], habit=Restless(self._dice))
        try:
            async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
                group.create_task(viewer.watch())
                if name.startswith("stopped"):
                    group.create_task(self._stop_after(self._dice.randint(1, 40), viewer))
        except TimeoutError:
            raise AssertionError(f"no end after {PATIENCE_S} s: {viewer.cuts}, {viewer.frames[-3:]}") from None
        self._note(viewer)
        replay = await Viewer(self._client, run["agent_run_id"]).watch()
        assert not (wrong := differences(viewer.frames, replay.frames)), wrong
        assert all(viewer.story.told.values()), "an answer came without its chunks, though none were lost"
        path, whole = f"/threads/{run['thread_id']}/messages", {"optimized": "false", "order": "asc"}
        check_rows(viewer.frames, (await self._asked("GET", path, params=whole)).json()["messages"])

    async def _start(self, prompt: str, model: str) -> dict[str, str]:
        fields = {"prompt": (None, prompt), "model_name": (None, model)}
        key = {"Idempotency-Key": str(uuid4())}
        answer: dict[str, str] = (await self._asked("POST", "/agent/start", files=fields, headers=key)).json()
        return answer

    async def _stop_after(self, frames: int, viewer: Viewer) -> None:
        await when(lambda: viewer.ended or len(viewer.frames) >= frames or bool(viewer.of("tool_output_stream")))
        await self._asked("POST", f"/agent-run/{viewer.run_id}/stop")

    async def _asked(self, method: str, path: str, **request: object) -> httpx.Response:
        """An answer, as soon as there is somebody to give it."""
        while True:
            try:
                answer = await self._client.request(method, path, **request)  # type: ignore[arg-type]
            except httpx.TransportError:
                answer = httpx.Response(503)
            if answer.status_code not in (502, 503, 504):
                assert answer.status_code == 200, (path, answer.text)
                return answer
            await asyncio.sleep(0.1)

    def _note(self, viewer: Viewer) -> None:
        self._tally.frames += len(viewer.frames)
        self._tally.reconnects += viewer.cuts
        self._tally.ends[viewer.frames[-1]["status"]] += 1


async def when(condition: Callable[[], bool]) -> None:
    """Until it holds."""
    while not condition():
        await asyncio.sleep(0.02)


async def disturb(mesh: RunningMesh, tally: Tally) -> None:
    """Cuts every stream that is open, three times, from three places."""
    faults = (("edge", signal.SIGTERM), ("envoy", signal.SIGKILL), ("edge", signal.SIGKILL))
    for number, (part, how) in enumerate(faults, 1):
        await when(lambda share=number: tally.runs.total() >= RUNS * share // 4)  # type: ignore[misc]
        mesh.kill(part, how)
        tally.faults.append(f"{how.name} {part}")
        await asyncio.to_thread(mesh.wait_healthy)


async def test_a_strict_client_finds_nothing_wrong_over_many_runs(mesh: RunningMesh) -> None:
    dice, tally = random.Random(SEED), Tally()
    names = [name for _ in range(RUNS // len(SCRIPTS) + 1) for name in SCRIPTS][:RUNS]
    dice.shuffle(names)
    async with asyncio.TaskGroup() as group:
        group.create_task(disturb(mesh, tally))
        for number in range(LANES):
            group.create_task(lane(mesh, random.Random(SEED * 1000 + number), tally, names[number::LANES]))
    print(f"\nseed {SEED}: {tally}", file=sys.stderr)
    assert not tally.deviations, "\n".join(tally.deviations)
    assert tally.reconnects > RUNS
    assert set(tally.ends) == {"completed", "stopped", "error"}


async def lane(mesh: RunningMesh, dice: random.Random, tally: Tally, names: list[str]) -> None:
    async with mesh.client() as client:
        await Lane(client, dice, tally).go_through(names)
