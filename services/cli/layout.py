"""Where a mesh keeps its things on one machine.

    state.json  what runs, on which ports          logs/      one file per part, bounded
    system-status.json  what everybody is told     spool/     uploads that are too large for memory
    mesh.lock   held by the `mesh up` that runs    run/       sockets and Envoy's configuration
    keys/       service keys, the local secrets    postgres/  the embedded database

The default is `.mesh` in the current folder. Root gets `/var/lib/mesh/<name>-<hash of the folder>` instead: the
embedded PostgreSQL then runs as another user, who must be able to enter the folder, and a home seldom lets him.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .errors import CliError

_ROOTS_HOME = Path("/var/lib/mesh")
_LONGEST_SOCKET_DIR = 85  # a UNIX socket's path has 107 bytes, and ".s.PGSQL.5432.lock" comes on top


def default_root(folder: Path, uid: int) -> Path:
    """The data directory for a mesh that is started in `folder` by `uid`."""
    if uid != 0:
        return folder / ".mesh"
    return _ROOTS_HOME / f"{folder.name or 'root'}-{_digest(folder)}"


@dataclass(frozen=True)
class DataDir:
    """Paths below one data directory; `root` is absolute."""

    root: Path

    @property
    def state(self) -> Path:
        return self.root / "state.json"

    @property
    def notices(self) -> Path:
        return self.root / "system-status.json"

    @property
    def lock(self) -> Path:
        return self.root / "mesh.lock"

    @property
    def restart(self) -> Path:
        return self.run / "restart.json"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    def log_of(self, part: str) -> Path:
        return self.logs / f"{part}.log"

    def socket_dir(self, name: str) -> Path:
        """A folder for the UNIX sockets of `name`: below the root, or in the temporary folder if that is too long."""
        wanted = self.run / name
        if len(bytes(wanted)) <= _LONGEST_SOCKET_DIR:
            return wanted
        return Path(tempfile.gettempdir()) / f"mesh-{os.getuid()}-{_digest(self.root)}-{name}"

    def create(self) -> None:
        """Make the folders. Others may pass through the root and look into none of them."""
        try:
            for folder, mode in ((self.root, 0o711), (self.keys, 0o700), (self.logs, 0o700), (self.run, 0o711)):
                folder.mkdir(parents=True, exist_ok=True)
                folder.chmod(mode)
        except OSError as refused:
            why = f"{refused.filename}: {refused.strerror}"
            raise CliError(
                f"no data can be kept in {self.root} ({why}); set MESH_DATA_DIR to a folder of yours"
            ) from None


def private_folder(path: Path, owner: tuple[int, int] | None = None) -> Path:
    """A folder that only its owner (user and group; None: the caller) may enter.

    Refuses a link and a folder of somebody else's: below the temporary folder, anybody could have put it there.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    user = os.geteuid() if owner is None else owner[0]
    if path.is_symlink() or path.stat().st_uid not in {os.geteuid(), user}:
        raise CliError(f"{path} belongs to somebody else; remove it or choose another MESH_DATA_DIR")
    if owner is not None:
        os.chown(path, *owner)
    path.chmod(0o700)
    return path


def _digest(path: Path) -> str:
    return hashlib.sha256(bytes(path)).hexdigest()[:8]
