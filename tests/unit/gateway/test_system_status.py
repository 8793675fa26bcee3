from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from services.gateway.edge.clients.notices import NoticeFile
from services.gateway.edge.use_cases.show_system_status import ShowSystemStatus

NOTHING = {"maintenanceNotice": {"enabled": False}, "technicalIssue": {"enabled": False}, "updatedAt": None}
SAID = {
    "maintenanceNotice": {
        "enabled": True,
        "startTime": "2027-01-01T10:00:00+00:00",
        "endTime": "2027-01-01T12:00:00+00:00",
    },
    "technicalIssue": {"enabled": True, "message": "Slow", "severity": "degraded", "affectedServices": ["models"]},
    "updatedAt": "2026-12-31T00:00:00+00:00",
}


async def shown(path: Path) -> Any:
    return await ShowSystemStatus(NoticeFile(path))()


async def test_where_nothing_was_ever_said_nothing_is_wrong(tmp_path: Path) -> None:
    assert await shown(tmp_path / "none.json") == NOTHING


async def test_what_is_written_is_said_at_the_next_question(tmp_path: Path) -> None:
    path = tmp_path / "said.json"
    for said in (SAID, {**SAID, "technicalIssue": {"enabled": False}}):
        path.write_bytes(orjson.dumps(said))
        assert await shown(path) == said


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b'{"maintenanceNotice": 5, "technicalIssue": {"enabled": "yes"}, "updatedAt": 7}', b"\xff"],
)
async def test_what_can_not_be_read_says_nothing(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "said.json"
    path.write_bytes(raw)
    assert await shown(path) == NOTHING


async def test_only_what_the_client_knows_is_passed_on(tmp_path: Path) -> None:
    path = tmp_path / "said.json"
    path.write_bytes(orjson.dumps({"technicalIssue": {"enabled": True, "message": "x", "secret": "y", "severity": 5}}))
    assert (await shown(path))["technicalIssue"] == {"enabled": True, "message": "x"}
