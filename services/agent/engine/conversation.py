"""What the model is shown: the system prompt, the thread so far, this run's own steps.

The context of a run is the rows of earlier turns, then its own; a later run's message is never among them, and its own
rows come from its journal, so that nothing here waits for deliveries.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.agent.domain.journal import CompletedStep
from services.agent.domain.rows import conversation
from services.agent.domain.run import Claim
from services.agent.ports import Threads

DEFAULT_PROMPT = """\
You are a capable assistant that works in the user's own workspace, the folder /workspace of an isolated sandbox.
Use the tools you are given to read and write files and to run commands there; say what you find, not what you guess.
Call `ask` when you need an answer from the user before you can go on, and `complete` when the work is done.
Be brief and exact."""


class PromptManager:
    """The system prompt of a run."""

    def system_prompt(self, claim: Claim) -> str:
        """The agent's own, else the default one."""
        return claim.spec.system_prompt or DEFAULT_PROMPT


class ContextManager:
    """The messages of one run, in OpenAI's shape, growing with its steps."""

    def __init__(self, threads: Threads, prompts: PromptManager) -> None:
        self._threads = threads
        self._prompts = prompts

    async def load(self, claim: Claim, completed: tuple[CompletedStep, ...]) -> list[dict[str, Any]]:
        """What the model is shown first."""
        run = claim.run
        messages: list[dict[str, Any]] = [{"role": "system", "content": self._prompts.system_prompt(claim)}]
        if not claim.spec.fresh_thread:
            messages += paired(await self._threads.context(run.account_id, run.thread_id, run.turn - 1))
        messages.append({"role": "user", "content": claim.spec.prompt})
        for step in completed:
            messages += conversation(step)
        return messages


def paired(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages without calls that have no result, or results that have no call: providers refuse those."""
    answered = {message.get("tool_call_id") for message in messages if message.get("role") == "tool"}
    asked = {
        call.get("id") for message in messages for call in message.get("tool_calls") or () if call.get("id") in answered
    }
    kept: list[dict[str, Any]] = []
    for message in messages:
        if message.get("role") == "tool" and message.get("tool_call_id") not in asked:
            continue
        if message.get("tool_calls"):
            kept += answered_part(message, asked)
        else:
            kept.append(message)
    return kept


def answered_part(message: dict[str, Any], asked: set[Any]) -> list[dict[str, Any]]:
    """An answer with those of its calls that have a result; nothing, where nothing is left."""
    calls = [call for call in message["tool_calls"] if call.get("id") in asked]
    rest = {key: value for key, value in message.items() if key != "tool_calls"}
    if calls:
        return [{**rest, "tool_calls": calls}]
    return [rest] if rest.get("content") else []


def step_key(run_id: UUID, step_no: int) -> str:
    """The idempotency key of a model call."""
    return f"{run_id}:{step_no}"


def call_key(run_id: UUID, step_no: int, ordinal: int) -> str:
    """The idempotency key of a tool call: never the provider's id for it."""
    return f"{run_id}:{step_no}:{ordinal}"
