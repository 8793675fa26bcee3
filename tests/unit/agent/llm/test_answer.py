"""An answer is understood from whatever a server makes of the protocol."""

from __future__ import annotations

from typing import Any

import pytest

from services.agent.llm.answer import Limits
from services.agent.llm.errors import ErrorType, UserCode
from services.agent.llm.port import Finished, ReasoningDelta, TextDelta, ToolCallDelta, Usage
from tests.unit.agent.llm.answering import calls, delta, read

USAGE = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}
CLOSING = [Usage(3, 2), Finished("stop")]


def test_usage_after_the_finish_reason_is_waited_for() -> None:
    assert read(delta(content="hi"), delta("stop"), USAGE, b"[DONE]") == ([TextDelta("hi"), *CLOSING], None)


def test_usage_with_the_finish_reason_is_taken() -> None:
    assert read(delta(content="hi"), delta("stop") | {"usage": USAGE["usage"]}) == ([TextDelta("hi"), *CLOSING], None)


def test_usage_that_grows_with_every_chunk_counts_once() -> None:
    growing = delta(content="hi") | {"usage": {"prompt_tokens": 3, "completion_tokens": 1}}

    assert read(growing, delta("stop"), USAGE, b"[DONE]")[0][-2:] == [Usage(3, 1), Finished("stop")]


def test_zeros_do_not_replace_a_reported_usage() -> None:
    nothing = {"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0}}

    assert read(USAGE, nothing, delta("stop", content="hi"))[0] == [TextDelta("hi"), *CLOSING]


def test_usage_of_zeros_is_estimated() -> None:
    nothing = {"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0}}

    events, _ = read(delta(content="four words are here"), delta("stop"), nothing, b"[DONE]")

    assert events[-2:] == [Usage(6, 5, estimated=True), Finished("stop")]


@pytest.mark.parametrize(
    ("usage", "read_tokens", "write_tokens"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 1}}, 2, 1),
        ({"cache_read_input_tokens": 2, "cache_creation_input_tokens": 1}, 2, 1),
        ({"prompt_cache_hit_tokens": 2}, 2, 0),
        ({"prompt_tokens_details": None}, 0, 0),
    ],
)
def test_cached_tokens_are_found_where_each_provider_puts_them(
    usage: dict[str, Any], read_tokens: int, write_tokens: int
) -> None:
    chunk = delta("stop") | {"usage": {"prompt_tokens": 9, "completion_tokens": 1, **usage}}

    assert read(chunk)[0][0] == Usage(9, 1, read_tokens, write_tokens)


def test_end_without_done_is_a_success_when_a_reason_came() -> None:
    events, error = read(delta(content="hi"), delta("length"))

    assert error is None
    assert events[-1] == Finished("length")


def test_end_without_a_reason_is_a_cut() -> None:
    events, error = read(delta(content="hi"))

    assert events == [TextDelta("hi")]
    assert error is not None
    assert (error.error_type, error.retryable, error.code) == (ErrorType.LLM, True, UserCode.NETWORK_ERROR)


def test_done_without_a_reason_is_a_success_when_something_was_said() -> None:
    assert read(delta(content="hi"), b"[DONE]")[0][-1] == Finished("stop")


def test_done_without_anything_is_an_error() -> None:
    events, error = read(delta(role="assistant", content=""), b"[DONE]")

    assert events == []
    assert error is not None
    assert error.retryable


def test_nothing_after_the_end_is_heard() -> None:
    events, error = read(delta("stop"), USAGE, delta(content="more"), {"error": {"message": "late"}})

    assert (events, error) == (CLOSING, None)


def test_stop_beneath_tool_calls_means_tool_calls() -> None:
    piece = {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}

    assert read(calls(piece), delta("stop"), b"[DONE]")[0][-1] == Finished("tool_calls")


@pytest.mark.parametrize(
    ("given", "told"),
    [("stop", "stop"), ("length", "length"), ("max_tokens", "length"), ("eos", "stop"), ("end_turn", "stop")],
)
def test_reasons_are_told_in_four_words(given: str, told: str) -> None:
    assert read(delta(given, content="x"), b"[DONE]")[0][-1] == Finished(told)  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_is_heard_under_both_names(field: str) -> None:
    assert read(delta(**{field: "hm"}), delta("stop"), USAGE)[0][0] == ReasoningDelta("hm")


def test_content_in_parts_is_read() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, "x", {"type": "text", "text": "b"}]

    assert read(delta(content=parts), delta("stop"), USAGE)[0][:2] == [TextDelta("a"), TextDelta("b")]


@pytest.mark.parametrize(
    ("chunk", "kind"),
    [
        ({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, ErrorType.RATE_LIMIT),
        ({"error": {"message": "upstream", "code": 502}}, ErrorType.SERVICE_UNAVAILABLE),
        ({"error": "the engine died"}, ErrorType.API),
        (
            {"object": "error", "message": "maximum context length is 10", "code": 400},
            ErrorType.CONTEXT_WINDOW_EXCEEDED,
        ),
        ({"detail": "internal"}, ErrorType.API),
        ({"choices": [], "error": {"message": "x", "type": "overloaded_error"}}, ErrorType.SERVICE_UNAVAILABLE),
        ({"choices": [{"delta": {}, "finish_reason": "error"}]}, ErrorType.API),
    ],
)
def test_error_inside_the_stream_is_found_in_every_shape(chunk: dict[str, Any], kind: ErrorType) -> None:
    events, error = read(delta(content="hi"), chunk, delta("stop"), b"[DONE]")

    assert events == [TextDelta("hi")]
    assert error is not None
    assert (error.error_type, error.status) == (kind, None)


def test_error_that_is_null_is_none() -> None:
    assert read(delta(content="hi") | {"error": None}, delta("stop"), USAGE)[1] is None


@pytest.mark.parametrize("chunk", [b"{broken", b"[1]", b"7", b"null"])
def test_chunk_that_is_no_object_is_an_error(chunk: bytes) -> None:
    error = read(delta(content="hi"), chunk, b"[DONE]")[1]

    assert error is not None
    assert error.error_type == ErrorType.LLM


@pytest.mark.parametrize(
    "chunk",
    [
        {"choices": None},
        {"choices": [None]},
        {"choices": [{"delta": None, "finish_reason": None}]},
        {"choices": [{"delta": {"content": 7, "tool_calls": "x", "reasoning": {}}}]},
        {"choices": [{"delta": {"tool_calls": [None, {"function": None}]}}]},
        {"choices": [], "usage": "x"},
        {"choices": [{"index": 1, "delta": {"content": "another choice"}}]},
        {"prompt_filter_results": [], "choices": []},
    ],
)
def test_odd_chunk_is_passed_over(chunk: dict[str, Any]) -> None:
    fine: list[Any] = [delta(content="hi"), delta("stop"), USAGE, b"[DONE]"]

    if "tool_calls" in str(chunk) and "function" in str(chunk):
        assert read(chunk, *fine)[1] is not None  # a call that never gets a name is not passed over in silence
    else:
        assert read(chunk, *fine) == ([TextDelta("hi"), *CLOSING], None)


def test_answer_in_one_document_is_read_as_one() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
    message = {"role": "assistant", "content": "hi", "tool_calls": [call]}
    document = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}], "usage": USAGE["usage"]}

    events, error = read(document, streamed=False)

    assert error is None
    assert events == [TextDelta("hi"), ToolCallDelta(0, "c", "f", '{"x":1}'), Usage(3, 2), Finished("tool_calls")]


def test_half_a_document_is_a_cut() -> None:
    error = read(b'{"choices": [', streamed=False)[1]

    assert error is not None
    assert error.code == UserCode.NETWORK_ERROR


@pytest.mark.parametrize("streamed", [True, False])
def test_answer_beyond_the_bounds_is_refused(streamed: bool) -> None:
    limits = Limits(max_line_bytes=200, max_answer_chars=50)

    error = read(*[delta(content="x" * 20)] * 9, delta("stop"), limits=limits, streamed=streamed)[1]

    assert error is not None
    assert error.error_type == ErrorType.LLM
    assert "too long" in error.message
