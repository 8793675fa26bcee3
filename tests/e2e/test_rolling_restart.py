"""I24: every process is restarted, one after the other, under load: no client's call fails, no effect happens twice."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from services.cli.state import load
from tests.support.mesh import CHECKOUT, RunningMesh, running_mesh
from tests.support.viewer import Viewer, is_terminal, messages_of, start_run

pytestmark = [pytest.mark.xdist_group("rolling"), pytest.mark.timeout(400)]

_COMMAND = '{"command": "echo done >> effects; sleep 0.2; cat effects"}'
_SCRIPT = f"[[delay 10ms]] [[tokens 40]] [[call execute_command {_COMMAND}]] [[step]] [[tokens 20]]"


@pytest.fixture(scope="module")
def mesh(model_server: str) -> Iterator[RunningMesh]:
    """As by default, with one worker."""
    with running_mesh(OPENAI_API_BASE=model_server, MESH_LEAVE_S="1.5", MESH_DRAIN_S="3") as running:
        yield running


@dataclass
class Load:
    """What people do all the time, and what was answered otherwise than they had to expect."""

    client: httpx.AsyncClient
    over: asyncio.Event = field(default_factory=asyncio.Event)
    calls: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    viewers: list[tuple[dict[str, str], Viewer]] = field(default_factory=list)

    async def read(self, thread_id: str) -> None:
        """Reads of every service that has any."""
        while not self.over.is_set():
            for path in ("/threads", f"/threads/{thread_id}", "/billing/account-state", "/billing/credit-usage"):
                await self._ask("GET", path)
            await asyncio.sleep(0.02)

    async def write(self, thread_id: str) -> None:
        """A message is a write that nobody may repeat."""
        while not self.over.is_set():
            await self._ask("POST", f"/threads/{thread_id}/messages/add", json={"content": "hello", "type": "user"})
            await asyncio.sleep(0.05)

    async def keep_a_file(self, project_id: str) -> None:
        """Of sandboxes there can be one service at a time."""
        made = (await self.client.post(f"/project/{project_id}/sandbox/start")).json()
        files, kept = f"/sandboxes/{made['sandbox_id']}/files", {"path": "/workspace/kept.txt"}
        await self.client.post(files, data=kept, files={"file": ("kept.txt", b"kept")})
        while not self.over.is_set():
            await self._ask("PUT", files, json={**kept, "content": "kept"})
            await self._ask("GET", f"{files}?path=/workspace")
            await asyncio.sleep(0.05)

    async def run(self) -> None:
        """Starts runs and watches each to its end."""
        while not self.over.is_set():
            self.calls["start"] += 1
            try:
                run = await start_run(self.client, _SCRIPT, model="openai/anything")
            except (AssertionError, httpx.TransportError) as failed:
                self.failed.append(f"start: {failed!r}")
                continue
            viewer = Viewer(self.client, run["agent_run_id"])
            self.viewers.append((run, viewer))
            await viewer.watch()

    async def _ask(self, verb: str, path: str, **body: object) -> None:
        self.calls[f"{verb} {path.split('/')[1]}"] += 1
        try:
            answer = await self.client.request(verb, path, **body)  # type: ignore[arg-type]
        except httpx.TransportError as failed:
            self.failed.append(f"{verb} {path}: {failed!r}")
        else:
            if not answer.is_success:
                self.failed.append(f"{verb} {path}: {answer.status_code} {answer.json()['detail']['error_code']}")


async def restart(mesh: RunningMesh, *parts: str) -> None:
    """`mesh restart`."""
    command = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.cli",
        "restart",
        *parts,
        cwd=CHECKOUT,
        env=mesh.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said, _ = await command.communicate()
    assert command.returncode == 0, said.decode()


def pids(mesh: RunningMesh) -> dict[str, int]:
    """Of all parts that run."""
    return {name: part.process.pid for name, part in load(mesh.data.state).parts.items() if part.process}


async def test_every_process_is_restarted_under_load_and_nobody_notices(mesh: RunningMesh, user_id: str) -> None:
    before = pids(mesh)
    async with mesh.client(user_id) as client:
        first = await start_run(client, _SCRIPT, model="openai/anything")
        load_ = Load(client)
        async with asyncio.TaskGroup() as people:
            for _ in range(2):
                people.create_task(load_.run())
            people.create_task(load_.read(first["thread_id"]))
            people.create_task(load_.write(first["thread_id"]))
            people.create_task(load_.keep_a_file(first["project_id"]))
            await restart(mesh)
            load_.over.set()
        assert not load_.failed, Counter(load_.failed)
        assert not any(viewer.refusals for _, viewer in load_.viewers)
        after = pids(mesh)
        assert {name for name in before if before[name] == after[name]} == {"postgres", "redis"}
        for run, viewer in load_.viewers:
            assert sum(is_terminal(frame) for frame in viewer.frames) == 1
            assert viewer.frames[-1]["status"] == "completed", viewer.frames[-1]
            rows = await messages_of(client, run["thread_id"])
            assert [row["type"] for row in rows] == ["user", "assistant", "tool", "assistant"]
            # The sandbox's own restart ends what runs in it: then it is lost and said so, and never done again.
            assert str(rows[2]["metadata"]["result"]["output"]).count("done") <= 1
        added = Counter(row["type"] for row in await messages_of(client, first["thread_id"]))["user"] - 1
        assert added == load_.calls["POST threads"]
