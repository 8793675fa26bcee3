"""What going back would do, and how it is told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.sandbox.domain import ChangeKind, CommitView, FileChange, Version
from services.sandbox.errors import FileMissing
from services.sandbox.history_codec import LISTED, encode_commit, encode_reverted
from services.sandbox.paths import MAX_LABEL, label, shown
from services.sandbox.providers.local.repository import Entry
from services.sandbox.providers.local.restore import plan

OLD, NEW = Entry(0o100644, "0" * 40), Entry(0o100644, "1" * 40)
NOW = {"a": NEW, "dir/b": NEW, "dir/same": OLD, "directory": NEW, "gone/x": NEW}
WANTED = {"a": OLD, "dir/b": OLD, "dir/same": OLD, "directory": OLD, "back/y": OLD}


def paths_of(*paths: str) -> list[str]:
    return [step.path for step in plan(NOW, WANTED, [tuple(path.split("/")) if path else () for path in paths])]


def test_without_paths_everything_that_differs_goes_back() -> None:
    assert paths_of() == ["a", "back/y", "dir/b", "directory", "gone/x"]
    assert paths_of("") == paths_of()


def test_a_path_means_itself_and_what_is_below_it() -> None:
    assert paths_of("dir") == ["dir/b"]
    assert paths_of("dir/b", "a") == ["a", "dir/b"]
    assert paths_of("gone", "back") == ["back/y", "gone/x"]
    assert paths_of("dir/same") == []


@pytest.mark.parametrize("path", ["di", "dir/", "dir/b/c", "other"])
def test_a_path_that_never_was_is_refused(path: str) -> None:
    with pytest.raises(FileMissing):
        paths_of("a", path)


def test_a_changed_mode_is_a_change() -> None:
    assert len(plan({"a": OLD}, {"a": Entry(0o100755, OLD.blob)}, [])) == 1


def view(*paths: str) -> CommitView:
    version = Version("c" * 40, "Agent", "agent@sandbox.invalid", datetime(2026, 1, 1, tzinfo=UTC), "why")
    changes = tuple(FileChange(path, ChangeKind.MODIFIED) for path in paths)
    return CommitView(version, changes, changes)


def test_long_lists_are_cut_and_all_is_counted() -> None:
    told = encode_commit(view(*(f"f{number}" for number in range(LISTED + 5))), ())
    assert (len(told.files_in_commit), len(told.revert_files)) == (LISTED, LISTED)
    assert told.revert_affects_files == LISTED + 5
    assert told.ByteSize() < 4_000_000
    assert encode_commit(view(*(["x" * 4096] * LISTED)), ()).ByteSize() < 4_000_000
    assert len(encode_reverted("c", [], ["x"] * (LISTED + 1)).reverted_files) == LISTED


@pytest.mark.parametrize(("path", "touched"), [((), False), (("a",), True), (("a", "b"), True), (("a", "bc"), False)])
def test_a_path_is_touched_with_what_is_below_it(path: tuple[str, ...], touched: bool) -> None:
    told = encode_commit(view("a/b/c"), path)
    assert (told.path_in_commit, told.path_affected_on_revert) == (touched, touched)


def test_names_that_are_no_text_become_text() -> None:
    assert shown("a\udcff") == "a\N{REPLACEMENT CHARACTER}"
    assert encode_commit(view("a\udcff\n"), ()).files_in_commit[0].path == "a\N{REPLACEMENT CHARACTER}\n"
    assert label("a\n\x1b[31m b") == "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[31m b"
    assert len(label("x" * 1000)) == MAX_LABEL
