from __future__ import annotations

from typing import Any

import pytest

from services.gateway.config import Settings
from services.kit.config import ConfigError


def settings(**given: Any) -> Settings:
    return Settings(**{"_env_file": None, **given})


def test_each_environment_has_its_own_origins() -> None:
    assert "http://localhost:3000" in settings(env_mode="local").origins()
    production = settings(env_mode="production").origins()
    assert production
    assert all(origin.startswith("https://") for origin in production)


def test_given_origins_replace_the_table() -> None:
    given = settings(mesh_cors_origins="https://a.test/, https://b.test,")
    assert given.origins() == ("https://a.test", "https://b.test")


def test_only_local_mode_is_unlimited() -> None:
    assert [settings(env_mode=mode).limited() for mode in ("local", "staging", "production")] == [False, True, True]


def test_a_gateway_that_could_know_nobody_is_refused() -> None:
    with pytest.raises(ConfigError, match="SUPABASE_JWT_SECRET"):
        settings(supabase_jwt_secret=None, supabase_url=None).secret()


def test_the_issuer_follows_the_identity_provider() -> None:
    assert settings(supabase_url="https://x.test/").issuer() == "https://x.test/auth/v1"
    assert settings(supabase_url=None).issuer() is None
