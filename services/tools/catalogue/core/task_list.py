"""The run's plan. The list belongs to the thread; each change happens once per execution key."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import ClassVar

from services.tools.catalogue.tool import (
    Arguments,
    Running,
    Tool,
    as_tuple,
    function,
    text,
    text_or_texts,
    texts,
)
from services.tools.domain.task_list import (
    STATUSES,
    NewTasks,
    RefusedError,
    Removal,
    TaskList,
    TaskUpdate,
    create_tasks,
    delete_tasks,
    update_tasks,
)
from services.tools.domain.tools import Json, ToolClass, ToolInfo, ToolResult, failed, succeeded
from services.tools.ports import TaskLists

_SECTION = {
    "type": "object",
    "properties": {
        "title": text("Title of the section; made if there is none of that title.", minLength=1),
        "tasks": texts("What is to be done, in order.", minItems=1),
    },
    "required": ["title", "tasks"],
    "additionalProperties": False,
}


class TaskListTool(Tool):
    """View, create, update and delete tasks, and clear the list."""

    info: ClassVar[ToolInfo] = ToolInfo(
        name="task_list_tool",
        display_name="TodoWrite",
        description="Keep a plan of the work as a list of tasks",
        weight=5,
        is_core=True,
    )

    def __init__(self, task_lists: TaskLists) -> None:
        self._task_lists = task_lists

    @function("Show all sections and tasks with their ids and status.", ToolClass.PURE)
    async def view_tasks(self, running: Running, _arguments: Arguments) -> ToolResult:
        call = running.call
        return succeeded((await self._task_lists.view(call.account_id, call.thread_id)).view())

    @function(
        "Add tasks in the order in which they will be done. Give either sections, or task_contents with section_title "
        "or section_id.",
        ToolClass.IDEMPOTENT,
        {
            "sections": {"type": "array", "items": _SECTION, "description": "Several sections at once."},
            "section_title": text("Section for task_contents; made if there is none of that title."),
            "section_id": text("Id of an existing section for task_contents."),
            "task_contents": texts("What is to be done, in order."),
        },
    )
    async def create_tasks(self, running: Running, arguments: Arguments) -> ToolResult:
        wanted = _wanted(arguments)
        if not wanted:
            return failed("Give sections, or task_contents with section_title or section_id")
        new_id = _ids_of(running.call.key)
        return await self._change(running, lambda tasks: create_tasks(tasks, wanted, new_id), "Tasks created")

    @function(
        "Change tasks, most often to mark them completed; name several at once where you can.",
        ToolClass.IDEMPOTENT,
        {
            "task_ids": text_or_texts("Id, or ids, of the tasks to change."),
            "content": text("New text."),
            "status": text("New status.", enum=list(STATUSES)),
            "section_id": text("Section to move them to."),
        },
        required=("task_ids",),
    )
    async def update_tasks(self, running: Running, arguments: Arguments) -> ToolResult:
        update = TaskUpdate(
            as_tuple(arguments["task_ids"]),
            arguments.get("content"),
            arguments.get("status"),
            arguments.get("section_id"),
        )
        if not update.task_ids:
            return failed("Name at least one task in task_ids")
        return await self._change(running, lambda tasks: update_tasks(tasks, update), "Tasks updated")

    @function(
        "Delete tasks, or whole sections with all their tasks. Mark finished work completed instead of deleting it.",
        ToolClass.IDEMPOTENT,
        {
            "task_ids": text_or_texts("Id, or ids, of the tasks to delete."),
            "section_ids": text_or_texts("Id, or ids, of the sections to delete with all in them."),
            "confirm": {"type": "boolean", "description": "Must be true to delete sections."},
        },
    )
    async def delete_tasks(self, running: Running, arguments: Arguments) -> ToolResult:
        removal = Removal(as_tuple(arguments.get("task_ids")), as_tuple(arguments.get("section_ids")))
        if not removal.task_ids and not removal.section_ids:
            return failed("Name tasks in task_ids or sections in section_ids")
        if removal.section_ids and not arguments.get("confirm"):
            return failed("Deleting a section deletes all its tasks: call again with confirm true")
        return await self._change(running, lambda tasks: delete_tasks(tasks, removal), "Deleted")

    @function(
        "Delete every section and task.",
        ToolClass.IDEMPOTENT,
        {"confirm": {"type": "boolean", "description": "Must be true."}},
        required=("confirm",),
    )
    async def clear_all(self, running: Running, arguments: Arguments) -> ToolResult:
        if not arguments["confirm"]:
            return failed("This deletes every task: call again with confirm true")
        return await self._change(running, lambda _tasks: TaskList(), "Cleared")

    async def _change(self, running: Running, change: Callable[[TaskList], TaskList], message: str) -> ToolResult:
        def changed(tasks: TaskList) -> tuple[TaskList, Json]:
            after = change(tasks)
            return after, {"message": message, **after.view()}

        call = running.call
        try:
            output = await self._task_lists.change(call.key, running.owner, call.account_id, call.thread_id, changed)
        except RefusedError as refused:
            return failed(str(refused))
        return succeeded(output)


def _wanted(arguments: Arguments) -> list[NewTasks]:
    wanted = [NewTasks(tuple(entry["tasks"]), title=entry["title"]) for entry in arguments.get("sections") or ()]
    contents = tuple(arguments.get("task_contents") or ())
    title, section_id = arguments.get("section_title"), arguments.get("section_id")
    if contents and (title or section_id):
        wanted.append(NewTasks(contents, title=title, section_id=section_id))
    return wanted


def _ids_of(key: str) -> Callable[[], str]:
    """Ids that are the same whenever the same execution makes them."""
    space = uuid.uuid5(uuid.NAMESPACE_OID, key)
    count = iter(range(1_000_000))
    return lambda: str(uuid.uuid5(space, str(next(count))))
