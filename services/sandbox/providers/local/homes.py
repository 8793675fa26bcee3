"""Where the sandboxes of this machine live on disk, and as whom each runs.

    <root>/homes/<sandbox_id>/workspace   bound at /workspace, owned by the sandbox's uid; all it ever sees of the host
                              staging     writes grow here and are renamed into the workspace when whole
                              trash       what was deleted, until it is gone
                              output      the spools of processes
    <root>/uids/<uid>                     which sandbox has a uid: created with O_EXCL, so that two never share one
    <root>/etc                            the generated /etc
    <root>/lock, <root>/node              one service at a time; its name in the process table

All but the workspace belongs to the service alone. Sandboxes' users must be able to pass through to their own
workspace, and can list nothing on the way.
"""

from __future__ import annotations

import fcntl
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from services.sandbox.providers.local.trees import purge

SUBDIRECTORIES = ("workspace", "staging", "trash", "output")


@dataclass(frozen=True)
class Home:
    """One sandbox's directories. `uid` is None where commands run as the service's own user."""

    sandbox_id: str
    path: Path
    uid: int | None

    @property
    def workspace(self) -> Path:
        """What is bound at /workspace."""
        return self.path / "workspace"

    @property
    def staging(self) -> Path:
        """Where writes grow before they are renamed into the workspace."""
        return self.path / "staging"

    @property
    def trash(self) -> Path:
        """Where deleted things wait to be gone."""
        return self.path / "trash"

    def output(self, process_id: str) -> Path:
        """The spool of a process."""
        return self.path / "output" / process_id

    def own(self, descriptor: int) -> None:
        """Gives a file or directory to the sandbox's user."""
        if self.uid is not None:
            os.fchown(descriptor, self.uid, self.uid)


class UidsExhaustedError(RuntimeError):
    """Every uid of the range has a sandbox."""


class Homes:
    """The homes below one root. Blocking."""

    def __init__(self, root: Path, *, uid_base: int, uid_count: int, as_root: bool) -> None:
        self.root = root
        self.as_root = as_root
        self._uid_base, self._uid_count = uid_base, uid_count
        self._lock = -1
        self._changing = threading.Lock()

    def open(self, new_node: Callable[[], str]) -> str:
        """Takes the root for this process and returns the node's name, made once by `new_node`.

        What a service that was killed had begun to write or to delete is gone then; its files were never seen whole.
        Raises `BlockingIOError` when another service has it.
        """
        for directory in (self.root, self.root / "homes", self.root / "uids"):
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o711)
        lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise
        self._lock = lock
        self._clear()
        node = self.root / "node"
        if not node.exists():
            node.write_text(new_node())
        return node.read_text()

    def close(self) -> None:
        """Lets another service have the root."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        self._changing = threading.Lock()

    def _clear(self) -> None:
        for place in ("staging", "trash"):
            for left in sorted((self.root / "homes").glob(f"*/{place}/*")):
                if os.path.lexists(left):  # else it was another's yard, and went with that
                    purge(left)

    def find(self, sandbox_id: str) -> Home | None:
        """A sandbox's home, if it was made."""
        home = self.root / "homes" / sandbox_id
        try:
            info = (home / "workspace").stat()
        except FileNotFoundError:
            return None
        return Home(sandbox_id, home, info.st_uid if self.as_root else None)

    def make(self, sandbox_id: str) -> Home:
        """A sandbox's home, made if need be. Making it again changes nothing."""
        with self._changing:
            return self.find(sandbox_id) or self._made(sandbox_id)

    def _made(self, sandbox_id: str) -> Home:
        path = self.root / "homes" / sandbox_id
        uid = self._take_uid(sandbox_id) if self.as_root else None
        for name in ("staging", "trash", "output"):
            (path / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        path.chmod(0o711)
        made = path / "workspace.new"
        made.mkdir(exist_ok=True, mode=0o700)
        if uid is not None:
            os.chown(made, uid, uid)
        made.rename(path / "workspace")  # last, and owned by then: a home is found whole or not at all
        return Home(sandbox_id, path, uid)

    def remove(self, sandbox_id: str) -> None:
        """Removes a home and everything in it, and frees its uid. Nothing may run in it any more."""
        path = self.root / "homes" / sandbox_id
        with self._changing:
            if path.exists():
                purge(path)
            for claim, owner in self._claims(sandbox_id):
                if owner in (None, sandbox_id):
                    claim.unlink(missing_ok=True)
                    return

    def _take_uid(self, sandbox_id: str) -> int:
        for claim, owner in self._claims(sandbox_id):
            if owner is None:
                claim.symlink_to(sandbox_id)
            if owner in (None, sandbox_id):
                return int(claim.name)
        raise UidsExhaustedError(f"all {self._uid_count} uids from {self._uid_base} are taken")

    def _claims(self, sandbox_id: str) -> Iterator[tuple[Path, str | None]]:
        """The uids a sandbox may have, likeliest first, with who has each."""
        start = zlib.crc32(sandbox_id.encode()) % self._uid_count
        for step in range(self._uid_count):
            claim = self.root / "uids" / str(self._uid_base + (start + step) % self._uid_count)
            yield claim, os.readlink(claim) if claim.is_symlink() else None
