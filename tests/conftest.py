"""Offers the fixtures of `tests.support` to every test."""

import structlog

from tests.support.fixtures import (
    database_url,
    own_database_url,
    postgres,
    private_postgres,
    redis_server,
    redis_url,
)

__all__ = ["database_url", "own_database_url", "postgres", "private_postgres", "redis_server", "redis_url"]

# The pretty traceback takes seconds on a busy machine, in the middle of what a test measures.
structlog.configure(processors=[structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])
