"""Descriptors that a thread still uses after whoever asked has left: the system gives their numbers to other files."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.sandbox.codec import encode_files
from services.sandbox.domain import Collision, FileEntry, Listing
from services.sandbox.paths import absolute
from services.sandbox.providers.local.files import LocalFiles, Staged, most_entries
from services.sandbox.providers.local.handles import LocalOpenFile
from services.sandbox.providers.local.homes import Home

FLAGS = os.O_RDWR | os.O_CREAT


@pytest.fixture
def staged(tmp_path: Path) -> Staged:
    home = Home("s", tmp_path, None)
    home.workspace.mkdir()
    home.staging.mkdir()
    return LocalFiles(home, file_bytes=1000).stage("upload")


def test_a_write_that_comes_after_the_file_was_dropped_reaches_nobody_elses(staged: Staged, tmp_path: Path) -> None:
    staged.discard()
    other = os.open(tmp_path / "other", FLAGS, 0o600)
    try:
        with pytest.raises(ValueError, match="closed"):
            staged.write(b"mine")
        with pytest.raises(ValueError, match="closed"):
            staged.commit(("a",), mode=0o777, collision=Collision.REPLACE)
        staged.discard()
        assert os.fstat(other).st_size == 0
        assert os.fstat(other).st_mode & 0o777 == 0o600
    finally:
        os.close(other)


async def test_a_read_that_comes_after_the_file_was_closed_takes_nothing_of_anothers(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"theirs")
    file = LocalOpenFile(os.open(tmp_path / "mine", FLAGS, 0o600), 0)
    file.close()
    other = os.open(tmp_path / "other", os.O_RDONLY)
    try:
        with pytest.raises(ValueError, match="closed"):
            await file.read(3)
        assert os.read(other, 10) == b"theirs"
    finally:
        os.close(other)


def test_a_file_that_nobody_came_to_hold_is_closed(tmp_path: Path) -> None:
    number = os.open(tmp_path / "mine", FLAGS, 0o600)
    LocalOpenFile(number, 0)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_a_listing_with_the_longest_names_fits_into_one_answer() -> None:
    for parts in ((), ("d" * 255,) * 15):
        entry = FileEntry(
            name="\N{REPLACEMENT CHARACTER}" * 255,
            path=absolute((*parts, "\N{REPLACEMENT CHARACTER}" * 255)),
            is_dir=False,
            size=2**40,
            modified_at=datetime.now(UTC),
            mode=0o100644,
        )
        (one,) = encode_files(Listing((entry,), truncated=False))
        assert (one.ByteSize() + 6) * most_entries(parts) < 16 * 1024**2
