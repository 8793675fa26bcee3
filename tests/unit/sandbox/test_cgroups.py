"""Groups of both versions, in directories that stand in for the kernel's."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from services.sandbox.domain import Limits
from services.sandbox.providers.local.cgroups import Group, Hierarchies, find_hierarchies

LIMITS = Limits(
    memory_bytes=1000, processes=7, cpus=0.5, disk_bytes=1, inodes=1, file_bytes=1, tmp_bytes=1, open_files=1,
    cpu_seconds=1, concurrent_commands=1,
)  # fmt: skip


def mount(kind: str, root: str, point: Path, options: str) -> str:
    return f"30 24 0:26 {root} {point} rw,nosuid shared:9 - {kind} {kind} {options}\n"


@pytest.fixture
def v1(tmp_path: Path) -> str:
    """The mounts of version 1, with cpu and cpuacct together."""
    lines = ""
    for name, options in {
        "memory": "rw,memory",
        "pids": "rw,pids",
        "cpu": "rw,cpu,cpuacct",
        "freezer": "rw,freezer",
    }.items():
        (tmp_path / name / "own").mkdir(parents=True)
        lines += mount("cgroup", "/", tmp_path / name, options)
    return lines


def test_version_1_is_found_beneath_the_services_own_groups(tmp_path: Path, v1: str) -> None:
    own = "5:memory:/own\n4:pids:/\n3:cpu,cpuacct:/own\n2:freezer:/own\n0::/\n"
    (found,) = find_hierarchies(mountinfo=v1, own=own)
    assert found.version == 1
    assert found.bases == {
        "memory": tmp_path / "memory/own",
        "pids": tmp_path / "pids",
        "cpu": tmp_path / "cpu/own",
        "freezer": tmp_path / "freezer/own",
    }


def test_mount_that_shows_a_part_alone_is_followed(tmp_path: Path) -> None:
    """As in a container: the mount's root is the container's group."""
    (tmp_path / "inner").mkdir()
    mountinfo = mount("cgroup2", "/docker/abc", tmp_path, "rw")
    found = find_hierarchies(mountinfo=mountinfo, own="0::/docker/abc/inner\n")
    assert found[0].bases["memory"] == tmp_path / "inner"
    assert found[1].bases["memory"] == tmp_path


def test_missing_controller_of_version_1_is_none(v1: str) -> None:
    without = "".join(line for line in v1.splitlines(keepends=True) if "freezer" not in line)
    assert find_hierarchies(mountinfo=without, own="") == []


def test_limits_of_version_1(tmp_path: Path, v1: str) -> None:
    (found,) = find_hierarchies(mountinfo=v1, own="")
    group = Group(found).child("box")
    group.make()
    group.limit(LIMITS)
    written = {path.name: path.read_text() for path in tmp_path.rglob("box/*")}
    assert written["memory.limit_in_bytes"] == "1000"
    assert written["pids.max"] == "7"
    assert (written["cpu.cfs_quota_us"], written["cpu.cfs_period_us"]) == ("50000", "100000")


def test_limits_of_version_2(tmp_path: Path) -> None:
    base = Group(Hierarchies(2, dict.fromkeys(("memory", "pids", "cpu"), tmp_path)))
    base.delegate()
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory +pids +cpu"
    group = base.child("box")
    group.make()
    group.limit(LIMITS)
    group.add(42)
    written = {path.name: path.read_text() for path in (tmp_path / "box").iterdir()}
    assert written == {
        "memory.max": "1000",
        "memory.swap.max": "0",
        "cpu.max": "50000 100000",
        "pids.max": "7",
        "cgroup.procs": "42",
    }
    assert group.pids() == (42,)


def test_throttling_is_read(tmp_path: Path) -> None:
    (tmp_path / "cpu.stat").write_text("nr_periods 9\nnr_throttled 4\nthrottled_time 1\n")
    assert Group(Hierarchies(2, dict.fromkeys(("memory", "pids", "cpu"), tmp_path))).throttled() == 4


def test_kill_of_version_2_freezes_first_and_thaws_last(tmp_path: Path) -> None:
    group = Group(Hierarchies(2, dict.fromkeys(("memory", "pids", "cpu"), tmp_path)))
    (tmp_path / "cgroup.procs").write_text("999999999\n")
    group.kill()
    assert (tmp_path / "cgroup.freeze").read_text() == "0"


def test_groups_go_with_their_children(tmp_path: Path) -> None:
    group = Group(Hierarchies(2, dict.fromkeys(("memory", "pids", "cpu"), tmp_path))).child("box")
    group.make()
    group.child("command").make()
    assert [child.pids() for child in group.children()] == [()]
    assert group.remove()
    assert not (tmp_path / "box").exists()
    assert group.remove()


@pytest.mark.parametrize("code", [errno.ENOENT, errno.ENODEV])
def test_group_that_is_removed_while_it_is_killed_is_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    group = Group(Hierarchies(1, dict.fromkeys(("memory", "pids", "cpu", "freezer"), tmp_path)))

    def gone(path: Path) -> str:
        raise OSError(code, "gone", path)

    monkeypatch.setattr(Path, "read_text", gone)
    group.kill()
    assert group.pids() == ()
