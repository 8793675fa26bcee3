"""What the adapter makes of answers that no model gives, over any httpx transport."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest

from services.agent.llm.errors import ErrorType, ModelError
from services.agent.llm.openai_compatible import OpenAiCompatible
from services.agent.llm.port import Finished, ModelEvent, ModelRequest, TextDelta, Usage

REQUEST = ModelRequest(model="m", messages=[{"role": "user", "content": "hi"}], max_tokens=9)
DOCUMENT = {
    "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1},
}
HEARD = [TextDelta("hi"), Usage(1, 1), Finished("stop")]


async def _ask(answer: Callable[[httpx.Request], httpx.Response], **options: Any) -> list[ModelEvent]:
    adapter = OpenAiCompatible("http://h/v1/", transport=httpx.MockTransport(answer), **options)
    return [event async for batch in adapter.stream(REQUEST) for event in batch]


async def _refused(answer: httpx.Response) -> ModelError:
    with pytest.raises(ModelError) as refusal:
        await _ask(lambda _: answer)
    return refusal.value


def _unsupported(name: str) -> httpx.Response:
    return httpx.Response(400, json={"error": {"message": f"Unsupported parameter: '{name}'", "param": name}})


async def test_document_instead_of_a_stream_is_an_answer() -> None:
    assert await _ask(lambda _: httpx.Response(200, json=DOCUMENT)) == HEARD


async def test_request_goes_to_the_base_url_with_key_and_headers() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=DOCUMENT)

    await _ask(answer, api_key="k", headers={"x-title": "mesh"})

    assert str(seen[0].url) == "http://h/v1/chat/completions"
    assert seen[0].headers["authorization"] == "Bearer k"
    assert seen[0].headers["x-title"] == "mesh"
    assert "idempotency-key" not in seen[0].headers


async def test_parameters_refused_by_name_are_left_out_and_stay_so() -> None:
    bodies: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        body = orjson.loads(request.content)
        bodies.append(body)
        refused = next((name for name in ("temperature", "max_tokens") if name in body), None)
        return _unsupported(refused) if refused else httpx.Response(200, json=DOCUMENT)

    adapter = OpenAiCompatible("http://h/v1", transport=httpx.MockTransport(answer))
    for _ in range(2):
        assert [event async for batch in adapter.stream(REQUEST) for event in batch] == HEARD

    assert len(bodies) == 4
    assert bodies[2] == bodies[3]
    assert bodies[2]["max_completion_tokens"] == 9


async def test_server_that_refuses_what_it_was_not_given_is_not_asked_for_ever() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return _unsupported("temperature")

    with pytest.raises(ModelError):
        await _ask(answer)

    assert len(asked) == 2


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, None),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
async def test_wish_to_wait_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert (await _refused(httpx.Response(429, headers=headers))).retry_after == seconds


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, html="<h1>Welcome</h1>"),
        httpx.Response(301, headers={"location": "http://elsewhere/"}),
        httpx.Response(204),
    ],
)
async def test_address_that_is_no_models_is_said_to_be_wrong(answer: httpx.Response) -> None:
    error = await _refused(answer)

    assert (error.error_type, error.retryable) == (ErrorType.NOT_FOUND, False)


async def test_huge_refusal_is_not_read_whole() -> None:
    error = await _refused(httpx.Response(500, content=b"x" * (1 << 20)))

    assert error.error_type == ErrorType.API
    assert len(error.message) < 500
