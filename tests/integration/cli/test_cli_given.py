"""A URL of somebody's own Postgres or Redis, looked at before anything is started."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from services.cli.config import Settings
from services.cli.errors import CliError
from services.cli.given import look_at_given_storage
from services.cli.ports import any_free_port
from services.kit.config import ConfigError
from tests.support.harness import make_settings


async def test_storage_that_answers_is_taken_without_a_complaint(
    own_database_url: str, redis_url: str, tmp_path: Path
) -> None:
    said: list[str] = []
    given = make_settings(Settings, tmp_path, database_url=own_database_url, redis_url=redis_url)
    await look_at_given_storage(given, said.append)
    assert [line for line in said if "answers" in line] == []


async def test_a_postgres_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    place = f"127.0.0.1:{any_free_port()}"
    given = make_settings(Settings, tmp_path, database_url=f"postgresql://me:hunter2@{place}/mesh")
    with pytest.raises(CliError, match=f"no PostgreSQL answers at {place} .*unset it") as refused:
        await look_at_given_storage(given, lambda _: None, patience=0)
    assert "hunter2" not in refused.value.message


async def test_a_postgres_that_is_still_starting_is_waited_for(own_database_url: str, tmp_path: Path) -> None:
    """A relay stands for the server: it listens only after the first look was in vain."""
    folder, socket = tmp_path / "late", Path(own_database_url.partition("host=")[2])
    folder.mkdir()
    late = own_database_url.replace(str(socket), str(folder))
    looking = asyncio.create_task(
        look_at_given_storage(make_settings(Settings, tmp_path, database_url=late), lambda _: None, patience=60)
    )
    done, _ = await asyncio.wait({looking}, timeout=0.2)
    assert not done
    (folder / ".s.PGSQL.5432").symlink_to(socket / ".s.PGSQL.5432")
    await asyncio.wait_for(looking, 30)


async def test_a_redis_that_does_not_answer_is_only_told(tmp_path: Path) -> None:
    said: list[str] = []
    place = f"127.0.0.1:{any_free_port()}"
    await look_at_given_storage(make_settings(Settings, tmp_path, redis_url=f"redis://{place}/0"), said.append)
    assert f"no Redis answers at {place}" in said[0]


async def test_a_url_that_can_not_be_read_is_a_wrong_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="REDIS_URL is no URL"):
        await look_at_given_storage(make_settings(Settings, tmp_path, redis_url="redis://h:port/0"), lambda _: None)
