"""Whatever bytes come and however they are cut, an answer is the same events, or one clear error."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.agent.llm import script
from services.agent.llm.answer import Answer, Limits
from services.agent.llm.errors import ModelError
from services.agent.llm.port import Finished, ModelEvent, Usage
from tests.fakes.llm.dialects import DIALECTS, OpenAiWriter
from tests.unit.agent.llm.answering import REQUEST

_PROMPT = '[[think hm 🌍]] [[say Grüße, 世界]] [[call a {"x": "ü", "y": [1, {"z": null}]}]] [[call b]] [[tokens 5]]'
_LEAF: st.SearchStrategy[Any] = st.sampled_from([None, True, -1, 0, 10**18, 0.5, "", "x", "世", [], {}])
_FUNCTION = st.fixed_dictionaries({}, optional={"name": _LEAF, "arguments": _LEAF})
_CALL = st.fixed_dictionaries({}, optional={"index": _LEAF, "id": _LEAF, "function": _FUNCTION | _LEAF})
_PART = st.fixed_dictionaries({}, optional={"type": _LEAF, "text": _LEAF})
_DELTA = st.fixed_dictionaries(
    {},
    optional={
        "content": _LEAF | st.lists(_PART | _LEAF, max_size=2),
        "reasoning": _LEAF,
        "tool_calls": _LEAF | st.lists(_CALL | _LEAF, max_size=2),
    },
)
_REASON = st.sampled_from(["stop", "error", "length", ""])
_CHOICE = st.fixed_dictionaries(
    {}, optional={"delta": _DELTA | _LEAF, "index": _LEAF, "finish_reason": _REASON | _LEAF}
)
_USAGE = st.fixed_dictionaries(
    {}, optional={"prompt_tokens": _LEAF, "completion_tokens": _LEAF, "prompt_tokens_details": _LEAF}
)
_CHUNK = st.fixed_dictionaries(
    {},
    optional={
        "choices": _LEAF | st.lists(_CHOICE | _LEAF, max_size=2),
        "usage": _USAGE | _LEAF,
        "error": _LEAF | st.dictionaries(st.sampled_from(["message", "code", "type"]), _LEAF),
        "message": _LEAF,
    },
)


def _wire(dialect: str) -> bytes:
    writer = OpenAiWriter(DIALECTS[dialect], "m", 1, usage_wanted=True)
    beats = script.perform([{"role": "user", "content": _PROMPT}])
    return b"".join(chunk for beat in beats for chunk in writer.write(beat))


def _read(pieces: list[bytes]) -> tuple[list[ModelEvent], ModelError | None]:
    answer = Answer(REQUEST, Limits())
    events = [event for piece in pieces for event in answer.feed(piece)]
    return events + answer.close(), answer.error


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
@settings(deadline=None)
@given(cuts=st.lists(st.integers(min_value=0, max_value=1 << 16), max_size=40))
def test_events_do_not_depend_on_where_reads_end(dialect: str, cuts: list[int]) -> None:
    wire = _wire(dialect)
    edges = [0, *sorted(cut % (len(wire) + 1) for cut in cuts), len(wire)]

    cut_up = _read([wire[start:end] for start, end in pairwise(edges)])

    assert cut_up == _read([wire])
    assert cut_up[1] is None
    assert isinstance(cut_up[0][-1], Finished)


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
@settings(deadline=None)
@given(data=st.data())
def test_answer_that_breaks_off_anywhere_before_its_reason_is_an_error(dialect: str, data: st.DataObject) -> None:
    wire = _wire(dialect)
    end = data.draw(st.integers(min_value=0, max_value=wire.index(b'"finish_reason":"')))

    events, error = _read([wire[:end]])

    assert error is not None
    assert error.retryable
    assert not any(isinstance(event, Usage | Finished) for event in events)


@settings(deadline=None)
@given(chunks=st.lists(_CHUNK, max_size=5), done=st.booleans())
def test_chunks_of_any_shape_end_in_events_or_an_error(chunks: list[Any], done: bool) -> None:
    payloads = [orjson.dumps(chunk) for chunk in chunks] + [b"[DONE]"] * done

    events, error = _read([b"data: " + payload + b"\n\n" for payload in payloads])

    closing = [type(event) for event in events if isinstance(event, Usage | Finished)]
    assert closing == ([Usage, Finished] if error is None else [])


@settings(deadline=None)
@given(noise=st.binary(max_size=200))
def test_noise_is_never_an_answer(noise: bytes) -> None:
    events, error = _read([noise])

    assert events == []
    assert error is not None
