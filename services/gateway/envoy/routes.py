"""Routes, one per method and binding: what has no route does not exist."""

from __future__ import annotations

from services.gateway.config import Settings
from services.gateway.envoy.clusters import NOWHERE
from services.gateway.envoy.jwt import ANYBODY, USER, no_requirement, requirement
from services.gateway.envoy.limits import limits_of_route
from services.gateway.envoy.replies import API_KEYS, NOTHING_HERE, REQUEST_ID
from services.gateway.envoy.surface import Rpc, Surface, path_regex
from services.gateway.envoy.typed import Json, seconds, typed, without
from services.kit.server import ADMINS, REFLECTION

DOOR = "door"
ERRORS = "errors"
PLAIN = "plain"
WHOLE_BODY = "whole body"
DEFAULT_DEADLINE_S = 30.0
_GRACE_S = 1.0  # beyond the service's own deadline: its answer should win
# The transcoder would pass it on untranslated, to a service that has no method of that path.
_NO_GRPC: Json = {
    "name": "content-type",
    "string_match": {"prefix": "application/grpc"},
    "invert_match": True,
    "treat_missing_header_as_empty": True,
}
# Answered by the edge for all services; the surface has it not, because it is no contract of ours.
_REFLECTION = tuple(
    Rpc(
        method=f"/{name}/ServerReflectionInfo",
        service="gateway",
        rule=ADMINS,
        streams_in=True,
        streams_out=True,
        raw_out=False,
        token_in_query=False,
        bindings=(),
    )
    for name in REFLECTION
)
_WITH_BODY = ("POST", "PUT", "PATCH")
_CORS = "envoy.filters.http.cors"
_METHODS = "GET,POST,PUT,PATCH,DELETE,OPTIONS"
_ALLOWED = (
    "Content-Type,Authorization,X-Project-Id,X-MCP-URL,X-MCP-Type,X-MCP-Headers,X-API-Key,Last-Event-ID,Idempotency-Key"
)
_EXPOSED = "Retry-After,X-RateLimit-Limit,X-RateLimit-Remaining,X-RateLimit-Reset,X-Request-Id"


def virtual_host(surface: Surface, settings: Settings) -> Json:
    """Every host name is ours."""
    rest = [_rest(rpc, verb, path, settings) for rpc in surface.rpcs for verb, path in rpc.bindings]
    offered = [rpc for rpc in surface.rpcs if rpc.cluster != "edge"]
    grpc = [_grpc(rpc, settings) for rpc in (*offered, *_REFLECTION)]
    return {
        "name": "mesh",
        "domains": ["*"],
        "routes": [_api_keys(), _preflight(), *sorted(rest, key=_exact_first), *grpc, _nothing_here()],
        "typed_per_filter_config": {_CORS: _cors(settings)},
        "include_request_attempt_count": False,
    }


def _rest(rpc: Rpc, verb: str, path: str, settings: Settings) -> Json:
    where = {"safe_regex": {"regex": path_regex(path)}} if "{" in path else {"path": path}
    scripts = (DOOR, ERRORS) if rpc.token_in_query else (ERRORS,)
    whole = verb in _WITH_BODY and not rpc.streams_in
    buffered = {WHOLE_BODY: _whole_body(settings)} if whole else {}
    filters = {**buffered, PLAIN: _plain_rest(), **{script: _script(script) for script in scripts}}
    route = _forward(f"{verb} {path}", rpc, settings, filters)
    if whole:
        route["route"]["max_stream_duration"] = _whole_request(rpc, settings)
    return {
        **route,
        "match": {**where, "headers": [_header_is(":method", verb), _NO_GRPC]},
        # The transcoder puts the URL there, query and all, and a query may hold a token.
        "request_headers_to_add": [_overwrite("x-envoy-original-path", "%PATH(NQ:ORIG)%")],
        # Of REST alone: a gRPC caller's own, and a server ends the connection's stream over one that it can not read.
        "request_headers_to_remove": ["grpc-timeout", "grpc-encoding"],
        # Also what `lua/errors.lua` tells where a service sent no body of its own.
        "response_headers_to_add": [_overwrite("x-request-id", REQUEST_ID)],
    }


def _grpc(rpc: Rpc, settings: Settings) -> Json:
    return {**_forward(f"gRPC {rpc.method}", rpc, settings, {}), "match": {"path": rpc.method, "grpc": {}}}


def _forward(name: str, rpc: Rpc, settings: Settings, filters: Json) -> Json:
    who = requirement(ANYBODY if rpc.rule.anonymous else USER)
    limits = limits_of_route(rpc.rule.rate) if settings.limited() else {}
    return {
        "name": name,
        "route": {"cluster": rpc.cluster, **_patience(rpc, settings)},
        "typed_per_filter_config": {**who, **limits, **filters},
    }


def _patience(rpc: Rpc, settings: Settings) -> Json:
    repeated = {} if rpc.streams_in else {"retry_policy": _never_reached()}
    if rpc.streams_out:
        return {"timeout": seconds(0), "idle_timeout": seconds(settings.mesh_stream_idle_s), **repeated}
    deadline = (rpc.rule.deadline_s or DEFAULT_DEADLINE_S) + _GRACE_S
    # Counted from the end of the request, so a slow upload has request_timeout alone.
    idle = max(deadline, settings.mesh_stream_idle_s)
    return {"timeout": seconds(deadline), "idle_timeout": seconds(idle), **repeated}


def _whole_request(rpc: Rpc, settings: Settings) -> Json:
    # From the first header, so it holds for a body that does not come; by then the answer had its own time as well.
    seconds_in_all = settings.mesh_body_patience_s + (rpc.rule.deadline_s or DEFAULT_DEADLINE_S) + _GRACE_S
    return {"max_stream_duration": seconds(seconds_in_all)}


def _never_reached() -> Json:
    # Only what no service can have seen, so that any method may be repeated.
    return {
        "retry_on": "connect-failure,refused-stream,reset-before-request",
        "num_retries": 2,
        "retry_back_off": {"base_interval": "0.05s", "max_interval": "0.5s"},
    }


def _script(name: str) -> Json:
    return typed("envoy.extensions.filters.http.lua.v3.LuaPerRoute", name=name)


def _whole_body(settings: Settings) -> Json:
    # The transcoder's own cap counts what waits in it, and a text is read on as it comes.
    buffer = {"max_request_bytes": settings.mesh_max_body_mb * 1024 * 1024}
    return typed("envoy.extensions.filters.http.buffer.v3.BufferPerRoute", buffer=buffer)


def _plain_rest() -> Json:
    # After the errors: what gRPC leaves in a REST answer.
    mutations = {"response_mutations": [without(prefix) for prefix in ("grpc-", "x-mesh-")]}
    return typed("envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute", mutations=mutations)


def _api_keys() -> Json:
    return {
        "name": API_KEYS,
        "match": {"prefix": "/", "headers": [{"name": "x-api-key", "present_match": True}]},
        "direct_response": {"status": 401},
        "typed_per_filter_config": no_requirement(),
    }


def _preflight() -> Json:
    # Answered by the CORS filter, whatever the path and the origin; it only wants a route to be asked at.
    asked = {"name": "access-control-request-method", "present_match": True}
    return {
        "name": "preflight",
        "match": {"prefix": "/", "headers": [_header_is(":method", "OPTIONS"), asked]},
        "route": {"cluster": NOWHERE},
        "typed_per_filter_config": no_requirement(),
    }


def _nothing_here() -> Json:
    # A route to an empty cluster, and told as a 404: to a direct response the CORS filter would add nothing.
    return {
        "name": NOTHING_HERE,
        "match": {"prefix": "/"},
        "route": {"cluster": NOWHERE},
        "typed_per_filter_config": no_requirement(),
    }


def _overwrite(name: str, value: str) -> Json:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _exact_first(route: Json) -> tuple[bool, str]:
    return "path" not in route["match"], route["name"]


def _header_is(name: str, value: str) -> Json:
    return {"name": name, "string_match": {"exact": value}}


def _cors(settings: Settings) -> Json:
    origins: list[Json] = [{"exact": origin} for origin in settings.origins()]
    if settings.mesh_cors_preview_regex:
        # Envoy matches the whole origin: the expression is anchored at both ends.
        origins.append({"safe_regex": {"regex": settings.mesh_cors_preview_regex}})
    return typed(
        "envoy.extensions.filters.http.cors.v3.CorsPolicy",
        allow_origin_string_match=origins,
        allow_methods=_METHODS,
        allow_headers=_ALLOWED,
        expose_headers=_EXPOSED,
        allow_credentials=True,
        max_age="600",
        forward_not_matching_preflights=False,
    )
