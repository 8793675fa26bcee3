"""What the suite runs against: every adapter, over every wire that ends well, held to the same behaviour."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvloop

from services.agent.llm.litellm_library import load
from services.agent.llm.mock_ai import MockAi
from services.agent.llm.openai_compatible import OpenAiCompatible
from services.agent.llm.port import ModelPort
from services.agent.llm.via_litellm import LiteLlm
from tests.fakes.anthropic.protocol import AnthropicProtocol
from tests.fakes.llm.protocol import OpenAiProtocol, WireProtocol
from tests.fakes.llm.server import FakeLlm, serving


@dataclass(frozen=True, slots=True)
class Subject:
    """An adapter under test. `reports` is whether usage comes from the provider; `wire` is None without a network."""

    port: ModelPort
    model: str
    reports: bool
    wire: FakeLlm | None


@dataclass(frozen=True, slots=True)
class Wire:
    """A way to a model server: what the server speaks, and the adapter that speaks it."""

    protocol: Callable[[], WireProtocol]
    adapter: Callable[[str, str], ModelPort]
    """Made of base URL and key."""

    async def serve(self, **fields: Any) -> AsyncIterator[FakeLlm]:
        """A server; loading litellm is no part of a test's patience."""
        if self is not DIRECT:
            await load()
        async with serving(FakeLlm(protocol=self.protocol(), **fields)) as fake:
            yield fake


DIRECT = Wire(OpenAiProtocol, OpenAiCompatible)
WIRES = {
    "direct": DIRECT,
    "litellm-anthropic": Wire(AnthropicProtocol, lambda url, key: LiteLlm("anthropic", key, url.removesuffix("/v1"))),
    "litellm-openai": Wire(OpenAiProtocol, lambda url, key: LiteLlm("openai", key, url)),
    "litellm-openrouter": Wire(OpenAiProtocol, lambda url, key: LiteLlm("openrouter", key, url)),
}


@asynccontextmanager
async def _mock() -> AsyncIterator[Subject]:
    yield Subject(MockAi(), "mock-ai", True, None)


def _over(wire: Wire, dialect: str) -> Callable[[], object]:
    @asynccontextmanager
    async def subject() -> AsyncIterator[Subject]:
        async for fake in wire.serve():
            port = wire.adapter(fake.url, "key")
            yield Subject(port, f"fake:{dialect}", dialect not in ("no-usage", "strict"), fake)
            await port.aclose()

    return subject


DIALECTS = {
    "direct": ("plain", "no-usage", "no-done", "crlf", "args-whole", "args-chars", "strict", "reasoning"),
    "litellm-anthropic": ("plain", "no-done", "crlf", "args-whole", "args-chars"),
    "litellm-openai": ("plain", "no-usage"),
    "litellm-openrouter": ("reasoning",),
}
SUBJECTS = {
    "mock-ai": _mock,
    **{f"{wire}-{dialect}": _over(WIRES[wire], dialect) for wire in WIRES for dialect in DIALECTS[wire]},
    "httpx-transport": _over(
        Wire(OpenAiProtocol, lambda url, key: OpenAiCompatible(url, key, transport=httpx.AsyncHTTPTransport())), "plain"
    ),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of litellm share a process, so that it is loaded once."""
    for item in items:
        if "litellm" in item.nodeid and "tests/contract/llm" in item.nodeid:
            item.add_marker(pytest.mark.xdist_group("litellm"))


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that services run on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
async def no_task_left() -> AsyncIterator[None]:
    """Fails a test that leaves a task behind."""
    yield
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.fixture(params=SUBJECTS)
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """One adapter."""
    async with SUBJECTS[request.param]() as made:  # type: ignore[attr-defined]
        yield made


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest) -> Wire:
    """Each way in turn."""
    return WIRES[request.param]


@pytest.fixture
async def fake(wire: Wire) -> AsyncIterator[FakeLlm]:
    """A model server in this loop."""
    async for made in wire.serve():
        yield made


@pytest.fixture
async def adapter(wire: Wire, fake: FakeLlm) -> AsyncIterator[ModelPort]:
    """The adapter over `fake`."""
    made = wire.adapter(fake.url, "key")
    yield made
    await made.aclose()
