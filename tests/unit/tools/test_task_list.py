"""Changes of a task list."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from services.tools.domain.task_list import (
    MAX_TASKS,
    NewTasks,
    RefusedError,
    Removal,
    TaskList,
    TaskUpdate,
    create_tasks,
    delete_tasks,
    update_tasks,
)


def listed(*wanted: NewTasks, onto: TaskList = TaskList()) -> TaskList:  # noqa: B008 -- frozen
    numbers = count(len(onto.tasks) + len(onto.sections))
    return create_tasks(onto, wanted, lambda: f"id{next(numbers)}")


def test_sections_are_made_once_per_title_and_keep_their_order() -> None:
    tasks = listed(NewTasks(("a",), title="One"), NewTasks(("b",), title="Two"), NewTasks(("c",), title="One"))
    view: Any = tasks.view()
    assert [section["title"] for section in view["sections"]] == ["One", "Two"]
    assert [task["content"] for task in view["sections"][0]["tasks"]] == ["a", "c"]
    assert (view["total_tasks"], view["total_sections"]) == (3, 2)


def test_tasks_go_to_a_section_named_by_id() -> None:
    tasks = listed(NewTasks(("a",), title="One"))
    more = listed(NewTasks(("b",), section_id=tasks.sections[0].id), onto=tasks)
    assert [task.content for task in more.tasks] == ["a", "b"]
    assert len(more.sections) == 1


def test_unknown_section_id_is_refused_with_the_known_ones() -> None:
    tasks = listed(NewTasks(("a",), title="One"))
    with pytest.raises(RefusedError, match="One"):
        listed(NewTasks(("b",), section_id="nope"), onto=tasks)


def test_list_that_grows_too_long_is_refused() -> None:
    with pytest.raises(RefusedError, match=str(MAX_TASKS)):
        listed(NewTasks(("a",) * (MAX_TASKS + 1), title="One"))


def test_update_changes_what_it_names_and_nothing_else() -> None:
    tasks = listed(NewTasks(("a", "b"), title="One"))
    changed = update_tasks(tasks, TaskUpdate((tasks.tasks[0].id,), status="completed"))
    assert [(task.content, task.status) for task in changed.tasks] == [("a", "completed"), ("b", "pending")]


def test_update_of_an_unknown_task_is_refused_and_changes_nothing() -> None:
    tasks = listed(NewTasks(("a",), title="One"))
    with pytest.raises(RefusedError, match="nope"):
        update_tasks(tasks, TaskUpdate((tasks.tasks[0].id, "nope"), status="completed"))


def test_update_into_an_unknown_section_is_refused() -> None:
    tasks = listed(NewTasks(("a",), title="One"))
    with pytest.raises(RefusedError, match="No such section"):
        update_tasks(tasks, TaskUpdate((tasks.tasks[0].id,), section_id="nope"))


def test_deleted_section_takes_its_tasks_along() -> None:
    tasks = listed(NewTasks(("a", "b"), title="One"), NewTasks(("c",), title="Two"))
    left = delete_tasks(tasks, Removal(section_ids=(tasks.sections[0].id,)))
    assert [task.content for task in left.tasks] == ["c"]
    assert [section.title for section in left.sections] == ["Two"]


def test_deleting_what_is_not_there_is_refused() -> None:
    with pytest.raises(RefusedError, match="No such task"):
        delete_tasks(TaskList(), Removal(task_ids=("nope",)))
