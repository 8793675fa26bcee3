"""Who is known: users' tokens, checked at the door and again by every service.

One provider per way to sign: HS256 with the shared secret (its JWKS inline, algorithm pinned in the key), and the
identity provider's published keys. The token is forwarded: no plain header says who somebody is.
"""

from __future__ import annotations

import base64
import json
from urllib.parse import urlsplit

from services.gateway.config import Settings
from services.gateway.envoy.typed import Json, http_filter, seconds, typed

USER = "user"
ANYBODY = "anybody"
JWT_FILTER = "envoy.filters.http.jwt_authn"
JWKS_CLUSTER = "identity_provider"
PAYLOAD = "payload"
_MESSAGE = "jwt_authn.v3.JwtAuthentication"
_KEYS_FRESH_S = 3600


def jwt_filter(settings: Settings) -> Json:
    """Verifies the bearer token; each route names what it requires."""
    providers = _providers(settings)
    known: list[Json] = [{"provider_name": name} for name in providers]
    return http_filter(
        JWT_FILTER,
        _MESSAGE,
        providers=providers,
        requirement_map={
            USER: {"requires_any": {"requirements": known}} if len(known) > 1 else known[0],
            ANYBODY: {"requires_any": {"requirements": [*known, {"allow_missing": {}}]}},
        },
    )


def requirement(name: str) -> Json:
    """A route's own demand."""
    return {JWT_FILTER: typed("envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig", requirement_name=name)}


def no_requirement() -> Json:
    """For refusals, which need to know nobody."""
    return {JWT_FILTER: typed("envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig", disabled=True)}


def _providers(settings: Settings) -> Json:
    shared: Json = {
        # Named, because the defaults would also take ?access_token= from the URL.
        "from_headers": [{"name": "Authorization", "value_prefix": "Bearer "}],
        "forward": True,
        "require_expiration": True,
        # No leeway: services allow none, and both must agree.
        "clock_skew_seconds": 1,
        "jwt_cache_config": {"jwt_cache_size": 1000, "jwt_max_token_size": 8192},
    }
    if settings.limited():
        shared["payload_in_metadata"] = PAYLOAD
    if issuer := settings.issuer():
        shared["issuer"] = issuer
    providers: Json = {}
    if secret := settings.secret():
        providers["shared_secret"] = {**shared, "local_jwks": {"inline_string": _symmetric_jwks(secret)}}
    if settings.supabase_url:
        providers["published_keys"] = {**shared, "remote_jwks": _remote_jwks(settings.supabase_url)}
    return providers


def _symmetric_jwks(secret: str) -> str:
    key = base64.urlsafe_b64encode(secret.encode()).rstrip(b"=").decode()
    return json.dumps({"keys": [{"kty": "oct", "alg": "HS256", "k": key}]})


def _remote_jwks(base: str) -> Json:
    return {
        "http_uri": {
            "uri": f"{base}/auth/v1/.well-known/jwks.json",
            "cluster": JWKS_CLUSTER,
            "timeout": seconds(5),
        },
        "cache_duration": seconds(_KEYS_FRESH_S),
        "async_fetch": {"fast_listener": True},
    }


def jwks_endpoint(base: str) -> tuple[str, int, bool]:
    """Host, port and whether TLS is spoken there."""
    url = urlsplit(base)
    tls = url.scheme == "https"
    return url.hostname or "", url.port or (443 if tls else 80), tls
