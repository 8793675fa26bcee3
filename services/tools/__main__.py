"""Runs tools: `python -m services.tools [--check-config]`."""

from __future__ import annotations

from services.kit.lifecycle import run
from services.tools.app import build
from services.tools.config import Settings

if __name__ == "__main__":
    run(Settings, build)
