"""Who the embedded PostgreSQL runs as: it refuses to be root, so root lends it an account of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from services.cli.parts import Account

_NAME = "mesh-postgres"
_LAST_RESORT = "nobody"  # where no account can be made, e.g. on a read-only /etc


def unprivileged_account() -> Account | None:
    """None for anybody but root; root's is made on first use."""
    if os.geteuid() != 0:
        return None
    entry = _entry(_NAME) or _made() or pwd.getpwnam(_LAST_RESORT)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def reachable(path: Path, account: Account | None) -> bool:
    """Whether the account may enter every folder above `path` and read what is there."""
    return account is None or all(_may(account, place, bits) for place, bits in _way_to(path))


def _way_to(path: Path) -> Iterator[tuple[Path, int]]:
    yield from ((parent, 0o1) for parent in path.parents)
    yield path, 0o5


def _may(account: Account, place: Path, bits: int) -> bool:
    stat = place.stat()
    if stat.st_uid == account.uid:
        return stat.st_mode >> 6 & bits == bits
    return stat.st_mode & bits == bits


def _made() -> pwd.struct_passwd | None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is not None:
        options = ("--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent")
        subprocess.run([useradd, *options, "--shell", "/bin/false", _NAME], capture_output=True, check=False)  # noqa: S603 - fixed words
    return _entry(_NAME)


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
