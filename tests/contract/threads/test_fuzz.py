"""Whatever is sent, the answer is an answer or a refusal that names a field: never a failure of ours."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from google.api.httpbody_pb2 import HttpBody
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mesh.threads.v1 import threads_pb2 as pb
from mesh.threads.v1 import threads_pb2_grpc as rpc

from services.kit.errors import InvalidArgument, MeshError
from tests.support.harness import ACCOUNTS, ServiceHarness
from tests.support.threads import NeighbourFakes, Settings, new_id, running_threads

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWNER = ACCOUNTS["user"]
FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# What a proto string can hold at all: no lone surrogates.
texts = st.text(st.characters(exclude_categories=["Cs"]))
ids = st.one_of(st.uuids().map(str), st.uuids().map(lambda found: str(found).upper()), texts)
json_texts = st.one_of(
    texts,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | texts,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=10,
    ).map(json.dumps),
)
types = st.sampled_from(["user", "assistant", "tool", "status", "summary", "image_context"]) | texts


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def threads(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServiceHarness[Settings]]:
    async with running_threads(database_url, tmp_path_factory.mktemp("threads"), NeighbourFakes()) as harness:
        yield harness


async def tried(call: Any) -> None:
    """Awaits the call; a refusal must be one on purpose, and a wrong argument must name its field."""
    refused = await _refusal(call)
    if refused is not None:
        assert refused.http_status < 500, refused
    if isinstance(refused, InvalidArgument):
        assert refused.violations
        assert all(violation.field and violation.description for violation in refused.violations)


async def _refusal(call: Any) -> MeshError | None:
    try:
        await call
    except MeshError as refused:
        return refused
    return None


@FUZZ
@given(thread=ids, project=ids, name=texts, create=st.booleans())
async def test_any_start(threads: ServiceHarness[Settings], thread: str, project: str, name: str, create: bool) -> None:
    agent = threads.stub(rpc.ThreadsInternalStub, "service:agent")
    request = pb.EnsureThreadRequest(
        account_id=OWNER, thread_id=thread, project_id=project, name=name[:600], create=create
    )
    await tried(agent.EnsureThread(request))


@FUZZ
@given(
    rows=st.lists(
        st.builds(
            pb.Message,
            message_id=ids,
            type=types,
            is_llm_message=st.booleans(),
            content_json=json_texts,
            metadata_json=json_texts,
            agent_id=texts,
            run_id=texts,
            turn=st.integers(-(2**31), 2**31 - 1),
        ),
        min_size=1,
        max_size=3,
    )
)
async def test_any_rows(threads: ServiceHarness[Settings], rows: list[pb.Message]) -> None:
    agent = threads.stub(rpc.ThreadsInternalStub, "service:agent")
    made = await agent.EnsureThread(pb.EnsureThreadRequest(account_id=OWNER, thread_id=new_id(), create=True))
    request = pb.AppendMessagesRequest(account_id=OWNER, thread_id=made.thread_id, messages=rows)
    await tried(agent.AppendMessages(request))
    rest = threads.stub(rpc.ThreadsRestStub, "user")
    await rest.ListMessages(pb.ThreadsRestListMessagesRequest(thread_id=made.thread_id))
    await agent.LoadContext(pb.LoadContextRequest(account_id=OWNER, thread_id=made.thread_id, turn=2**31 - 1))


@FUZZ
@given(title=texts, thread=ids, token=texts, size=st.integers(-5, 5000), body=st.binary(max_size=200))
async def test_any_request_of_a_person(
    threads: ServiceHarness[Settings], title: str, thread: str, token: str, size: int, body: bytes
) -> None:
    person, rest = threads.stub(rpc.ThreadsStub, "user"), threads.stub(rpc.ThreadsRestStub, "user")
    made = await person.CreateThread(pb.CreateThreadRequest())
    await tried(person.UpdateThread(pb.UpdateThreadRequest(thread_id=made.thread_id, title=title[:600])))
    await tried(person.GetThread(pb.GetThreadRequest(thread_id=thread)))
    await tried(person.ListThreads(pb.ListThreadsRequest(page_token=token[:300], page_size=size)))
    listed = pb.ListMessagesRequest(thread_id=made.thread_id, page_token=token[:300], page_size=size)
    await tried(person.ListMessages(listed))
    await tried(rest.ListThreads(pb.ThreadsRestListThreadsRequest(page=size, limit=size)))
    sent = pb.ThreadsRestAddMessageRequest(thread_id=made.thread_id, body=HttpBody(data=body))
    await tried(rest.AddMessage(sent))
