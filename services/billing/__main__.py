"""Runs billing: `python -m services.billing [--check-config]`."""

from __future__ import annotations

from services.billing.app import build
from services.billing.config import Settings
from services.kit.lifecycle import run

if __name__ == "__main__":
    run(Settings, build)
