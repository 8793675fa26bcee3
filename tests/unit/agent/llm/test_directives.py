"""A message is read as the steps that it asks for, or refused with a word that helps."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.agent.llm import directives as d
from services.agent.llm.errors import ErrorType


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("[[say hello  there]]", d.Say("hello  there")),
        ("[[ SAY hello ]]", d.Say("hello")),
        ('[[say "a ]] b\\nc"]]', d.Say("a ]] b\nc")),
        ('[[say "quoted" and more]]', d.Say('"quoted" and more')),
        ('[[say "unfinished]]', d.Say('"unfinished')),
        ("[[think hm]]", d.Think("hm")),
        ('[[say "\\ud800"]]', d.Say("?")),
        ("[[tokens 50]]", d.Tokens(50)),
        ('[[call f {"a": [[1]], "b": "]]"}]]', d.Call("f", '{"a": [[1]], "b": "]]"}')),
        ("[[call f]]", d.Call("f", "{}")),
        ("[[call mcp.read-file {} ]]", d.Call("mcp.read-file", "{}")),
        ("[[wait 2]]", d.Wait(2)),
        ("[[wait 1.5m]]", d.Wait(90)),
        ("[[delay 50ms]]", d.Delay(0.05)),
        ("[[fail rate_limit_error]]", d.Fail(ErrorType.RATE_LIMIT, None)),
        ("[[fail 503 times 2]]", d.Fail(503, 2)),
        ("[[cut]]", d.Cut()),
        ("[[finish length]]", d.Finish("length")),
        ("[[usage 10 5]]", d.Report(10, 5, 0, 0)),
        ("[[usage 10 5 3]]", d.Report(10, 5, 3, 0)),
        ("[[usage 10 5 3 1]]", d.Report(10, 5, 3, 1)),
        ("[[help]]", d.Explain()),
    ],
)
def test_directive_is_read(text: str, action: d.Action) -> None:
    assert d.parse(f"please {text} thanks") == ((action,),)


def test_steps_hold_their_actions_in_order() -> None:
    text = "[[think a]] then [[call f {}]] and [[call g {}]]\n[[step]]\n[[say done]]"

    assert d.parse(text) == ((d.Think("a"), d.Call("f", "{}"), d.Call("g", "{}")), (d.Say("done"),))


def test_step_is_repeated() -> None:
    assert d.parse("[[repeat 3]] [[call f]] [[step]] [[say end]]") == ((d.Call("f", "{}"),),) * 3 + ((d.Say("end"),),)


@pytest.mark.parametrize("text", ["", "hello", "a[[0]]", "if [[ -f x ]]; then", "[step]", "[[step]]", "]] [["])
def test_message_without_directives_has_no_steps(text: str) -> None:
    assert d.parse(text) == ()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[[sya hello]]", "'sya'"),
        ("[[say hello", "does not end"),
        ("[[say]]", "text is missing"),
        ('[[say ""]]', "text is missing"),
        ('[[call f {"a":' + "[" * 100_000, "too deep"),
        ("[[call]]", "tool is missing"),
        ("[[call f {oops}]]", "JSON"),
        ("[[call f [1]]]", "no JSON object"),
        ('[[call f {"a": 1} x]]', "does not end"),
        ("[[call f {", "JSON"),
        ("[[tokens many]]", "'many'"),
        ("[[tokens 0]]", "'0'"),
        ("[[tokens 999999999]]", "500000"),
        ("[[wait 2 weeks]]", "'2 weeks'"),
        ("[[wait 2h]]", "hour"),
        ("[[delay]]", "50ms"),
        ("[[fail]]", "failure"),
        ("[[fail nothing]]", "rate_limit_error"),
        ("[[fail 200]]", "'200'"),
        ("[[fail 503 times]]", "times"),
        ("[[cut 5]]", "no argument"),
        ("[[finish soon]]", "length"),
        ("[[usage 1]]", "prompt"),
        ("[[repeat 0]]", "'0'"),
        ("[[repeat 600]] [[say a]] [[step]] [[repeat 600]] [[say b]]", "1000"),
    ],
)
def test_malformed_directive_is_refused_with_a_word_that_helps(text: str, word: str) -> None:
    with pytest.raises(d.DirectiveError) as refusal:
        d.parse(text)

    assert word in str(refusal.value)


@settings(deadline=None)
@given(st.text(alphabet='[]" {}saycltep0123\\:\n', max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(d.DirectiveError):
        assert len(d.parse(f"[[{text}")) <= d.MAX_STEPS


def test_help_names_every_directive() -> None:
    with pytest.raises(d.DirectiveError) as refusal:
        d.parse("[[nothing]]")
    known = str(refusal.value).rpartition("there are ")[2].split(", ")

    assert {word for word in known if f"[[{word}" not in d.HELP} == {"help"}
