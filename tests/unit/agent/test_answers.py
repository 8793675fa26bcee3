"""A kept answer outlives versions: while they are replaced, each reads what the other kept."""

from __future__ import annotations

from dataclasses import replace

import orjson

from services.agent.codec.answers import decode_answer, encode_answer
from services.agent.engine.response_processor import Answer, Call
from services.agent.llm.port import Usage
from tests.unit.agent.records import step

STEP = step()
ANSWER = Answer(
    ["It rains"], ["Look outside"], {0: Call(0, "c1", "weather", ["{}"], complete=True)}, Usage(10, 5), "stop", 8
)


def test_an_answer_is_read_as_it_was_kept() -> None:
    assert decode_answer(encode_answer(STEP, ANSWER), STEP) == ANSWER


def test_an_answer_to_an_earlier_question_is_none() -> None:
    assert decode_answer(encode_answer(STEP, ANSWER), replace(STEP, epoch=STEP.epoch + 1)) is None


def test_what_an_answer_from_the_future_has_beside_is_left_out() -> None:
    body = orjson.loads(encode_answer(STEP, ANSWER)) | {"images": 1}
    body["usage"]["image_tokens"] = 3
    body["calls"][0].append("signature")
    assert decode_answer(orjson.dumps(body), STEP) == ANSWER
