"""What the operator has to say to everybody, in a file of the data directory that the edge reads at each question.

The file is the answer of `GET /v1/system/status`, so it can as well be mounted into an edge that runs elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

Notice = dict[str, Any]

MAINTENANCE = "maintenanceNotice"
ISSUE = "technicalIssue"
_NONE: Notice = {"enabled": False}


def load(path: Path) -> Notice:
    """What is said now; that nothing is, where nothing readable was written."""
    try:
        said = orjson.loads(path.read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        said = {}
    return {MAINTENANCE: _NONE, ISSUE: _NONE, "updatedAt": None, **(said if isinstance(said, dict) else {})}


def announce(path: Path, kind: str, told: Mapping[str, object], now: datetime) -> Notice:
    """Says it, in place of what was said of that kind; what is None is left out."""
    notice = {"enabled": True, **{name: value for name, value in told.items() if value}}
    return _save(path, {**load(path), kind: notice, "updatedAt": now.isoformat()})


def clear(path: Path, now: datetime) -> Notice:
    """Takes everything back."""
    return _save(path, {MAINTENANCE: _NONE, ISSUE: _NONE, "updatedAt": now.isoformat()})


def _save(path: Path, said: Notice) -> Notice:
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(orjson.dumps(said, option=orjson.OPT_INDENT_2))
    fresh.replace(path)
    return said
