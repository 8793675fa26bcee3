"""The history of one workspace: what a version holds, what going back does, and what a hostile workspace cannot."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import sys
import threading
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from services.sandbox.domain import Author, Cause, ChangeKind
from services.sandbox.errors import (
    CommitNotFound,
    FileMissing,
    QuotaExceeded,
    RevertConflict,
    SandboxNotFound,
    WrongFileType,
)
from services.sandbox.providers.local import history as local_history
from services.sandbox.providers.local.restore import Restoration, Step
from services.sandbox.providers.local.scan import scan
from tests.integration.sandbox.histories import BOX, CONFIG, Story, told
from tests.integration.sandbox.world import LIMITS, MIB, public_directory
from tests.support.mesh import CHECKOUT

AGENT = Author.AGENT


@pytest.fixture
async def story() -> AsyncIterator[Story]:
    with public_directory() as root:
        async with told(root) as found:
            yield found


async def test_versions_of_a_file_are_read_back_newest_first(story: Story) -> None:
    story.write("a.txt", "one")
    first = await story.record("Write a.txt")
    story.write("a.txt", "two")
    story.write("dir/b.txt", "b")
    second = await story.record()
    story.write("dir/b.txt", "c")
    third = await story.record()
    assert await story.commits() == [third, second, first]
    assert await story.commits("a.txt") == [second, first]
    assert await story.commits("dir") == [third, second]
    assert await story.commits("never/there") == []
    assert [await story.read("a.txt", commit) for commit in (first, second, third)] == [b"one", b"two", b"two"]
    (newest,) = await story.history.versions(BOX, ("a.txt",), 1)
    assert newest.commit == second
    (version,) = (await story.history.versions(BOX, (), 10))[2:]
    assert (version.message, version.author_name) == ("Write a.txt", "Agent")


async def test_no_version_where_nothing_changed(story: Story) -> None:
    await story.history.record(BOX, Cause("nothing there yet", AGENT))
    assert await story.commits() == []
    story.write("a", "x")
    first = await story.record()
    story.write("a", "x")
    assert await story.record() == first
    os.utime(story.workspace / "a")
    assert await story.record() == first


async def test_change_that_keeps_size_and_times_is_seen(story: Story) -> None:
    for number in range(3):
        story.write("a", f"{number:04}")
        os.utime(story.workspace / "a", (1, 1))
        assert await story.read("a", await story.record()) == f"{number:04}".encode()


async def test_file_that_just_changed_is_read_again(story: Story) -> None:
    """What comes next may come within the same tick of the clock, and look the same."""
    story.write("a", "x")
    changed_ns = (story.workspace / "a").stat().st_ctime_ns
    root = os.open(story.workspace, os.O_RDONLY)
    try:
        found = scan(root, {}, CONFIG.bounds, lambda data: data.hex())
    finally:
        os.close(root)
    assert found.settled_before(changed_ns + 1_000_000) == {}
    assert found.settled_before(changed_ns + 1_000_000_000)["a"][1] == b"x".hex()


async def test_a_commit_tells_what_it_changed_and_what_going_back_would(story: Story) -> None:
    story.write("kept", "k")
    story.write("gone", "g")
    first = await story.record()
    (story.workspace / "gone").unlink()
    story.write("kept", "K")
    story.write("new", "n")
    second = await story.record()
    view = await story.history.describe(BOX, second)
    assert [(file.path, file.kind) for file in view.changed] == [
        ("gone", ChangeKind.DELETED), ("kept", ChangeKind.MODIFIED), ("new", ChangeKind.ADDED)
    ]  # fmt: skip
    assert view.on_revert == ()
    back = (await story.history.describe(BOX, first)).on_revert
    assert [(file.path, file.kind) for file in back] == [
        ("gone", ChangeKind.ADDED), ("kept", ChangeKind.MODIFIED), ("new", ChangeKind.DELETED)
    ]  # fmt: skip


async def test_a_tree_is_listed_as_it_was(story: Story) -> None:
    story.write("dir/run.sh", "#!", mode=0o750)
    story.write("a", "abc")
    commit = await story.record()
    shutil.rmtree(story.workspace / "dir")
    listing = await story.history.list_directory(BOX, (), commit)
    assert [(entry.name, entry.path, entry.is_dir, entry.size) for entry in listing.entries] == [
        ("a", "/workspace/a", False, 3), ("dir", "/workspace/dir", True, 0)
    ]  # fmt: skip
    (script,) = (await story.history.list_directory(BOX, ("dir",), commit)).entries
    assert (script.path, stat.filemode(script.mode)) == ("/workspace/dir/run.sh", "-rwxr-x---")
    with pytest.raises(WrongFileType):
        await story.history.list_directory(BOX, ("a",), commit)
    with pytest.raises(WrongFileType):
        await story.read("dir", commit)
    for path in ("b", "a/b", "dir/b"):
        with pytest.raises(FileMissing):
            await story.read(path, commit)


async def test_going_back_makes_all_files_as_they_were_and_loses_nothing(story: Story) -> None:
    story.write("a", "1", mode=0o640)
    story.write("deep/er/b", "b")
    (story.workspace / "link").symlink_to("a")
    first = await story.record()
    story.write("a", "2")
    shutil.rmtree(story.workspace / "deep")
    story.write("deep", "a file now")
    story.write("new/c", "c")
    (story.workspace / "link").unlink()
    (story.workspace / "link/empty").mkdir(parents=True)
    assert await story.revert(first) == ["a", "deep", "deep/er/b", "link", "new/c"]
    assert (story.workspace / "a").read_text() == "1"
    assert stat.S_IMODE((story.workspace / "a").stat().st_mode) == 0o640
    assert (story.workspace / "deep/er/b").read_text() == "b"
    assert (story.workspace / "link").readlink() == Path("a")
    assert not (story.workspace / "new").exists()
    if story.home.uid is not None:
        owners = {path.lstat().st_uid for path in story.workspace.rglob("*")}
        assert owners == {story.home.uid}
    after, before, *_ = await story.commits()
    assert await story.read("new/c", before) == b"c"
    assert await story.read("a", before) == b"2"
    assert await story.revert(before, "a", "new") == ["a", "new/c"]
    assert (story.workspace / "new/c").read_text() == "c"
    assert (story.workspace / "deep/er/b").read_text() == "b"
    assert story.check() == 4
    assert after != before


async def test_going_back_to_what_is_there_makes_no_version(story: Story) -> None:
    story.write("a", "1")
    first = await story.record()
    assert await story.revert(first) == []
    assert await story.revert(first, "a") == []
    assert await story.commits() == [first]
    with pytest.raises(FileMissing):
        await story.revert(first, "a", "never")


async def test_unknown_commits_are_not_found(story: Story) -> None:
    story.write("a", "1")
    await story.record()
    with pytest.raises(CommitNotFound):
        await story.read("a", "0" * 40)
    blob = next(path for path in (story.repository / "objects").glob("??/*"))
    others = {path.parent.name + path.name for path in blob.parent.parent.glob("??/*")} - set(await story.commits())
    for commit in others:
        with pytest.raises(CommitNotFound):
            await story.revert(commit)
    with pytest.raises(SandboxNotFound):
        await story.history.versions("nobody", (), 1)


async def test_a_workspace_that_is_a_repository_itself_means_nothing(story: Story, tmp_path: Path) -> None:
    """Its hooks, filters, attributes, modules and locks: data, or left out."""
    sign = tmp_path / "sign"
    evil = f"#!/bin/sh\ntouch {sign}\n"
    story.write(".git/hooks/pre-commit", evil, mode=0o755)
    story.write(".git/hooks/post-checkout", evil, mode=0o755)
    story.write(".git/config", f'[core]\n\tfsmonitor = "touch {sign}"\n[filter "x"]\n\tclean = touch {sign}\n')
    story.write(".git/HEAD", "ref: refs/heads/evil\n")
    story.write(".git/index.lock", "")
    story.write(".gitattributes", "* filter=x text eol=crlf export-ignore\n")
    story.write(".gitignore", "*\n")
    story.write(".gitmodules", f'[submodule "m"]\n\tpath = m\n\turl = "ext::touch {sign}"\n')
    story.write("m/.git", "gitdir: ../../../history\n")
    story.write("m/file", "in a module")
    story.write("a.txt", "line\nline\r\n")
    first = await story.record()
    assert await story.names(first) == [".gitattributes", ".gitignore", ".gitmodules", "a.txt", "m"]
    assert await story.names(first, "m") == ["file"]
    assert await story.read("a.txt", first) == b"line\nline\r\n"
    story.write("a.txt", "other")
    story.write(".git/config", "changed")
    await story.revert(first)
    assert (story.workspace / "a.txt").read_bytes() == b"line\nline\r\n"
    assert (story.workspace / ".git/config").read_text() == "changed"
    assert (story.workspace / "m/.git").exists()
    assert not sign.exists()


async def test_links_lead_nowhere(story: Story, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("top-secret")
    (story.workspace / "file").symlink_to(secret)
    (story.workspace / "dir").symlink_to(tmp_path)
    (story.workspace / "own").symlink_to("../history")
    first = await story.record()
    assert await story.names(first) == ["dir", "file", "own"]
    with pytest.raises(WrongFileType):
        await story.read("file", first)
    with pytest.raises(FileMissing):
        await story.read("dir/secret", first)
    (story.workspace / "dir").unlink()
    story.write("dir/secret", "mine")
    second = await story.record()
    shutil.rmtree(story.workspace / "dir")
    (story.workspace / "dir").symlink_to(tmp_path)
    await story.revert(second)
    assert (story.workspace / "dir/secret").read_text() == "mine"
    assert secret.read_text() == "top-secret"
    assert os.listdir(tmp_path) == ["secret"]


async def test_names_that_are_no_text_are_kept_and_shown(story: Story) -> None:
    raw = b"bad\xff\n\x1b[31m"
    story.write(os.fsdecode(raw), "x")
    story.write("line\nbreak", "y")
    story.write("very large \n", b"0" * (MIB + 1))
    first = await story.record()
    assert await story.names(first) == ["bad\N{REPLACEMENT CHARACTER}\n\x1b[31m", "line\nbreak"]
    assert await story.read("line\nbreak", first) == b"y"
    (version,) = await story.history.versions(BOX, (), 1)
    assert version.message.endswith("Left out: too large: very large \N{REPLACEMENT CHARACTER}")
    odd = story.workspace / os.fsdecode(raw)
    odd.unlink()
    await story.revert(first)
    assert odd.read_bytes() == b"x"


async def test_what_is_too_large_or_too_many_is_left_out_said_and_left_alone(story: Story) -> None:
    story.write("small", "s")
    first = await story.record()
    for name in ("large-1", "large-2"):
        story.write(name, b"0" * (MIB + 1))
    for number in range(CONFIG.bounds.files):
        story.write(f"many/{number:03}", "x")
    story.write("node_modules/left-pad/index.js", "x")
    os.mkfifo(story.workspace / "pipe")
    second = await story.record("Install")
    assert await story.names(second) == ["many", "small"]
    assert len(await story.names(second, "many")) == CONFIG.bounds.files - 1
    (version,) = await story.history.versions(BOX, (), 1)
    assert version.message == "Install\n\nLeft out: too large: large-1, large-2; 1 more files than a version holds"
    await story.revert(first)
    left = {path.name for path in story.workspace.iterdir()}
    assert left == {"small", "large-1", "large-2", "many", "node_modules", "pipe"}
    assert [path.name for path in (story.workspace / "many").iterdir()] == [f"{CONFIG.bounds.files - 1:03}"]


@pytest.mark.parametrize("way", ["large", "directory", "above", "pipe"])
async def test_what_no_version_holds_is_never_destroyed(story: Story, way: str) -> None:
    story.write("a/b", "old")
    first = await story.record()
    shutil.rmtree(story.workspace / "a")
    match way:
        case "large":
            story.write("a/b", b"0" * (MIB + 1))
        case "directory":
            story.write("a/b/node_modules/x", "kept")
        case "above":
            story.write("a", b"0" * (MIB + 1))
        case _:
            (story.workspace / "a").mkdir()
            os.mkfifo(story.workspace / "a/b")
    story.write("other", "here")
    with pytest.raises(RevertConflict):
        await story.revert(first)
    assert (story.workspace / "other").read_text() == "here"
    assert not list(story.home.staging.iterdir())


async def test_going_back_holds_the_quota(story: Story) -> None:
    for number in range(4):
        story.write(f"part{number}", os.urandom(MIB // 2))
    first = await story.record()
    for number in range(4):
        (story.workspace / f"part{number}").unlink()
    story.write("ballast", b"")
    os.posix_fallocate(fd := os.open(story.workspace / "ballast", os.O_RDWR), 0, LIMITS.disk_bytes - MIB)
    os.close(fd)
    with pytest.raises(QuotaExceeded):
        await story.revert(first)
    assert {path.name for path in story.workspace.iterdir()} == {"ballast"}
    (story.workspace / "ballast").unlink()
    assert len(await story.revert(first)) == 4


async def test_writers_and_going_back_together_lose_nothing(story: Story) -> None:
    """Whatever a writer wrote is either there afterwards or in a version."""
    for name in range(20):
        story.write(f"f{name}", "old")
    first = await story.record()
    done, writes = threading.Event(), 0

    def keep_writing() -> None:
        nonlocal writes
        while not done.is_set():
            writes += 1
            fresh = story.home.staging / "fresh"
            fresh.write_text(f"write {writes}")
            fresh.rename(story.workspace / f"f{writes % 20}")

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        for _ in range(2):
            try:
                await story.revert(first)
            except RevertConflict as refused:
                assert "keep changing" in refused.message  # noqa: PT017 -- it may, or may not
    finally:
        done.set()
        writer.join()
    await story.record()
    assert story.check() >= 2
    await story.revert(first)
    assert {(story.workspace / f"f{name}").read_text() for name in range(20)} == {"old"}


async def test_file_that_changes_in_the_middle_is_recorded_before_it_is_replaced(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.write("a", "old")
    first = await story.record()
    story.write("a", "new")
    stage, staged = Restoration.stage, list[int]()

    def stage_late(self: Restoration, steps: Sequence[Step]) -> int:
        grown = stage(self, steps)
        if not staged:
            story.write("a", "written meanwhile")
        staged.append(grown)
        return grown

    monkeypatch.setattr(Restoration, "stage", stage_late)
    assert await story.revert(first) == ["a"]
    assert (story.workspace / "a").read_text() == "old"
    contents = [await story.read("a", commit) for commit in await story.commits("a")]
    assert contents == [b"old", b"written meanwhile", b"new", b"old"]


async def test_old_versions_go_when_the_history_is_full(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_history, "MOST_VERSIONS", 8)
    monkeypatch.setattr(local_history, "MOST_FILES_ON_DISK", 40)
    story.write("kept", "from the start")
    first = await story.record()
    for number in range(20):
        story.write("a", f"{number}")
        newest = await story.record()
    commits = await story.commits()
    assert 4 <= len(commits) < 20
    assert story.check() == len(commits)
    with pytest.raises(CommitNotFound):
        await story.revert(first)
    oldest = commits[-1]
    assert await story.read("kept", oldest) == b"from the start"
    assert {file.path for file in (await story.history.describe(BOX, oldest)).changed} == {"a", "kept"}
    await story.revert(oldest)
    assert await story.read("a", newest) == b"19"


async def test_the_oldest_version_is_gone_back_to_before_it_goes(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.write("a", "oldest")
    first = await story.record()
    for number in range(3):
        story.write("a", f"{number}")
        await story.record()
    story.write("a", "not recorded yet")
    monkeypatch.setattr(local_history, "MOST_VERSIONS", 2)
    monkeypatch.setattr(local_history, "MOST_FILES_ON_DISK", 1)
    assert await story.revert(first) == ["a"]
    assert (story.workspace / "a").read_text() == "oldest"
    assert first not in await story.commits()


async def test_history_takes_no_more_room_than_it_may() -> None:
    config = replace(CONFIG, bounds=replace(CONFIG.bounds, total_bytes=MIB), repository_bytes=2 * MIB)
    with public_directory() as root:
        async with told(root, config) as story:
            for _ in range(6):
                story.write("random", os.urandom(MIB // 2))
                await story.record()
                size = sum(path.stat().st_size for path in story.repository.rglob("*") if path.is_file())
                assert size <= config.repository_bytes
            assert 1 <= len(await story.commits()) < 6
            assert story.check() == len(await story.commits())


async def test_no_version_on_a_full_disk(story: Story) -> None:
    story.write("a", "x")
    full = replace(CONFIG, reserve_bytes=2**62)
    story.history._config = full
    with pytest.raises(Exception, match="disk is full"):
        await story.history.record(BOX, Cause("x", AGENT))


async def test_a_service_killed_at_any_moment_leaves_a_whole_history() -> None:
    with public_directory() as root:
        for rounds in (1, 4):
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.integration.sandbox.histories", str(root),
                cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            assert child.stdout is not None
            for _ in range(rounds):
                assert await child.stdout.readline()
            child.kill()
            await child.wait()
        async with told(root) as story:
            for leftover in ("ab", "cd"):  # as a kill inside one write leaves them
                (story.repository / "objects" / leftover).mkdir(exist_ok=True)
                (story.repository / "objects" / leftover / f"{'0' * 38}.lock").write_bytes(b"half")
            (story.repository / "objects/pack/tmp.pack").write_bytes(b"half")
            story.write("after", "life")
            assert await story.read("after", await story.record()) == b"life"
            assert story.check() >= 4
            assert not [*story.repository.rglob("*.lock"), *story.repository.rglob("tmp*")]


async def test_the_lock_of_a_killed_write_does_not_keep_its_content_out(story: Story) -> None:
    story.write("a", "x")
    await story.record()
    story.write("a", "exactly this")
    second = await story.record()
    blob = next(path for path in story.repository.glob("objects/??/*") if b"exactly" in _inflated(path))
    for path in story.repository.glob("objects/??/*"):
        if path == blob:
            path.rename(path.with_suffix(".lock"))
    story.history._prepared.clear()  # as another process
    (story.repository / "scanned").unlink(missing_ok=True)
    story.write("b", "exactly this")
    await story.record()
    assert await story.read("a", second) == b"exactly this"


def _inflated(path: Path) -> bytes:
    return zlib.decompress(path.read_bytes())


async def test_removed_home_does_not_come_back(story: Story) -> None:
    story.write("a", "x")
    await story.record()
    shutil.rmtree(story.home.path)
    await story.history.record(BOX, Cause("too late", AGENT))
    assert not story.home.path.exists()


async def test_whoever_leaves_does_not_let_two_at_the_repository(story: Story) -> None:
    for name in range(150):
        story.write(f"f{name}", str(name) * 500)
    recording = asyncio.create_task(story.history.record(BOX, Cause("cut", AGENT)))
    await asyncio.sleep(0)
    recording.cancel()
    await asyncio.gather(recording, return_exceptions=True)
    story.write("g", "g")
    await asyncio.gather(*(story.history.record(BOX, Cause("x", AGENT)) for _ in range(4)))
    assert story.check() == len(await story.commits())
    assert await story.read("g", (await story.commits())[0]) == b"g"
