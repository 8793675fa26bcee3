"""The tools, a file each: catalogue/<category>/<tool>.py. `all_tools` is the list of those that work."""

from __future__ import annotations

from services.tools.catalogue.core.message import MessageTool
from services.tools.catalogue.core.task_list import TaskListTool
from services.tools.catalogue.sandbox.file_reader import FileReaderTool
from services.tools.catalogue.sandbox.files import FilesTool
from services.tools.catalogue.sandbox.shell import ShellTool
from services.tools.catalogue.tool import Tool
from services.tools.ports import Sandbox, TaskLists


def all_tools(sandbox: Sandbox, task_lists: TaskLists, output_chars: int) -> list[Tool]:
    """Every tool. `output_chars` bounds the text of one result."""
    return [
        TaskListTool(task_lists),
        FilesTool(sandbox),
        ShellTool(sandbox, output_chars),
        FileReaderTool(sandbox, output_chars),
        MessageTool(),
    ]
