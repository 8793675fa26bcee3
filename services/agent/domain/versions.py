"""What versions of this service keep for each other, while they are replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any


def known(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values that the dataclass has here: what another version added is left out, what it lacked has its default."""
    return {field.name: values[field.name] for field in fields(kind) if field.name in values}
