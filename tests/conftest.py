"""Offers the fixtures of `tests.support` to every test."""

import os

import structlog

# A fork by a library (the embedded Postgres, as root) must not run gRPC's handlers: the child may crash in them.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"

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
