"""One mesh for all user stories that leave it whole, with a model server of another protocol beside it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import httpx
import pytest

from tests.support.mesh import CHECKOUT, RunningMesh, running_mesh


def _serving(fake: str, *arguments: str) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", f"tests.fakes.{fake}", *arguments], stdout=subprocess.PIPE, cwd=CHECKOUT
    )
    assert process.stdout is not None
    yield process.stdout.readline().decode().strip()
    process.terminate()
    process.wait()


@pytest.fixture(scope="session")
def model_server() -> Iterator[str]:
    """Base URL of an OpenAI-compatible server."""
    yield from _serving("llm", "--flush", "token")


@pytest.fixture(scope="session")
def anthropic_server() -> Iterator[str]:
    """Base URL of a server that speaks Anthropic's protocol, without /v1."""
    for url in _serving("anthropic", "--flush", "token", "--key", "sk-ant-test"):
        yield url.removesuffix("/v1")


@pytest.fixture(scope="session")
def mesh(model_server: str, anthropic_server: str) -> Iterator[RunningMesh]:
    """A mesh whose models named openai/... and anthropic/... are at the model servers."""
    anthropic = {"ANTHROPIC_API_KEY": "sk-ant-test", "MESH_ANTHROPIC_API_BASE": anthropic_server}
    with running_mesh(OPENAI_API_BASE=model_server, **anthropic) as running:
        yield running


@pytest.fixture
def user_id() -> str:
    """Somebody new."""
    return str(uuid4())


@pytest.fixture
async def client(mesh: RunningMesh, user_id: str) -> AsyncIterator[httpx.AsyncClient]:
    """That user's REST client."""
    async with mesh.client(user_id) as made:
        yield made


@pytest.fixture
async def stranger(mesh: RunningMesh) -> AsyncIterator[httpx.AsyncClient]:
    """Another user's."""
    async with mesh.client() as made:
        yield made
