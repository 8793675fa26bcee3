"""Things that exist, so that a request gets past "no such thing"."""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx

from tests.support.viewer import Viewer, start_run

_HOW_MANY = 4  # some of them will be deleted on the way
_PROMPT = '[[say hi]] [[call execute_command {"command": "echo hello > a.txt"}]] [[step]] [[say done]]'


@dataclass
class Seeds:
    """Ids of the owner's things by the name of the field that takes them; further values by field as well."""

    values: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, value: str) -> None:
        self.values.setdefault(name, []).append(value)


async def sow(client: httpx.AsyncClient) -> Seeds:
    """Threads with an ended run, a sandbox, a file and its version each, and agents."""
    seeds = Seeds()
    for _ in range(_HOW_MANY):
        run = await start_run(client, _PROMPT)
        await Viewer(client, run["agent_run_id"]).watch()
        for name in ("thread_id", "project_id", "agent_run_id"):
            seeds.add(name, run[name])
        seeds.add("agent_id", (await client.post("/agents", json={"name": "Seed"})).json()["agent_id"])
        await _sow_sandbox(client, seeds, run["project_id"])
    for path in ("/workspace", "/workspace/a.txt", "a.txt", "new/b.txt", "../x", "/etc/passwd"):
        seeds.add("path", path)
    return seeds


async def _sow_sandbox(client: httpx.AsyncClient, seeds: Seeds, project_id: str) -> None:
    upload = {"data": {"path": "/workspace/c.bin"}, "files": {"file": ("c.bin", bytes(range(256)))}}
    stored = (await client.post(f"/project/{project_id}/files", **upload)).json()  # type: ignore[arg-type]
    seeds.add("sandbox_id", stored["sandbox_id"])
    written = await client.put(f"/sandboxes/{stored['sandbox_id']}/files", json={"path": "a.txt", "content": "x"})
    assert written.status_code == 200, written.text
    while not (versions := await _versions(client, stored["sandbox_id"])):
        pass  # each question waits for the answer; a version is made soon after a change
    seeds.add("commit", versions[0]["commit"])


async def _versions(client: httpx.AsyncClient, sandbox_id: str) -> list[dict[str, str]]:
    answer = await client.get(f"/sandboxes/{sandbox_id}/files/history", params={"path": "/workspace"})
    found: list[dict[str, str]] = answer.json()["versions"]
    return found
