"""`mesh notice`: what the operator tells everybody."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from services.cli.app import app

NOTHING = {"maintenanceNotice": {"enabled": False}, "technicalIssue": {"enabled": False}}


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in a data directory of its own."""
    monkeypatch.setenv("MESH_DATA_DIR", str(tmp_path))
    return tmp_path / "system-status.json"


def notice(*arguments: str) -> int:
    return CliRunner().invoke(app, ["notice", *arguments]).exit_code


def test_both_notices_stand_beside_each_other_until_they_are_cleared(said: Path) -> None:
    assert notice("maintenance", "--from", "2027-01-01T10:00", "--until", "2027-01-01T12:00+01:00") == 0
    assert notice("issue", "Slow models", "--severity", "outage", "--affected", "a", "--affected", "b") == 0
    told = orjson.loads(said.read_bytes())
    assert told["maintenanceNotice"] == {
        "enabled": True,
        "startTime": "2027-01-01T10:00:00+00:00",
        "endTime": "2027-01-01T12:00:00+01:00",
    }
    assert told["technicalIssue"] == {
        "enabled": True,
        "message": "Slow models",
        "severity": "outage",
        "affectedServices": ["a", "b"],
    }
    assert notice("clear") == 0
    told = orjson.loads(said.read_bytes())
    assert {key: told[key] for key in NOTHING} == NOTHING
    assert told["updatedAt"]


def test_a_damaged_file_is_no_obstacle(said: Path) -> None:
    said.write_bytes(b"{")
    assert notice("show") == 0
    assert notice("issue", "x") == 0
    assert orjson.loads(said.read_bytes())["technicalIssue"]["message"] == "x"


@pytest.mark.parametrize(
    "arguments",
    [
        ("maintenance", "--from", "2027-01-01T10:00", "--until", "2027-01-01T10:00"),
        ("maintenance", "--from", "tomorrow", "--until", "2027-01-01T10:00"),
        ("maintenance", "--from", "2027-01-01T10:00"),
        ("issue",),
        ("issue", "x", "--severity", "terrible"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_said(said: Path, arguments: tuple[str, ...]) -> None:
    assert notice(*arguments) == 2
    assert not said.exists()
