"""The access matrix of threads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from google.api.httpbody_pb2 import HttpBody
from mesh.threads.v1 import threads_pb2 as pb
from mesh.threads.v1 import threads_pb2_grpc as rpc

from services.threads.policy import POLICY
from tests.contract.access_matrix import Case, Kind, Things, Visibility, cases, verdict
from tests.support.harness import ACCOUNTS, ServiceHarness
from tests.support.threads import NeighbourFakes, Settings, message, new_id, running_threads

OWNER = ACCOUNTS["user"]

KINDS: dict[str, Kind] = {
    "Threads.CreateThread": "own",
    "Threads.GetThread": "read",
    "Threads.ListThreads": "own",
    "Threads.SearchThreads": "own",
    "Threads.UpdateThread": "write",
    "Threads.DeleteThread": "write",
    "Threads.ListMessages": "read",
    "Threads.AddMessage": "write",
    "Threads.GetProject": "read",
    "Threads.DeleteProject": "write",
    "Threads.CreateProjectThread": "write",
    "ThreadsRest.ListThreads": "own",
    "ThreadsRest.ListProjectThreads": "hidden",
    "ThreadsRest.ListMessages": "read",
    "ThreadsRest.AddMessage": "write",
    "ThreadsInternal.EnsureThread": "internal",
    "ThreadsInternal.AppendMessages": "internal",
    "ThreadsInternal.LoadContext": "internal",
    "ThreadsInternal.CheckAccess": "internal",
    "ThreadsInternal.CountThreads": "internal",
}

REQUESTS: dict[str, Callable[[Things], Any]] = {
    "Threads.CreateThread": lambda _: pb.CreateThreadRequest(),
    "Threads.GetThread": lambda things: pb.GetThreadRequest(thread_id=things["thread"]),
    "Threads.ListThreads": lambda _: pb.ListThreadsRequest(),
    "Threads.SearchThreads": lambda _: pb.SearchThreadsRequest(q="hi"),
    "Threads.UpdateThread": lambda things: pb.UpdateThreadRequest(thread_id=things["thread"], title="New"),
    "Threads.DeleteThread": lambda things: pb.DeleteThreadRequest(thread_id=things["thread"]),
    "Threads.ListMessages": lambda things: pb.ListMessagesRequest(thread_id=things["thread"]),
    "Threads.AddMessage": lambda things: pb.AddMessageRequest(thread_id=things["thread"], text="hi"),
    "Threads.GetProject": lambda things: pb.GetProjectRequest(project_id=things["project"]),
    "Threads.DeleteProject": lambda things: pb.DeleteProjectRequest(project_id=things["project"]),
    "Threads.CreateProjectThread": lambda things: pb.CreateProjectThreadRequest(project_id=things["project"]),
    "ThreadsRest.ListThreads": lambda _: pb.ThreadsRestListThreadsRequest(),
    "ThreadsRest.ListProjectThreads": lambda things: pb.ThreadsRestListProjectThreadsRequest(
        project_id=things["project"]
    ),
    "ThreadsRest.ListMessages": lambda things: pb.ThreadsRestListMessagesRequest(thread_id=things["thread"]),
    "ThreadsRest.AddMessage": lambda things: pb.ThreadsRestAddMessageRequest(
        thread_id=things["thread"], body=HttpBody(data=b'"hi"')
    ),
    "ThreadsInternal.EnsureThread": lambda things: pb.EnsureThreadRequest(
        account_id=OWNER, thread_id=things["thread"], create=True
    ),
    "ThreadsInternal.AppendMessages": lambda things: pb.AppendMessagesRequest(
        account_id=OWNER, thread_id=things["thread"], messages=[message()]
    ),
    "ThreadsInternal.LoadContext": lambda things: pb.LoadContextRequest(account_id=OWNER, thread_id=things["thread"]),
    "ThreadsInternal.CheckAccess": lambda things: pb.CheckAccessRequest(account_id=OWNER, thread_id=things["thread"]),
    "ThreadsInternal.CountThreads": lambda _: pb.CountThreadsRequest(account_id=OWNER),
}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def threads(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServiceHarness[Settings]]:
    directory: Path = tmp_path_factory.mktemp("threads")
    async with running_threads(database_url, directory, NeighbourFakes()) as harness:
        yield harness


async def prepare(threads: ServiceHarness[Settings], visibility: Visibility) -> Things:
    """A thread of the owner's with its project."""
    agent = threads.stub(rpc.ThreadsInternalStub, "service:agent")
    made = await agent.EnsureThread(pb.EnsureThreadRequest(account_id=OWNER, thread_id=new_id(), create=True))
    if visibility == "public":
        owner = threads.stub(rpc.ThreadsStub, "user")
        await owner.UpdateThread(pb.UpdateThreadRequest(thread_id=made.thread_id, is_public=True))
    return {"thread": made.thread_id, "project": made.project_id}


@pytest.mark.parametrize("case", cases([pb.DESCRIPTOR], POLICY, KINDS), ids=str)
async def test_each_caller_gets_the_verdict_of_the_design(threads: ServiceHarness[Settings], case: Case) -> None:
    things = await prepare(threads, case.visibility)
    channel = threads.channel(case.caller, account=OWNER)
    assert await verdict(channel, case.method, REQUESTS[case.rpc](things)) == case.verdict


@pytest.mark.parametrize("rpc_name", [name for name, kind in KINDS.items() if kind in ("read", "write", "hidden")])
async def test_an_unknown_id_looks_like_a_hidden_one(threads: ServiceHarness[Settings], rpc_name: str) -> None:
    """Nobody can find out by its answer whether an id exists."""
    (method,) = {case.method for case in cases([pb.DESCRIPTOR], POLICY, KINDS) if case.rpc == rpc_name}
    unknown = {"thread": new_id(), "project": new_id()}
    channel = threads.channel("other")
    assert await verdict(channel, method, REQUESTS[rpc_name](unknown)) == 404
