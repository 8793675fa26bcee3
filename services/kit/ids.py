"""Identity as a dependency, so that a test can foresee it."""

from __future__ import annotations

import uuid
from typing import Protocol


class IdSource(Protocol):
    """Makes a new UUID, as text, each time."""

    def __call__(self) -> str: ...


class RandomIds:
    """Random UUIDs (version 4)."""

    def __call__(self) -> str:
        return str(uuid.uuid4())
