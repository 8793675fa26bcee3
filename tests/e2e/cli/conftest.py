"""The same handles as in the integration tests, on the real mesh."""

from __future__ import annotations

from tests.integration.cli.conftest import data, start

__all__ = ["data", "start"]
