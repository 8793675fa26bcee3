"""A home with a history, without a service around them; also a program that makes versions until it is killed."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dulwich.objects import Blob, Commit, Tree
from dulwich.repo import Repo

from services.kit.clock import SystemClock
from services.sandbox.domain import Author, Cause
from services.sandbox.paths import path_parts
from services.sandbox.providers.local.gauge import Gauge
from services.sandbox.providers.local.history import HistoryConfig, LocalHistory
from services.sandbox.providers.local.homes import Home, Homes
from services.sandbox.providers.local.scan import Bounds
from tests.integration.sandbox.world import LIMITS, MIB

BOUNDS = Bounds(files=200, file_bytes=MIB, total_bytes=4 * MIB)
CONFIG = HistoryConfig(BOUNDS, repository_bytes=8 * MIB, reserve_bytes=0)
BOX = "box"


@dataclass
class Story:
    """A home, `box`, and its history."""

    history: LocalHistory
    home: Home
    causes: int = field(default=0)

    @property
    def workspace(self) -> Path:
        return self.home.workspace

    @property
    def repository(self) -> Path:
        return self.home.path / "history"

    def write(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        """Writes a file as a command in the sandbox would."""
        data = content.encode() if isinstance(content, str) else content
        file = self.workspace / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        file.chmod(mode)

    async def record(self, what: str = "") -> str:
        """Makes a version; the newest commit."""
        self.causes += 1
        await self.history.record(BOX, Cause(what or f"change {self.causes}", Author.AGENT))
        return (await self.commits())[0]

    async def commits(self, path: str = "") -> list[str]:
        return [version.commit for version in await self.history.versions(BOX, path_parts(path), 1000)]

    async def revert(self, commit: str, *paths: str) -> list[str]:
        return list(await self.history.revert(BOX, commit, [path_parts(path) for path in paths], Author.OWNER))

    async def read(self, path: str, commit: str) -> bytes:
        return await self.history.read(BOX, path_parts(path), commit)

    async def names(self, commit: str, path: str = "") -> list[str]:
        listing = await self.history.list_directory(BOX, path_parts(path), commit)
        return [entry.name for entry in listing.entries]

    def check(self) -> int:
        """Reads everything that the branch reaches with git's own eyes; how many versions there are."""
        with Repo(str(self.repository)) as repo:
            walked = [entry.commit for entry in repo.get_walker()] if repo.refs.allkeys() else []
            for commit in walked:
                assert isinstance(commit, Commit)
                self._check_tree(repo, commit.tree)
        return len(walked)

    def _check_tree(self, repo: Repo, sha: bytes) -> None:
        tree = repo.object_store[sha]  # type: ignore[index] # any sha will do
        assert isinstance(tree, Tree)
        for _, mode, entry in tree.iteritems():
            if mode == 0o40000:
                self._check_tree(repo, entry)
                continue
            blob = repo.object_store[entry]
            assert isinstance(blob, Blob)
            assert Blob.from_string(blob.data).id == entry


@asynccontextmanager
async def told(root: Path, config: HistoryConfig = CONFIG) -> AsyncIterator[Story]:
    """A story below a directory; told again there, it goes on."""
    homes = Homes(root / "sandbox", uid_base=2_000_000_000, uid_count=64, as_root=os.geteuid() == 0)
    homes.open(lambda: "node")
    home = homes.make(BOX)

    async def gauge_of(_: str) -> Gauge:
        return Gauge(home.workspace, LIMITS, 0, SystemClock())

    try:
        async with LocalHistory(homes, config, SystemClock(), gauge_of) as history:
            yield Story(history, home)
    finally:
        homes.close()


async def _until_killed(root: Path) -> None:
    """Large versions and small ones, and everything put into one file now and then; says so after each."""
    async with told(root) as story:
        for number in range(10_000):
            for name in range(120 if number % 2 else 3):
                story.write(f"d{name % 7}/f{name}", f"{number} {name} {os.getpid()}" * 50)
            await story.record()
            print(number, flush=True)


if __name__ == "__main__":
    asyncio.run(_until_killed(Path(sys.argv[1])))
