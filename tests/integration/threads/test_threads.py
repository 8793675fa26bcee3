"""Threads and projects of an account: listed, renamed, shared, deleted."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from mesh.threads.v1 import threads_pb2 as pb
from mesh.threads.v1 import threads_pb2_grpc as rpc

from services.kit.errors import InvalidArgument, MeshError, NotFound, PaymentRequired, PermissionDenied
from services.kit.postgres import Database
from services.threads.domain import Access, Standing
from tests.support.harness import ACCOUNTS, ServiceHarness
from tests.support.threads import NeighbourFakes, Settings, emptied, message, new_id, running_threads

Harness = ServiceHarness[Settings]


@pytest.fixture
async def owner(threads: Harness, database: Database) -> Any:
    """The user, who has nothing yet."""
    await emptied(database)
    return threads.stub(rpc.ThreadsStub, "user")


@pytest.fixture
def rest(threads: Harness) -> Any:
    return threads.stub(rpc.ThreadsRestStub, "user")


async def make(owner: Any, count: int = 1, name: str | None = None) -> list[pb.CreateThreadResponse]:
    return [await owner.CreateThread(pb.CreateThreadRequest(name=name)) for _ in range(count)]


async def listed(rest: Any, page: int | None = None, limit: int | None = None) -> dict[str, Any]:
    body = await rest.ListThreads(pb.ThreadsRestListThreadsRequest(page=page, limit=limit))
    found: dict[str, Any] = json.loads(body.data)
    return found


async def test_a_new_thread_has_a_project_of_its_name(owner: Any) -> None:
    (made,) = await make(owner, name="Holidays")
    thread = (await owner.GetThread(pb.GetThreadRequest(thread_id=made.thread_id))).thread
    assert (thread.name, thread.project.name, thread.is_public) == ("Holidays", "Holidays", False)
    assert (thread.account_id, thread.project_id) == (ACCOUNTS["user"], made.project_id)
    assert thread.metadata_json == "{}"


async def test_a_repeated_creation_is_the_same_thread(owner: Any) -> None:
    request = pb.CreateThreadRequest(request_id=new_id())
    first, second = await owner.CreateThread(request), await owner.CreateThread(request)
    assert first == second


async def test_the_list_is_newest_first_with_the_clients_pagination(owner: Any, rest: Any) -> None:
    made = await make(owner, 3)
    answer = await listed(rest, page=1, limit=2)
    assert [thread["thread_id"] for thread in answer["threads"]] == [made[2].thread_id, made[1].thread_id]
    assert answer["pagination"] == {"page": 1, "limit": 2, "total": 3, "pages": 2}
    assert answer["threads"][0]["project"]["project_id"] == made[2].project_id
    assert answer["threads"][0]["metadata"] == {}


async def test_pages_in_order_show_each_thread_once(owner: Any, rest: Any) -> None:
    made = await make(owner, 7)
    pages = [await listed(rest, page, 3) for page in (1, 2, 3, 4)]
    seen = [thread["thread_id"] for page in pages for thread in page["threads"]]
    assert seen == [thread.thread_id for thread in reversed(made)]
    assert [page["pagination"]["total"] for page in pages] == [7] * 4


async def test_a_page_in_the_middle_is_found_without_the_ones_before(owner: Any, rest: Any) -> None:
    made = await make(owner, 7)
    page = await listed(rest, 3, 2)
    assert [thread["thread_id"] for thread in page["threads"]] == [made[2].thread_id, made[1].thread_id]
    assert (await listed(rest, 99, 2))["threads"] == []


async def test_turning_pages_repeats_nothing_when_a_thread_is_added(owner: Any, rest: Any) -> None:
    await make(owner, 4)
    first = await listed(rest, 1, 2)
    await make(owner, 1)
    second = await listed(rest, 2, 2)
    seen = [thread["thread_id"] for page in (first, second) for thread in page["threads"]]
    assert len(seen) == len(set(seen)) == 4


async def test_pages_by_cursor_show_each_thread_once(owner: Any) -> None:
    made = await make(owner, 5)
    seen, token = [], ""
    while True:
        page = await owner.ListThreads(pb.ListThreadsRequest(page_size=2, page_token=token))
        seen += [thread.thread_id for thread in page.threads]
        token = page.next_page_token
        assert page.total == 5
        if not token:
            break
    assert seen == [thread.thread_id for thread in reversed(made)]


async def test_a_foreign_page_token_is_refused(owner: Any) -> None:
    for token in ("rubbish", "eA==", "MjAyNiAx"):
        with pytest.raises(InvalidArgument) as refused:
            await owner.ListThreads(pb.ListThreadsRequest(page_token=token))
        assert refused.value.violations[0].field == "page_token"


async def test_a_projects_threads_are_its_own(owner: Any, rest: Any) -> None:
    made, _ = await make(owner, 2)
    more = await owner.CreateProjectThread(pb.CreateProjectThreadRequest(project_id=made.project_id))
    body = await rest.ListProjectThreads(pb.ThreadsRestListProjectThreadsRequest(project_id=made.project_id))
    answer = json.loads(body.data)
    assert [thread["thread_id"] for thread in answer["threads"]] == [more.thread_id, made.thread_id]
    assert answer["pagination"]["total"] == 2


async def test_another_accounts_threads_are_not_listed(owner: Any, threads: Harness) -> None:
    await make(owner, 2)
    body = await threads.stub(rpc.ThreadsRestStub, "other").ListThreads(pb.ThreadsRestListThreadsRequest())
    assert json.loads(body.data)["threads"] == []


async def test_renaming_a_thread_renames_its_project(owner: Any) -> None:
    (made,) = await make(owner)
    renamed = await owner.UpdateThread(pb.UpdateThreadRequest(thread_id=made.thread_id, title="Better"))
    assert (renamed.thread.name, renamed.thread.is_public) == ("Better", False)
    project = await owner.GetProject(pb.GetProjectRequest(project_id=made.project_id))
    assert project.project.name == "Better"


async def test_what_is_not_named_stays(owner: Any) -> None:
    (made,) = await make(owner, name="Keep")
    shared = await owner.UpdateThread(pb.UpdateThreadRequest(thread_id=made.thread_id, is_public=True))
    assert (shared.thread.name, shared.thread.is_public) == ("Keep", True)


async def test_a_shared_thread_is_read_by_everybody_until_it_is_not(owner: Any, threads: Harness) -> None:
    (made,) = await make(owner)
    nobody = threads.stub(rpc.ThreadsStub, "anonymous")
    get = pb.GetThreadRequest(thread_id=made.thread_id)
    with pytest.raises(NotFound):
        await nobody.GetThread(get)
    await owner.UpdateThread(pb.UpdateThreadRequest(thread_id=made.thread_id, is_public=True))
    assert (await nobody.GetThread(get)).thread.is_public
    await owner.UpdateThread(pb.UpdateThreadRequest(thread_id=made.thread_id, is_public=False))
    with pytest.raises(NotFound):
        await nobody.GetThread(get)


async def test_a_deleted_thread_is_gone_and_the_others_are_told(
    owner: Any, threads: Harness, neighbours: NeighbourFakes, database: Database
) -> None:
    (made,) = await make(owner)
    rows = pb.AppendMessagesRequest(
        thread_id=made.thread_id, account_id=ACCOUNTS["user"], messages=[message(), message()]
    )
    await threads.stub(rpc.ThreadsInternalStub, "service:agent").AppendMessages(rows)
    gone = await owner.DeleteThread(pb.DeleteThreadRequest(thread_id=made.thread_id))
    assert gone.thread_id == made.thread_id
    await neighbours.told(threads={made.thread_id}, projects={made.project_id})
    for call, request in (
        (owner.GetThread, pb.GetThreadRequest(thread_id=made.thread_id)),
        (owner.GetProject, pb.GetProjectRequest(project_id=made.project_id)),
        (owner.DeleteThread, pb.DeleteThreadRequest(thread_id=made.thread_id)),
    ):
        with pytest.raises(NotFound):
            await call(request)
    assert await database.fetchval("SELECT count(*) FROM messages") == 0
    assert tuple(await database.fetchrow("SELECT threads, projects FROM usage") or ()) == (0, 0)


async def test_a_project_outlives_one_of_its_threads(owner: Any, neighbours: NeighbourFakes) -> None:
    (made,) = await make(owner)
    more = await owner.CreateProjectThread(pb.CreateProjectThreadRequest(project_id=made.project_id))
    await owner.DeleteThread(pb.DeleteThreadRequest(thread_id=made.thread_id))
    await neighbours.told(threads={made.thread_id}, projects=set())
    assert (await owner.GetThread(pb.GetThreadRequest(thread_id=more.thread_id))).thread.project_id == made.project_id
    assert neighbours.deleted_projects == []


async def test_a_deleted_project_takes_its_threads_along(
    owner: Any, neighbours: NeighbourFakes, database: Database
) -> None:
    (made,) = await make(owner)
    more = await owner.CreateProjectThread(pb.CreateProjectThreadRequest(project_id=made.project_id))
    gone = await owner.DeleteProject(pb.DeleteProjectRequest(project_id=made.project_id))
    assert gone.threads_deleted == 2
    await neighbours.told(threads={made.thread_id, more.thread_id}, projects={made.project_id})
    assert tuple(await database.fetchrow("SELECT threads, projects FROM usage") or ()) == (0, 0)


async def test_a_deleted_threads_id_is_not_used_again(owner: Any, threads: Harness) -> None:
    (made,) = await make(owner)
    await owner.DeleteThread(pb.DeleteThreadRequest(thread_id=made.thread_id))
    agent = threads.stub(rpc.ThreadsInternalStub, "service:agent")
    with pytest.raises(NotFound):
        await agent.EnsureThread(
            pb.EnsureThreadRequest(account_id=ACCOUNTS["user"], thread_id=made.thread_id, create=True)
        )
    with pytest.raises(NotFound) as refused:
        await agent.EnsureThread(
            pb.EnsureThreadRequest(
                account_id=ACCOUNTS["user"], thread_id=new_id(), project_id=made.project_id, create=True
            )
        )
    assert refused.value.reason == "PROJECT_NOT_FOUND"


@pytest.mark.parametrize(
    "due", ["now()", "now() + interval '1 hour'"], ids=["due", "put off by a clock set back since"]
)
async def test_neighbours_that_are_away_are_told_when_they_are_back(
    owner: Any, neighbours: NeighbourFakes, database: Database, due: str
) -> None:
    (made,) = await make(owner)
    neighbours.away = True
    await owner.DeleteThread(pb.DeleteThreadRequest(thread_id=made.thread_id))
    neighbours.away = False
    await database.execute(f"UPDATE notices SET due_at = {due}")
    await neighbours.told(threads={made.thread_id}, projects={made.project_id})


async def test_notices_survive_a_restart(
    owner: Any, threads: Harness, neighbours: NeighbourFakes, database: Database, tmp_path: Path
) -> None:
    """A deletion that was committed and never delivered is delivered by the next process."""
    (made,) = await make(owner)
    neighbours.away = True
    await owner.DeleteThread(pb.DeleteThreadRequest(thread_id=made.thread_id))
    await threads.server.stop(0)
    later = NeighbourFakes()
    assert threads.settings.database_url is not None
    url = threads.settings.database_url.get_secret_value()
    async with running_threads(url, tmp_path / "later", later):
        async with asyncio.timeout(20):
            while True:  # the first process, whose relay still runs, may put it off once more
                await database.execute("UPDATE notices SET due_at = now()")
                with suppress(TimeoutError):
                    await asyncio.wait_for(later.told(threads={made.thread_id}, projects={made.project_id}), 1)
                    break


async def test_the_plan_limits_a_person_as_well(owner: Any, neighbours: NeighbourFakes) -> None:
    neighbours.max_threads = 1
    (made,) = await make(owner)
    with pytest.raises(PaymentRequired):
        await make(owner)
    await owner.DeleteThread(pb.DeleteThreadRequest(thread_id=made.thread_id))
    assert await make(owner)


async def test_limits_are_asked_for_once_in_a_while(
    database_url: str, tmp_path: Path, neighbours: NeighbourFakes
) -> None:
    async with running_threads(database_url, tmp_path, neighbours, mesh_plan_cache_s=60.0) as threads:
        await make(threads.stub(rpc.ThreadsStub, "other"), 3)
    assert neighbours.limit_calls == 1


@pytest.mark.parametrize(
    ("account", "public", "access"),
    [
        ("user", False, pb.ACCESS_OWNER),
        ("other", False, pb.ACCESS_NONE),
        ("", False, pb.ACCESS_NONE),
        ("user", True, pb.ACCESS_OWNER),
        ("other", True, pb.ACCESS_READ),
        ("", True, pb.ACCESS_READ),
    ],
)
async def test_services_ask_what_somebody_may_do(
    owner: Any, threads: Harness, account: str, public: bool, access: int
) -> None:
    (made,) = await make(owner)
    await owner.UpdateThread(pb.UpdateThreadRequest(thread_id=made.thread_id, is_public=public))
    viewer = ACCOUNTS[account] if account else ""
    sandbox = threads.stub(rpc.ThreadsInternalStub, "service:sandbox")
    for asked in ({"thread_id": made.thread_id}, {"project_id": made.project_id}):
        answer = await sandbox.CheckAccess(pb.CheckAccessRequest(account_id=viewer, **asked))
        assert answer.access == access
        assert answer.account_id == ("" if access == pb.ACCESS_NONE else ACCOUNTS["user"])


async def test_access_to_what_does_not_exist_is_none(threads: Harness) -> None:
    sandbox = threads.stub(rpc.ThreadsInternalStub, "service:sandbox")
    answer = await sandbox.CheckAccess(pb.CheckAccessRequest(account_id=new_id(), thread_id=new_id()))
    assert answer == pb.CheckAccessResponse(access=pb.ACCESS_NONE)


async def test_an_accounts_things_are_counted(owner: Any, threads: Harness) -> None:
    made, _ = await make(owner, 2)
    await owner.CreateProjectThread(pb.CreateProjectThreadRequest(project_id=made.project_id))
    gateway = threads.stub(rpc.ThreadsInternalStub, "service:gateway")
    counted = await gateway.CountThreads(pb.CountThreadsRequest(account_id=ACCOUNTS["user"]))
    assert (counted.projects, counted.threads) == (2, 3)


async def test_a_write_to_a_shared_project_is_refused_and_to_a_hidden_one_not_found(
    owner: Any, threads: Harness
) -> None:
    (made,) = await make(owner)
    stranger = threads.stub(rpc.ThreadsStub, "other")
    writes: list[tuple[Any, Any]] = [
        (stranger.UpdateThread, pb.UpdateThreadRequest(thread_id=made.thread_id, title="x")),
        (stranger.DeleteThread, pb.DeleteThreadRequest(thread_id=made.thread_id)),
        (stranger.AddMessage, pb.AddMessageRequest(thread_id=made.thread_id, text="x")),
        (stranger.DeleteProject, pb.DeleteProjectRequest(project_id=made.project_id)),
        (stranger.CreateProjectThread, pb.CreateProjectThreadRequest(project_id=made.project_id)),
    ]
    expected: list[type[MeshError]] = [NotFound, PermissionDenied]
    for public, refusal in zip((False, True), expected, strict=True):
        await owner.UpdateThread(pb.UpdateThreadRequest(thread_id=made.thread_id, is_public=public))
        for call, request in writes:
            with pytest.raises(refusal):
                await call(request)
    assert (await owner.GetThread(pb.GetThreadRequest(thread_id=made.thread_id))).thread.name == "New Project"


async def test_storage_shows_no_strangers_rows_even_where_access_was_forgotten(
    owner: Any, threads: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    (made,) = await make(owner, name="Mine")
    await owner.AddMessage(pb.AddMessageRequest(thread_id=made.thread_id, text="secret"))
    stranger = threads.stub(rpc.ThreadsStub, "other")
    monkeypatch.setattr(Standing, "access", lambda *_: Access.OWNER)
    for call, request in (
        (stranger.GetThread, pb.GetThreadRequest(thread_id=made.thread_id)),
        (stranger.ListMessages, pb.ListMessagesRequest(thread_id=made.thread_id)),
        (stranger.GetProject, pb.GetProjectRequest(project_id=made.project_id)),
        (stranger.DeleteThread, pb.DeleteThreadRequest(thread_id=made.thread_id)),
    ):
        with pytest.raises(NotFound):
            await call(request)
    assert (await owner.GetThread(pb.GetThreadRequest(thread_id=made.thread_id))).thread.name == "Mine"
