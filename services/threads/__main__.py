"""Runs the service; `--check-config` shows its configuration instead."""

from services.kit.lifecycle import run
from services.threads.app import build
from services.threads.config import Settings

if __name__ == "__main__":
    run(Settings, build)
