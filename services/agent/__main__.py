"""Run it: `python -m services.agent api|worker|all`."""

from __future__ import annotations

import argparse
from typing import Final

from services.agent.app import build_role
from services.agent.config import Settings
from services.kit.lifecycle import run

ROLES: Final = ("api", "worker", "all")


def main() -> None:
    """Parses the role; the rest is the kit's."""
    parser = argparse.ArgumentParser(prog="python -m services.agent", description="Admits and executes agent runs.")
    parser.add_argument(
        "role", choices=ROLES, nargs="?", default="all", help="api admits and streams, worker executes, all is both"
    )
    parser.add_argument("--check-config", action="store_true", help="print the configuration and exit")
    arguments = parser.parse_args()
    run(Settings, build_role(arguments.role), argv=["--check-config"] if arguments.check_config else [])


if __name__ == "__main__":
    main()
