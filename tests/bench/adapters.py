"""What each model adapter costs: CPU per call and per token, each against its own kind of local server."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import aclosing

from services.agent.llm.litellm_library import load
from services.agent.llm.openai_compatible import OpenAiCompatible
from services.agent.llm.port import ModelPort, ModelRequest
from services.agent.llm.via_litellm import LiteLlm
from tests.bench.report import Row
from tests.bench.scenes import Bench
from tests.fakes.llm.process import spawned

_CALLS = 40
_ROUNDS = 3
_TOKENS = 200

ADAPTERS: dict[str, tuple[str, Callable[[str], ModelPort]]] = {
    "direct": ("llm", lambda url: OpenAiCompatible(url, "k")),
    "litellm, OpenAI's wire": ("llm", lambda url: LiteLlm("openrouter", "k", url)),
    "litellm, Anthropic's wire": ("anthropic", lambda url: LiteLlm("anthropic", "k", url.removesuffix("/v1"))),
}


async def adapters(bench: Bench) -> list[Row]:
    """All of them in this process, in turn, the servers in others; the middle of three rounds."""
    began = time.process_time()
    await load()
    rows = [Row("CPU to load litellm, once in a worker that needs it", time.process_time() - began, "s")]
    first: tuple[float, float] | None = None
    for name, (fake, make) in ADAPTERS.items():
        async with spawned(fake=fake) as url:
            port = make(url)
            call, token = await _costs(port)
            await port.aclose()
        first = first or (call, token)
        beside = "" if first == (call, token) else "direct"
        for what, cost, base in (("call of one token", call, first[0]), ("token more", token, first[1])):
            rows.append(Row(f"CPU per {what}, {name}", cost * 1e6, "us", beside, cost / base if beside else None))
    return rows


async def _costs(port: ModelPort) -> tuple[float, float]:
    """Seconds of CPU for a call of one token, and for each token more."""
    await _spent(port, 1)  # connects, and fills caches
    short = sorted([await _spent(port, 1) for _ in range(_ROUNDS)])[_ROUNDS // 2]
    long = sorted([await _spent(port, 1 + _TOKENS) for _ in range(_ROUNDS)])[_ROUNDS // 2]
    return short, (long - short) / _TOKENS


async def _spent(port: ModelPort, tokens: int) -> float:
    asked = ModelRequest(model="claude-x", messages=[{"role": "user", "content": f"[[tokens {tokens}]]"}])
    began = time.process_time()
    for _ in range(_CALLS):
        async with aclosing(port.stream(asked)) as batches:
            async for _batch in batches:
                pass
    return (time.process_time() - began) / _CALLS
