"""Paths as callers write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sandbox.errors import InvalidPath
from services.sandbox.paths import MAX_DEPTH, absolute, numbered, path_parts


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("", ()),
        (".", ()),
        ("/workspace", ()),
        ("/workspace/", ()),
        ("a/b", ("a", "b")),
        ("./a//b/.", ("a", "b")),
        ("/workspace/a/b/", ("a", "b")),
        ("workspace/a", ("workspace", "a")),
        ("...", ("...",)),
        (" a ", (" a ",)),
    ],
)
def test_path_is_taken_apart(path: str, parts: tuple[str, ...]) -> None:
    assert path_parts(path) == parts


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("..", "'..'"),
        ("a/../b", "'..'"),
        ("/workspace/..", "'..'"),
        ("/etc/passwd", "/workspace"),
        ("/workspaces/a", "/workspace"),
        ("//workspace/a", "/workspace"),
        ("a\0b", "NUL"),
        ("x" * 256, "255"),
        ("é" * 128, "255"),
        ("a/" * 2049, "4096"),
        ("a/" * (MAX_DEPTH + 1), str(MAX_DEPTH)),
    ],
)
def test_path_that_leaves_or_is_none_is_refused_and_named(path: str, why: str) -> None:
    with pytest.raises(InvalidPath, match=f"cwd .*{why}") as refused:
        path_parts(path, field="cwd")
    assert refused.value.violations[0].field == "cwd"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_whatever_is_taken_apart_stays_below_the_workspace(path: str) -> None:
    try:
        parts = path_parts(path)
    except InvalidPath:
        return
    assert not {"", ".", ".."} & set(parts)
    assert not any("/" in part or "\0" in part for part in parts)
    assert path_parts(absolute(parts)) == parts


@pytest.mark.parametrize(
    ("name", "renamed"),
    [("report.pdf", "report_1.pdf"), ("report", "report_1"), (".env", ".env_1"), ("a.tar.gz", "a.tar_1.gz")],
)
def test_taken_name_gets_a_number_before_its_suffix(name: str, renamed: str) -> None:
    assert numbered(name, 1) == renamed
