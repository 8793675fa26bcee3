"""What viewers and the model are shown of a tool's output, and how calls end whose answer was cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, cast
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.agent.engine.interrupt import Interrupt
from services.agent.engine.policy import ToolPolicy
from services.agent.engine.response_processor import Answer, Call
from services.agent.engine.state import RunState
from services.agent.engine.tool_manager import MAX_CONTENT, Shown, ToolManager, content_of
from services.agent.ports import ToolCallRequest, ToolOutcome
from services.kit.errors import Unavailable
from tests.unit.agent.records import claim, started


@given(st.lists(st.lists(st.integers(1, 5), max_size=8), min_size=1, max_size=4))
def test_output_is_shown_once_however_often_and_however_cut_it_is_told(attachments: list[list[int]]) -> None:
    output = "".join(chr(97 + n % 26) for n in range(40))
    shown, told = Shown(), ""
    for sizes in attachments:
        shown.rewind()
        at = 0
        for size in sizes:
            told += shown.fresh(output[at : at + size])
            at += size
    assert told == output[: max(sum(sizes) for sizes in attachments)]


@pytest.mark.parametrize(
    ("outcome", "content"),
    [
        (ToolOutcome(True, '"plain"', None, "succeeded"), "plain"),
        (ToolOutcome(True, '{"a":1}', None, "succeeded"), '{"a":1}'),
        (ToolOutcome(True, "null", None, "succeeded"), ""),
        (ToolOutcome(True, "", None, "succeeded"), ""),
        (ToolOutcome(True, r'"a\u0000b"', None, "succeeded"), "ab"),
        (ToolOutcome(True, r'{"a":"\ud83d"}', None, "succeeded"), r'{"a":"\ud83d"}'),
        (ToolOutcome(True, "no JSON", None, "succeeded"), "no JSON"),
        (ToolOutcome(False, "null", "no such file", "failed"), "Error: no such file"),
        (ToolOutcome(False, '"trace"', "exit 1", "failed"), "Error: exit 1\ntrace"),
        (ToolOutcome(False, "null", None, "unknown"), "Error: the tool failed"),
    ],
)
def test_the_model_is_shown_text(outcome: ToolOutcome, content: str) -> None:
    assert content_of(outcome) == content


def test_the_model_is_shown_how_much_of_a_long_result_is_missing() -> None:
    text = "x" * (MAX_CONTENT + 7)
    shown = content_of(ToolOutcome(True, f'"{text}"', None, "succeeded"))
    assert shown == "x" * MAX_CONTENT + "\n[7 more characters]"


class EndlessTools:
    """Executions that end when they are cancelled, which is answered once so many were asked for."""

    def __init__(self, calls: int) -> None:
        self.attached: list[str] = []
        self.cancelled: list[str] = []
        self._all = asyncio.Barrier(calls)

    async def execute(self, request: ToolCallRequest) -> AsyncGenerator[str | ToolOutcome, None]:
        self.attached.append(request.key)
        await asyncio.Event().wait()
        yield ""

    async def cancel(self, key: str, _: int) -> None:
        self.cancelled.append(key)
        if await self._all.wait() == 0:
            raise Unavailable  # of one it is not heard whether


class NoLog:
    """Writes that come through."""

    async def begin_calls(self, *_: object) -> None:
        """Nothing."""


def state_with(tools: EndlessTools) -> RunState:
    rest = cast(Any, None)
    return RunState(
        claim=claim(),
        log=cast(Any, NoLog()),
        tools=cast(Any, tools),
        interrupt=Interrupt(asyncio.get_running_loop().time() + 60),
        tool_policy=ToolPolicy(),
        new_id=uuid4,
        purse=rest,
        model=rest,
        recall=rest,
        kept=rest,
        native_tools=True,
        reasoning_effort=None,
        now=rest,
    )


async def test_the_calls_of_a_cut_answer_are_cancelled_together() -> None:
    tools = EndlessTools(3)
    state = state_with(tools)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        manager = ToolManager(state, started(), group)
        for index in range(3):
            manager.announce(Call(index, f"call_{index}", "slow", ["{}"], complete=True), Answer())
        while len(tools.attached) < 3:
            await asyncio.sleep(0)
        assert await manager.drop_unfinished() == [0, 1, 2]
        state.interrupt.trigger("user")
        manager.answer_committed(started())
    assert sorted(tools.cancelled) == sorted(tools.attached)
