"""The fixtures, for `conftest.py` to offer everywhere."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import EmbeddedPostgres
from tests.support.redis import EmbeddedRedis


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Iterator[EmbeddedPostgres]:
    """The run's Postgres: one server, whatever the number of xdist workers."""
    workers = getattr(request.config, "workerinput", None)
    run = workers["testrunuid"] if workers else None
    directory = Path(tempfile.gettempdir()) / f"mesh-pg-{run}" if run else Path(tempfile.mkdtemp(prefix="mesh-pg-"))
    directory.mkdir(exist_ok=True)
    server = EmbeddedPostgres(directory / "data")
    yield server
    server.close()
    if not (directory / "data").exists():
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def database_url(postgres: EmbeddedPostgres) -> str:
    """An empty database of this test module's own."""
    return postgres.create_database()


@pytest.fixture
def own_database_url(postgres: EmbeddedPostgres) -> str:
    """An empty database of this test's own."""
    return postgres.create_database()


@pytest.fixture
def private_postgres() -> Iterator[EmbeddedPostgres]:
    """A server of this test's own, to be stopped and killed."""
    directory = Path(tempfile.mkdtemp(prefix="mesh-pg-"))
    server = EmbeddedPostgres(directory / "data")
    yield server
    server.close()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedRedis]:
    """This process' Redis."""
    with tempfile.TemporaryDirectory(prefix="mesh-redis-") as directory:
        server = EmbeddedRedis(Path(directory))
        yield server
        server.stop()


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis) -> str:
    """An empty Redis."""
    redis_server.flush()
    return redis_server.url
