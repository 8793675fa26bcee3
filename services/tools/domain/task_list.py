"""A run's plan: sections of tasks, one list per thread. Every change is a pure function from list to list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from services.tools.domain.tools import Json

STATUSES = ("pending", "completed", "cancelled")
MAX_TASKS = 500


class RefusedError(Exception):
    """The change makes no sense; the text says what would."""


@dataclass(frozen=True, slots=True)
class Section:
    """A titled group of tasks."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do. `status` is one of STATUSES."""

    id: str
    content: str
    section_id: str
    status: str = "pending"


@dataclass(frozen=True, slots=True)
class TaskList:
    """All of a thread's sections and tasks, in the order of their making."""

    sections: tuple[Section, ...] = ()
    tasks: tuple[Task, ...] = ()

    def view(self) -> dict[str, Json]:
        """As a model and the web frontend read it."""
        return {
            "sections": [{"id": s.id, "title": s.title, "tasks": self._tasks_of(s)} for s in self.sections],
            "total_tasks": len(self.tasks),
            "total_sections": len(self.sections),
        }

    def _tasks_of(self, section: Section) -> list[dict[str, Json]]:
        return [
            {"id": t.id, "content": t.content, "status": t.status, "section_id": t.section_id}
            for t in self.tasks
            if t.section_id == section.id
        ]


@dataclass(frozen=True, slots=True)
class NewTasks:
    """Tasks for one section, which is named by id, or by title and then made if there is none."""

    contents: tuple[str, ...]
    title: str | None = None
    section_id: str | None = None


@dataclass(frozen=True, slots=True)
class TaskUpdate:
    """What changes in the tasks named; None keeps."""

    task_ids: tuple[str, ...]
    content: str | None = None
    status: str | None = None
    section_id: str | None = None


@dataclass(frozen=True, slots=True)
class Removal:
    """Tasks and whole sections to take away."""

    task_ids: tuple[str, ...] = field(default=())
    section_ids: tuple[str, ...] = field(default=())


def create_tasks(tasks: TaskList, wanted: Sequence[NewTasks], new_id: Callable[[], str]) -> TaskList:
    """Adds tasks at the end of their sections. Refused for an unknown section id, or for more than MAX_TASKS."""
    for group in wanted:
        tasks, section = _section_for(tasks, group, new_id)
        made = tuple(Task(new_id(), content, section.id) for content in group.contents)
        tasks = replace(tasks, tasks=(*tasks.tasks, *made))
    if len(tasks.tasks) > MAX_TASKS:
        raise RefusedError(f"A list holds at most {MAX_TASKS} tasks; delete finished ones first")
    return tasks


def _section_for(tasks: TaskList, group: NewTasks, new_id: Callable[[], str]) -> tuple[TaskList, Section]:
    for section in tasks.sections:
        if section.id == group.section_id or (not group.section_id and section.title == group.title):
            return tasks, section
    if group.section_id or not group.title:
        raise RefusedError(f"There is no section {group.section_id!r}; {_known_sections(tasks)}")
    section = Section(new_id(), group.title)
    return replace(tasks, sections=(*tasks.sections, section)), section


def update_tasks(tasks: TaskList, update: TaskUpdate) -> TaskList:
    """Changes content, status or section of tasks. Refused when one of them, or the section, is not there."""
    _demand_tasks(tasks, update.task_ids)
    if update.section_id is not None:
        _demand_sections(tasks, (update.section_id,))
    return replace(tasks, tasks=tuple(_updated(task, update) for task in tasks.tasks))


def _updated(task: Task, update: TaskUpdate) -> Task:
    if task.id not in update.task_ids:
        return task
    return Task(
        id=task.id,
        content=task.content if update.content is None else update.content,
        section_id=task.section_id if update.section_id is None else update.section_id,
        status=task.status if update.status is None else update.status,
    )


def delete_tasks(tasks: TaskList, removal: Removal) -> TaskList:
    """Takes tasks away, and sections with all that is in them. Refused when one is not there."""
    _demand_tasks(tasks, removal.task_ids)
    _demand_sections(tasks, removal.section_ids)
    kept = (t for t in tasks.tasks if t.id not in removal.task_ids and t.section_id not in removal.section_ids)
    return TaskList(tuple(s for s in tasks.sections if s.id not in removal.section_ids), tuple(kept))


def _demand_tasks(tasks: TaskList, ids: Iterable[str]) -> None:
    missing = sorted(set(ids) - {task.id for task in tasks.tasks})
    if missing:
        raise RefusedError(f"No such task: {', '.join(missing)}. Call view_tasks for the ids")


def _demand_sections(tasks: TaskList, ids: Iterable[str]) -> None:
    missing = sorted(set(ids) - {section.id for section in tasks.sections})
    if missing:
        raise RefusedError(f"No such section: {', '.join(missing)}; {_known_sections(tasks)}")


def _known_sections(tasks: TaskList) -> str:
    known = ", ".join(f"{s.id} ({s.title})" for s in tasks.sections)
    return f"known are {known}" if known else "the list has no sections yet: give section_title to make one"
