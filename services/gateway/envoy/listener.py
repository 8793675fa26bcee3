"""The public listener: the connection manager, its limits, and the chain of HTTP filters.

Every filter has a cost on each request; the order, first to last, and the reason of each stand in the README.
"""

from __future__ import annotations

import base64
from pathlib import Path

from services.gateway.config import Settings
from services.gateway.envoy.jwt import jwt_filter
from services.gateway.envoy.limits import WINDOW, rate_limit_filter
from services.gateway.envoy.replies import local_replies
from services.gateway.envoy.routes import DOOR, ERRORS, PLAIN, WHOLE_BODY, virtual_host
from services.gateway.envoy.surface import Surface
from services.gateway.envoy.typed import Json, extension, http_filter, seconds, typed, without

_LUA = Path(__file__).parent / "lua"
_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_MUTATION = "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
_USELESS = ("cookie", "sec-")  # a browser's own: large, private, and read by nobody here
_FORGED = ("x-user-", "x-account-", "x-envoy-", "x-mesh-")
_RESERVED = (
    "grpc-status",
    "grpc-message",
    "grpc-internal-",
    "grpc-previous-",
    "grpc-retry-",
    "grpc-tags-",
    "grpc-trace-",
)
# Names that gRPC can not carry, and those whose values must be base64: nobody reads them, and they would end a call.
_UNREADABLE = (r"[a-z0-9._-]*[^:a-z0-9._-].*", r".+-bin")


def listener(surface: Surface, settings: Settings) -> Json:
    """One port for HTTP/1.1 and HTTP/2."""
    address = {"address": settings.mesh_http_host, "port_value": settings.mesh_http_port}
    return {
        "name": "public",
        "address": {"socket_address": address},
        "per_connection_buffer_limit_bytes": 256 * 1024,
        # A viewer who reads nothing: he resumes, and until then costs no more than this buffer and a stream's windows.
        "per_connection_buffer_high_watermark_timeout": seconds(settings.mesh_deaf_client_s),
        "filter_chains": [{"filters": [extension("http", _MANAGER, **_manager(surface, settings))]}],
    }


def _manager(surface: Surface, settings: Settings) -> Json:
    return {
        "stat_prefix": "public",
        "codec_type": "AUTO",
        "route_config": {"name": "mesh", "virtual_hosts": [virtual_host(surface, settings)]},
        "http_filters": _filters(surface, settings),
        "local_reply_config": local_replies(settings),
        "access_log": [_access_log()],
        **_identity(settings),
        **_paths(),
        **_limits(settings),
    }


def _filters(surface: Surface, settings: Settings) -> list[Json]:
    return [
        http_filter("envoy.filters.http.cors", "cors.v3.Cors"),
        _lua(DOOR),
        jwt_filter(settings),
        *([_lua(WINDOW), rate_limit_filter(settings)] if settings.limited() else []),
        http_filter(WHOLE_BODY, "buffer.v3.Buffer", disabled=True, max_request_bytes=1),
        http_filter(PLAIN, "header_mutation.v3.HeaderMutation", disabled=True),
        _lua(ERRORS),
        _transcoder(surface, settings),
        _router(),
    ]


def _lua(name: str) -> Json:
    source = {"inline_string": (_LUA / f"{name}.lua").read_text()}
    return http_filter(name, "lua.v3.Lua", disabled=True, source_codes={name: source})


def _transcoder(surface: Surface, settings: Settings) -> Json:
    limit = settings.mesh_max_body_mb * 1024 * 1024
    return http_filter(
        "envoy.filters.http.grpc_json_transcoder",
        "grpc_json_transcoder.v3.GrpcJsonTranscoder",
        proto_descriptor_bin=base64.b64encode(surface.descriptors).decode(),
        services=list(surface.transcoded),
        # Routes are rendered per binding: the one that was matched stays, and an internal RPC can not be reached by it.
        match_incoming_request_route=True,
        ignore_unknown_query_parameters=True,
        # A body that names another thing than the path does is refused: its field would win.
        request_validation_options={"reject_binding_body_field_collisions": True},
        max_request_body_size=limit,
        max_response_body_size=limit,
        print_options={"always_print_primitive_fields": True, "preserve_proto_field_names": True},
    )


def _router() -> Json:
    return http_filter(
        "envoy.filters.http.router", "router.v3.Router", suppress_envoy_headers=True, dynamic_stats=False
    )


def _identity(settings: Settings) -> Json:
    return {
        "server_name": "mesh",
        "use_remote_address": True,
        "xff_num_trusted_hops": settings.mesh_trusted_hops,
        # Nobody is internal by address: what only Envoy may say is stripped from everybody.
        "internal_address_config": {"cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}]},
        "early_header_mutation_extensions": [extension("hygiene", _MUTATION, mutations=_hygiene(settings))],
        "always_set_request_id_in_response": True,
    }


def _hygiene(settings: Settings) -> list[Json]:
    forwarded = () if settings.mesh_trusted_hops else ("x-forwarded-",)
    unknown = [
        {"remove_on_match": {"key_matcher": {"safe_regex": {"regex": expression}}}} for expression in _UNREADABLE
    ]
    return [*(without(prefix) for prefix in (*_USELESS, *_FORGED, *_RESERVED, *forwarded)), *unknown]


def _paths() -> Json:
    return {
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
    }


def _limits(settings: Settings) -> Json:
    return {
        "max_request_headers_kb": 32,
        "common_http_protocol_options": {
            "idle_timeout": seconds(3600),
            "max_headers_count": 64,
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        "http2_protocol_options": {
            "max_concurrent_streams": 256,
            "initial_stream_window_size": 256 * 1024,
            "initial_connection_window_size": 1024 * 1024,
        },
        "request_headers_timeout": seconds(10),
        "request_timeout": seconds(settings.mesh_request_timeout_s),
        "stream_idle_timeout": seconds(settings.mesh_stream_idle_s),
        "drain_timeout": seconds(5),
    }


def _access_log() -> Json:
    """One line of JSON per request. Never a query, and so never a token."""
    line = {
        "event": "http.completed",
        "time": "%START_TIME%",
        "method": "%REQ(X-ENVOY-ORIGINAL-METHOD?:METHOD)%",
        "path": "%PATH(NQ:ORIG)%",
        "route": "%ROUTE_NAME%",
        "status": "%RESPONSE_CODE%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "flags": "%RESPONSE_FLAGS%",
        "duration_ms": "%DURATION%",
        "bytes_in": "%BYTES_RECEIVED%",
        "bytes_out": "%BYTES_SENT%",
        "cluster": "%UPSTREAM_CLUSTER%",
        "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        "request_id": "%REQ(X-REQUEST-ID)%",
    }
    message = "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"
    return {"name": "stdout", "typed_config": typed(message, log_format={"json_format": line})}
