"""What a service that was killed leaves in the homes of its sandboxes."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.sandbox.providers.local.homes import Homes


def _homes(root: Path) -> Homes:
    return Homes(root, uid_base=5000, uid_count=8, as_root=False)


def _write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("half")


def test_half_written_and_half_deleted_files_are_gone_after_the_next_start(tmp_path: Path) -> None:
    killed = _homes(tmp_path)
    killed.open(lambda: "node")
    home = killed.make("sandbox")
    kept = (home.workspace / "mine", home.output("process"))
    for path in (*kept, home.staging / "upload", home.staging / "revert" / "0", home.trash / "tree" / "deep" / "file"):
        _write(path)
    _write(home.trash / "tree.purge" / "1" / "file")  # a removal that was cut short, and its yard
    _write(home.trash / "other.purge" / "1" / "file")
    (home.trash / "link").symlink_to("nowhere")
    killed.close()
    homes = _homes(tmp_path)
    homes.open(lambda: "another")
    assert not [*home.staging.iterdir(), *home.trash.iterdir()]
    assert all(path.read_text() == "half" for path in kept)
    homes.close()


def test_a_root_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    first = _homes(tmp_path)
    first.open(lambda: "node")
    upload = first.make("sandbox").staging / "upload"
    _write(upload)
    with pytest.raises(BlockingIOError):
        _homes(tmp_path).open(lambda: "another")
    assert upload.exists()
    first.close()
