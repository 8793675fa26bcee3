"""Reading text files of the project's sandbox, whole or by lines, one or several at once."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import ClassVar

from services.kit.errors import MeshError
from services.tools.catalogue.sandbox.refusals import FILE_NOT_FOUND
from services.tools.catalogue.tool import Arguments, Running, Tool, function, integer, text, texts, whole
from services.tools.domain.output import TextDecoder, bounded
from services.tools.domain.tools import Json, ToolClass, ToolInfo, ToolResult, failed, succeeded
from services.tools.ports import Place, Sandbox

MAX_FILE_BYTES = 10 * 1024 * 1024
MAX_FILES = 20
_DEFAULT_LINES = 2000
_IMAGES = frozenset({".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".ico"})


class FileReaderTool(Tool):
    """Reads text."""

    info: ClassVar[ToolInfo] = ToolInfo(
        name="sb_file_reader_tool",
        display_name="Read",
        description="Read text files of the workspace",
        weight=35,
        is_core=True,
        needs_sandbox=True,
    )

    def __init__(self, sandbox: Sandbox, output_chars: int) -> None:
        self._sandbox = sandbox
        self._output_chars = output_chars

    @function(
        "Read a text file, or several. Give offset and limit to read a part of a large one.",
        ToolClass.PURE,
        {
            "file_path": text("Path of a file, relative to /workspace.", minLength=1, maxLength=4096),
            "file_paths": texts(f"Several paths, at most {MAX_FILES}.", maxItems=MAX_FILES),
            "offset": integer("First line to read; lines count from 1.", 1, 10_000_000),
            "limit": integer(f"How many lines to read; default {_DEFAULT_LINES}.", 1, 100_000),
        },
    )
    async def read_file(self, running: Running, arguments: Arguments) -> ToolResult:
        paths = _paths(arguments)
        if not paths:
            return failed("Give file_path or file_paths")
        place = Place(running.call.account_id, running.call.project_id)
        share = max(self._output_chars // len(paths), 1)
        lines = whole(arguments, "offset", 1), whole(arguments, "limit", _DEFAULT_LINES)
        files = await asyncio.gather(*(self._read(place, path, lines, share) for path in paths))
        return _one(files[0]) if len(files) == 1 else _several(files)

    async def _read(self, place: Place, path: str, lines: tuple[int, int], room: int) -> dict[str, Json]:
        if PurePosixPath(path).suffix.lower() in _IMAGES:
            return _unread(path, "This is an image; it can not be read as text")
        try:
            content = await self._sandbox.read_file(place, path, MAX_FILE_BYTES)
        except MeshError as refused:
            missing = refused.reason == FILE_NOT_FOUND
            return _unread(path, await self._missing(place, path) if missing else refused.message)
        if b"\0" in content.data[:8192]:
            return _unread(path, f"This is a binary file of {content.size} bytes; look at it with a command")
        decoder = TextDecoder()
        part = _lines(decoder.decode(content.data, final=True), *lines)
        if content.size > MAX_FILE_BYTES:
            part["note"] = f"Only the first {MAX_FILE_BYTES} of {content.size} bytes were looked at"
        part["truncated"] = part["truncated"] or content.size > MAX_FILE_BYTES or len(str(part["content"])) > room
        part["content"] = bounded(str(part["content"]), room)
        return {"file_path": path, "success": True, "size_bytes": content.size, **part}

    async def _missing(self, place: Place, path: str) -> str:
        """What to say of a file that is not there: perhaps it is on its way."""
        try:
            pending = await self._sandbox.pending_uploads(place)
        except MeshError:
            pending = 0
        if not pending:
            return f"There is no file '{path}'"
        return f"There is no file '{path}' yet. Files are still being uploaded ({pending}): wait, then read it again"


def _paths(arguments: Arguments) -> Sequence[str]:
    single = arguments.get("file_path")
    wanted = ([single] if single else []) + list(arguments.get("file_paths") or ())
    return list(dict.fromkeys(path for path in wanted if path))


def _lines(content: str, offset: int, limit: int) -> dict[str, Json]:
    lines = io.StringIO(content, newline="\n").readlines()
    chosen = lines[offset - 1 : offset - 1 + limit]
    return {
        "content": "".join(chosen),
        "first_line": offset,
        "last_line": offset + len(chosen) - 1,
        "total_lines": len(lines),
        "truncated": len(chosen) < len(lines),
    }


def _unread(path: str, error: str) -> dict[str, Json]:
    return {"file_path": path, "success": False, "error": error}


def _one(file: dict[str, Json]) -> ToolResult:
    return succeeded(file) if file["success"] else failed(str(file["error"]))


def _several(files: Sequence[dict[str, Json]]) -> ToolResult:
    output: dict[str, Json] = {"files": list(files), "successful": sum(bool(file["success"]) for file in files)}
    if not output["successful"]:
        return failed("None of the files could be read", output)
    return succeeded(output)
