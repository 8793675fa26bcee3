"""Opens paths beneath a directory that somebody else may be changing at the same time.

With `openat2` and `RESOLVE_BENEATH` the kernel refuses `..`, absolute links and links out of the tree at each step of
one lookup, so that there is nothing to race. Kernels without it (before 5.6) get a walk that follows no link at all.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Callable

from services.sandbox.errors import FileMissing, InvalidPath, WrongFileType
from services.sandbox.paths import absolute

SYS_OPENAT2 = 437  # the same on every architecture
RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS, RESOLVE_BENEATH = 0x01, 0x02, 0x08
RACED_RETRIES = 16

_TYPE_WORDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a symbolic link",
}

Opener = Callable[[int, tuple[str, ...], int], int]


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_libc = ctypes.CDLL(None, use_errno=True)


def openat2(root: int, parts: tuple[str, ...], flags: int) -> int:
    """A descriptor of `parts` beneath `root`; links are followed as long as they stay beneath it."""
    how = _OpenHow(flags | os.O_CLOEXEC, 0, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV)
    path = os.fsencode("/".join(parts) or ".")
    for _ in range(RACED_RETRIES):
        descriptor = _libc.syscall(SYS_OPENAT2, root, path, ctypes.byref(how), ctypes.sizeof(how))
        if descriptor >= 0:
            return int(descriptor)
        code = ctypes.get_errno()
        if code != errno.EAGAIN:  # EAGAIN: a rename raced with the lookup
            break
    raise OSError(code, os.strerror(code))


def walk(root: int, parts: tuple[str, ...], flags: int) -> int:
    """As `openat2`, component by component, following no link: stricter, for kernels that lack the call."""
    directory = os.dup(root)
    try:
        for name in parts[:-1]:
            following = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
            os.close(directory)
            directory = following
        last = parts[-1] if parts else "."
        return os.open(last, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    finally:
        os.close(directory)


def best_opener(root: int) -> Opener:
    """`openat2` where the kernel (and whatever filters its calls) allows it, else `walk`."""
    try:
        os.close(openat2(root, (), os.O_PATH))
    except OSError as failure:
        if failure.errno in (errno.ENOSYS, errno.EPERM):
            return walk
        raise
    return openat2


class Beneath:
    """Opens what lies beneath one directory. Blocking; errors are the service's own."""

    def __init__(self, root: int, opener: Opener | None = None) -> None:
        self._root = root
        self._open = opener or best_opener(root)

    def pin(self, parts: tuple[str, ...]) -> int:
        """An `O_PATH` descriptor: names the file without touching it, so that its type can be asked first."""
        try:
            return self._open(self._root, parts, os.O_PATH)
        except OSError as failure:
            raise translated(failure, parts) from None

    def directory(self, parts: tuple[str, ...]) -> int:
        """A readable descriptor of a directory."""
        try:
            return self._open(self._root, parts, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as failure:
            raise translated(failure, parts) from None

    def regular_file(self, parts: tuple[str, ...]) -> int:
        """A readable descriptor of a regular file; everything else is refused without being opened."""
        pinned = self.pin(parts)
        try:
            require_regular(os.fstat(pinned), parts)
            return os.open(f"/proc/self/fd/{pinned}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as failure:
            raise translated(failure, parts) from None
        finally:
            os.close(pinned)


def require_regular(info: os.stat_result, parts: tuple[str, ...]) -> None:
    """Refuses what is not a regular file, by name."""
    kind = stat.S_IFMT(info.st_mode)
    if kind != stat.S_IFREG:
        raise WrongFileType.of(absolute(parts), f"This is {_TYPE_WORDS.get(kind, 'no regular file')}")


def translated(failure: OSError, parts: tuple[str, ...]) -> Exception:
    """The service's error for what the kernel said about a path."""
    path = absolute(parts)
    match failure.errno:
        case errno.ENOENT:
            return FileMissing.of(path)
        case errno.EXDEV | errno.ELOOP:
            return InvalidPath.at(path, "leaves the workspace through a link")
        case errno.ENAMETOOLONG | errno.EINVAL:
            return InvalidPath.at(path, "is not one this file system can hold")
        case errno.ENOTDIR:
            return WrongFileType.of(path, "A part of the path is not a directory")
        case errno.EISDIR | errno.ENOTEMPTY | errno.EEXIST:
            return WrongFileType.of(path, "There is something else of that name")
        case errno.EACCES | errno.EPERM | errno.ENXIO:
            return WrongFileType.of(path, "The file's mode or type forbids it")
        case _:
            return failure
