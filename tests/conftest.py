"""Offers the fixtures of `tests.support` to every test."""

from tests.support.fixtures import (
    database_url,
    own_database_url,
    postgres,
    private_postgres,
    redis_server,
    redis_url,
)

__all__ = ["database_url", "own_database_url", "postgres", "private_postgres", "redis_server", "redis_url"]
