"""Token buckets in Envoy: one per user, or per address where nobody is known.

The buckets live in this Envoy alone and are full when it restarts: they guard the mesh, billing guards the money. How
many runs an account may start is the agent's to say, which knows a repeat; what it says of its window is told in place
of the bucket's headers.
"""

from __future__ import annotations

from services.gateway.config import Settings
from services.gateway.envoy.jwt import JWT_FILTER, PAYLOAD
from services.gateway.envoy.typed import Json, http_filter, seconds, typed
from services.kit.policy import Rate

RATE_FILTER = "envoy.filters.http.local_ratelimit"
WINDOW = "window"
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
        rate_limits=[{"actions": actions} for actions in ([_USER], _ANONYMOUS)],
        descriptors=_buckets(settings),
        max_dynamic_descriptors=_MAX_USERS,
        enable_x_ratelimit_headers="DRAFT_VERSION_03",
        rate_limited_as_resource_exhausted=True,
    )


def limits_of_route(rate: Rate) -> Json:
    """Its configuration of the filters."""
    if rate == "none":
        return {RATE_FILTER: typed("envoy.config.route.v3.FilterConfig", disabled=True)}
    return {WINDOW: typed("envoy.extensions.filters.http.lua.v3.LuaPerRoute", name=WINDOW)} if rate == "start" else {}


_SUBJECT = {"key": JWT_FILTER, "path": [{"key": PAYLOAD}, {"key": "sub"}]}
_USER: Json = {
    "metadata": {"descriptor_key": "user", "source": "DYNAMIC", "metadata_key": _SUBJECT, "skip_if_absent": True}
}
_UNSIGNED = [{"name": "authorization", "present_match": True}]
_ANONYMOUS: list[Json] = [
    {"header_value_match": {"descriptor_value": "nobody", "expect_match": False, "headers": _UNSIGNED}},
    {"remote_address": {}},
]


def _buckets(settings: Settings) -> list[Json]:
    interval = seconds(round(60 / settings.mesh_rate_per_minute, 3))
    bucket = {"max_tokens": settings.mesh_rate_burst, "tokens_per_fill": 1, "fill_interval": interval}
    subjects = [{"key": "user"}], [{"key": "header_match", "value": "nobody"}, {"key": "remote_address"}]
    return [{"entries": entries, "token_bucket": bucket} for entries in subjects]


def _always() -> Json:
    return {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
