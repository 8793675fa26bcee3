"""A person looks at what an agent's run did to the files, and takes it back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.support.viewer import Viewer, start_run

pytestmark = pytest.mark.xdist_group("mesh")

PROMPT = (
    '[[call execute_command {"command": "mkdir -p src && printf one > src/a.txt && printf b > b.txt"}]] [[step]]'
    ' [[call execute_command {"command": "printf two > src/a.txt && rm b.txt && printf c > c.txt"}]] [[step]]'
)
VERSION_KEYS = {"commit", "author_name", "author_email", "date", "message"}


async def test_a_run_s_changes_are_seen_read_and_taken_back(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    run = await start_run(client, PROMPT)
    await Viewer(client, run["agent_run_id"]).watch()
    sandbox = (await client.get(f"/project/{run['project_id']}/sandbox")).json()["sandbox"]["id"]
    files = f"/sandboxes/{sandbox}/files"

    async def ask(what: str, **params: Any) -> Any:
        answer = await client.get(f"{files}/{what}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    history = await ask("history", path="/workspace/src/a.txt", limit=10)
    assert history.keys() == {"path", "versions"}
    assert history["path"] == "/workspace/src/a.txt"
    newest = history["versions"][0]
    assert newest.keys() == VERSION_KEYS
    assert newest["author_name"] == "Agent"
    assert run["agent_run_id"] in newest["message"]
    assert datetime.fromisoformat(newest["date"]).tzinfo is not None

    await client.put(files, json={"path": "src/a.txt", "content": "three"})
    later = (await ask("history", path="src/a.txt"))["versions"]
    assert [version["message"] for version in later[:1]] == ["Write src/a.txt"]

    told = await ask("commit-info", commit=newest["commit"], path="src/a.txt")
    assert told.keys() == VERSION_KEYS | {
        "files_in_commit", "revert_files", "revert_affects_files", "path_in_commit", "path_affected_on_revert"
    }  # fmt: skip
    assert (told["revert_affects_files"], told["path_in_commit"], told["path_affected_on_revert"]) == (1, True, True)
    (change,) = told["revert_files"]
    assert change == {"path": "src/a.txt", "status": "M", "revert_effect": "will_modify"}

    tree = await ask("tree", path="/workspace/src", commit=newest["commit"])
    assert tree.keys() == {"files"}
    assert tree["files"][0].keys() == {"name", "path", "is_dir", "size", "mod_time", "permissions"}
    assert (tree["files"][0]["path"], tree["files"][0]["size"]) == ("/workspace/src/a.txt", 3)
    assert [file["name"] for file in (await ask("tree"))["files"]] == ["c.txt", "src"]

    old = await client.get(f"{files}/content-by-hash", params={"path": "src/a.txt", "commit": newest["commit"]})
    assert (old.content, old.headers["content-type"]) == (b"two", "application/octet-stream")

    refused = await stranger.post(f"{files}/revert", json={"commit": newest["commit"]})
    assert refused.status_code == 404
    reverted = await client.post(f"{files}/revert", json={"commit": newest["commit"], "paths": ["src/a.txt"]})
    assert reverted.json() == {
        "status": "success", "mode": "snapshot_files", "target_commit": newest["commit"],
        "reverted_files": ["src/a.txt"], "affected_paths": ["src/a.txt"],
    }  # fmt: skip
    now = await client.get(f"{files}/content", params={"path": "src/a.txt"})
    assert now.content == b"two"
    whole = await client.post(f"{files}/revert", json={"commit": newest["commit"]})
    assert (whole.status_code, whole.json()["mode"], whole.json()["reverted_files"]) == (200, "snapshot_repo", [])


async def test_what_is_not_in_the_history_is_told_as_such(client: httpx.AsyncClient) -> None:
    run = await start_run(client, '[[call create_file {"file_path": "a", "file_contents": "x"}]] [[step]]')
    await Viewer(client, run["agent_run_id"]).watch()
    sandbox = (await client.get(f"/project/{run['project_id']}/sandbox")).json()["sandbox"]["id"]
    asked = {
        ("commit-info", "commit=" + "0" * 40): (404, "COMMIT_NOT_FOUND"),
        ("commit-info", ""): (400, "INVALID_ARGUMENT"),
        ("content-by-hash", "path=a&commit=" + "0" * 40): (404, "COMMIT_NOT_FOUND"),
        ("content-by-hash", "path=a&commit=HEAD"): (400, "INVALID_ARGUMENT"),
        ("history", "path=a&limit=100000"): (400, "INVALID_ARGUMENT"),
        ("history", "path=/etc/passwd"): (400, "INVALID_PATH"),
        ("tree", "path=nowhere"): (404, "FILE_NOT_FOUND"),
    }
    for (endpoint, query), expected in asked.items():
        answer = await client.get(f"/sandboxes/{sandbox}/files/{endpoint}?{query}")
        assert (answer.status_code, answer.json()["detail"]["error_code"]) == expected, (endpoint, query)
