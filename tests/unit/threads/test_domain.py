"""Who may do what."""

from __future__ import annotations

import pytest

from services.threads.domain import Access, Standing


@pytest.mark.parametrize(
    ("viewer", "public", "access"),
    [
        ("owner", False, Access.OWNER),
        ("owner", True, Access.OWNER),
        ("other", False, Access.NONE),
        ("other", True, Access.READ),
        ("", False, Access.NONE),
        ("", True, Access.READ),
    ],
)
def test_access(viewer: str, public: bool, access: Access) -> None:
    assert Standing("owner", "p", public).access(viewer) is access


def test_nobody_owns_what_has_no_owner() -> None:
    assert Standing("", "p", False).access("") is Access.NONE
