"""Rules that contradict themselves do not exist."""

from __future__ import annotations

from typing import Any

import pytest

from services.kit.policy import PolicyTable, Rule


@pytest.mark.parametrize(
    "row",
    [
        {"exposure": "internal", "users": True},
        {"exposure": "internal", "anonymous": True},
        {"exposure": "internal", "role": "admin"},
        {"role": "admin"},
    ],
)
def test_a_contradicting_row_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"internal|role"):
        Rule(**row)


def test_idempotent_rpcs_are_listed_by_full_name() -> None:
    table = PolicyTable("mesh.x.v1", {"X": {"Get": Rule(users=True, idempotent=True), "Put": Rule(users=True)}})
    assert table.idempotent() == ("/mesh.x.v1.X/Get",)
