"""What the suite runs against: every adapter, over every wire that ends well, held to the same behaviour."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
import uvloop

from services.agent.llm.mock_ai import MockAi
from services.agent.llm.openai_compatible import OpenAiCompatible
from services.agent.llm.port import ModelPort
from tests.fakes.llm.server import FakeLlm, serving


@dataclass(frozen=True, slots=True)
class Subject:
    """An adapter under test. `reports` is whether usage comes from the provider; `wire` is None without a network."""

    port: ModelPort
    model: str
    reports: bool
    wire: FakeLlm | None


@asynccontextmanager
async def _mock() -> AsyncIterator[Subject]:
    yield Subject(MockAi(), "mock-ai", True, None)


def _over(dialect: str, transport: Callable[[], httpx.AsyncBaseTransport] | None = None) -> Callable[[], object]:
    @asynccontextmanager
    async def subject() -> AsyncIterator[Subject]:
        async with serving(FakeLlm()) as fake:
            port = OpenAiCompatible(fake.url, "key", transport=transport() if transport else None)
            yield Subject(port, f"fake:{dialect}", dialect not in ("no-usage", "strict"), fake)
            await port.aclose()

    return subject


SUBJECTS = {
    "mock-ai": _mock,
    **{name: _over(name) for name in ("plain", "no-usage", "no-done", "crlf", "args-whole", "args-chars", "strict")},
    "httpx-transport": _over("plain", httpx.AsyncHTTPTransport),
}


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


@pytest.fixture
async def fake() -> AsyncIterator[FakeLlm]:
    """A model server in this loop."""
    async with serving(FakeLlm()) as made:
        yield made


@pytest.fixture
async def adapter(fake: FakeLlm) -> AsyncIterator[OpenAiCompatible]:
    """The HTTP adapter over `fake`."""
    made = OpenAiCompatible(fake.url)
    yield made
    await made.aclose()
