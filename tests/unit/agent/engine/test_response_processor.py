"""A model's answer, however the network cuts it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import groupby
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.agent.domain.events import ReasoningChunk, RunEvent, TextChunk, ToolCallChunk
from services.agent.engine.response_processor import MAX_TEXT, Answer, Call, ResponseProcessor
from services.agent.llm.port import Finished, ModelEvent, ReasoningDelta, TextDelta, ToolCallDelta, Usage

MESSAGE_ID = UUID(int=1)
DONE: list[ModelEvent] = [Usage(10, 5), Finished("stop")]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
ARGUMENTS = st.dictionaries(st.text(max_size=3), JSON, max_size=3).map(lambda value: orjson.dumps(value).decode())
# A text, a reasoning, or a call's arguments.
PARTS = st.lists(st.tuples(st.sampled_from(["text", "think", "call"]), st.text(min_size=1, max_size=20), ARGUMENTS))


class Reading:
    """One answer that is read, and what was told of it."""

    def __init__(self) -> None:
        self.events: list[RunEvent] = []
        self.announced: list[tuple[int, str]] = []
        self.processor = ResponseProcessor(MESSAGE_ID, self.events.append, self._hear)

    def _hear(self, call: Call, answer: Answer) -> None:
        assert answer is self.processor.answer
        self.announced.append((call.index, call.arguments_json))

    async def read(self, *batches: Sequence[ModelEvent]) -> Answer:
        return await self.processor.read(in_turn(batches))

    def shown(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextChunk))


async def in_turn(batches: Iterable[Sequence[ModelEvent]]) -> AsyncIterator[list[ModelEvent]]:
    for batch in batches:
        yield list(batch)


def call(index: int, arguments: str, first: bool = True) -> ToolCallDelta:
    return ToolCallDelta(index, f"c{index}" if first else None, "echo" if first else None, arguments)


def pieces(draw: st.DrawFn, text: str) -> list[str]:
    """The text in pieces that concatenate to it."""
    cuts = sorted(draw(st.sets(st.integers(1, len(text) - 1), max_size=4))) if len(text) > 1 else []
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@st.composite
def answers(draw: st.DrawFn) -> tuple[list[tuple[str, str, str]], list[list[ModelEvent]]]:
    """What a model says, and one way in which the network may bring it."""
    parts = draw(PARTS)
    events: list[ModelEvent] = []
    calls = 0
    for kind, text, arguments in parts:
        if kind == "call":
            events += [call(calls, piece, first=not n) for n, piece in enumerate(pieces(draw, arguments))]
            calls += 1
        else:
            delta = TextDelta if kind == "text" else ReasoningDelta
            events += [delta(piece) for piece in pieces(draw, text)]
    events += DONE
    ends = sorted(draw(st.sets(st.integers(1, len(events)), max_size=6)) | {len(events)})
    return parts, [events[a:b] for a, b in zip([0, *ends], ends, strict=False)]


def clean(text: str) -> str:
    return text.replace("\x00", "")


@given(answers())
async def test_an_answer_does_not_depend_on_how_it_was_cut(
    drawn: tuple[list[tuple[str, str, str]], list[list[ModelEvent]]],
) -> None:
    parts, batches = drawn
    reading = Reading()
    answer = await reading.read(*batches)
    arguments = [told for kind, _, told in parts if kind == "call"]
    assert answer.text == reading.shown() == clean("".join(text for kind, text, _ in parts if kind == "text"))
    assert answer.reasoning == clean("".join(text for kind, text, _ in parts if kind == "think"))
    assert [made.arguments_json for made in answer.calls.values()] == arguments
    assert reading.announced == list(enumerate(arguments))
    assert (answer.finish_reason, answer.usage) == ("stop", Usage(10, 5))


async def test_text_of_one_network_read_is_one_chunk() -> None:
    reading = Reading()
    await reading.read([TextDelta("a"), TextDelta("b"), ReasoningDelta("r"), TextDelta("c")], DONE)
    assert reading.events == [
        TextChunk(str(MESSAGE_ID), "ab"),
        ReasoningChunk(str(MESSAGE_ID), "r"),
        TextChunk(str(MESSAGE_ID), "c"),
    ]


async def test_a_call_is_announced_as_soon_as_its_arguments_are_an_object() -> None:
    reading = Reading()
    heard: list[int] = []

    async def batches() -> AsyncIterator[list[ModelEvent]]:
        for piece in ('{"a": {"b": 1}', ', "c": "}"', "}"):
            yield [call(0, piece, first=not heard)]
            heard.append(len(reading.announced))
        yield list(DONE)

    await reading.processor.read(batches())
    assert heard == [0, 0, 1]
    assert reading.announced == [(0, '{"a": {"b": 1}, "c": "}"}')]


async def test_a_call_whose_arguments_never_are_an_object_is_announced_once_at_the_end() -> None:
    reading = Reading()
    await reading.read([call(0, '{"a": ')], [TextDelta("so")], DONE)
    assert reading.announced == [(0, '{"a": ')]


async def test_a_call_without_arguments_has_an_empty_object() -> None:
    reading = Reading()
    answer = await reading.read([call(0, "")], DONE)
    assert reading.announced == [(0, "{}")]
    assert answer.calls[0].arguments_json == "{}"


async def test_what_follows_complete_arguments_is_no_part_of_them() -> None:
    reading = Reading()
    answer = await reading.read([call(0, '{"a":1}')], [call(0, '{"b":2}', first=False)], DONE)
    assert reading.announced == [(0, '{"a":1}')]
    assert answer.calls[0].arguments_json == '{"a":1}'


@pytest.mark.parametrize("dirty", ["a\x00b", "a\ud83db", "\udc00ab\x00"])
async def test_nothing_that_can_not_be_stored_or_sent_comes_through(dirty: str) -> None:
    reading = Reading()
    delta = ToolCallDelta(0, dirty, dirty, f'{{"k":"{dirty}"}}')
    answer = await reading.read([TextDelta(dirty), ReasoningDelta(dirty), delta], DONE)
    made = answer.calls[0]
    assert [answer.text, answer.reasoning, made.tool_call_id, made.function_name] == ["ab"] * 4
    assert made.arguments_json == '{"k":"ab"}'
    (shown,) = (event for event in reading.events if isinstance(event, ToolCallChunk))
    assert shown == ToolCallChunk(str(MESSAGE_ID), "ab", "ab", '{"k":"ab"}', 0)


@pytest.mark.parametrize("whole", [True, False], ids=["one read", "many"])
@pytest.mark.parametrize("size", [MAX_TEXT - 1, MAX_TEXT, MAX_TEXT + 1, 3 * MAX_TEXT])
async def test_a_long_answer_is_cut_and_ends_for_its_length(size: int, whole: bool) -> None:
    events = [TextDelta("x" * min(999, size - at)) for at in range(0, size, 999)] + [call(0, "{}"), *DONE]
    batches = [events] if whole else [list(group) for _, group in groupby(events, key=id)]
    reading = Reading()
    answer = await reading.read(*batches)
    assert len(answer.text) == len(reading.shown()) == min(size, MAX_TEXT)
    cut = size > MAX_TEXT
    assert answer.finish_reason == ("length" if cut else "stop")
    assert len(reading.announced) == (0 if cut else 1)


async def test_what_came_before_a_failure_is_kept() -> None:
    reading = Reading()

    async def breaks() -> AsyncIterator[list[ModelEvent]]:
        yield [TextDelta("so far")]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await reading.processor.read(breaks())
    assert reading.processor.answer.text == "so far"
    assert reading.processor.answer.finish_reason is None
