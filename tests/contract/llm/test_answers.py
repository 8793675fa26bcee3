"""Every adapter tells the same answer in the same events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.agent.llm.errors import ErrorType, UserCode
from services.agent.llm.mock_ai import MockAi
from services.agent.llm.port import Finished, ModelRequest, ToolCallDelta, Usage
from tests.contract.llm.asking import ask, request
from tests.contract.llm.conftest import Subject

SCRIPTS = {
    "text": "[[say Grüße, 世界 🌍 and\n more]]",
    "long": "[[tokens 500]]",
    "reasoning": "[[think first I look]] [[say then I answer]]",
    "call": '[[say I look.]] [[call list_files {"path": "/wörk ]] space", "deep": {"a": [1, 2, [3]]}}]]',
    "parallel": '[[call a {"x": 1}]] [[call b {"y": "two"}]] [[call a {"x": 3}]]',
    "no arguments": "[[call ping]]",
    "length": "[[tokens 5]] [[finish length]]",
    "refused": "[[say no]] [[finish content_filter]]",
    "default": "hello there",
    "malformed": "[[bogus]]",
}
FROM_PROVIDERS = [kind for kind in ErrorType if kind != ErrorType.LLM]


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
async def test_answer_is_the_one_that_mock_ai_gives(subject: Subject, script: str) -> None:
    expected = await ask(MockAi(), request(script))

    heard = await ask(subject.port, request(script, subject.model))

    assert heard.error is None
    assert (heard.text, heard.reasoning, heard.calls) == (expected.text, expected.reasoning, expected.calls)
    assert heard.reason == expected.reason
    if subject.reports:
        assert heard.usage == expected.usage


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
async def test_answer_closes_with_one_usage_and_then_one_finished(subject: Subject, script: str) -> None:
    heard = await ask(subject.port, request(script, subject.model))

    closing = [event for event in heard.events if isinstance(event, Usage | Finished)]
    assert closing == heard.events[-2:]
    assert [type(event) for event in closing] == [Usage, Finished]


async def test_calls_are_numbered_and_named_once(subject: Subject) -> None:
    heard = await ask(subject.port, request(SCRIPTS["parallel"], subject.model))

    deltas = [event for event in heard.events if isinstance(event, ToolCallDelta)]
    first = [delta for position, delta in enumerate(deltas) if delta.index not in {d.index for d in deltas[:position]}]
    assert [delta.index for delta in first] == [0, 1, 2]
    assert [delta.name for delta in first] == ["a", "b", "a"]
    assert len({delta.call_id for delta in first} - {None, ""}) == 3
    assert all(delta.call_id is None and delta.name is None for delta in deltas if delta not in first)
    assert [json.loads(arguments) for _, _, arguments in heard.calls] == [{"x": 1}, {"y": "two"}, {"x": 3}]


async def test_usage_is_as_reported_or_estimated_and_flagged(subject: Subject) -> None:
    heard = await ask(subject.port, request("[[tokens 40]] [[usage 1000 500 200]]", subject.model))

    if subject.reports:
        assert heard.usage == Usage(1000, 500, 200, 0)
    else:
        assert heard.usage.estimated
        assert 40 <= heard.usage.completion_tokens <= 120
        assert heard.usage.prompt_tokens > 5


async def test_script_goes_on_where_tool_results_left_it(subject: Subject) -> None:
    prompt = '[[call a {"n": "<step>"}]] [[repeat 2]] [[step]] [[say step <step> is the last]]'
    messages: list[dict[str, Any]] = [{"role": "user", "content": prompt}]
    ids = set()
    for step in (1, 2):
        heard = await ask(subject.port, ModelRequest(model=subject.model, messages=messages))
        ((call_id, name, arguments),) = heard.calls
        assert (name, json.loads(arguments)) == ("a", {"n": str(step)})
        ids.add(call_id)
        call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": call_id, "content": "ok"})

    last = await ask(subject.port, ModelRequest(model=subject.model, messages=messages))

    assert last.text == "step 3 is the last"
    assert last.reason == "stop"
    assert len(ids) == 2


async def test_tools_are_offered_and_called(subject: Subject) -> None:
    tool = {"name": "look_up", "description": "Looks up.", "parameters": {"type": "object", "properties": {}}}
    offered = [{"type": "function", "function": tool}]

    heard = await ask(subject.port, request('[[call look_up {"x": 1}]]', subject.model, tools=offered))

    assert heard.error is None
    assert [(name, json.loads(arguments)) for _, name, arguments in heard.calls] == [("look_up", {"x": 1})]
    if subject.wire is not None:
        (call,) = subject.wire.log.calls()[-1:]
        assert b"look_up" in (subject.wire.log.request(call["call"]) or b"").partition(b'"tools"')[2]


async def test_answer_stops_at_max_tokens(subject: Subject) -> None:
    heard = await ask(subject.port, request("[[tokens 50]]", subject.model, max_tokens=7))

    assert heard.text.split() == [f"word{number}" for number in range(1, 8)]
    assert heard.reason == "length"


@pytest.mark.parametrize("kind", FROM_PROVIDERS)
async def test_failure_before_the_first_byte_keeps_its_class(subject: Subject, kind: ErrorType) -> None:
    expected = await ask(MockAi(), request(f"[[fail {kind}]]"))

    heard = await ask(subject.port, request(f"[[fail {kind}]]", subject.model))

    assert heard.events == []
    assert heard.error is not None
    assert expected.error is not None
    assert heard.error.error_type == kind
    assert heard.error.user_facing.code == expected.error.user_facing.code
    assert heard.error.retryable == expected.error.retryable


@pytest.mark.parametrize("kind", FROM_PROVIDERS)
async def test_failure_inside_the_stream_keeps_its_class_and_what_was_said(subject: Subject, kind: ErrorType) -> None:
    heard = await ask(subject.port, request(f"[[say one two three]] [[fail {kind}]]", subject.model))

    assert heard.text == "one two three"
    assert heard.error is not None
    assert heard.error.error_type == kind
    assert not any(isinstance(event, Usage | Finished) for event in heard.events)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 529])
async def test_status_means_the_same_everywhere(subject: Subject, status: int) -> None:
    expected = await ask(MockAi(), request(f"[[fail {status}]]"))

    heard = await ask(subject.port, request(f"[[fail {status}]]", subject.model))

    assert heard.error is not None
    assert expected.error is not None
    assert heard.error.status == status
    assert (heard.error.error_type, heard.error.retryable) == (expected.error.error_type, expected.error.retryable)
    assert heard.error.retryable == (status in (408, 429) or status >= 500)


async def test_unreadable_answer_is_an_error_of_the_model(subject: Subject) -> None:
    heard = await ask(subject.port, request("[[say some]] [[fail llm_error]]", subject.model))

    assert heard.error is not None
    assert (heard.error.error_type, heard.error.retryable) == (ErrorType.LLM, True)


@pytest.mark.parametrize("script", ["[[cut]]", "[[say begun]] [[cut]]", '[[call a {"x": 1}]] [[cut]]'])
async def test_cut_is_a_retryable_error_and_never_a_success(subject: Subject, script: str) -> None:
    heard = await ask(subject.port, request(script, subject.model))

    assert heard.error is not None
    assert heard.error.retryable
    assert heard.error.user_facing.code == UserCode.NETWORK_ERROR
    assert not any(isinstance(event, Usage | Finished) for event in heard.events)


async def test_failure_of_the_first_attempts_passes(subject: Subject) -> None:
    outcomes = [
        await ask(
            subject.port,
            request("[[fail 503 times 2]] [[say now]]", subject.model, request_id="run:1", attempt=attempt),
        )
        for attempt in (1, 2, 3)
    ]

    assert [outcome.error is None for outcome in outcomes] == [False, False, True]
    assert outcomes[2].text == "now"
