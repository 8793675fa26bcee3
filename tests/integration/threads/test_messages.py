"""Rows come in once and in order, and are shown as the web client and the model need them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from google.api.httpbody_pb2 import HttpBody
from mesh.threads.v1 import threads_pb2 as pb
from mesh.threads.v1 import threads_pb2_grpc as rpc

from services.kit.errors import AlreadyExists, InvalidArgument, NotFound
from services.kit.postgres import Database
from tests.support.harness import ACCOUNTS, ServiceHarness
from tests.support.threads import Settings, message, new_id

Harness = ServiceHarness[Settings]
USER = ACCOUNTS["user"]


@pytest.fixture
def agent(threads: Harness) -> Any:
    return threads.stub(rpc.ThreadsInternalStub, "service:agent")


@pytest.fixture
def owner(threads: Harness) -> Any:
    return threads.stub(rpc.ThreadsStub, "user")


@pytest.fixture
def rest(threads: Harness) -> Any:
    return threads.stub(rpc.ThreadsRestStub, "user")


@pytest.fixture
async def thread(owner: Any) -> str:
    return str((await owner.CreateThread(pb.CreateThreadRequest())).thread_id)


async def append(agent: Any, thread: str, *rows: pb.Message, account: str = USER) -> pb.AppendMessagesResponse:
    request = pb.AppendMessagesRequest(thread_id=thread, account_id=account, messages=rows)
    answer: pb.AppendMessagesResponse = await agent.AppendMessages(request)
    return answer


async def shown(rest: Any, thread: str, **query: Any) -> list[dict[str, Any]]:
    body = await rest.ListMessages(pb.ThreadsRestListMessagesRequest(thread_id=thread, **query))
    assert body.content_type == "application/json"
    found: list[dict[str, Any]] = json.loads(body.data)["messages"]
    return found


async def stored(owner: Any, thread: str) -> list[pb.Message]:
    return list((await owner.ListMessages(pb.ListMessagesRequest(thread_id=thread))).messages)


async def test_rows_keep_the_order_they_came_in(agent: Any, owner: Any, thread: str) -> None:
    rows = [message(f"row {index}") for index in range(5)]
    await append(agent, thread, *rows[:2])
    await append(agent, thread, *rows[2:])
    found = await stored(owner, thread)
    assert [row.message_id for row in found] == [row.message_id for row in rows]
    assert [row.position for row in found] == [1, 2, 3, 4, 5]


async def test_a_repeated_delivery_changes_nothing(agent: Any, owner: Any, thread: str) -> None:
    rows = [message("a"), message("b")]
    await append(agent, thread, *rows)
    await append(agent, thread, *rows)
    await append(agent, thread, rows[1], message("c"))
    assert len(await stored(owner, thread)) == 3
    found = await owner.GetThread(pb.GetThreadRequest(thread_id=thread))
    assert found.thread.message_count == 3


async def test_the_same_row_spaced_differently_is_the_same(agent: Any, thread: str) -> None:
    row = message("a")
    await append(agent, thread, row)
    row.content_json = '{ "content" : "a", "role" : "user" }'
    assert not (await append(agent, thread, row)).deleted


async def test_the_same_id_with_another_body_is_a_conflict(agent: Any, owner: Any, thread: str) -> None:
    row = message("a")
    await append(agent, thread, row)
    with pytest.raises(AlreadyExists) as refused:
        await append(agent, thread, message("b"), message("c", message_id=row.message_id))
    assert refused.value.reason == "MESSAGE_CONFLICT"
    assert refused.value.params == {"message_id": row.message_id}


async def test_an_id_of_another_thread_is_a_conflict(agent: Any, owner: Any, thread: str) -> None:
    row = message("a")
    await append(agent, thread, row)
    other = (await owner.CreateThread(pb.CreateThreadRequest())).thread_id
    with pytest.raises(AlreadyExists):
        await append(agent, other, row)


async def test_many_deliveries_at_once_store_each_row_once(agent: Any, owner: Any, thread: str) -> None:
    rows = [message(f"{index}") for index in range(10)]
    await asyncio.gather(*(append(agent, thread, *rows[start:]) for start in (0, 0, 3, 5, 0, 7)))
    found = await stored(owner, thread)
    assert sorted(row.message_id for row in found) == sorted(row.message_id for row in rows)
    assert len({row.position for row in found}) == 10
    assert (await owner.GetThread(pb.GetThreadRequest(thread_id=thread))).thread.message_count == 10


async def test_somebody_elses_thread_takes_nothing(agent: Any, owner: Any, thread: str) -> None:
    with pytest.raises(NotFound):
        await append(agent, thread, message(), account=ACCOUNTS["other"])
    assert await stored(owner, thread) == []


async def test_a_deleted_thread_swallows_rows_and_says_so(agent: Any, owner: Any, thread: str) -> None:
    await owner.DeleteThread(pb.DeleteThreadRequest(thread_id=thread))
    assert (await append(agent, thread, message())).deleted


async def test_appending_is_one_statement_and_one_commit(agent: Any, thread: str, database: Database) -> None:
    """Seen from Postgres: the rows of one append all carry the same transaction."""
    await append(agent, thread, *(message(f"{index}") for index in range(20)))
    transactions = await database.fetch("SELECT DISTINCT xmin::text FROM messages WHERE thread_id = $1", thread)
    assert len(transactions) == 1


async def test_json_comes_back_to_the_letter(agent: Any, owner: Any, thread: str) -> None:
    content = '{"z":1,"a":12345678901234567890123,"n":1.10,"nul":"\\u0000","u":"漢"}'
    await append(agent, thread, message(content_json=content, metadata_json='{"b":[1,2.0]}'))
    (row,) = await stored(owner, thread)
    assert (row.content_json, row.metadata_json) == (content, '{"b":[1,2.0]}')


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"content_json": "{"}, "messages[1].content_json"),
        ({"content_json": ""}, "messages[1].content_json"),
        ({"content_json": '"\\ud800"'}, "messages[1].content_json"),
        ({"content_json": "NaN"}, "messages[1].content_json"),
        ({"content_json": "[" * 2000 + "]" * 2000}, "messages[1].content_json"),
        ({"metadata_json": "[]"}, "messages[1].metadata_json"),
        ({"metadata_json": "null"}, "messages[1].metadata_json"),
        ({"message_id": "nope"}, "messages[1].message_id"),
        ({"type": "prose"}, "messages[1].type"),
        ({"turn": -1}, "messages[1].turn"),
        ({"content_json": json.dumps("x" * 4_200_000)}, "messages[1].content_json"),
    ],
)
async def test_a_row_that_cannot_be_is_refused_by_field(
    agent: Any, owner: Any, thread: str, fields: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await append(agent, thread, message(), message(**fields))
    assert refused.value.violations[0].field == path
    assert await stored(owner, thread) == []


async def test_an_id_twice_in_one_request_counts_once_or_is_refused(agent: Any, owner: Any, thread: str) -> None:
    row = message("a")
    await append(agent, thread, row, row)
    assert len(await stored(owner, thread)) == 1
    twin = message("b")
    with pytest.raises(InvalidArgument):
        await append(agent, thread, twin, message("c", message_id=twin.message_id))


async def test_the_optimized_view_shows_what_the_web_client_renders(agent: Any, rest: Any, thread: str) -> None:
    calls = '{"tool_calls":[{"tool_call_id":"c1","function_name":"f","arguments":{},"source":"native"}]}'
    await append(
        agent,
        thread,
        message("question"),
        message("answer", type="assistant", metadata_json=calls),
        message(type="tool", metadata_json='{"tool_call_id":"c1","function_name":"f","result":{"success":true}}'),
        message(type="status", is_llm_message=False),
        message(type="summary"),
    )
    rows = await shown(rest, thread, order="asc", optimized=True)
    assert [row["type"] for row in rows] == ["user", "assistant", "tool"]
    assert [("content" in row) for row in rows] == [True, False, False]
    assert rows[0]["content"] == {"role": "user", "content": "question"}
    assert rows[1]["metadata"]["text_content"] == "answer"
    assert rows[1]["metadata"]["tool_calls"][0]["tool_call_id"] == "c1"
    assert rows[2]["metadata"]["result"] == {"success": True}
    assert set(rows[1]) == {
        "message_id", "thread_id", "type", "is_llm_message", "metadata", "created_at", "updated_at", "agent_id",
    }  # fmt: skip


async def test_the_whole_view_shows_every_type_with_every_field(agent: Any, rest: Any, thread: str) -> None:
    await append(agent, thread, message("q"), message(type="status", is_llm_message=False))
    rows = await shown(rest, thread, order="asc", optimized=False)
    assert [row["type"] for row in rows] == ["user", "status"]
    assert all("content" in row and "agent_version_id" in row for row in rows)


async def test_the_newest_come_first_unless_asked_otherwise(agent: Any, rest: Any, thread: str) -> None:
    await append(agent, thread, message("1"), message("2"))
    assert [row["content"]["content"] for row in await shown(rest, thread)] == ["2", "1"]
    assert [row["content"]["content"] for row in await shown(rest, thread, order="asc")] == ["1", "2"]


async def test_a_thread_of_more_than_one_batch_is_whole(agent: Any, rest: Any, thread: str) -> None:
    rows = [message(f"{index}") for index in range(1203)]
    for start in range(0, len(rows), 500):
        await append(agent, thread, *rows[start : start + 500])
    found = await shown(rest, thread, order="asc")
    assert [row["message_id"] for row in found] == [row.message_id for row in rows]


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_by_cursor_show_each_row_once(agent: Any, owner: Any, thread: str, order: str) -> None:
    rows = [message(f"{index}") for index in range(7)]
    await append(agent, thread, *rows)
    seen, token = [], ""
    while True:
        request = pb.ListMessagesRequest(thread_id=thread, page_size=3, page_token=token, order=order)
        page = await owner.ListMessages(request)
        seen += [row.message_id for row in page.messages]
        token = page.next_page_token
        if not token:
            break
    expected = [row.message_id for row in rows]
    assert seen == (expected if order == "asc" else expected[::-1])


@pytest.mark.parametrize("token", ["rubbish", "!", "LTE=", "OTk5OTk5OTk5OTk5OTk5", "4pyT"])
async def test_a_foreign_page_token_is_refused(owner: Any, thread: str, token: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await owner.ListMessages(pb.ListMessagesRequest(thread_id=thread, page_token=token))
    assert refused.value.violations[0].field == "page_token"


async def test_a_model_never_sees_a_later_runs_rows(agent: Any, thread: str) -> None:
    await append(agent, thread, message("u1", turn=1))
    await append(agent, thread, message("u2", turn=2))
    await append(
        agent,
        thread,
        message("a1", type="assistant", turn=1),
        message("s", type="status", turn=1, is_llm_message=False),
    )
    await append(agent, thread, message("a2", type="assistant", turn=2))

    async def context(turn: int, limit: int = 0) -> list[str]:
        request = pb.LoadContextRequest(thread_id=thread, account_id=USER, turn=turn, limit=limit)
        rows = (await agent.LoadContext(request)).messages
        return [json.loads(row.content_json)["content"] for row in rows]

    assert await context(1) == ["u1", "a1"]
    assert await context(2) == ["u1", "a1", "u2", "a2"]
    assert await context(2, limit=3) == ["a1", "u2", "a2"]
    assert await context(0) == []


async def test_a_persons_message_takes_the_latest_turn(agent: Any, owner: Any, thread: str) -> None:
    await append(agent, thread, message("u3", turn=3))
    added = await owner.AddMessage(pb.AddMessageRequest(thread_id=thread, text="by the way"))
    assert (added.message.turn, added.message.position) == (3, 2)


async def test_context_of_somebody_elses_thread_is_not_found(agent: Any, thread: str) -> None:
    with pytest.raises(NotFound):
        await agent.LoadContext(pb.LoadContextRequest(thread_id=thread, account_id=ACCOUNTS["other"]))


async def test_a_message_added_twice_by_the_same_request_is_one(owner: Any, thread: str) -> None:
    request = pb.AddMessageRequest(thread_id=thread, text="once", request_id=new_id())
    first, second = await owner.AddMessage(request), await owner.AddMessage(request)
    assert first.message.message_id == second.message.message_id == request.request_id
    assert len(await stored(owner, thread)) == 1


@pytest.mark.parametrize("sent", [b'"hi"', b'{"message":"hi"}', b'{"content":"hi","type":"user"}'])
async def test_the_web_client_adds_a_message(rest: Any, thread: str, sent: bytes) -> None:
    body = HttpBody(content_type="application/json", data=sent)
    answer = await rest.AddMessage(pb.ThreadsRestAddMessageRequest(thread_id=thread, body=body))
    row = json.loads(answer.data)
    assert row["content"] == {"role": "user", "content": "hi"}
    assert (row["type"], row["is_llm_message"], row["thread_id"]) == ("user", True, thread)


@pytest.mark.parametrize("sent", [b"", b"hi", b'""', b"7", b"{}", b'{"message":7}', b'"' + b"x" * 1_100_000 + b'"'])
async def test_a_message_that_is_none_is_refused(rest: Any, thread: str, sent: bytes) -> None:
    body = HttpBody(content_type="application/json", data=sent)
    with pytest.raises(InvalidArgument):
        await rest.AddMessage(pb.ThreadsRestAddMessageRequest(thread_id=thread, body=body))
