from __future__ import annotations

import pytest

from services.gateway.edge.domain import Form
from services.gateway.edge.use_cases.start_agent_run import StartAgentRun
from services.kit.errors import InvalidArgument, NotFound, PermissionDenied
from tests.unit.gateway.fakes import ACCOUNT, PROJECT, RUN, SANDBOX, THREAD, FakeRuns, FakeSandboxes, SmallFile, Threads

NEW = "88888888-aaaa-4888-8888-888888888888"


class Desk:
    def __init__(self, sandboxes: FakeSandboxes | None = None) -> None:
        self.threads, self.runs, self.sandboxes = Threads(), FakeRuns(), sandboxes or FakeSandboxes()
        self.start = StartAgentRun(self.threads, self.sandboxes, self.runs, lambda: NEW)


def form(*names: str, **fields: str) -> Form:
    return Form({"prompt": "hi", **fields}, tuple(("files", SmallFile(name)) for name in names))


async def test_without_files_the_agent_makes_the_thread() -> None:
    desk = Desk()
    answer = await desk.start(ACCOUNT, form(thread_id=THREAD), None)
    assert answer == {
        "thread_id": THREAD,
        "agent_run_id": RUN,
        "project_id": PROJECT,
        "sandbox_id": None,
        "status": "running",
    }
    assert desk.threads.ensured == []
    assert desk.runs.started[0].prompt == "hi"


async def test_files_are_stored_first_and_the_prompt_says_where() -> None:
    desk = Desk()
    answer = await desk.start(ACCOUNT, form("a.txt", "b.txt"), None)
    assert desk.threads.ensured == [(ACCOUNT, NEW, None, True)]
    assert set(desk.sandboxes.files) == {"/workspace/uploads/a.txt", "/workspace/uploads/b.txt"}
    started = desk.runs.started[0]
    assert started.prompt == "hi\n\nAttached files:\n- /workspace/uploads/a.txt\n- /workspace/uploads/b.txt"
    assert (started.thread_id, started.project_id, answer["sandbox_id"]) == (NEW, PROJECT, SANDBOX)


async def test_nothing_is_stored_for_an_agent_that_is_not_there() -> None:
    desk = Desk()
    with pytest.raises(NotFound):
        await desk.start(ACCOUNT, form("a.txt", agent_id=NEW), None)
    assert (desk.threads.ensured, desk.sandboxes.files) == ([], {})


async def test_a_thread_that_should_exist_is_not_made_for_a_file() -> None:
    desk = Desk()
    await desk.start(ACCOUNT, form("a.txt", thread_id=THREAD), None)
    assert desk.threads.ensured == [(ACCOUNT, THREAD, None, False)]


async def test_an_optimistic_start_makes_the_client_s_thread() -> None:
    desk = Desk()
    await desk.start(ACCOUNT, form("a.txt", thread_id=THREAD, project_id=PROJECT, optimistic="true"), None)
    assert desk.threads.ensured == [(ACCOUNT, THREAD, PROJECT, True)]
    assert desk.runs.started[0].optimistic


async def test_a_taken_name_is_told_by_its_new_one() -> None:
    desk = Desk()
    desk.sandboxes.files["/workspace/uploads/a.txt"] = b"other"
    await desk.start(ACCOUNT, form("a.txt"), None)
    assert desk.runs.started[0].prompt.endswith("- /workspace/uploads/a.txt (1)")


@pytest.mark.parametrize(("key", "fields"), [("k", {}), (None, {"thread_id": THREAD, "optimistic": "true"})])
async def test_a_repeated_start_with_files_says_the_same_prompt(key: str | None, fields: dict[str, str]) -> None:
    desk = Desk()
    for _ in range(2):
        await desk.start(ACCOUNT, form("a.txt", **fields), key)
    first, second = desk.runs.started
    assert first.prompt == second.prompt


async def test_a_wrong_form_changes_nothing() -> None:
    desk = Desk()
    with pytest.raises(InvalidArgument):
        await desk.start(ACCOUNT, form("a.txt", prompt=""), None)
    assert (desk.threads.ensured, desk.sandboxes.files, desk.runs.started) == ([], {}, [])


async def test_a_refused_file_starts_no_run() -> None:
    desk = Desk(FakeSandboxes(PermissionDenied(reason="READ_ONLY_PROJECT")))
    with pytest.raises(PermissionDenied):
        await desk.start(ACCOUNT, form("a.txt"), None)
    assert desk.runs.started == []
