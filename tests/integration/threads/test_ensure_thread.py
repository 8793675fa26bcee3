"""The start of a run: threads with ids that clients chose, within the plan."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mesh.threads.v1 import threads_pb2 as pb
from mesh.threads.v1 import threads_pb2_grpc as rpc

from services.kit.errors import InvalidArgument, NotFound, PaymentRequired, PermissionDenied, Unavailable
from services.kit.postgres import Database
from services.kit.telemetry import storage_metrics
from tests.support.harness import ACCOUNTS, ServiceHarness
from tests.support.threads import NeighbourFakes, Settings, new_id

Harness = ServiceHarness[Settings]


@pytest.fixture
def account() -> str:
    """An account that has nothing yet."""
    return new_id()


@pytest.fixture
def agent(threads: Harness) -> Any:
    return threads.stub(rpc.ThreadsInternalStub, "service:agent")


def wanted(account: str, thread: str = "", project: str = "", *, create: bool = True) -> pb.EnsureThreadRequest:
    return pb.EnsureThreadRequest(account_id=account, thread_id=thread or new_id(), project_id=project, create=create)


async def count(database: Database, account: str) -> tuple[int, int, int, int]:
    """Threads and projects as counted for the limits, and as they are."""
    row = await database.fetchrow(
        """
        SELECT coalesce((SELECT threads FROM usage WHERE account_id = $1), 0),
               coalesce((SELECT projects FROM usage WHERE account_id = $1), 0),
               (SELECT count(*) FROM threads WHERE account_id = $1 AND deleted_at IS NULL)::int,
               (SELECT count(*) FROM projects WHERE account_id = $1 AND deleted_at IS NULL)::int
        """,
        account,
    )
    assert row is not None
    return tuple(row)


async def test_a_thread_and_its_project_are_made_with_the_clients_ids(agent: Any, account: str) -> None:
    thread, project = new_id(), new_id()
    made = await agent.EnsureThread(wanted(account, thread, project))
    assert (made.thread_id, made.project_id, made.created) == (thread, project, True)


async def test_a_repeated_start_finds_what_it_made(agent: Any, account: str, database: Database) -> None:
    request = wanted(account, project=new_id())
    await agent.EnsureThread(request)
    again = await agent.EnsureThread(request)
    assert (again.project_id, again.created) == (request.project_id, False)
    assert await count(database, account) == (1, 1, 1, 1)


async def test_ids_are_the_same_in_any_case(agent: Any, account: str) -> None:
    thread, project = new_id(), new_id()
    await agent.EnsureThread(wanted(account.upper(), thread.upper(), project.upper()))
    found = await agent.EnsureThread(wanted(account, thread))
    assert (found.thread_id, found.project_id, found.created) == (thread, project, False)


async def test_an_existing_threads_project_wins_over_the_one_named(agent: Any, account: str) -> None:
    first = await agent.EnsureThread(wanted(account))
    found = await agent.EnsureThread(wanted(account, first.thread_id, new_id()))
    assert found.project_id == first.project_id


async def test_a_second_thread_joins_an_existing_project(agent: Any, account: str, database: Database) -> None:
    first = await agent.EnsureThread(wanted(account))
    second = await agent.EnsureThread(wanted(account, project=first.project_id))
    assert (second.created, second.project_id) == (True, first.project_id)
    assert await count(database, account) == (2, 1, 2, 1)


async def test_somebody_elses_thread_is_not_found(agent: Any, account: str) -> None:
    theirs = await agent.EnsureThread(wanted(new_id()))
    for create in (True, False):
        with pytest.raises(NotFound) as refused:
            await agent.EnsureThread(wanted(account, theirs.thread_id, create=create))
        assert refused.value.reason == "THREAD_NOT_FOUND"


async def test_somebody_elses_project_is_not_found(agent: Any, account: str, database: Database) -> None:
    theirs = await agent.EnsureThread(wanted(new_id()))
    with pytest.raises(NotFound) as refused:
        await agent.EnsureThread(wanted(account, project=theirs.project_id))
    assert refused.value.reason == "PROJECT_NOT_FOUND"
    assert await count(database, account) == (0, 0, 0, 0)


async def test_a_thread_that_is_not_there_is_not_made_unasked(agent: Any, account: str) -> None:
    with pytest.raises(NotFound):
        await agent.EnsureThread(wanted(account, create=False))


async def test_the_plans_threads_are_a_limit(
    agent: Any, account: str, neighbours: NeighbourFakes, database: Database
) -> None:
    neighbours.max_threads = 2
    first = await agent.EnsureThread(wanted(account))
    await agent.EnsureThread(wanted(account, project=first.project_id))
    with pytest.raises(PaymentRequired) as refused:
        await agent.EnsureThread(wanted(account, project=first.project_id))
    assert refused.value.reason == "THREAD_LIMIT_EXCEEDED"
    assert refused.value.params == {"current_count": 2, "limit": 2}
    assert (await agent.EnsureThread(wanted(account, first.thread_id))).created is False
    assert await count(database, account) == (2, 1, 2, 1)


async def test_the_plans_projects_are_a_limit(agent: Any, account: str, neighbours: NeighbourFakes) -> None:
    neighbours.max_projects = 1
    await agent.EnsureThread(wanted(account))
    with pytest.raises(PaymentRequired) as refused:
        await agent.EnsureThread(wanted(account))
    assert refused.value.reason == "PROJECT_LIMIT_EXCEEDED"
    assert refused.value.params == {"current_count": 1, "limit": 1}


async def test_a_plan_of_nothing_allows_nothing(agent: Any, account: str, neighbours: NeighbourFakes) -> None:
    neighbours.max_threads = neighbours.max_projects = 0
    with pytest.raises(PaymentRequired):
        await agent.EnsureThread(wanted(account))


async def test_the_limit_holds_for_many_at_once(
    agent: Any, account: str, neighbours: NeighbourFakes, database: Database
) -> None:
    neighbours.max_threads = 5
    answers = await asyncio.gather(*(agent.EnsureThread(wanted(account)) for _ in range(20)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, PaymentRequired)]
    assert len(refused) == 15
    assert await count(database, account) == (5, 5, 5, 5)


async def test_the_same_start_many_times_at_once_makes_one_thread(agent: Any, account: str, database: Database) -> None:
    request = wanted(account, project=new_id())
    answers = await asyncio.gather(*(agent.EnsureThread(request) for _ in range(20)))
    assert sum(answer.created for answer in answers) == 1
    assert {answer.project_id for answer in answers} == {request.project_id}
    assert await count(database, account) == (1, 1, 1, 1)


async def test_without_billing_no_thread_is_made_but_one_that_exists_is_found(
    agent: Any, account: str, neighbours: NeighbourFakes
) -> None:
    made = await agent.EnsureThread(wanted(account))
    neighbours.away = True
    with pytest.raises(Unavailable):
        await agent.EnsureThread(wanted(account))
    assert (await agent.EnsureThread(wanted(account, made.thread_id, create=False))).thread_id == made.thread_id


@pytest.mark.parametrize(("field", "value"), [("account_id", "x"), ("thread_id", ""), ("project_id", "nope")])
async def test_a_wrong_id_is_named(agent: Any, account: str, field: str, value: str) -> None:
    request = wanted(account)
    setattr(request, field, value)
    with pytest.raises(InvalidArgument) as refused:
        await agent.EnsureThread(request)
    assert [violation.field for violation in refused.value.violations] == [field]


async def test_a_name_with_nul_is_refused_by_name(agent: Any, account: str) -> None:
    request = wanted(account)
    request.name = "a\x00b"
    with pytest.raises(InvalidArgument) as refused:
        await agent.EnsureThread(request)
    assert refused.value.violations[0].field == "name"


async def test_a_users_token_does_not_reach_it(threads: Harness) -> None:
    with pytest.raises(PermissionDenied):
        await threads.stub(rpc.ThreadsInternalStub, "user").EnsureThread(wanted(ACCOUNTS["user"]))


async def test_it_is_one_statement(agent: Any, account: str) -> None:
    await agent.EnsureThread(wanted(account))
    least = min([await _statements(agent, account) for _ in range(10)])  # background tasks have theirs, now and then
    assert least == 1


async def _statements(agent: Any, account: str) -> float:
    before = storage_metrics().statements._value.get()
    await agent.EnsureThread(wanted(account))
    return float(storage_metrics().statements._value.get() - before)
