"""The rows of a thread in exactly the JSON that existing clients read."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
import pytest
from mesh.threads.v1.threads_pb2 import AppendMessagesRequest

from services.agent.codec.rows import encode_messages
from services.agent.domain.journal import CompletedStep
from services.agent.domain.rows import (
    assistant_row,
    conversation,
    opening_rows,
    parse,
    response_row,
    run_start_id,
    status_row,
    tool_row,
    user_row,
)
from tests.unit.agent.records import RUN_ID, call, claim, step

MESSAGE_ID = UUID(int=1)


def test_a_user_row() -> None:
    row = user_row(MESSAGE_ID, "Hi")
    assert (row.message_id, row.type, row.is_llm_message) == (MESSAGE_ID, "user", True)
    assert row.content == {"role": "user", "content": "Hi"}
    assert row.metadata == {}


def test_an_assistant_row_that_only_speaks() -> None:
    row = assistant_row(RUN_ID, step(), ())
    assert (row.message_id, row.type, row.is_llm_message) == (MESSAGE_ID, "assistant", True)
    assert row.content == {"role": "assistant", "content": "Hello"}
    assert row.metadata == {"thread_run_id": str(RUN_ID), "text_content": "Hello"}


def test_an_assistant_row_that_reasons_and_calls() -> None:
    row = assistant_row(RUN_ID, step(text="", reasoning="Hm"), iter([call()]))
    assert row.content == {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "call_0", "type": "function", "function": {"name": "echo", "arguments": '{"a":1}'}}],
    }
    assert row.metadata == {
        "thread_run_id": str(RUN_ID),
        "text_content": "",
        "reasoning_content": "Hm",
        "tool_calls": [
            {"tool_call_id": "call_0", "function_name": "echo", "arguments": {"a": 1}, "source": "native"},
        ],
    }


def test_an_answer_that_says_nothing_is_an_empty_text() -> None:
    assert assistant_row(RUN_ID, step(text=None), ()).content == {"role": "assistant", "content": ""}


@pytest.mark.parametrize(
    ("values", "result"),
    [
        ({}, {"success": True, "output": {"a": 1}, "error": None}),
        ({"success": False, "output_json": "null", "error": "no"}, {"success": False, "output": None, "error": "no"}),
        ({"output_json": "no JSON"}, {"success": True, "output": "no JSON", "error": None}),
    ],
)
def test_a_tool_row(values: dict[str, Any], result: dict[str, object]) -> None:
    done = call(**values)
    row = tool_row(done, MESSAGE_ID)
    assert (row.message_id, row.type, row.is_llm_message) == (done.message_id, "tool", True)
    assert row.content == {"role": "tool", "tool_call_id": "call_0", "name": "echo", "content": '{"a":1}'}
    assert row.metadata == {
        "tool_call_id": "call_0",
        "function_name": "echo",
        "result": result,
        "return_format": "native",
        "assistant_message_id": str(MESSAGE_ID),
    }


def test_a_status_row_keeps_metadata_apart() -> None:
    row = status_row(MESSAGE_ID, RUN_ID, "tool_completed", tool_index=0, metadata={"agent_should_terminate": "true"})
    assert (row.type, row.is_llm_message) == ("status", False)
    assert row.content == {"status_type": "tool_completed", "tool_index": 0}
    assert row.metadata == {"thread_run_id": str(RUN_ID), "agent_should_terminate": "true"}


@pytest.mark.parametrize("edge", ["llm_response_start", "llm_response_end"])
def test_the_edges_of_an_answer(edge: str) -> None:
    response_id = UUID(int=7)
    row = response_row(MESSAGE_ID, RUN_ID, edge, response_id, {"model": "mock-ai"})
    assert (row.type, row.is_llm_message) == (edge, False)
    assert row.content == {"llm_response_id": str(response_id), "model": "mock-ai"}
    assert row.metadata == {"thread_run_id": str(RUN_ID), "llm_response_id": str(response_id)}


def test_the_opening_rows_are_the_same_whoever_makes_them() -> None:
    rows = opening_rows(RUN_ID, MESSAGE_ID, "Hi")
    assert rows == opening_rows(RUN_ID, MESSAGE_ID, "Hi")
    assert [row.type for row in rows] == ["user", "status"]
    assert rows[1].message_id == run_start_id(RUN_ID)
    assert rows[1].content == {"status_type": "thread_run_start"}


def test_a_step_is_shown_to_the_model_as_its_answer_then_its_results() -> None:
    shown = conversation(CompletedStep(step(), (call(1, 0), call(1, 1))))
    assert [message["role"] for message in shown] == ["assistant", "tool", "tool"]
    assert [message.get("tool_call_id") for message in shown[1:]] == ["call_0", "call_1"]


@pytest.mark.parametrize(
    "arguments",
    [r'{"a":"\ud83d"}', r'{"\udc00":1}', r'["\ud83d\ude00\ud83d"]', '{"a":NaN}', "[1e999]", "{", "[" * 9999],
)
def test_whatever_a_model_or_a_tool_writes_can_be_sent(arguments: str) -> None:
    """Halves of characters, numbers that JSON has not, no JSON at all: rows are made of them, and are JSON."""
    done = call(arguments_json=arguments, output_json=arguments)
    rows = [assistant_row(RUN_ID, step(), [done]), tool_row(done, MESSAGE_ID)]
    sent = AppendMessagesRequest.FromString(encode_messages(claim().run, rows))
    for message in sent.messages:
        orjson.loads(message.content_json)
        orjson.loads(message.metadata_json)


def test_json_is_read_and_what_is_none_stays_text() -> None:
    assert parse('{"a": [1, "é"]}') == {"a": [1, "é"]}
    assert parse("plain") == "plain"
