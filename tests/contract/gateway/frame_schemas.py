"""What the web client's stream parser accepts, written down as JSON Schemas: every frame has exactly these keys.

A frame that looks like a stored message carries `content` and `metadata` as JSON texts; each has a schema of its own,
applied to what the text says.
"""

from __future__ import annotations

from typing import Any

import orjson
from jsonschema import Draft202012Validator

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
UUID: Schema = {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
TIME: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$"}
EVENT_ID: Schema = {"type": "string", "pattern": "^[0-9]+-[0-9]+$"}


def exactly(optional: Schema | None = None, **required: Schema) -> Schema:
    """An object with these keys, perhaps those, and no others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def const(value: Any) -> Schema:
    return {"const": value}


def frame(optional: Schema | None = None, **required: Schema) -> Schema:
    return exactly(optional, _event_id=EVENT_ID, **required)


def row(kind: str, message_id: Schema, *, is_llm_message: bool) -> Schema:
    return frame(
        type=const(kind),
        message_id=message_id,
        is_llm_message=const(is_llm_message),
        sequence={"type": "integer", "minimum": 0},
        thread_id=UUID,
        content=TEXT,
        metadata=TEXT,
        created_at=TIME,
        updated_at=TIME,
    )


STATUS_ROW = row("status", UUID, is_llm_message=False)
CHUNK = row("assistant", const(None), is_llm_message=True)
TOOL_POSITION = {"tool_index": INTEGER, "tool_call_id": TEXT, "function_name": TEXT}
DELTA = exactly(
    tool_call_id=TEXT,
    function_name=TEXT,
    arguments_delta=TEXT,
    is_delta=const(True),
    source=const("native"),
    index=INTEGER,
)
NATIVE_CALL = exactly(
    tool_call_id=TEXT,
    function_name=TEXT,
    _original_function_name=TEXT,
    arguments={"type": "object"},
    source=const("native"),
)
OPENAI_CALL = exactly(id=TEXT, type=const("function"), function=exactly(name=TEXT, arguments=TEXT))
ACTION = exactly(
    {"url": TEXT, "delay_seconds": INTEGER},
    type={"enum": ["retry", "link", "switch_model", "new_thread", "simplify"]},
    label=TEXT,
)

FRAMES: dict[str, Schema] = {
    "ack": frame(type=const("ack"), message=TEXT, agent_run_id=UUID, timestamp=TIME),
    "prep_stage": frame(
        {"detail": TEXT},
        type=const("prep_stage"),
        stage={"enum": ["initializing", "preparing", "loading", "ready"]},
        progress=INTEGER,
        timestamp=TIME,
    ),
    "run_started": STATUS_ROW,
    "thinking": frame(type=const("thinking"), message=TEXT, timestamp=TIME),
    "context_usage": frame(
        type=const("context_usage"), current_tokens=INTEGER, message_count=INTEGER, compressed=FLAG, timestamp=TIME
    ),
    "model_call_started": row("llm_response_start", UUID, is_llm_message=False),
    "text_chunk": CHUNK,
    "reasoning_chunk": row("reasoning", const(None), is_llm_message=True),
    "tool_call_chunk": CHUNK,
    "assistant_complete": row("assistant", UUID, is_llm_message=True),
    "tool_started": STATUS_ROW,
    "tool_output": frame(
        type=const("tool_output_stream"),
        tool_call_id=TEXT,
        tool_name=TEXT,
        output=TEXT,
        is_final=FLAG,
        agent_run_id=UUID,
    ),
    "tool_completed": row("tool", UUID, is_llm_message=True),
    "tool_finished": STATUS_ROW,
    "model_call_ended": frame(type=const("llm_response_end"), timestamp=TIME, thread_run_id=UUID),
    "step_finished": STATUS_ROW,
    "message_reset": frame(
        type=const("message_reset"), message_id=UUID, reason={"enum": ["takeover", "retry", "stream_lost"]}
    ),
    "run_error": frame(
        type=const("error"),
        error=TEXT,
        error_code=TEXT,
        recoverable=FLAG,
        actions={"type": "array", "items": ACTION},
        timestamp=TIME,
    ),
    "run_ended": frame(
        {"error_code": TEXT},
        type=const("status"),
        status={"enum": ["completed", "stopped", "error"]},
        message=TEXT,
    ),
}

CONTENTS: dict[str, Schema] = {
    "run_started": exactly(status_type=const("thread_run_start")),
    "model_call_started": exactly(llm_response_id=TEXT, auto_continue_count=INTEGER, model=TEXT, timestamp=TIME),
    "text_chunk": exactly(role=const("assistant"), content=TEXT),
    "reasoning_chunk": exactly(reasoning_content=TEXT),
    "tool_call_chunk": exactly(role=const("assistant"), content=const("")),
    "assistant_complete": exactly(
        {"tool_calls": {"type": "array", "items": OPENAI_CALL, "minItems": 1}},
        role=const("assistant"),
        content={"type": ["string", "null"]},
    ),
    "tool_started": exactly(status_type=const("tool_started"), **TOOL_POSITION),
    "tool_completed": exactly(role=const("tool"), tool_call_id=TEXT, name=TEXT, content=TEXT),
    "tool_finished": exactly(status_type={"enum": ["tool_completed", "tool_failed"]}, **TOOL_POSITION),
    "step_finished": exactly(status_type=const("finish"), finish_reason=TEXT, tools_executed=FLAG),
}

METADATA: dict[str, Schema] = {
    "run_started": exactly(thread_run_id=UUID),
    "model_call_started": exactly(thread_run_id=UUID, llm_response_id=TEXT),
    "text_chunk": exactly(stream_status=const("chunk"), thread_run_id=UUID),
    "reasoning_chunk": exactly(stream_status=const("reasoning_chunk"), thread_run_id=UUID),
    "tool_call_chunk": exactly(
        stream_status=const("tool_call_chunk"),
        tool_calls={"type": "array", "items": DELTA, "minItems": 1, "maxItems": 1},
        thread_run_id=UUID,
    ),
    "assistant_complete": exactly(
        {"tool_calls": {"type": "array", "items": NATIVE_CALL, "minItems": 1}, "reasoning_content": TEXT},
        text_content=TEXT,
        stream_status=const("complete"),
        thread_run_id=UUID,
    ),
    "tool_started": exactly(thread_run_id=UUID),
    "tool_completed": exactly(
        result=exactly(success=FLAG, output={}, error={"type": ["string", "null"]}),
        tool_call_id=TEXT,
        function_name=TEXT,
        return_format=const("native"),
        assistant_message_id=UUID,
    ),
    "tool_finished": exactly(
        {"agent_should_terminate": const("true")}, thread_run_id=UUID, linked_tool_result_message_id=UUID
    ),
    "step_finished": exactly(thread_run_id=UUID),
}


def check_frame(kind: str, raw: str) -> dict[str, Any]:
    """The object of a frame made from that kind of event; jsonschema's error where a key or value is wrong."""
    lines = raw.split("\n")
    assert lines[2:] == ["", ""], f"a frame is two lines and an empty one: {raw!r}"
    assert lines[0].startswith("id: ")
    assert lines[1].startswith("data: ")
    told: dict[str, Any] = orjson.loads(lines[1].removeprefix("data: "))
    assert told["_event_id"] == lines[0].removeprefix("id: ")
    Draft202012Validator(FRAMES[kind]).validate(told)
    for schemas, key in ((CONTENTS, "content"), (METADATA, "metadata")):
        assert (kind in schemas) == (key in told)
        if kind in schemas:
            Draft202012Validator(schemas[kind]).validate(orjson.loads(told[key]))
    return told
