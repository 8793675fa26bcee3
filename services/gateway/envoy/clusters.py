"""The services behind the door: HTTP/2, health-checked, and never left without their only instance."""

from __future__ import annotations

import ipaddress

from services.gateway.config import Settings
from services.gateway.envoy.jwt import JWKS_CLUSTER, jwks_endpoint
from services.gateway.envoy.typed import Json, seconds, typed

NOWHERE = "nowhere"
RUNTIME: Json = {"outlier_detection.enforcing_consecutive_5xx": 0}
_TLS = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
_PROTOCOLS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def empty_cluster() -> Json:
    """Where requests go that go nowhere."""
    return {"name": NOWHERE, "type": "STATIC", "load_assignment": {"cluster_name": NOWHERE}}


def service_cluster(name: str, settings: Settings) -> Json:
    """One of our services, by the addresses in MESH_<NAME>_URL."""
    addresses = [_socket(target) for target in settings.target(name)]
    limits = {
        "max_connections": 1024,
        "max_pending_requests": settings.mesh_max_upstream_requests,
        "max_requests": settings.mesh_max_upstream_requests,
        "max_retries": 16,
    }
    return {
        **_cluster(name, addresses),
        "connect_timeout": seconds(1),
        "typed_extension_protocol_options": _http2(settings),
        "health_checks": [_health_check()],
        "ignore_health_on_host_removal": True,
        # No panic: what is not ready answers 503 at once instead of being asked anyway.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "circuit_breakers": {"thresholds": [limits]},
        "outlier_detection": _outliers(),
        "upstream_connection_options": {"tcp_keepalive": {"keepalive_time": 30, "keepalive_interval": 10}},
        "per_connection_buffer_limit_bytes": 1024 * 1024,
    }


def jwks_cluster(base: str, authorities: str) -> Json:
    """Where the identity provider publishes its keys; `authorities` is a file of trusted certificates."""
    host, port, tls = jwks_endpoint(base)
    cluster = {**_cluster(JWKS_CLUSTER, [(host, port)]), "connect_timeout": seconds(5)}
    if tls:
        trusted = {
            "trusted_ca": {"filename": authorities},
            "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": host}}],
        }
        socket = typed(_TLS, sni=host, common_tls_context={"validation_context": trusted})
        cluster["transport_socket"] = {"name": "tls", "typed_config": socket}
    return cluster


def _socket(target: str) -> tuple[str, int]:
    host, _, port = target.rpartition(":")
    return host.strip("[]"), int(port)


def _cluster(name: str, sockets: list[tuple[str, int]]) -> Json:
    endpoints = [
        {"endpoint": {"address": {"socket_address": {"address": host, "port_value": port}}}} for host, port in sockets
    ]
    return {
        "name": name,
        "type": "STATIC" if all(_is_address(host) for host, _ in sockets) else "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": endpoints}],
        },
    }


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _http2(settings: Settings) -> Json:
    options = {
        # The service accepts so many on a connection; more open another one.
        "max_concurrent_streams": settings.mesh_max_streams,
        "connection_keepalive": {"interval": seconds(30), "timeout": seconds(5)},
        "initial_stream_window_size": 256 * 1024,
        "initial_connection_window_size": 4 * 1024 * 1024,
    }
    return {_PROTOCOLS: typed(_PROTOCOLS, explicit_http_config={"http2_protocol_options": options})}


def _health_check() -> Json:
    return {
        "timeout": seconds(1),
        "interval": seconds(1),
        "no_traffic_interval": seconds(1),
        "unhealthy_interval": seconds(0.25),
        "no_traffic_healthy_interval": seconds(1),
        "interval_jitter_percent": 10,
        "healthy_threshold": 1,
        "unhealthy_threshold": 2,
        "grpc_health_check": {},
    }


def _outliers() -> Json:
    # Only what the connection itself shows: an UNAVAILABLE of a service (its database is away) is no fault of the host.
    # That no 5xx ejects is said in the bootstrap's runtime, see RUNTIME.
    return {
        "split_external_local_origin_errors": True,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "enforcing_local_origin_success_rate": 0,
        "consecutive_local_origin_failure": 5,
        "enforcing_consecutive_local_origin_failure": 100,
        "base_ejection_time": seconds(5),
        "max_ejection_percent": 50,
        "always_eject_one_host": False,
    }
