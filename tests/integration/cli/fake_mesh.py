"""`mesh up` with the real PostgreSQL and Redis and a fake service: `python -m tests.integration.cli.fake_mesh MOOD`.

Everything but the blueprint is the real thing: data directory, lock, supervisor, signals, logs, state.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping

from services.cli.bringup import Bringup
from services.cli.config import Settings, inherited_environment
from services.cli.embedded.account import unprivileged_account
from services.cli.embedded.postgres import EmbeddedPostgres
from services.cli.embedded.redis import EmbeddedRedis
from services.cli.errors import CliError
from services.cli.layout import DataDir
from services.cli.parts import Part
from services.cli.plan import python_path
from services.cli.screen import Terminal
from services.cli.state import lock
from services.kit.config import load_settings


class FakeBlueprint:
    """Storage, and one service in some mood."""

    def __init__(self, data: DataDir, mood: str) -> None:
        self._mood = mood
        self._postgres = EmbeddedPostgres(data, unprivileged_account())
        self._redis = EmbeddedRedis(data)

    def port_names(self) -> list[str]:
        return ["service"]

    def parts(self, ports: Mapping[str, int]) -> tuple[Part, ...]:
        listen = f"127.0.0.1:{ports['service']}"
        inherited = inherited_environment()
        service = Part(
            name="service",
            argv=(sys.executable, "-m", "tests.integration.cli.fake_part", self._mood),
            env=inherited | {"MESH_LISTEN": listen, "PYTHONPATH": python_path(inherited)},
            probe=f"grpc://{listen}",
            needs=frozenset({"postgres", "redis"}),
            layer=1,
            final_codes=frozenset({2}),
        )
        return (self._postgres.part(), self._redis.part(), service)


def main(mood: str) -> int:
    settings = load_settings(Settings)
    data = settings.data_dir()
    data.create()
    with lock(data.lock) as mine:
        if not mine:
            print("running already", flush=True)
            return 0
        terminal = Terminal(sys.stdout, width=10)
        mesh = Bringup(FakeBlueprint(data, mood), data, settings.mesh_http_port, terminal, lambda: ["ready to use"])
        try:
            asyncio.run(mesh.run(90.0))
        except CliError as failure:
            terminal.say(f"failed: {failure.message}")
            return failure.exit_code
        finally:
            terminal.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
