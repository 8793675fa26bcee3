"""A whole mesh as a person has it: `mesh up` in a process of its own, reached through Envoy alone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import psutil

from services.cli.embedded.postgres import EmbeddedPostgres
from services.cli.layout import DataDir
from services.cli.ports import any_free_port
from services.cli.state import load
from services.kit.auth import sign_user_token
from services.kit.clock import SystemClock

CHECKOUT = Path(__file__).parents[2]
JWT_SECRET = "a-secret-for-end-to-end-tests-that-is-long-enough"
_OWN = (
    "MESH_", "DATABASE_URL", "REDIS_URL", "SUPABASE_", "ENV_MODE", "ALLOW_UNSAFE",
    "OPENAI_", "OPENROUTER_", "ANTHROPIC_", "GEMINI_", "GROQ_", "MISTRAL_", "DEEPSEEK_", "XAI_", "AWS_",
)  # fmt: skip
_START_S = 60.0


class RunningMesh:
    """One mesh. `log` is what `mesh up` said so far."""

    def __init__(
        self, data: DataDir, port: int, process: subprocess.Popen[bytes], said: Path, environment: Mapping[str, str]
    ) -> None:
        self.data = data
        self.environment = environment
        self.port = port
        self._process = process
        self._said = said

    @property
    def url(self) -> str:
        """Of the REST surface."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def grpc(self) -> str:
        """host:port of plain gRPC."""
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What the mesh said."""
        return self._said.read_text(errors="replace")

    def token(self, sub: str | None = None, *, lifetime_s: float = 3600, **claims: object) -> str:
        """A user's token; a new user for none."""
        return sign_user_token(
            JWT_SECRET, {"sub": sub or str(uuid4()), **claims}, lifetime_s=lifetime_s, clock=SystemClock()
        )

    def client(self, sub: str | None = None, **headers: str) -> httpx.AsyncClient:
        """A REST client of one user."""
        bearer = {"Authorization": f"Bearer {self.token(sub)}"}
        return httpx.AsyncClient(base_url=self.url, headers=bearer | headers, timeout=30)

    async def make_admin(self, sub: str) -> None:
        """As an operator does it: in the database."""
        connection = await asyncpg.connect(EmbeddedPostgres(self.data, None).url)
        try:
            await connection.execute("INSERT INTO billing.user_roles VALUES ($1, 'admin', now())", sub)
        finally:
            await connection.close()

    def pid(self, part: str) -> int:
        """Of a part that runs."""
        process = load(self.data.state).parts[part].process
        assert process is not None, f"{part} does not run"
        return process.pid

    def kill(self, part: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Sends a signal to a part."""
        os.kill(self.pid(part), number)

    def wait_healthy(self, within_s: float = _START_S) -> None:
        """Until every part is healthy."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            assert self._process.poll() is None, f"mesh up ended:\n{self.log[-4000:]}"
            state = load(self.data.state)
            if state.phase == "ready" and all(part.state == "healthy" for part in state.parts.values()):
                return
            time.sleep(0.05)
        raise TimeoutError(f"the mesh is not healthy after {within_s} s:\n{self.log[-4000:]}")

    def stop(self) -> None:
        """Ends it as Ctrl-C does; whatever is left after that is an error."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            for child in psutil.Process(self._process.pid).children(recursive=True):
                child.kill()
            self._process.kill()
            raise


@contextmanager
def running_mesh(**variables: str) -> Iterator[RunningMesh]:
    """Starts a mesh on a free port with a data directory of its own; stops it and removes its data at the end."""
    place = Path(tempfile.mkdtemp(prefix="mesh-e2e-"))
    place.chmod(0o711)
    data, port = DataDir(place / "data"), any_free_port()
    said = place / "said.log"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
    environment = kept | _variables(data, port, variables)
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.cli", "up"],
            cwd=CHECKOUT,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    mesh = RunningMesh(data, port, process, said, environment)
    try:
        mesh.wait_healthy()
        yield mesh
    finally:
        mesh.stop()
        shutil.rmtree(place, ignore_errors=True)


def _variables(data: DataDir, port: int, more: Mapping[str, str]) -> dict[str, str]:
    return {
        "MESH_DATA_DIR": str(data.root),
        "MESH_HTTP_PORT": str(port),
        "SUPABASE_JWT_SECRET": JWT_SECRET,
        "PYTHONPATH": str(CHECKOUT),
        **more,
    }
