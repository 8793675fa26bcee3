"""What only a network has: sockets that close, servers that stall, answers that are odd."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import Any

import pytest

from services.agent.llm.errors import ErrorType, UserCode
from services.agent.llm.port import ModelPort, TextDelta
from tests.contract.llm.asking import Heard, ask, request
from tests.contract.llm.conftest import DIRECT, Wire
from tests.fakes.llm.server import FakeLlm

STOP_SECONDS = 0.2
only_direct = pytest.mark.parametrize("wire", [DIRECT], ids=["direct"])  # what its own payload and sockets do


def _last(fake: FakeLlm) -> dict[str, Any]:
    return fake.log.calls()[-1]


async def _disconnected(fake: FakeLlm) -> float:
    call = await fake.log.when(lambda call: call["disconnected_at"] is not None)
    return float(call["disconnected_at"])


async def test_closing_the_stream_closes_the_socket(fake: FakeLlm, adapter: ModelPort) -> None:
    async with aclosing(adapter.stream(request("[[say begun]] [[wait 1h]]"))) as batches:
        assert TextDelta("begun") in await anext(batches)
    stopped = time.time()

    assert await _disconnected(fake) - stopped < STOP_SECONDS


@pytest.mark.parametrize("prompt", ["[[wait 1h]]", "[[say begun]] [[wait 1h]]"], ids=["before", "after the first byte"])
async def test_cancelling_the_reader_closes_the_socket(fake: FakeLlm, adapter: ModelPort, prompt: str) -> None:
    reader = asyncio.ensure_future(ask(adapter, request(prompt)))
    await fake.log.when(lambda call: "say" not in prompt or call["tokens"] == 1)

    stopped = time.time()
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader

    assert await _disconnected(fake) - stopped < STOP_SECONDS


async def test_closing_the_adapter_closes_the_sockets(wire: Wire, fake: FakeLlm) -> None:
    adapter = wire.adapter(fake.url, "key")
    reader = asyncio.ensure_future(ask(adapter, request("[[wait 1h]]")))
    await fake.log.when(lambda call: True)

    await adapter.aclose()

    heard = await reader
    assert heard.error is not None
    await _disconnected(fake)


@pytest.mark.parametrize("prompt", ["[[wait 1h]]", "[[say begun]] [[wait 1h]]"], ids=["before", "after the first byte"])
async def test_silence_longer_than_the_stream_timeout_is_a_timeout(
    fake: FakeLlm, adapter: ModelPort, prompt: str
) -> None:
    heard = await ask(adapter, request(prompt, stream_timeout=0.05))

    assert heard.error is not None
    assert heard.error.user_facing.code == UserCode.LLM_TIMEOUT
    assert heard.error.retryable
    await _disconnected(fake)


async def test_short_silence_after_a_patient_call_is_still_a_timeout(adapter: ModelPort) -> None:
    await ask(adapter, request("[[say patient]]", stream_timeout=300))

    heard = await ask(adapter, request("[[wait 1h]]", stream_timeout=0.05))

    assert heard.error is not None
    assert heard.error.user_facing.code == UserCode.LLM_TIMEOUT


async def test_answer_that_drips_on_beyond_the_request_timeout_is_a_timeout(adapter: ModelPort) -> None:
    heard = await ask(adapter, request("[[delay 10ms]] [[tokens 1000]]", request_timeout=0.5))

    assert heard.error is not None
    assert heard.error.user_facing.code == UserCode.LLM_TIMEOUT
    assert heard.text.startswith("word1")


async def test_silences_within_the_timeout_are_no_timeout(adapter: ModelPort) -> None:
    heard = await ask(adapter, request("[[delay 40ms]] [[tokens 10]]", stream_timeout=0.3))

    assert heard.error is None


async def test_server_that_is_not_there_is_unreachable(wire: Wire) -> None:
    async for fake in wire.serve():
        url = fake.url
    adapter = wire.adapter(url, "key")

    heard = await ask(adapter, request("hello"))

    assert heard.error is not None
    assert (heard.error.error_type, heard.error.retryable) == (ErrorType.SERVICE_UNAVAILABLE, True)
    assert heard.error.user_facing.code == UserCode.NETWORK_ERROR


async def test_retry_after_is_passed_on(adapter: ModelPort) -> None:
    heard = await ask(adapter, request("[[fail 429]]"))

    assert heard.error is not None
    assert heard.error.retry_after == 1.0


async def test_error_inside_the_stream_ends_it_after_what_was_said(adapter: ModelPort) -> None:
    heard = await ask(adapter, request("[[tokens 20]]", "fake:stream-error"))

    assert heard.text == "word1 word2 word3"
    assert heard.error is not None
    assert (heard.error.error_type, heard.error.retryable) == (ErrorType.API, True)


async def test_wrong_key_is_an_authentication_error_that_does_not_tell_the_key(wire: Wire) -> None:
    async for fake in wire.serve(key="sk-right"):
        wrong, right = wire.adapter(fake.url, "sk-wrong-secret"), wire.adapter(fake.url, "sk-right")
        heard, good = await ask(wrong, request("hi")), await ask(right, request("hi"))
        await wrong.aclose()
        await right.aclose()

    assert good.error is None
    assert heard.error is not None
    assert (heard.error.error_type, heard.error.retryable) == (ErrorType.AUTHENTICATION, False)
    assert "secret" not in str(heard.error)


async def test_key_with_a_line_end_fails_without_telling_it(wire: Wire, fake: FakeLlm) -> None:
    adapter = wire.adapter(fake.url, "sk-secret\nx")

    heard = await ask(adapter, request("hi"))

    assert heard.error is not None
    assert "secret" not in str(heard.error)


@only_direct
async def test_server_without_stream_options_is_asked_once_more_and_then_known(
    fake: FakeLlm, adapter: ModelPort
) -> None:
    answers = [await ask(adapter, request("[[say hi]]", "fake:strict")) for _ in range(2)]

    assert [answer.text for answer in answers] == ["hi", "hi"]
    assert [call["status"] for call in fake.log.calls()] == [400, 200, 200]


async def test_request_carries_its_id_as_idempotency_key(fake: FakeLlm, adapter: ModelPort) -> None:
    await ask(adapter, request("hi", request_id="run-7:3"))

    assert _last(fake)["request_id"] == "run-7:3"


async def test_calls_one_after_the_other_share_a_connection(fake: FakeLlm, adapter: ModelPort) -> None:
    for prompt in ("[[tokens 20]]", "[[fail 429]]", '[[call a {"x": 1}]]'):
        await ask(adapter, request(prompt))

    assert {call["connection"] for call in fake.log.calls()} == {1}


async def test_calls_at_once_have_connections_of_their_own_and_their_own_answers(
    fake: FakeLlm, adapter: ModelPort
) -> None:
    prompts = [f"[[delay 1ms]] [[say answer {number}]]" for number in range(20)]

    heard = await asyncio.gather(*(ask(adapter, request(prompt)) for prompt in prompts))

    assert [answer.text for answer in heard] == [f"answer {number}" for number in range(20)]
    assert len({call["connection"] for call in fake.log.calls()}) == 20


async def test_connection_is_not_used_again_after_a_stop(fake: FakeLlm, adapter: ModelPort) -> None:
    async with aclosing(adapter.stream(request("[[say begun]] [[wait 1h]]"))) as batches:
        await anext(batches)

    heard = await ask(adapter, request("[[say fresh]]"))

    assert heard.text == "fresh"
    assert _last(fake)["connection"] == 2


@only_direct
async def test_slow_reader_loses_nothing(fake: FakeLlm, adapter: ModelPort) -> None:
    heard = Heard()
    async with aclosing(adapter.stream(request("[[tokens 60000]]"))) as batches:
        heard.events += await anext(batches)
        await fake.log.when(lambda call: call["tokens"] > 10_000)
        async for batch in batches:
            heard.events += batch

    assert heard.usage.completion_tokens == 60_000
    assert heard.text.endswith(" word60000")


async def test_server_that_takes_only_one_write_per_token_is_understood(wire: Wire) -> None:
    async for fake in wire.serve(flush_each=True):
        adapter = wire.adapter(fake.url, "key")
        heard = await ask(adapter, request('[[tokens 30]] [[call a {"x": 1}]]'))
        await adapter.aclose()

    assert heard.usage.completion_tokens == 33
    assert heard.reason == "tool_calls"
