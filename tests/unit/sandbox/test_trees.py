"""Trees of any shape are counted and removed."""

from __future__ import annotations

import os
from pathlib import Path

from services.sandbox.domain import Limits
from services.sandbox.paths import MAX_DEPTH
from services.sandbox.providers.local.gauge import Breach, Gauge, over
from services.sandbox.providers.local.trees import Usage, measure, purge

MIB = 1024 * 1024
LIMITS = Limits(
    memory_bytes=1, processes=1, cpus=1, disk_bytes=MIB, inodes=10, file_bytes=MIB, tmp_bytes=1, open_files=1,
    cpu_seconds=1, concurrent_commands=1,
)  # fmt: skip


class StoppedClock:
    """Time as the test sets it."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> None:
        raise AssertionError("nobody needs the date here")

    def monotonic(self) -> float:
        return self.at


def deep(root: Path, levels: int) -> None:
    """Makes directories inside directories."""
    here = os.open(root, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def test_usage_counts_blocks_once_per_inode_and_entries_each(tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "a").write_bytes(bytes([1]) * MIB)
    os.link(tmp_path / "dir" / "a", tmp_path / "b")
    (tmp_path / "link").symlink_to("/")
    with (tmp_path / "sparse").open("wb") as sparse:
        sparse.truncate(100 * MIB)
    usage = measure(tmp_path)
    assert MIB <= usage.disk_bytes < 2 * MIB
    assert (usage.inodes, usage.depth) == (5, 2)


def test_tree_of_any_depth_is_counted_only_so_far_and_removed_whole(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    deep(tree, 3000)
    assert measure(tree).depth == MAX_DEPTH + 1
    purge(tree)
    assert list(tmp_path.iterdir()) == []


def test_links_and_unwritable_directories_are_removed_and_nothing_beyond(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o711)
    (outside / "kept").touch()
    tree = tmp_path / "tree"
    (tree / "closed" / "inner").mkdir(parents=True)
    (tree / "closed" / "inner" / "file").touch()
    (tree / "to-outside").symlink_to(outside)
    (tree / "closed" / "inner").chmod(0)
    (tree / "closed").chmod(0)
    purge(tree)
    assert [path.name for path in tmp_path.iterdir()] == ["outside"]
    assert (outside / "kept").exists()
    assert outside.stat().st_mode & 0o777 == 0o711


def test_purge_that_was_cut_short_is_finished_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / "tree.purge" / "1" / "rest"
    left.mkdir(parents=True)
    (tmp_path / "tree").mkdir()
    purge(tmp_path / "tree")
    assert list(tmp_path.iterdir()) == []


def test_limits_that_are_passed_are_named() -> None:
    assert over(Usage(MIB, 10, 3), LIMITS) is None
    assert over(Usage(MIB, 10, 3), LIMITS, 1) == Breach("bytes", MIB)
    assert over(Usage(0, 11, 3), LIMITS) == Breach("inodes", 10)
    assert over(Usage(0, 0, MAX_DEPTH + 1), LIMITS) == Breach("depth", MAX_DEPTH)


def test_files_are_admitted_until_one_would_not_fit(tmp_path: Path) -> None:
    gauge = Gauge(tmp_path, LIMITS, 0, StoppedClock())  # type: ignore[arg-type] # never asked for the date
    assert gauge.admit(MIB // 2) is None
    (tmp_path / "half").write_bytes(bytes([1]) * (MIB // 2))
    assert gauge.admit(MIB // 2 + 1) == Breach("bytes", MIB)
    assert gauge.admit(MIB // 2) is None
    (tmp_path / "half").unlink()
    assert gauge.admit(MIB) is None


def test_disk_that_is_nearly_full_is_a_breach(tmp_path: Path) -> None:
    gauge = Gauge(tmp_path, LIMITS, 1 << 60, StoppedClock())  # type: ignore[arg-type] # as above
    found = gauge.breach((), memory=False)
    assert found is not None
    assert "host's disk" in str(found)
