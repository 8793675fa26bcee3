"""A model's answer as it is kept beside Postgres while that is away, and as the next owner reads it back."""

from __future__ import annotations

from dataclasses import asdict

import orjson

from services.agent.domain.journal import StepRecord
from services.agent.domain.versions import known
from services.agent.engine.response_processor import Answer, Call
from services.agent.llm.port import Usage


def encode_answer(step: StepRecord, answer: Answer) -> bytes:
    """The whole answer, with the epoch whose question it answers."""
    assert answer.usage is not None
    calls = [[call.index, call.tool_call_id, call.function_name, call.arguments_json] for call in answer.calls.values()]
    body = {
        "epoch": step.epoch,
        "text": answer.text,
        "reasoning": answer.reasoning,
        "finish_reason": answer.finish_reason,
        "usage": asdict(answer.usage),
        "calls": calls,
    }
    return orjson.dumps(body)


def decode_answer(payload: bytes, step: StepRecord) -> Answer | None:
    """The answer to this step's question; None: it is an earlier one's. What a newer version adds is left out."""
    body = orjson.loads(payload)
    if body["epoch"] != step.epoch:
        return None
    calls = {
        index: Call(index, call_id, name, [arguments], complete=True)
        for index, call_id, name, arguments, *_ in body["calls"]
    }
    return Answer(
        [body["text"]],
        [body["reasoning"]],
        calls,
        Usage(**known(Usage, body["usage"])),
        body["finish_reason"],
        len(body["text"]),
    )
