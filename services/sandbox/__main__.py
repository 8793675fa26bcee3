"""Runs sandbox: `python -m services.sandbox [--check-config]`."""

from __future__ import annotations

from services.kit.lifecycle import run
from services.sandbox.app import build
from services.sandbox.config import Settings

if __name__ == "__main__":
    run(Settings, build)
