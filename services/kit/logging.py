"""structlog for the whole process: JSON to stdout, a console format on a terminal, no secrets in either.

The standard library's loggers flow through the same processors. Loggers are cached and write by orjson, so that the one
canonical line of an RPC stays cheap.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, BinaryIO

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

from services.kit.config import MeshSettings
from services.kit.log_output import LogOutput

_SECRET_PARTS = ("token", "secret", "password", "passwd", "api_key", "apikey", "authorization", "dsn", "cookie")
_SECRET_NAMES = frozenset({"key", "pass", "jwt", "bearer", "database_url", "redis_url"})
_SAFE_SUFFIX = "tokens"


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """A logger; cheap, and made once per module."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger


def canonical_writer(service: str) -> Callable[..., None]:
    """Gives the writer of the one line of each RPC, which takes the event and its fields.

    The fields are fixed and hold no secret, so that as JSON the line goes past the processors: they would cost more
    than the rest of an RPC's chain together.
    """
    output, log = structlog.get_config()["logger_factory"](), get_logger()
    if not isinstance(output, LogOutput) or not output.takes_json:
        return log.info

    def write(event: str, **fields: object) -> None:
        line = {"event": event, "timestamp": datetime.now(UTC), "level": "info", "service": service} | fields
        output.info(orjson.dumps(line, option=orjson.OPT_UTC_Z))

    return write if log.is_enabled_for(logging.INFO) else log.info


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replaces the value of every field whose name speaks of a secret. Counts of tokens are no secret."""
    for name in event:
        if _is_secret(name):
            event[name] = "********"
    return event


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    lowered = name.lower()
    if lowered.endswith(_SAFE_SUFFIX):
        return False
    return lowered in _SECRET_NAMES or any(part in lowered for part in _SECRET_PARTS)


def configure_logging(settings: MeshSettings, stream: BinaryIO | None = None) -> None:
    """Sets up structlog and the standard library for this process, onto stdout."""
    raw = stream or sys.stdout.buffer
    output = LogOutput(raw, takes_json=not raw.isatty())
    level = logging.getLevelNamesMapping()[settings.mesh_log_level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(settings.service),
        mask_secrets,
    ]
    final = _final(output.takes_json)
    structlog.configure(
        processors=[*shared, *final],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: output,
        cache_logger_on_first_use=True,
    )
    _route_standard_library(shared, final, output, level)


def _named(service: str) -> structlog.typing.Processor:
    def name(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("service", service)
        return event

    return name


def _final(as_json: bool) -> list[structlog.typing.Processor]:
    if as_json:
        return [structlog.processors.format_exc_info, _to_json]
    # The pretty traceback shows local variables: slow, and a way out for secrets.
    return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback), _encoded]


def _encoded(_logger: WrappedLogger, _method: str, line: Any) -> bytes:
    return str(line).encode()


def _decoded(_logger: WrappedLogger, _method: str, line: Any) -> str:
    return bytes(line).decode()


def _to_json(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    return orjson.dumps(event, default=str)


def _route_standard_library(
    shared: list[structlog.typing.Processor],
    final: list[structlog.typing.Processor],
    output: LogOutput,
    level: int,
) -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final, _decoded],
    )
    handler = _Handler(output)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries speak up from WARNING on: their INFO names URLs, and those can hold secrets.
    root.setLevel(max(level, logging.WARNING))


class _Handler(logging.Handler):
    """The standard library's lines, on the same output."""

    def __init__(self, output: LogOutput) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        self._output.warning(self.format(record).encode())
