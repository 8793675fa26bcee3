"""The script continues where the messages say that it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.agent.llm import script
from services.agent.llm.script import Broken, End, Failure, Pause, Token, ToolCall

IMAGE = {"type": "image_url", "image_url": {"url": "data:"}}


def _user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def _step(number: int) -> list[dict[str, Any]]:
    call = {"id": f"c{number}", "function": {"name": "f", "arguments": "{}"}}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": f"c{number}", "content": "ok"},
    ]


def _text(messages: list[dict[str, Any]], **options: Any) -> str:
    return "".join(beat.text for beat in script.perform(messages, **options) if isinstance(beat, Token))


THREE = _user("[[say one]] [[call f]] [[step]] [[say two]] [[call f]] [[step]] [[say three]]")


@pytest.mark.parametrize(("done", "said"), [(0, "one"), (1, "two"), (2, "three")])
def test_each_answer_since_the_user_spoke_is_a_step_done(done: int, said: str) -> None:
    assert _text([THREE, *[message for number in range(done) for message in _step(number)]]) == said


def test_script_that_is_over_says_so() -> None:
    assert _text([THREE, *_step(1), *_step(2), *_step(3)]).startswith("Done: 3 tool results")


def test_older_script_is_not_played_again() -> None:
    assert "You said: thanks" in _text([THREE, *_step(1), _user("thanks")])


def test_script_may_stand_in_parts() -> None:
    assert _text([_user([{"type": "text", "text": "[[say hi]]"}, IMAGE])]) == "hi"


def test_image_that_a_tool_shows_does_not_end_the_script() -> None:
    shown = _user([{"type": "text", "text": "the image"}, IMAGE])

    assert _text([THREE, *_step(1), shown]) == "two"


def test_request_without_a_user_message_is_answered() -> None:
    assert _text([{"role": "system", "content": "be good"}])


def test_texts_of_one_step_are_lines() -> None:
    assert _text([_user("[[say a b]] [[tokens 2]] [[say c]]")]) == "a b\nword1 word2\nc"


def test_long_prompt_is_quoted_in_part() -> None:
    assert len(_text([_user("word " * 5000)])) < 400


def test_calls_are_numbered_and_differ_between_steps() -> None:
    messages = [_user("[[call f]] [[call g]] [[repeat 2]]")]
    first = [beat for beat in script.perform(messages) if isinstance(beat, ToolCall)]
    second = [beat for beat in script.perform([*messages, *_step(1)]) if isinstance(beat, ToolCall)]

    assert [call.index for call in first] == [0, 1]
    assert len({call.call_id for call in first + second}) == 4


def test_number_of_the_step_is_filled_in() -> None:
    message = _user('[[say <step>]] [[call f {"n": "<step>"}]] [[repeat 2]]')
    beats = list(script.perform([message, *_step(1)]))

    assert beats[0] == Token("2")
    assert isinstance(beats[1], ToolCall)
    assert beats[1].arguments == '{"n": "2"}'


def test_delay_holds_from_where_it_stands_into_later_steps() -> None:
    messages = [_user("[[say a]] [[delay 1]] [[say b]] [[call f]] [[step]] [[say c]]")]

    assert [type(beat) for beat in script.perform(messages)][:4] == [Token, Pause, Token, ToolCall]
    assert next(script.perform([*messages, *_step(1)])) == Pause(1.0)


@pytest.mark.parametrize(("directive", "beat"), [("fail 503", Failure(503)), ("cut", Broken())])
def test_nothing_follows_a_fault(directive: str, beat: script.Beat) -> None:
    beats = list(script.perform([_user(f"[[say a b]] [[{directive}]] [[say c]]")]))

    assert beats == [Token("a"), Token(" b"), beat]


@pytest.mark.parametrize(("attempt", "fails"), [(1, True), (2, True), (3, False)])
def test_fault_of_some_attempts_passes(attempt: int, fails: bool) -> None:
    beats = list(script.perform([_user("[[fail api_error times 2]] [[say a]]")], attempt=attempt))

    assert isinstance(beats[-1], Failure) == fails


def test_usage_is_counted_in_words() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    messages = [{"role": "system", "content": "be good"}, _user('[[think a b]] [[say c]] [[call f {"x": 1}]]')]

    (end,) = [beat for beat in script.perform(messages, tools=tools) if isinstance(beat, End)]

    assert end == End("tool_calls", (2 + 9 + 1, 2 + 1 + 3, 0, 0))


def test_reported_usage_replaces_the_counted_one() -> None:
    assert list(script.perform([_user("[[usage 7 8 9]]")])) == [End("stop", (7, 8, 9, 0))]


def test_answer_is_no_longer_than_allowed() -> None:
    beats = list(script.perform([_user("[[tokens 9]] [[call f]]")], max_tokens=4))

    assert beats[-1] == End("length", (beats[-1].usage[0], 4, 0, 0))  # type: ignore[union-attr]
    assert not any(isinstance(beat, ToolCall) for beat in beats)


def test_malformed_script_is_answered_with_what_is_wrong() -> None:
    assert "'bogus'" in _text([_user("[[bogus]]")])


@settings(deadline=None)
@given(st.text(max_size=200))
def test_tokens_make_up_the_text(text: str) -> None:
    tokens = script.tokenise(text)

    assert "".join(tokens) == text
    assert len(tokens) == (script.count_tokens(text) or (1 if text else 0))
