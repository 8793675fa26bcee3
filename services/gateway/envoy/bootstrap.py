"""The whole of Envoy's configuration, in one self-contained document."""

from __future__ import annotations

from pathlib import Path

from services.gateway.config import Settings
from services.gateway.envoy.clusters import RUNTIME, empty_cluster, jwks_cluster, service_cluster
from services.gateway.envoy.listener import listener
from services.gateway.envoy.surface import load_surface
from services.gateway.envoy.typed import Json, extension, seconds
from services.gateway.policies import load_rules

_DESCRIPTORS = Path(__file__).parents[3] / "protos" / "gen" / "mesh.binpb"
_HEAP = "envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig"
_CONNECTIONS = "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"


def render(settings: Settings) -> Json:
    """The bootstrap; ConfigError where settings, policies and protos can not make one."""
    surface = load_surface(_DESCRIPTORS.read_bytes(), load_rules())
    clusters = [empty_cluster(), *(service_cluster(name, settings) for name in surface.clusters)]
    if settings.supabase_url:
        clusters.append(jwks_cluster(settings.supabase_url, str(settings.mesh_ca_file)))
    return {
        "node": {"id": "gateway", "cluster": "mesh"},
        "admin": {"address": _loopback(settings.mesh_envoy_admin_port)},
        "static_resources": {"listeners": [listener(surface, settings)], "clusters": clusters},
        "layered_runtime": {"layers": [{"name": "static", "static_layer": RUNTIME}]},
        "overload_manager": _overload(settings),
        # Statistics are kept where an operator looks, not per request and host.
        "stats_config": {"stats_matcher": {"inclusion_list": {"patterns": [{"prefix": p} for p in _KEPT_STATS]}}},
        "stats_flush_on_admin": True,
    }


_KEPT_STATS = ("cluster.", "http.public.", "listener.", "server.", "overload.")


def _loopback(port: int) -> Json:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _overload(settings: Settings) -> Json:
    heap = settings.mesh_max_heap_mb * 1024 * 1024
    return {
        "refresh_interval": seconds(0.5),
        "resource_monitors": [
            extension("envoy.resource_monitors.fixed_heap", _HEAP, max_heap_size_bytes=heap),
            extension(
                "envoy.resource_monitors.global_downstream_max_connections",
                _CONNECTIONS,
                max_active_downstream_connections=settings.mesh_max_connections,
            ),
        ],
        "actions": [
            _above("envoy.overload_actions.shrink_heap", 0.9),
            _above("envoy.overload_actions.disable_http_keepalive", 0.92),
            _above("envoy.overload_actions.stop_accepting_requests", 0.98),
        ],
    }


def _above(action: str, threshold: float) -> Json:
    trigger = {"name": "envoy.resource_monitors.fixed_heap", "threshold": {"value": threshold}}
    return {"name": action, "triggers": [trigger]}
