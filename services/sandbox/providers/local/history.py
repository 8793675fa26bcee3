"""`ports.FileHistory` on this machine: a repository in each home, beside the workspace and never in it.

The work is done in two threads of its own, so that it takes no turn from commands and files, and for each sandbox one
thing at a time.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar
from weakref import WeakValueDictionary

from services.kit.clock import Clock
from services.kit.errors import Unavailable
from services.sandbox.domain import Author, Cause, CommitView, FileEntry, Listing, Version
from services.sandbox.errors import FileMissing, QuotaExceeded, RevertConflict, SandboxNotFound, WrongFileType
from services.sandbox.paths import absolute, label, shown
from services.sandbox.ports import Parts
from services.sandbox.providers.local.files import most_entries
from services.sandbox.providers.local.gauge import Gauge
from services.sandbox.providers.local.homes import Home, Homes
from services.sandbox.providers.local.repository import Entry, Repository
from services.sandbox.providers.local.restore import FilesChangingError, Restoration, Step, plan
from services.sandbox.providers.local.scan import Bounds, Scan, known, save, scan
from services.sandbox.providers.local.trees import DIRECTORY, measure

THREADS = 2
MOST_FILES_ON_DISK = 3000
MOST_PACKS = 20
MOST_VERSIONS = 1000
ATTEMPTS = 3

T = TypeVar("T")


@dataclass(frozen=True)
class HistoryConfig:
    """What the operator decides. `repository_bytes`: for all versions; `reserve_bytes`: free on the disk."""

    bounds: Bounds
    repository_bytes: int
    reserve_bytes: int


class LocalHistory:
    """The histories of the homes. Entered before use, left when nobody uses it any more."""

    def __init__(
        self, homes: Homes, config: HistoryConfig, clock: Clock, gauge_of: Callable[[str], Awaitable[Gauge]]
    ) -> None:
        self._homes, self._config, self._clock, self._gauge_of = homes, config, clock, gauge_of
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="history")
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._prepared: set[str] = set()

    async def __aenter__(self) -> LocalHistory:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Waits for what is at work."""
        await asyncio.to_thread(self._threads.shutdown)

    async def record(self, sandbox_id: str, cause: Cause) -> None:
        """Makes a version, if anything changed."""
        await self._alone(sandbox_id, lambda: self._record_if_there(sandbox_id, cause))

    async def versions(self, sandbox_id: str, parts: Parts, limit: int) -> Sequence[Version]:
        """The newest that changed something there."""
        return await self._reading(sandbox_id, lambda found: tuple(islice(found.versions("/".join(parts)), limit)))

    async def describe(self, sandbox_id: str, commit: str) -> CommitView:
        """A commit beside the one before and beside the newest."""
        return await self._reading(sandbox_id, lambda found: _described(found, commit))

    async def list_directory(self, sandbox_id: str, parts: Parts, commit: str) -> Listing:
        """A directory of a commit."""
        return await self._reading(sandbox_id, lambda found: _listing(found, parts, commit))

    async def read(self, sandbox_id: str, parts: Parts, commit: str) -> bytes:
        """A file of a commit."""
        return await self._reading(sandbox_id, lambda found: _content(found, parts, commit))

    async def revert(self, sandbox_id: str, commit: str, paths: Sequence[Parts], author: Author) -> Sequence[str]:
        """Goes back; tries again while files change under its hands."""
        gauge = await self._gauge_of(sandbox_id)
        return await self._alone(sandbox_id, lambda: self._revert(self._home(sandbox_id), commit, paths, author, gauge))

    async def _reading(self, sandbox_id: str, work: Callable[[Repository], T]) -> T:
        def read() -> T:
            with self._repository(self._home(sandbox_id)) as repository:
                return work(repository)

        return await self._alone(sandbox_id, read)

    async def _alone(self, sandbox_id: str, work: Callable[[], T]) -> T:
        """Runs in a thread, alone for this sandbox; whoever asked may leave, the turn ends with the work."""
        turn = self._turns.setdefault(sandbox_id, asyncio.Lock())
        await turn.acquire()
        working = asyncio.get_running_loop().run_in_executor(self._threads, work)
        working.add_done_callback(lambda done: _ended(done, turn))
        try:
            return await asyncio.shield(working)
        except OSError as failure:
            raise Unavailable("The file history could not be used: the host's disk is full or broken") from failure

    def _home(self, sandbox_id: str) -> Home:
        home = self._homes.find(sandbox_id)
        if home is None:
            raise SandboxNotFound.of(sandbox_id=sandbox_id)
        return home

    @contextmanager
    def _repository(self, home: Home) -> Iterator[Repository]:
        repository = Repository(_place(home))
        if home.sandbox_id not in self._prepared:
            repository.prepare()
            self._prepared.add(home.sandbox_id)
        with repository:
            yield repository

    def _record_if_there(self, sandbox_id: str, cause: Cause) -> None:
        home = self._homes.find(sandbox_id)
        if home is None:
            return
        try:
            with self._repository(home) as repository:
                self._record(home, repository, cause)
                self._hold_bounds(home, repository)
        except FileNotFoundError:
            if self._homes.find(sandbox_id) is not None:  # else it was deleted meanwhile
                raise

    def _record(self, home: Home, repository: Repository, cause: Cause) -> Scan:
        free = os.statvfs(home.path)
        if free.f_bavail * free.f_frsize < self._config.reserve_bytes:
            raise Unavailable("The file history could not be written: the host's disk is full")
        cache, started = _place(home) / "scanned", self._clock.now()
        before = known(cache)
        workspace = os.open(home.workspace, DIRECTORY)
        try:
            found = scan(workspace, before, self._config.bounds, repository.add_content)
        finally:
            os.close(workspace)
        note = str(found.left_out)
        full = Cause(f"{cause.what}\n\n{note}", cause.author) if note else cause
        repository.add_version(found.entries, full, started)
        settled = found.settled_before(int(started.timestamp() * 1e9))
        if settled != before:
            save(cache, settled)
        return found

    def _hold_bounds(self, home: Home, repository: Repository) -> None:
        usage = measure(_place(home))
        scattered = usage.inodes > MOST_FILES_ON_DISK or repository.packs > MOST_PACKS
        if scattered or usage.disk_bytes > self._config.repository_bytes:
            repository.compact(most_bytes=self._config.repository_bytes, most_versions=MOST_VERSIONS)

    def _revert(self, home: Home, commit: str, paths: Sequence[Parts], author: Author, gauge: Gauge) -> Sequence[str]:
        before = Cause(f"Before going back to {commit[:7]}", Author.SANDBOX)
        touched, changing = set[str](), ""
        with self._repository(home) as repository:
            wanted = dict(repository.files(repository.snapshot(commit).tree))
            for _ in range(ATTEMPTS):
                now = self._record(home, repository, before)
                steps = plan(now.entries, wanted, paths)
                touched.update(step.path for step in steps)
                changing = self._carry_out(Restoration(home, now, repository.content), steps, gauge)
                if not changing:
                    self._record(home, repository, Cause(_gone_back(commit, paths), author))
                    self._hold_bounds(home, repository)  # not before: what is gone back to may be the oldest
                    return sorted(touched)
        raise RevertConflict.of(shown(absolute((changing,))), "Files keep changing: end what runs first")

    def _carry_out(self, restoration: Restoration, steps: Sequence[Step], gauge: Gauge) -> str:
        """The path of a file that changed meanwhile; empty where none did."""
        with restoration:
            restoration.check(steps)
            grown = restoration.stage(steps)
            breach = gauge.admit(grown) if grown > 0 else None
            if breach is not None:
                raise QuotaExceeded.of(breach.what, breach.limit)
            try:
                restoration.apply(steps)
            except FilesChangingError as changing:
                return changing.path
        return ""


def _ended(done: asyncio.Future[T], turn: asyncio.Lock) -> None:
    turn.release()
    if not done.cancelled():
        done.exception()  # looked at, also where whoever asked has left


def _place(home: Home) -> Path:
    return home.path / "history"


def _gone_back(commit: str, paths: Sequence[Parts]) -> str:
    named = ", ".join(label("/".join(parts)) or "everything" for parts in paths[:3])
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return f"Back to {commit[:7]}: {named}{more}" if paths else f"Back to {commit[:7]}"


def _described(repository: Repository, commit: str) -> CommitView:
    there, newest = repository.snapshot(commit), repository.tip
    return CommitView(
        repository.version(commit),
        tuple(repository.changes(repository.parent_tree(commit), there.tree)),
        tuple(repository.changes(newest.tree if newest else None, there.tree)),
    )


def _listing(repository: Repository, parts: Parts, commit: str) -> Listing:
    snapshot = repository.snapshot(commit)
    directory = _found(repository, snapshot.tree, parts)
    if not stat.S_ISDIR(directory.mode):
        raise WrongFileType.of(absolute(parts), "This was not a directory")
    entries, most = sorted(repository.directory(directory.blob).items()), most_entries(parts)
    return Listing(
        tuple(
            FileEntry(
                shown(name),
                shown(absolute((*parts, name))),
                stat.S_ISDIR(entry.mode),
                0 if stat.S_ISDIR(entry.mode) else len(repository.content(entry.blob)),
                snapshot.made_at,
                entry.mode,
            )
            for name, entry in entries[:most]
        ),
        truncated=len(entries) > most,
    )


def _content(repository: Repository, parts: Parts, commit: str) -> bytes:
    entry = _found(repository, repository.snapshot(commit).tree, parts)
    if not stat.S_ISREG(entry.mode):
        raise WrongFileType.of(absolute(parts), "This was not a regular file")
    return repository.content(entry.blob)


def _found(repository: Repository, tree: str, parts: Parts) -> Entry:
    entry = repository.lookup(tree, "/".join(parts))
    if entry is None:
        raise FileMissing.of(absolute(parts))
    return entry
