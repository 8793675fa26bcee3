"""The versions of one workspace, as a bare git repository that nobody but the service ever touches.

It is written with dulwich's object store alone: no index, no checkout, no configuration, no hooks, so that nothing in a
workspace can have a meaning here. Objects are on disk before the branch names them; the branch moves by one rename.
Whatever a killed service leaves behind is therefore litter, not damage, and `prepare` sweeps it away.

Old versions are dropped as git's own shallow clones have it: the oldest kept commit is listed in `shallow`, and what it
says of its parents is no longer believed.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from dulwich.diff_tree import tree_changes
from dulwich.errors import NotTreeError
from dulwich.index import commit_tree
from dulwich.object_store import DiskObjectStore, tree_lookup_path
from dulwich.objects import Blob, Commit, ObjectID, ShaFile, Tree
from dulwich.pack import full_unpacked_object

from services.sandbox.domain import Cause, ChangeKind, FileChange, Version
from services.sandbox.errors import CommitNotFound

BRANCH = Path("refs/heads/main")
MOST_LOOSE = 64
"""Objects added together beyond which they are kept in one file instead of one each."""
MOST_GATHERED = 8 * 1024 * 1024
"""Bytes of new objects that wait in memory for being written together."""

_KINDS = {"add": ChangeKind.ADDED, "modify": ChangeKind.MODIFIED, "delete": ChangeKind.DELETED}


@dataclass(frozen=True)
class Entry:
    """A file or link in a version: its mode with type bits, and the name of its content."""

    mode: int
    blob: str


@dataclass(frozen=True)
class Snapshot:
    """A version's commit, its tree and when it was made."""

    commit: str
    tree: str
    made_at: datetime


class _Objects(DiskObjectStore):
    """Gathers what is new, so that many small objects become one file; `flush` puts it on disk."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, fsync_object_files=True)
        self._fresh: dict[ObjectID, ShaFile] = {}
        self._fresh_bytes = 0

    def add_object(self, obj: ShaFile) -> None:
        if obj.id in self._fresh or obj.id in self:
            return
        self._fresh[obj.id] = obj
        self._fresh_bytes += obj.raw_length()
        if self._fresh_bytes > MOST_GATHERED:
            self.flush()

    def flush(self) -> None:
        """One file for many, one each for few."""
        fresh, self._fresh, self._fresh_bytes = list(self._fresh.values()), {}, 0
        if len(fresh) > MOST_LOOSE:
            self.add_objects([(obj, None) for obj in fresh])
        else:
            for obj in fresh:
                super().add_object(obj)


class Repository:
    """Blocking, and for one thread at a time. A context, which opens it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        self._store = _Objects(self._path / "objects")
        self._shallow = frozenset(_lines(self._path / "shallow"))
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()

    def prepare(self) -> None:
        """Makes what is missing and sweeps up after a service that was killed. Before the first use in a process."""
        self._path.mkdir(exist_ok=True, mode=0o700)  # without parents: a removed home must not come back
        for name in ("objects", "objects/info", "objects/pack", "refs", "refs/heads"):
            (self._path / name).mkdir(exist_ok=True)
        _replace(self._path / "config", b"[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
        _replace(self._path / "HEAD", f"ref: {BRANCH}\n".encode())
        for litter in (*self._path.glob("objects/??/*.lock"), *self._path.glob("objects/pack/*")):
            if litter.suffix == ".lock" or not litter.with_suffix(".idx").exists():
                litter.unlink()

    @property
    def tip(self) -> Snapshot | None:
        """The newest version."""
        names = _lines(self._path / BRANCH)
        return self.snapshot(names[0].decode()) if names else None

    def snapshot(self, commit: str) -> Snapshot:
        """A version. Fails with COMMIT_NOT_FOUND."""
        found = self._commit(commit)
        return Snapshot(commit, _text(found.tree), datetime.fromtimestamp(found.commit_time, UTC))

    def version(self, commit: str) -> Version:
        """Who made a version, when and why. Fails with COMMIT_NOT_FOUND."""
        return _version(self._commit(commit))

    def versions(self, path: str) -> Iterator[Version]:
        """The versions that changed what is at a path (the empty one: anything), newest first."""
        newer = next(commits := self._commits(), None)
        entry = self._entry(newer, path)
        while newer is not None:
            older = next(commits, None)
            before = self._entry(older, path)
            if entry != before:
                yield _version(newer)
            newer, entry = older, before

    def changes(self, old: str | None, new: str | None) -> list[FileChange]:
        """What differs between two trees, sorted by path; None is an empty tree."""
        found: dict[str, ChangeKind] = {}
        for change in tree_changes(self._store, _id(old), _id(new), change_type_same=True):
            path = (change.new or change.old).path  # type: ignore[union-attr] # one of both is there
            found[os.fsdecode(path or b"")] = _KINDS[change.type]
        return [FileChange(path, kind) for path, kind in sorted(found.items())]

    def parent_tree(self, commit: str) -> str | None:
        """The tree of the version before, if there is one."""
        before = self._parent(self._commit(commit))
        return _text(before.tree) if before is not None else None

    def lookup(self, tree: str, path: str) -> Entry | None:
        """What a tree has at a path; a directory's content is a tree."""
        if not path:
            return Entry(stat.S_IFDIR, tree)
        try:
            mode, sha = tree_lookup_path(self._store.__getitem__, ObjectID(tree.encode()), os.fsencode(path))
        except (KeyError, NotTreeError):
            return None
        return Entry(mode, _text(sha))

    def directory(self, tree: str) -> dict[str, Entry]:
        """The entries of one tree."""
        found = self._store[ObjectID(tree.encode())]
        assert isinstance(found, Tree)
        return {os.fsdecode(item.path): Entry(item.mode, _text(item.sha)) for item in found.iteritems()}

    def files(self, tree: str, prefix: str = "") -> Iterator[tuple[str, Entry]]:
        """Every file and link in a tree, by path below it."""
        for name, entry in self.directory(tree).items():
            if stat.S_ISDIR(entry.mode):
                yield from self.files(entry.blob, f"{prefix}{name}/")
            else:
                yield f"{prefix}{name}", entry

    def content(self, blob: str) -> bytes:
        """A file's bytes, or where a link points to."""
        return self._store.get_raw(ObjectID(blob.encode()))[1]

    def add_content(self, data: bytes) -> str:
        """Keeps content for a version to come; its name."""
        blob = Blob.from_string(data)
        self._store.add_object(blob)
        return _text(blob.id)

    def add_version(self, entries: Mapping[str, Entry], cause: Cause, now: datetime) -> None:
        """Makes a version of these files, unless they are what the newest one has; nothing at all is no first one."""
        listed = ((os.fsencode(path), ObjectID(entry.blob.encode()), entry.mode) for path, entry in entries.items())
        tree = commit_tree(self._store, listed)
        tip = self.tip
        if (tip is not None and tip.tree == _text(tree)) or (tip is None and not entries):
            return
        commit = _made(tree, tip.commit if tip is not None else None, cause, now)
        self._store.add_object(commit)
        self._store.flush()
        _replace(self._path / BRANCH, commit.id + b"\n")

    @property
    def packs(self) -> int:
        """Files that hold many objects; each is looked into for each object."""
        return len(list((self._path / "objects" / "pack").glob("*.pack")))

    def compact(self, *, most_bytes: int, most_versions: int) -> None:
        """Puts everything into one file, and drops older versions until no more than half of each is left, where
        there is more. The newest stays in any case.
        """
        kept = [commit.id for commit in self._commits()]
        if len(kept) > most_versions:
            del kept[most_versions // 2 :]
        too_large = self._keep(kept) > most_bytes
        while too_large and len(kept) > 1:
            del kept[len(kept) // 2 :]
            too_large = self._keep(kept) > most_bytes // 2

    def _keep(self, commits: list[ObjectID]) -> int:
        """Drops all but these, the newest; the size of what is left."""
        pack = self._pack(self._reachable(commits))
        oldest = self._store[commits[-1]]
        assert isinstance(oldest, Commit)
        _replace(self._path / "shallow", oldest.id + b"\n" if oldest.parents else b"")
        self.__exit__()
        for folder in (self._path / "objects").glob("??"):
            shutil.rmtree(folder)
        for file in (self._path / "objects" / "pack").iterdir():
            if file.stem != pack:
                file.unlink()
        self.__enter__()
        return sum(file.stat().st_size for file in (self._path / "objects" / "pack").iterdir())

    def _reachable(self, commits: Iterable[ObjectID]) -> dict[ObjectID, None]:
        """Commits, trees and contents, each once, trees and contents of one version together."""
        found: dict[ObjectID, None] = {}
        for commit in commits:
            found[commit] = None
            pending = [_text(self._commit(_text(commit)).tree)]
            while pending:
                tree = ObjectID(pending.pop().encode())
                if tree in found:
                    continue
                found[tree] = None
                for entry in self.directory(_text(tree)).values():
                    if stat.S_ISDIR(entry.mode):
                        pending.append(entry.blob)
                    else:
                        found[ObjectID(entry.blob.encode())] = None
        return found

    def _pack(self, objects: Mapping[ObjectID, None]) -> str:
        """Copies objects, one at a time, into a file of their own; its name."""
        pack = self._store.add_pack_data(len(objects), (full_unpacked_object(self._store[sha]) for sha in objects))
        assert pack is not None
        return f"pack-{pack.name().decode()}"

    def _commit(self, commit: str) -> Commit:
        try:
            found = self._store[ObjectID(commit.encode())]
        except KeyError:
            raise CommitNotFound.of(commit) from None
        if not isinstance(found, Commit):
            raise CommitNotFound.of(commit)
        return found

    def _commits(self) -> Iterator[Commit]:
        tip = self.tip
        found = self._commit(tip.commit) if tip is not None else None
        while found is not None:
            yield found
            found = self._parent(found)

    def _parent(self, commit: Commit) -> Commit | None:
        if not commit.parents or commit.id in self._shallow:
            return None
        return self._commit(_text(commit.parents[0]))

    def _entry(self, commit: Commit | None, path: str) -> Entry | None:
        return self.lookup(_text(commit.tree), path) if commit is not None else None


def _made(tree: ObjectID, parent: str | None, cause: Cause, now: datetime) -> Commit:
    commit = Commit()
    commit.tree = tree
    commit.parents = [ObjectID(parent.encode())] if parent is not None else []
    commit.author = commit.committer = f"{cause.author} <{cause.author.lower()}@sandbox.invalid>".encode()
    commit.author_time = commit.commit_time = int(now.timestamp())
    commit.author_timezone = commit.commit_timezone = 0
    commit.message = f"{cause.what}\n".encode()
    return commit


def _version(commit: Commit) -> Version:
    name, _, email = commit.author.decode().partition(" <")
    made_at = datetime.fromtimestamp(commit.commit_time, UTC)
    return Version(_text(commit.id), name, email.rstrip(">"), made_at, commit.message.decode().rstrip("\n"))


def _id(tree: str | None) -> ObjectID | None:
    return ObjectID(tree.encode()) if tree is not None else None


def _text(sha: bytes) -> str:
    return sha.decode()


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split()
    except FileNotFoundError:
        return []


def _replace(path: Path, data: bytes) -> None:
    """Puts a file in place whole, and on disk."""
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
