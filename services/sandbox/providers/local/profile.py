"""What a sandbox sees and may do, as arguments for bubblewrap.

Everything is built up from nothing: a read-only /usr, an /etc written here, empty /tmp and /dev, and the workspace. The
host's root is never bound. File systems of memory are sized or read-only, so that none of them is a way around limits.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from services.sandbox.domain import Limits

UID = 1000
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
    "HOME": "/workspace",
    "USER": "user",
    "LOGNAME": "user",
    "SHELL": "/bin/sh",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    "TMPDIR": "/tmp",  # noqa: S108 -- the sandbox's own
}
ETC_FILES = {
    "passwd": f"root:x:0:0::/:/bin/sh\nuser:x:{UID}:{UID}::/workspace:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
    "group": f"root:x:0:\nuser:x:{UID}:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "resolv.conf": "",
}
# Parts of the host's /etc that programs in /usr point to and that hold nothing private.
ETC_COPIED = ("alternatives", "ld.so.cache", "mime.types", "fonts", "ssl/certs", "ssl/openssl.cnf", "magic")
TOP_LEVEL = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
SHM_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Places:
    """The directories that are bound, and the descriptors that bubblewrap inherits."""

    workspace: Path
    etc: Path
    seccomp: int
    status: int
    block: int


def arguments(limits: Limits, at: Places, cwd: str, *, network: bool) -> list[str]:
    """The options for one command, in the order in which bubblewrap carries them out."""
    return [
        *_namespaces(network),
        *_environment(),
        *("--ro-bind", "/usr", "/usr", *_links_to_usr()),
        *("--ro-bind", str(at.etc), "/etc"),
        *("--proc", "/proc", "--dev", "/dev"),
        *("--size", str(min(SHM_BYTES, limits.tmp_bytes)), "--perms", "1777", "--tmpfs", "/dev/shm"),  # noqa: S108
        *("--size", str(limits.tmp_bytes), "--perms", "1777", "--tmpfs", "/tmp"),  # noqa: S108
        *("--bind", str(at.workspace), "/workspace"),
        *("--remount-ro", "/dev", "--remount-ro", "/"),
        *("--chdir", cwd),
        *("--seccomp", str(at.seccomp)),
        *("--json-status-fd", str(at.status), "--block-fd", str(at.block)),
    ]


def _namespaces(network: bool) -> list[str]:
    return [
        *("--unshare-all", *(["--share-net"] if network else [])),
        *("--unshare-user", "--disable-userns", "--uid", str(UID), "--gid", str(UID), "--hostname", "sandbox"),
        *("--die-with-parent", "--new-session", "--cap-drop", "ALL"),
    ]


def _environment() -> list[str]:
    pairs = [part for name, value in ENVIRONMENT.items() for part in ("--setenv", name, value)]
    return ["--clearenv", *pairs]


def _links_to_usr() -> list[str]:
    """The top-level names that programs expect: links where the host has links, else read-only binds."""
    found: list[str] = []
    for name in TOP_LEVEL:
        path = Path("/") / name
        if path.is_symlink():
            found += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            found += ["--ro-bind", str(path), str(path)]
    return found


def write_etc(directory: Path, *, network: bool) -> None:
    """Writes the sandbox's /etc anew. With network, it knows the host's name servers."""
    if directory.exists():
        shutil.rmtree(directory)
    directory.mkdir(parents=True)
    for name, text in ETC_FILES.items():
        (directory / name).write_text(text)
    for name in (*ETC_COPIED, *(["resolv.conf"] if network else [])):
        _copy(Path("/etc") / name, directory / name)
    for path in (directory, *directory.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        with suppress(shutil.Error):  # a file in it that only its owner may read stays out
            shutil.copytree(source, target, symlinks=True)
    elif source.exists():
        shutil.copyfile(source, target)
