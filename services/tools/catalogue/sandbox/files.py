"""Writing files in the project's sandbox. A call that is begun again after a crash changes nothing twice."""

from __future__ import annotations

import asyncio
import hashlib
from typing import ClassVar
from weakref import WeakValueDictionary

from services.kit.errors import MeshError
from services.tools.catalogue.sandbox.refusals import FILE_NOT_FOUND, WRONG_FILE_TYPE, refusal
from services.tools.catalogue.tool import Arguments, Running, Tool, function, text
from services.tools.domain.tools import ToolClass, ToolInfo, ToolResult, failed, succeeded
from services.tools.ports import FileContent, Place, Presence, Sandbox

MAX_EDIT_BYTES = 8 * 1024 * 1024

_PATH = text("Path of the file, relative to /workspace.", minLength=1, maxLength=4096)
_CONTENTS = text("The whole content of the file.")
_PERMISSIONS = text("Permissions in octal. Default: those of the file that is there, or 644.", pattern="^[0-7]{3}$")


class FilesTool(Tool):
    """Creates, edits and deletes text files."""

    info: ClassVar[ToolInfo] = ToolInfo(
        name="sb_files_tool",
        display_name="Write & Edit",
        description="Create, edit and delete files in the workspace",
        weight=10,
        is_core=True,
        needs_sandbox=True,
    )

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._edits: WeakValueDictionary[tuple[Place, str], asyncio.Lock] = WeakValueDictionary()

    @function(
        "Create a file with the given content; directories on the way are made. Fails when the file exists.",
        ToolClass.IDEMPOTENT,
        {"file_path": _PATH, "file_contents": _CONTENTS, "permissions": _PERMISSIONS},
        required=("file_path", "file_contents"),
    )
    async def create_file(self, running: Running, arguments: Arguments) -> ToolResult:
        path = arguments["file_path"]
        try:
            return await self._write(running, arguments, Presence.MUST_NOT_EXIST, "created")
        except MeshError as refused:
            if refused.reason != WRONG_FILE_TYPE:
                return refusal(refused, path)
            if running.resumed and await self._holds(running, path, arguments["file_contents"]):
                return succeeded({"message": f"File '{path}' created", "file_path": path})
            return failed(f"'{path}' exists already. Use str_replace to edit it or full_file_rewrite to replace it")

    @function(
        "Replace the whole content of an existing file.",
        ToolClass.IDEMPOTENT,
        {"file_path": _PATH, "file_contents": _CONTENTS, "permissions": _PERMISSIONS},
        required=("file_path", "file_contents"),
    )
    async def full_file_rewrite(self, running: Running, arguments: Arguments) -> ToolResult:
        try:
            return await self._write(running, arguments, Presence.MUST_EXIST, "rewritten")
        except MeshError as refused:
            return refusal(refused, arguments["file_path"], " Use create_file to make it")

    @function(
        "Replace a text in a file. old_str must be there exactly as given, and only once unless replace_all is true.",
        ToolClass.IDEMPOTENT,
        {
            "file_path": _PATH,
            "old_str": text("The text to replace, with enough around it to be unique.", minLength=1),
            "new_str": text("What stands there afterwards."),
            "replace_all": {"type": "boolean", "description": "Replace every occurrence."},
        },
        required=("file_path", "old_str", "new_str"),
    )
    async def str_replace(self, running: Running, arguments: Arguments) -> ToolResult:
        place, path = _place(running), arguments["file_path"]
        lock = self._edits.setdefault((place, path), asyncio.Lock())
        try:
            async with lock:
                return await self._edit(running, place, arguments)
        except MeshError as refused:
            return refusal(refused, path, " Use create_file to make it")

    @function(
        "Delete a file, or a directory with everything in it.",
        ToolClass.IDEMPOTENT,
        {"file_path": _PATH},
        required=("file_path",),
    )
    async def delete_file(self, running: Running, arguments: Arguments) -> ToolResult:
        path = arguments["file_path"]
        running.ensure_owned()
        try:
            await self._sandbox.delete_file(_place(running), path)
        except MeshError as refused:
            if refused.reason != FILE_NOT_FOUND or not running.resumed:
                return refusal(refused, path)
        return succeeded({"message": f"'{path}' deleted", "file_path": path})

    async def _write(self, running: Running, arguments: Arguments, presence: Presence, done: str) -> ToolResult:
        path, content = arguments["file_path"], arguments["file_contents"].encode()
        running.ensure_owned()
        await self._sandbox.write_file(_place(running), path, content, arguments.get("permissions") or "", presence)
        return succeeded({"message": f"File '{path}' {done}", "file_path": path})

    async def _holds(self, running: Running, path: str, wanted: str) -> bool:
        content = wanted.encode()
        there = await self._sandbox.read_file(_place(running), path, len(content) + 1)
        return there.data == content

    async def _edit(self, running: Running, place: Place, arguments: Arguments) -> ToolResult:
        path, old, new = arguments["file_path"], arguments["old_str"], arguments["new_str"]
        before = await self._sandbox.read_file(place, path, MAX_EDIT_BYTES)
        done = succeeded({"message": f"Replacement in '{path}' done", "file_path": path})
        if running.note == _digest(before.data):
            return done
        try:
            after = replaced(before, old, new, replace_all=bool(arguments.get("replace_all")))
        except _NotEditableError as refused:
            return failed(f"'{path}': {refused}")
        await running.remember(_digest(after))
        running.ensure_owned()
        await self._sandbox.write_file(place, path, after, "", Presence.MUST_EXIST)
        return done


class _NotEditableError(Exception):
    """The text is not there, or not clearly."""


def replaced(before: FileContent, old: str, new: str, *, replace_all: bool) -> bytes:
    """The file's bytes with `old` replaced; _NotEditableError says what hinders."""
    if before.size > MAX_EDIT_BYTES:
        raise _NotEditableError(f"is larger than {MAX_EDIT_BYTES} bytes; edit it with a command such as sed")
    count = before.data.count(old.encode())
    if count == 0:
        raise _NotEditableError("old_str is not in it; read the file and give the text exactly, whitespace included")
    if count > 1 and not replace_all:
        raise _NotEditableError(f"old_str is in it {count} times; give more of the text around it, or set replace_all")
    return before.data.replace(old.encode(), new.encode())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _place(running: Running) -> Place:
    return Place(running.call.account_id, running.call.project_id)
