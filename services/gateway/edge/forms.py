"""Bodies of forms, read as they arrive: multipart, urlencoded, JSON, or none at all.

A multipart body is parsed piece by piece; a file larger than a mebibyte goes to disk on the way, so that its size costs
no memory and fields may come before or after files, as browsers happen to send them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import SpooledTemporaryFile
from typing import IO
from urllib.parse import parse_qsl

import orjson
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from services.gateway.edge.domain import Form, UploadedFile
from services.gateway.edge.errors import BodyTooLarge, BodyTooSlow, InvalidBody, NoRoom
from services.kit.errors import InvalidArgument

_MIB = 1024 * 1024
_IN_MEMORY = _MIB
_MAX_PARTS = 200


@dataclass(frozen=True, slots=True)
class Limits:
    """Of a body. It may have `body` bytes, its text fields `text` in all.

    It is waited for `patience_s` seconds in all, and one more for each `slowest` bytes that came: a client that stalls
    and one that dribbles are refused alike. `folder` is where large files wait; None for the system's own.
    """

    body: int
    text: int = 4 * _MIB
    patience_s: float = 30.0
    slowest: int = 16 * 1024
    folder: Path | None = None


@asynccontextmanager
async def read_form(
    content_type: str, chunks: AsyncIterator[bytes], limits: Limits, flags: Collection[str] = ()
) -> AsyncIterator[Form]:
    """The form in a body; its files live as long as the context. All fields are texts; in JSON `flags` may be booleans.
    InvalidBody, BodyTooLarge, BodyTooSlow, NoRoom."""
    kind, options = parse_options_header(content_type or "")
    with ExitStack() as files:
        if kind == b"multipart/form-data":
            reader = _Multipart(options.get(b"boundary", b""), limits, files)
            yield await reader.read(_bounded(chunks, limits.body, limits))
            return
        body = b"".join([chunk async for chunk in _bounded(chunks, limits.text, limits)])
        yield Form(_fields(kind, body, flags))


async def _bounded(chunks: AsyncIterator[bytes], most: int, limits: Limits) -> AsyncIterator[bytes]:
    size, waited = 0, 0.0
    clock = asyncio.get_running_loop().time
    while True:
        asked = clock()
        try:
            async with asyncio.timeout(limits.patience_s + size / limits.slowest - waited):
                chunk = await anext(chunks, None)
        except TimeoutError:
            raise BodyTooSlow from None
        if chunk is None:
            return
        waited += clock() - asked
        size += len(chunk)
        if size > most:
            raise BodyTooLarge(params={"limit_bytes": most})
        yield chunk


def _fields(kind: bytes, body: bytes, flags: Collection[str]) -> dict[str, str]:
    if not body:
        return {}
    if kind == b"application/x-www-form-urlencoded":
        return dict(parse_qsl(_text(body), keep_blank_values=True, max_num_fields=_MAX_PARTS))
    if kind in (b"application/json", b""):
        return {name: _as_field(name, value, flags) for name, value in json_object(body).items() if value is not None}
    raise InvalidBody("Send multipart/form-data, application/x-www-form-urlencoded or application/json")


def json_object(body: bytes) -> dict[str, object]:
    """The JSON object in a body; empty for none. InvalidBody."""
    try:
        value = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError:
        raise InvalidBody("The body is not JSON") from None
    if not isinstance(value, dict):
        raise InvalidBody("The body is not a JSON object")
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:  # read as deep as 1024, written as deep as 254
        raise InvalidBody("The body is nested too deeply") from None
    return value


def _as_field(name: str, value: object, flags: Collection[str]) -> str:
    if isinstance(value, bool) and name in flags:
        return "true" if value else "false"
    if not isinstance(value, str):
        raise InvalidArgument.of(name, "is not a text")
    return value


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise InvalidBody("The body is not UTF-8") from None


class _Multipart:
    """One multipart body on its way through the parser, whose callbacks are synchronous."""

    def __init__(self, boundary: bytes, limits: Limits, stack: ExitStack) -> None:
        if not boundary:
            raise InvalidBody("multipart/form-data needs a boundary")
        self._limits = limits
        self._folder = str(limits.folder) if limits.folder else None
        self._stack = stack
        self._fields: dict[str, bytearray] = {}
        self._files: list[tuple[str, _SpooledFile]] = []
        self._parts = self._text_size = 0
        self._header = (bytearray(), bytearray())
        self._disposition = b""
        self._sink: bytearray | IO[bytes] = bytearray()
        self._whole = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_end": self._on_end,
            },
        )

    async def read(self, chunks: AsyncIterator[bytes]) -> Form:
        """Everything; files are on disk or small."""
        try:
            async for chunk in chunks:
                if self._files:  # may wait for the disk
                    await asyncio.to_thread(self._parser.write, chunk)
                else:
                    self._parser.write(chunk)
            self._parser.finalize()
        except FormParserError:
            raise InvalidBody("The body is not valid multipart/form-data") from None
        except OSError as full:
            raise NoRoom from full
        if not self._whole:
            raise InvalidBody("The body ended early")
        fields = {name: _text(bytes(raw)) for name, raw in self._fields.items()}
        return Form(fields, tuple(self._files))

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise BodyTooLarge("Too many fields", params={"limit": _MAX_PARTS})
        self._disposition = b""

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def _on_header_end(self) -> None:
        name, value = self._header
        if name.lower() == b"content-disposition":
            self._disposition = bytes(value)
        self._header = (bytearray(), bytearray())

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise InvalidBody("A part of the body has no name")
        name = _text(options[b"name"])
        if b"filename" in options:
            file = self._stack.enter_context(SpooledTemporaryFile(_IN_MEMORY, dir=self._folder))  # noqa: SIM115 -- the stack closes it
            self._sink = file
            self._files.append((name, _SpooledFile(_base_name(_text(options[b"filename"])), file)))
        else:
            self._sink = self._fields[name] = bytearray()

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if isinstance(self._sink, bytearray):
            self._text_size += end - start
            if self._text_size > self._limits.text:
                raise BodyTooLarge("The text fields are too large", params={"limit_bytes": self._limits.text})
            self._sink += data[start:end]
        else:
            self._sink.write(data[start:end])

    def _on_end(self) -> None:
        self._whole = True


class _SpooledFile(UploadedFile):
    """A file that is in memory while it is small, and on disk else."""

    def __init__(self, name: str, file: IO[bytes]) -> None:
        self.name = name
        self._file = file

    async def pieces(self, size: int) -> AsyncIterator[bytes]:
        """From the beginning, in pieces of `size` bytes; the last may be shorter."""
        self._file.seek(0)
        while piece := await asyncio.to_thread(self._file.read, size):
            yield piece


def _base_name(name: str) -> str:
    """The last part of what the browser calls the file: never a folder."""
    base = PurePosixPath(name.replace("\\", "/")).name
    return base if base not in ("", ".", "..") else "file"
