"""structlog for the whole process: JSON to stdout, a console format on a terminal, no secrets in either.

The standard library's loggers flow through the same processors. Loggers are cached and write by orjson, so that the one
canonical line of an RPC stays cheap.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

from services.kit.config import MeshSettings

_SECRET_PARTS = ("token", "secret", "password", "passwd", "api_key", "apikey", "authorization", "dsn", "cookie")
_SECRET_NAMES = frozenset({"key", "pass", "jwt", "bearer", "database_url", "redis_url"})
_SAFE_SUFFIXES = ("_tokens", "tokens")


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """A logger; cheap, and made once per module."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replaces the value of every field whose name speaks of a secret. Counts of tokens are no secret."""
    for name in event:
        lowered = name.lower()
        if lowered.endswith(_SAFE_SUFFIXES):
            continue
        if lowered in _SECRET_NAMES or any(part in lowered for part in _SECRET_PARTS):
            event[name] = "********"
    return event


def configure_logging(settings: MeshSettings, out: TextIO | None = None) -> None:
    """Sets up structlog and the standard library for this process."""
    stream = out or sys.stdout
    level = logging.getLevelNamesMapping()[settings.mesh_log_level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(settings.service),
        mask_secrets,
    ]
    final = _final(stream)
    structlog.configure(
        processors=[*shared, *final],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    _route_standard_library([*shared], final, stream, level)


def _named(service: str) -> structlog.typing.Processor:
    def name(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("service", service)
        return event

    return name


def _final(stream: TextIO) -> list[structlog.typing.Processor]:
    if stream.isatty():
        return [structlog.dev.ConsoleRenderer()]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_to_json)]


def _to_json(value: Any, default: Callable[[Any], Any] | None = None, **_: Any) -> str:
    return orjson.dumps(value, default=default).decode()


def _route_standard_library(
    shared: list[structlog.typing.Processor], final: list[structlog.typing.Processor], stream: TextIO, level: int
) -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries speak up from WARNING on: their INFO names URLs, and those can hold secrets.
    root.setLevel(max(level, logging.WARNING))
