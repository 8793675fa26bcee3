"""What is put around a command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from services.sandbox.config import Settings
from services.sandbox.domain import Level
from services.sandbox.providers.local import profile
from services.sandbox.providers.local.launch import gate_script

LIMITS = Settings(_env_file=None, database_url="postgresql://x").limits  # type: ignore[call-arg, arg-type] # as read
PLACES = profile.Places(Path("/data/ws"), Path("/data/etc"), 7, 8, 9)


def test_root_of_the_host_is_never_bound() -> None:
    options = profile.arguments(LIMITS, PLACES, "/workspace", network=False)
    binds = [options[at + 1] for at, option in enumerate(options) if "bind" in option]
    assert "/" not in binds
    assert set(binds) <= {"/usr", "/data/etc", "/data/ws", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}
    writable = [options[at + 2] for at, option in enumerate(options) if option == "--bind"]
    assert writable == ["/workspace"]


def test_network_is_there_only_when_asked_for() -> None:
    assert "--share-net" not in profile.arguments(LIMITS, PLACES, "/workspace", network=False)
    assert "--share-net" in profile.arguments(LIMITS, PLACES, "/workspace", network=True)


def test_memory_file_systems_are_sized_or_read_only() -> None:
    options = profile.arguments(LIMITS, PLACES, "/workspace", network=False)
    for at, option in enumerate(options):
        if option == "--tmpfs":
            assert options[at - 4] == "--size", options[at + 1]
    read_only = [options[at + 1] for at, option in enumerate(options) if option == "--remount-ro"]
    assert read_only == ["/dev", "/"]


def test_etc_shows_made_up_users_and_no_secrets(tmp_path: Path) -> None:
    profile.write_etc(tmp_path / "etc", network=False)
    names = {path.name for path in (tmp_path / "etc").iterdir()}
    assert {"passwd", "group", "hosts", "nsswitch.conf", "resolv.conf"} <= names
    assert not names & {"shadow", "gshadow", "sudoers", "ssh"}
    assert "user:x:1000:1000" in (tmp_path / "etc" / "passwd").read_text()
    assert (tmp_path / "etc" / "resolv.conf").read_text() == ""
    assert not [path for path in (tmp_path / "etc").rglob("*") if "private" in path.name]
    profile.write_etc(tmp_path / "etc", network=True)
    assert (tmp_path / "etc" / "resolv.conf").exists()


def test_limits_are_set_in_the_shells_own_words() -> None:
    limits = replace(LIMITS, file_bytes=1024 * 1024, processes=9, memory_bytes=2048 * 1024)
    bash = gate_script("/usr/bin/bash", limits, Level.RLIMIT)
    assert "ulimit -f 1024 " in bash
    assert "ulimit -u 9 " in bash
    assert "ulimit -v 2048 " in bash
    posix = gate_script("/bin/sh", limits, Level.CGROUP)
    assert "ulimit -f 2048 " in posix
    assert "ulimit -p 9 " in posix
    assert "-v" not in posix
