"""Runs the edge; or writes, checks or starts Envoy's part of the gateway; or writes the REST surface down.

python -m services.gateway                      the edge, until SIGTERM
python -m services.gateway --check-config       print the settings
python -m services.gateway render --out FILE    write Envoy's bootstrap
python -m services.gateway check                validate it, as typed messages and by Envoy
python -m services.gateway envoy --out FILE     write it and become Envoy
python -m services.gateway openapi [--out FILE] write the OpenAPI document; without a file print it
"""

from __future__ import annotations

import sys

from services.gateway.config import Settings


def main() -> None:
    """The edge, unless a command is given."""
    if sys.argv[1:2] == ["openapi"]:
        from services.gateway.openapi.commands import main as openapi_command

        openapi_command(sys.argv[2:])
        return
    if sys.argv[1:2] and not sys.argv[1].startswith("-"):
        from services.gateway.envoy.commands import main as envoy_command

        envoy_command(sys.argv[1:])
        return
    from services.gateway.edge.app import build
    from services.kit.lifecycle import run

    run(Settings, build)


if __name__ == "__main__":
    main()
