"""Which parts a mesh has and what each is told: the one file that knows the whole of it.

Layers, for stopping: 0 storage, 1 threads, billing, sandbox, 2 tools, 3 agent, 4 edge, 5 Envoy. All services start
together once storage is healthy: their channels find each other when they are there. Envoy opens the door last.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from services.kit.memory import available_bytes

from .config import Settings
from .embedded.account import unprivileged_account
from .embedded.postgres import EmbeddedPostgres
from .embedded.redis import EmbeddedRedis
from .errors import CliError
from .keyring import jwt_secret
from .layout import DataDir
from .parts import UNNOTICED, Part
from .retirement import drain_envoy

SERVICES = ("threads", "billing", "sandbox", "tools", "agent", "gateway")
"""Those who sign what they say: each has a key."""

_LAYERS = {"threads": 1, "billing": 1, "sandbox": 1, "tools": 2, "agent": 3, "edge": 4}
_ENVOY_LAYER = 5
_BAD_CONFIGURATION = frozenset({2})
_LOOPBACK = "127.0.0.1"
_ENVOY_ADMIN = "envoy-admin"
_TWIN = "-twin"
_OVERLAP = 2.0  # callers dial an address that was refused every second
_LEAST_MIB = 512  # of memory: a worker that has loaded litellm needs half of it
_CHECKOUT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Process:
    """One Python process of the mesh: `target` is the name by which others address it, where they do."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    target: str | None = None

    @property
    def layer(self) -> int:
        return _LAYERS[self.target or self.module]


def processes(settings: Settings) -> tuple[Process, ...]:
    """The Python processes, in the order of their layers."""
    plain = tuple(Process(name, name, target=name) for name in ("threads", "billing", "sandbox", "tools"))
    return (*plain, *_agent(settings), Process("edge", "gateway", target="edge"))


def public_address(http_port: int) -> str:
    """Where the mesh is reached from this machine."""
    return f"http://{_LOOPBACK}:{http_port}"


class Plan:
    """The parts of one mesh, from its settings and the environment that it inherits. `memory_mib`: of this machine."""

    def __init__(
        self, settings: Settings, data: DataDir, inherited: Mapping[str, str], memory_mib: int | None = None
    ) -> None:
        if settings.env_mode != "local" and settings.database_url is None:
            raise CliError(
                f"ENV_MODE={settings.env_mode} needs DATABASE_URL: only `local` starts a PostgreSQL of its own"
            )
        self._settings = settings
        self._data = data
        self._inherited = inherited
        self._processes = processes(settings)
        self._memory_mib = memory_mib or available_bytes() >> 20
        self._postgres = None if settings.database_url else EmbeddedPostgres(data, unprivileged_account())
        self._redis = None if settings.redis_url else EmbeddedRedis(data)

    def port_names(self) -> list[str]:
        """Every process has a port for RPCs and one for its metrics, and others for its twin."""
        names = [process.name for process in self._processes]
        first = [*names, *map(_metrics, names), _ENVOY_ADMIN]
        return [*first, *(name + _TWIN for name in first)]

    def parts(self, ports: Mapping[str, int]) -> tuple[Part, ...]:
        """Storage that no URL was given for, the services, Envoy; `ports` by `port_names`."""
        storage = tuple(embedded.part() for embedded in (self._postgres, self._redis) if embedded)
        needs = frozenset(part.name for part in storage)
        services = tuple(self._service(process, ports, needs) for process in self._processes)
        return (*storage, *services, self._envoy(ports, frozenset(part.name for part in services)))

    def environment(self, ports: Mapping[str, int]) -> dict[str, str]:
        """What every process of the mesh is told."""
        return {**self._inherited, **self._storage(), **self._common(), **self._targets(ports), **self._share()}

    def _service(self, process: Process, ports: Mapping[str, int], needs: frozenset[str]) -> Part:
        part = self._process(process, ports, needs, "")
        twin = self._process(process, ports, needs, _TWIN)
        return replace(_called(part), twin=_called(twin)) if process.target else replace(part, twin=twin)

    def _process(self, process: Process, ports: Mapping[str, int], needs: frozenset[str], which: str) -> Part:
        listen = f"{_LOOPBACK}:{ports[process.name + which]}"
        own = {"MESH_LISTEN": listen, "MESH_METRICS_PORT": str(ports[_metrics(process.name) + which])}
        return Part(
            name=process.name,
            argv=(sys.executable, "-m", f"services.{process.module}", *process.arguments),
            env=self.environment(ports) | own,
            probe=f"grpc://{listen}",
            needs=needs,
            layer=process.layer,
            final_codes=_BAD_CONFIGURATION,
        )

    def _envoy(self, ports: Mapping[str, int], services: frozenset[str]) -> Part:
        """The gateway renders the configuration and becomes Envoy; its first look finds every service healthy."""
        first = self._one_envoy(ports, services, "")
        probe = f"http://{_LOOPBACK}:{ports[_ENVOY_ADMIN + _TWIN]}/ready"  # two share the public port
        return replace(first, twin=replace(self._one_envoy(ports, services, _TWIN), probe=probe))

    def _one_envoy(self, ports: Mapping[str, int], services: frozenset[str], which: str) -> Part:
        config = self._data.run / f"envoy{which}.json"
        admin = ports[_ENVOY_ADMIN + which]
        return Part(
            name="envoy",
            argv=(sys.executable, "-m", "services.gateway", "envoy", "--out", str(config)),
            env=self.environment(ports) | {"MESH_ENVOY_ADMIN_PORT": str(admin)},
            probe=f"{public_address(self._settings.mesh_http_port)}/v1/health",
            retire=partial(drain_envoy, f"http://{_LOOPBACK}:{admin}"),
            needs=services,
            layer=_ENVOY_LAYER,
            final_codes=_BAD_CONFIGURATION,
        )

    def _targets(self, ports: Mapping[str, int]) -> dict[str, str]:
        return {
            f"MESH_{process.target.upper()}_URL": ",".join(
                f"{_LOOPBACK}:{ports[name]}" for name in (process.name, process.name + _TWIN)
            )
            for process in self._processes
            if process.target
        }

    def _storage(self) -> dict[str, str]:
        told = {}
        if self._postgres:
            told["DATABASE_URL"] = self._postgres.url
        if self._redis:
            told["REDIS_URL"] = self._redis.url
        return told

    def _share(self) -> dict[str, str]:
        """Each takes itself for the only one on its machine: here they share it, unless somebody said how."""
        if "mesh_memory_limit_mib" in self._settings.model_fields_set:
            return {}
        return {"MESH_MEMORY_LIMIT_MIB": str(max(_LEAST_MIB, self._memory_mib // len(self._processes)))}

    def _common(self) -> dict[str, str]:
        return {
            "ENV_MODE": self._settings.env_mode,
            "MESH_DATA_DIR": str(self._data.root),
            "MESH_KEYS_DIR": str(self._data.keys),
            "MESH_HTTP_PORT": str(self._settings.mesh_http_port),
            "SUPABASE_JWT_SECRET": user_secret(self._settings, self._data),
            "PYTHONPATH": python_path(self._inherited),
            "PYTHONUNBUFFERED": "1",
            "MESH_SANDBOX_SUCCEEDS": "true",
        }


def _called(part: Part) -> Part:
    """That others call: they find the new one before the old one asks them to turn away."""
    return replace(part, overlap=_OVERLAP, leave=UNNOTICED)


def user_secret(settings: Settings, data: DataDir) -> str:
    """The secret of users' tokens: the given one, or in local mode one of this data directory's own."""
    if settings.supabase_jwt_secret is not None:
        return settings.supabase_jwt_secret.get_secret_value()
    if settings.env_mode == "local":
        return jwt_secret(data.keys)
    if settings.supabase_url is not None:
        return ""
    raise CliError(f"ENV_MODE={settings.env_mode} needs SUPABASE_JWT_SECRET or SUPABASE_URL to check users' tokens")


def _agent(settings: Settings) -> tuple[Process, ...]:
    if not settings.use_stateless_pipeline:
        return (Process("agent", "agent", ("all",), target="agent"),)
    workers = tuple(
        Process(f"agent-worker-{number}", "agent", ("worker",)) for number in range(1, settings.mesh_workers + 1)
    )
    return (Process("agent-api", "agent", ("api",), target="agent"), *workers)


def python_path(inherited: Mapping[str, str]) -> str:
    """The checkout and its generated code, so that the parts are found from any folder."""
    places = (str(_CHECKOUT), str(_CHECKOUT / "protos" / "gen"), inherited.get("PYTHONPATH", ""))
    return os.pathsep.join(filter(None, places))


def _metrics(name: str) -> str:
    return f"{name}-metrics"
