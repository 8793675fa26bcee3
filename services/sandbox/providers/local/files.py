"""Files in a workspace, handled from outside while commands may be changing it.

Reads go through descriptors opened beneath the workspace. Writes grow in a directory the sandbox never sees and are
renamed into place, so that a file is there whole or not at all. Blocking; callers use threads.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from services.kit.errors import MeshError
from services.sandbox.domain import Collision, FileEntry, Listing, Stored
from services.sandbox.errors import FileMissing, FileTooLarge, InvalidPath, SandboxNotFound, WrongFileType
from services.sandbox.paths import MAX_NAME_BYTES, absolute, numbered
from services.sandbox.providers.local.beneath import Beneath, Opener, translated
from services.sandbox.providers.local.descriptor import Descriptor
from services.sandbox.providers.local.homes import Home
from services.sandbox.providers.local.trees import DIRECTORY, purge

MAX_ENTRIES = 10_000
_MAX_LISTING_BYTES = 15 * 1024**2
MAX_RENAMES = 1000
PERMISSION_BITS = 0o777
DEFAULT_MODE = 0o644

Parts = tuple[str, ...]


class LocalFiles:
    """The file operations of one home."""

    def __init__(self, home: Home, *, file_bytes: int, opener: Opener | None = None) -> None:
        self._home, self._file_bytes, self._opener = home, file_bytes, opener

    @contextmanager
    def _beneath(self) -> Iterator[Beneath]:
        """The workspace, opened for one operation: a sandbox may be deleted between two."""
        try:
            root = os.open(self._home.workspace, DIRECTORY)
        except FileNotFoundError:
            raise SandboxNotFound.of(sandbox_id=self._home.sandbox_id) from None
        try:
            yield Beneath(root, self._opener)
        finally:
            os.close(root)

    def list_directory(self, parts: Parts) -> Listing:
        """A directory's entries by name, as many as `most_entries`."""
        with self._beneath() as beneath:
            descriptor = beneath.directory(parts)
        try:
            with os.scandir(descriptor) as entries:
                names = sorted(entry.name for entry in entries)
            kept = [self._entry(descriptor, parts, name) for name in names[: most_entries(parts)]]
        finally:
            os.close(descriptor)
        return Listing(tuple(entry for entry in kept if entry), truncated=len(names) > most_entries(parts))

    def _entry(self, directory: int, parts: Parts, name: str) -> FileEntry | None:
        try:
            info = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return None
        shown = os.fsencode(name).decode(errors="replace")
        modified = datetime.fromtimestamp(max(0, min(info.st_mtime, 253402300799)), UTC)
        is_directory = stat.S_ISDIR(info.st_mode)
        return FileEntry(shown, absolute((*parts, shown)), is_directory, info.st_size, modified, info.st_mode)

    def names(self, parts: Parts) -> list[str]:
        """The names in a directory, as the file system has them."""
        with self._beneath() as beneath:
            descriptor = beneath.directory(parts)
        try:
            return os.listdir(descriptor)
        finally:
            os.close(descriptor)

    def open_file(self, parts: Parts) -> tuple[int, int]:
        """A descriptor of a regular file, for the caller to close, and its size."""
        with self._beneath() as beneath:
            descriptor = beneath.regular_file(parts)
        return descriptor, os.fstat(descriptor).st_size

    def require_directory(self, parts: Parts) -> None:
        """Raises unless there is a directory."""
        with self._beneath() as beneath:
            os.close(beneath.directory(parts))

    def stage(self, name: str) -> Staged:
        """A new file outside the workspace, to be filled and then committed. `name` must be unique."""
        try:
            return Staged(self, self._home.staging / name, self._file_bytes)
        except FileNotFoundError:
            raise SandboxNotFound.of(sandbox_id=self._home.sandbox_id) from None

    def place(self, staged: Path, parts: Parts, collision: Collision) -> Stored:
        """Moves a finished file to its place, making the directories above it."""
        if not parts:
            raise WrongFileType.of(absolute(parts), "This is a directory")
        directory = self._parent(parts, make=collision is not Collision.MUST_EXIST)
        try:
            name = _put(staged, directory, parts, collision)
        except OSError as failure:
            raise translated(failure, parts) from None
        finally:
            os.close(directory)
        return Stored(absolute((*parts[:-1], name)), renamed=name != parts[-1])

    def delete(self, parts: Parts, trash_name: str) -> None:
        """Deletes a file, a link, or a directory with all in it. It is out of sight at once, then removed."""
        if not parts:
            raise InvalidPath.at(absolute(parts), "must not be the workspace itself")
        directory = self._parent(parts, make=False)
        trash = self._home.trash / trash_name
        try:
            os.rename(parts[-1], trash, src_dir_fd=directory)
        except OSError as failure:
            raise translated(failure, parts) from None
        finally:
            os.close(directory)
        purge(trash)

    def status(self, parts: Parts) -> os.stat_result | None:
        """What is at a path itself, be it a link; None for nothing."""
        try:
            directory = self._parent(parts, make=False)
        except (FileMissing, WrongFileType):
            return None
        try:
            return os.stat(parts[-1], dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as failure:
            raise translated(failure, parts) from None
        finally:
            os.close(directory)

    def remove(self, parts: Parts) -> None:
        """Removes a file or link, and the directories above it that are empty then."""
        self._unlink(parts, os.unlink)
        with suppress(OSError, MeshError):  # not empty, or not there: that is where it ends
            for depth in range(len(parts) - 1, 0, -1):
                self._unlink(parts[:depth], os.rmdir)

    def remove_empty(self, parts: Parts) -> None:
        """Removes a directory in which there is nothing but such directories; anything else stays."""
        there = self.status(parts)
        if there is not None and stat.S_ISDIR(there.st_mode):
            for name in self.names(parts):
                self.remove_empty((*parts, name))
            with suppress(WrongFileType, FileMissing):
                self._unlink(parts, os.rmdir)

    def _unlink(self, parts: Parts, how: Callable[..., None]) -> None:
        directory = self._parent(parts, make=False)
        try:
            how(parts[-1], dir_fd=directory)
        except OSError as failure:
            raise translated(failure, parts) from None
        finally:
            os.close(directory)

    def own(self, descriptor: int) -> None:
        """Gives a file to the sandbox's user."""
        self._home.own(descriptor)

    def _parent(self, parts: Parts, *, make: bool) -> int:
        """A descriptor of the directory that holds `parts`; missing ones are made."""
        above = parts[:-1]
        with self._beneath() as beneath:
            existing = len(above)
            while True:
                try:
                    directory = beneath.directory(above[:existing])
                    break
                except FileMissing:
                    if not make or not existing:
                        raise FileMissing.of(absolute(parts)) from None
                    existing -= 1
        for depth in range(existing, len(above)):
            directory = self._make_directory(directory, above[: depth + 1])
        return directory

    def _make_directory(self, parent: int, parts: Parts) -> int:
        """Makes and enters the last of `parts` in `parent`, which it closes."""
        try:
            with suppress(FileExistsError):
                os.mkdir(parts[-1], 0o700, dir_fd=parent)
            made = os.open(parts[-1], DIRECTORY, dir_fd=parent)
        except OSError as failure:
            raise translated(failure, parts) from None
        finally:
            os.close(parent)
        self.own(made)
        os.fchmod(made, 0o755)
        return made


class Staged:
    """A file that grows out of the sandbox's sight. `commit` or `discard` ends it."""

    def __init__(self, files: LocalFiles, path: Path, limit_bytes: int) -> None:
        self._files, self._path, self._limit = files, path, limit_bytes
        self._file = Descriptor(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        self.size = 0

    def write(self, data: bytes) -> None:
        """Adds bytes; past the limit of one file it raises `FileTooLarge`."""
        self.size += len(data)
        if self.size > self._limit:
            raise FileTooLarge.of(self._limit)
        view = memoryview(data)
        with self._file.held() as file:
            while view:
                view = view[os.write(file, view) :]

    def commit(self, parts: Parts, *, mode: int | None, collision: Collision) -> Stored:
        """Puts the file in its place. `mode` None: that of the file it replaces, or 644."""
        if mode is None:
            there = self._files.status(parts) if parts and collision is not Collision.RENAME else None
            mode = there.st_mode if there is not None and stat.S_ISREG(there.st_mode) else DEFAULT_MODE
        with self._file.held() as file:
            self._files.own(file)
            os.fchmod(file, mode & PERMISSION_BITS)
        return self._files.place(self._path, parts, collision)

    def discard(self) -> None:
        """Closes the file, and removes it where it was not committed."""
        self._file.close()
        self._path.unlink(missing_ok=True)


def _put(staged: Path, directory: int, parts: Parts, collision: Collision) -> str:
    name = parts[-1]
    match collision:
        case Collision.REPLACE:
            os.rename(staged, name, dst_dir_fd=directory)
            return name
        case Collision.MUST_EXIST:
            os.stat(name, dir_fd=directory, follow_symlinks=False)
            os.rename(staged, name, dst_dir_fd=directory)
            return name
        case Collision.MUST_NOT_EXIST:
            os.link(staged, name, dst_dir_fd=directory, follow_symlinks=False)
            return name
        case Collision.RENAME:
            return _put_beside(staged, directory, name)


def _put_beside(staged: Path, directory: int, name: str) -> str:
    """Links the file under the first free of `name`, `name_1`, ...: a link never replaces."""
    for number in range(MAX_RENAMES):
        wanted = numbered(name, number) if number else name
        if len(wanted.encode()) > MAX_NAME_BYTES:
            break
        try:
            os.link(staged, wanted, dst_dir_fd=directory, follow_symlinks=False)
        except FileExistsError:
            continue
        return wanted
    raise OSError(errno.ENAMETOOLONG, "no free name")


def most_entries(parts: Parts) -> int:
    """How many entries of a directory fit into one answer, each with its path, and no character above three bytes."""
    return min(MAX_ENTRIES, _MAX_LISTING_BYTES // (len(absolute(parts).encode()) + 2 * 3 * MAX_NAME_BYTES + 64))
