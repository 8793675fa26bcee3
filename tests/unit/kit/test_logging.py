"""What reaches the log, and what never does."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from services.kit.config import MeshSettings
from services.kit.logging import canonical_writer, configure_logging, get_logger, mask_secrets


@pytest.fixture
def out() -> Iterator[io.BytesIO]:
    stream = io.BytesIO()
    root, handlers, level = logging.getLogger(), logging.getLogger().handlers, logging.getLogger().level
    configure_logging(MeshSettings(_env_file=None, mesh_log_level="info"), stream)  # type: ignore[call-arg]
    yield stream
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.BytesIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_its_fields(out: io.BytesIO) -> None:
    get_logger().info("thing.happened", count=3)
    (line,) = lines(out)
    assert (line["event"], line["count"], line["level"], line["service"]) == ("thing.happened", 3, "info", "mesh")


def test_the_standard_library_comes_the_same_way(out: io.BytesIO) -> None:
    logging.getLogger("somebody").warning("low on %s", "ink")
    (line,) = lines(out)
    assert (line["event"], line["level"], line["logger"]) == ("low on ink", "warning", "somebody")


def test_a_traceback_stays_one_line(out: io.BytesIO) -> None:
    try:
        int("x")
    except ValueError:
        get_logger().exception("it.failed")
    (line,) = lines(out)
    assert "ValueError" in line["exception"]


def test_what_is_below_the_level_is_not_written(out: io.BytesIO) -> None:
    get_logger().debug("quiet")
    assert out.getvalue() == b""


@pytest.mark.parametrize(
    "name", ["token", "access_token", "api_key", "OPENAI_API_KEY", "dsn", "password", "authorization", "database_url"]
)
def test_a_secrets_value_is_masked(name: str) -> None:
    assert mask_secrets(None, "info", {name: "hunter2"}) == {name: "********"}


@pytest.mark.parametrize("name", ["prompt_tokens", "tokens", "thread_id", "key_count", "idempotency_hits"])
def test_a_harmless_value_is_kept(name: str) -> None:
    assert mask_secrets(None, "info", {name: 5}) == {name: 5}


async def test_under_load_lines_are_written_together(out: io.BytesIO) -> None:
    for number in range(3):
        get_logger().info("thing.happened", number=number)
    assert out.getvalue() == b""
    written = asyncio.Event()
    asyncio.get_running_loop().call_later(0.1, written.set)
    await asyncio.wait_for(written.wait(), 5)
    assert [line["number"] for line in lines(out)] == [0, 1, 2]


async def test_a_warning_is_written_at_once_behind_what_waited(out: io.BytesIO) -> None:
    get_logger().info("first")
    get_logger().warning("second")
    assert [line["event"] for line in lines(out)] == ["first", "second"]


def test_the_canonical_line_has_the_shape_of_the_others(out: io.BytesIO) -> None:
    canonical_writer("mesh")("rpc.completed", code="OK")
    get_logger().warning("rpc.completed", code="OK")
    canonical, usual = lines(out)
    assert canonical.keys() == usual.keys()
    assert canonical["timestamp"].endswith("Z")


def test_the_canonical_line_is_silent_below_its_level(out: io.BytesIO) -> None:
    configure_logging(MeshSettings(_env_file=None, mesh_log_level="warning"), out)  # type: ignore[call-arg]
    canonical_writer("mesh")("rpc.completed", code="OK")
    assert out.getvalue() == b""
