"""What the model is shown fits together: no call without a result, no result without a call."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.agent.domain.journal import CompletedStep
from services.agent.engine.conversation import DEFAULT_PROMPT, ContextManager, PromptManager, call_key, paired
from tests.unit.agent.records import RUN_ID, call, claim, step


def assistant(*call_ids: str, content: str | None = None) -> dict[str, Any]:
    calls = [{"id": call_id, "type": "function"} for call_id in call_ids]
    return {"role": "assistant", "content": content} | ({"tool_calls": calls} if calls else {})


def result(call_id: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": "done"}


USER = {"role": "user", "content": "Hi"}


def test_a_whole_conversation_is_left_as_it_is() -> None:
    messages = [USER, assistant("a", "b"), result("a"), result("b"), assistant(content="Done")]
    assert paired(messages) == messages


def test_a_call_without_a_result_is_left_out_and_the_others_stay() -> None:
    assert paired([USER, assistant("a", "b", content="So"), result("b")]) == [
        USER,
        assistant("b", content="So"),
        result("b"),
    ]


def test_of_an_answer_without_any_result_its_words_stay() -> None:
    assert paired([USER, assistant("a", content="So")]) == [USER, {"role": "assistant", "content": "So"}]


def test_an_answer_that_only_called_without_any_result_is_left_out() -> None:
    assert paired([USER, assistant("a")]) == [USER]


def test_a_result_without_its_call_is_left_out() -> None:
    assert paired([USER, result("a")]) == [USER]


class Thread:
    """The port, with one earlier turn."""

    def __init__(self) -> None:
        self.asked: list[tuple[UUID, UUID, int]] = []

    async def context(self, account_id: UUID, thread_id: UUID, turn: int) -> list[dict[str, object]]:
        self.asked.append((account_id, thread_id, turn))
        return [{"role": "user", "content": "Earlier"}, assistant("lost")]


async def test_the_model_is_shown_prompt_earlier_turns_this_message_and_this_runs_steps() -> None:
    thread, mine = Thread(), claim()
    done = CompletedStep(step(1, finish_reason="tool_calls"), (call(),))
    messages = await ContextManager(thread, PromptManager()).load(mine, (done,))  # type: ignore[arg-type]
    assert [message["role"] for message in messages] == ["system", "user", "user", "assistant", "tool"]
    assert [message["content"] for message in messages[:3]] == [DEFAULT_PROMPT, "Earlier", "Hi"]
    assert thread.asked == [(mine.run.account_id, mine.run.thread_id, mine.run.turn - 1)]


async def test_a_new_thread_is_not_asked_for_earlier_turns() -> None:
    thread = Thread()
    mine = claim(fresh_thread=True, system_prompt="Be kind")
    messages = await ContextManager(thread, PromptManager()).load(mine, ())  # type: ignore[arg-type]
    assert [message["content"] for message in messages] == ["Be kind", "Hi"]
    assert not thread.asked


def test_a_calls_key_says_nothing_of_the_providers_id() -> None:
    assert call_key(RUN_ID, 2, 1) == f"{RUN_ID}:2:1"
