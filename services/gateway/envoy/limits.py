"""Token buckets in Envoy: one per user, or per address where nobody is known, and a tighter one for starting runs.

The buckets live in this Envoy alone and are full when it restarts: they guard the mesh, billing guards the money.
"""

from __future__ import annotations

from services.gateway.config import Settings
from services.gateway.envoy.jwt import JWT_FILTER, PAYLOAD
from services.gateway.envoy.typed import Json, http_filter, seconds, typed

RATE_FILTER = "envoy.filters.http.local_ratelimit"
ROUTE_METADATA = "mesh.gateway"
_MAX_USERS = 50_000
_PLENTY = 1_000_000_000


def rate_limit_filter(settings: Settings) -> Json:
    """All buckets. One configuration for all routes: a route with its own would have buckets of its own."""
    return http_filter(
        RATE_FILTER,
        "local_ratelimit.v3.LocalRateLimit",
        stat_prefix="user",
        # Required by Envoy, and meant never to be empty: the limits are per user.
        token_bucket={"max_tokens": _PLENTY, "tokens_per_fill": _PLENTY, "fill_interval": seconds(1)},
        always_consume_default_token_bucket=False,
        filter_enabled=_always(),
        filter_enforced=_always(),
        rate_limits=[{"actions": actions} for actions in (_STARTS, [_USER], _ANONYMOUS)],
        descriptors=_buckets(settings),
        max_dynamic_descriptors=_MAX_USERS,
        enable_x_ratelimit_headers="DRAFT_VERSION_03",
        rate_limited_as_resource_exhausted=True,
    )


def rate_of_route(rate: str) -> tuple[Json, Json]:
    """What a route says about itself: its metadata, and its configuration of the filter."""
    if rate == "none":
        return {}, {RATE_FILTER: typed("envoy.config.route.v3.FilterConfig", disabled=True)}
    return {"filter_metadata": {ROUTE_METADATA: {"rate": rate}}}, {}


_SUBJECT = {"key": JWT_FILTER, "path": [{"key": PAYLOAD}, {"key": "sub"}]}
_RATE = {"key": ROUTE_METADATA, "path": [{"key": "rate"}]}
_USER: Json = {
    "metadata": {"descriptor_key": "user", "source": "DYNAMIC", "metadata_key": _SUBJECT, "skip_if_absent": True}
}
_STARTS: list[Json] = [
    {"metadata": {"descriptor_key": "rate", "source": "ROUTE_ENTRY", "metadata_key": _RATE, "skip_if_absent": True}},
    _USER,
]
_UNSIGNED = [{"name": "authorization", "present_match": True}]
_ANONYMOUS: list[Json] = [
    {"header_value_match": {"descriptor_value": "nobody", "expect_match": False, "headers": _UNSIGNED}},
    {"remote_address": {}},
]


def _buckets(settings: Settings) -> list[Json]:
    starts, all_calls = settings.mesh_rate_starts_per_minute, settings.mesh_rate_per_minute
    return [
        _bucket([{"key": "rate", "value": "start"}, {"key": "user"}], starts, starts),
        _bucket([{"key": "user"}], settings.mesh_rate_burst, all_calls),
        _bucket(
            [{"key": "header_match", "value": "nobody"}, {"key": "remote_address"}], settings.mesh_rate_burst, all_calls
        ),
    ]


def _bucket(entries: list[Json], burst: int, per_minute: int) -> Json:
    fill = {"max_tokens": burst, "tokens_per_fill": 1, "fill_interval": seconds(round(60 / per_minute, 3))}
    return {"entries": entries, "token_bucket": fill}


def _always() -> Json:
    return {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
