"""The README's examples, as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.mesh import CHECKOUT, JWT_SECRET, RunningMesh
from tests.support.node import node_client

pytestmark = pytest.mark.xdist_group("mesh")


def example(name: str) -> str:
    """The block below `<!-- tested: name -->`."""
    text = (CHECKOUT / "README.md").read_text()
    found = re.search(rf"<!-- tested: {name} -->\n```\w+\n(.*?)```", text, re.DOTALL)
    assert found, name
    return found[1]


def environment(mesh: RunningMesh, tmp_path: Path) -> dict[str, str]:
    """A person's shell beside a running mesh; `.venv/bin` is this interpreter's."""
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    return os.environ | {
        "MESH_HTTP_PORT": str(mesh.port),
        "MESH_DATA_DIR": str(mesh.data.root),
        "SUPABASE_JWT_SECRET": JWT_SECRET,
        "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'protos/gen'}",
    }


def test_the_first_request_by_curl(mesh: RunningMesh, tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-euc", example("curl")],
        env=environment(mesh, tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "hello from the sandbox" in done.stdout
    assert '"status":"completed"' in done.stdout


def test_the_first_request_by_grpc(mesh: RunningMesh, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", example("grpc")],
        env=environment(mesh, tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Hello from a typed stream." in done.stdout
    assert "[completed]" in done.stdout


@pytest.mark.timeout(600)  # the first time npm installs
def test_the_first_request_from_node(mesh: RunningMesh, tmp_path: Path) -> None:
    (tmp_path / "protos").symlink_to(CHECKOUT / "protos")
    done = subprocess.run(
        ["node", "-e", example("node")],
        env=environment(mesh, tmp_path) | node_client().variables,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Hello from Node.\n[completed]\n"


def test_the_first_request_from_the_terminal(mesh: RunningMesh, tmp_path: Path) -> None:
    command, *shown = example("terminal").splitlines()
    surroundings = environment(mesh, tmp_path)
    done = subprocess.run(
        ["bash", "-euc", command.removeprefix("$ ")],
        env=surroundings | {"PATH": f"{tmp_path / '.venv' / 'bin'}:{surroundings['PATH']}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert shown[1:-1] == done.stdout.splitlines()  # the first and the last line are ids and costs, on stderr
    assert re.fullmatch(r"2 steps, \d+ tokens in, \d+ out: [\d.]+ credits", shown[-1])
