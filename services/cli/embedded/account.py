"""Who the embedded PostgreSQL runs as: it refuses to be root, so root lends it an account of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
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
    """Whether the account may enter this folder (or run this program) and every folder above it."""
    return account is None or all(_may_enter(account, place) for place in (path, *path.parents))


def _may_enter(account: Account, place: Path) -> bool:
    stat = place.stat()
    mode = stat.st_mode >> 6 if stat.st_uid == account.uid else stat.st_mode
    return bool(mode & 0o1)


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
