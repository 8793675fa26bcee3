"""Development tokens: what a sign-in would give, from the secret that this machine knows anyway."""

from __future__ import annotations

from uuid import UUID

from services.kit.auth import sign_user_token
from services.kit.clock import SystemClock

from .config import Settings
from .errors import CliError
from .keyring import developer_id
from .layout import DataDir
from .plan import user_secret


def development_token(settings: Settings, data: DataDir, *, ttl: float, sub: UUID | None = None) -> str:
    """A bearer token for `sub`, else for this data directory's developer. RefusedError in production."""
    if settings.env_mode == "production":
        raise CliError("ENV_MODE=production: tokens come from the identity provider, not from here")
    secret = user_secret(settings, data)
    if not secret:
        raise CliError("SUPABASE_JWT_SECRET is not set: there is nothing to sign a token with")
    claims: dict[str, object] = {"sub": str(sub or developer_id(data.keys)), "role": "authenticated"}
    if settings.supabase_url:
        claims["iss"] = f"{settings.supabase_url}/auth/v1"
    return sign_user_token(secret, claims, lifetime_s=ttl, clock=SystemClock())
