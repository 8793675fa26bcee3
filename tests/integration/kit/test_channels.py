"""A service that calls another: what goes along, how failures come back, how long it may take."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, ClassVar

import grpc
import pytest
from mesh.threads.v1 import threads_pb2 as pb

from services.kit.auth import make_keys
from services.kit.channels import Channels, Responses, is_away, open_channels
from services.kit.circuit_breaker import CircuitOpen, CircuitState
from services.kit.clock import SystemClock
from services.kit.config import ConfigError, MeshSettings
from services.kit.context import acting_for, current_call
from services.kit.errors import DeadlineExceeded, Internal, NotFound, PaymentRequired, Unauthenticated, Unavailable
from services.kit.policy import Rule
from tests.support.echo import PACKAGE, UUID, Echo, EchoSettings, EchoStub, building
from tests.support.harness import ACCOUNTS, ServiceHarness, make_settings

GOOD = pb.GetProjectRequest(project_id=UUID)
UNARY = f"/{PACKAGE}.Echo/Unary"


class AgentSettings(MeshSettings):
    """The calling service's."""

    service: ClassVar[str] = "agent"


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
async def callee(echo: Echo, tmp_path: Path) -> AsyncIterator[ServiceHarness[EchoSettings]]:
    async with ServiceHarness(make_settings(EchoSettings, tmp_path), building(echo)) as running:
        yield running


@pytest.fixture
async def channels(callee: ServiceHarness[EchoSettings], tmp_path: Path) -> AsyncIterator[Channels]:
    async with open_channels(make_settings(AgentSettings, tmp_path, mesh_threads_url=callee.address)) as opened:
        yield opened


async def test_a_call_carries_account_and_run_in_the_services_own_token(channels: Channels, echo: Echo) -> None:
    async def who() -> Any:
        caller = current_call().caller
        return (caller.service, caller.account_id, caller.run_id, caller.epoch, sorted(caller.scopes))

    echo.behaviour = who
    with acting_for(ACCOUNTS["user"], run_id="r1", epoch=3, scopes=("tools",)):
        answer = await EchoStub(channels.open("threads")).Internal(GOOD)
    assert answer.project_id == str(("agent", ACCOUNTS["user"], "r1", 3, ["tools"]))


async def test_a_neighbours_refusal_passes_unchanged(channels: Channels, echo: Echo) -> None:
    async def refuse() -> None:
        raise PaymentRequired("Ten is all", reason="THREAD_LIMIT_EXCEEDED", params={"current_count": 10, "limit": 10})

    echo.behaviour = refuse
    with pytest.raises(PaymentRequired) as refused:
        await EchoStub(channels.open("threads")).Internal(GOOD)
    error = refused.value
    assert (error.message, error.reason, error.domain) == ("Ten is all", "THREAD_LIMIT_EXCEEDED", "mesh.threads")
    assert error.params == {"current_count": 10, "limit": 10}


async def test_a_refusal_of_our_own_token_is_our_fault(channels: Channels) -> None:
    with pytest.raises(Internal):
        await EchoStub(channels.open("threads")).Admins(GOOD)


async def test_a_token_that_is_not_believed_may_be_in_a_moment(
    callee: ServiceHarness[EchoSettings], tmp_path: Path
) -> None:
    make_keys(tmp_path / "others", ("agent",))
    settings = make_settings(
        AgentSettings, tmp_path, mesh_threads_url=callee.address, mesh_keys_dir=tmp_path / "others"
    )
    async with open_channels(settings) as channels:
        stub = EchoStub(channels.open("threads"))
        for _ in range(10):  # and a neighbour that says so is not away: its circuit stays closed
            with pytest.raises(Unavailable) as refused:
                await stub.Internal(GOOD)
            assert refused.value.reason == Unavailable.reason


async def test_the_request_id_goes_along(channels: Channels, echo: Echo) -> None:
    async def request_id() -> str:
        return current_call().request_id

    echo.behaviour = request_id
    with acting_for("", request_id="req-9"):
        assert (await EchoStub(channels.open("threads")).Internal(GOOD)).project_id == "req-9"


async def test_a_call_never_outlives_the_rpc_it_serves(channels: Channels, echo: Echo) -> None:
    async def left() -> float:
        deadline = current_call().deadline
        return 999.0 if deadline is None else deadline - SystemClock().monotonic()

    echo.behaviour = left
    stub = EchoStub(channels.open("threads"))
    with acting_for("", deadline=SystemClock().monotonic() + 2):
        assert float((await stub.Internal(GOOD, timeout=30)).project_id) <= 2
    assert float((await stub.Internal(GOOD, timeout=30)).project_id) > 2


async def test_nothing_is_sent_after_the_deadline(channels: Channels, echo: Echo) -> None:
    called = asyncio.Event()

    async def mark() -> None:
        called.set()

    echo.behaviour = mark
    with acting_for("", deadline=SystemClock().monotonic() - 1), pytest.raises(DeadlineExceeded):
        await EchoStub(channels.open("threads")).Internal(GOOD)
    assert not called.is_set()


async def test_a_neighbour_that_is_away_is_unavailable_with_a_fixed_text(tmp_path: Path) -> None:
    settings = make_settings(AgentSettings, tmp_path, mesh_threads_url="127.0.0.1:1")
    async with open_channels(settings) as channels:
        with pytest.raises(Unavailable) as away:
            await EchoStub(channels.open("threads")).Unary(GOOD)
    assert "127.0.0.1" not in away.value.message


async def test_a_call_that_a_neighbour_drops_at_its_end_may_be_repeated(tmp_path: Path) -> None:
    """gRPC says CANCELLED of what reaches a server in the moment in which it ends."""

    async def drop(_: object, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        await context.abort(grpc.StatusCode.CANCELLED)

    server = grpc.aio.server()
    methods = {"Internal": grpc.unary_unary_rpc_method_handler(drop)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(f"{PACKAGE}.Echo", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with open_channels(make_settings(AgentSettings, tmp_path, mesh_threads_url=f"127.0.0.1:{port}")) as channels:
        with pytest.raises(Unavailable) as dropped:
            await EchoStub(channels.open("threads")).Internal(GOOD)
    await server.stop(0)
    assert is_away(dropped.value)


async def test_an_idempotent_call_survives_a_neighbours_restart(tmp_path: Path, echo: Echo) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{reserved.getsockname()[1]}"
    listening = make_settings(EchoSettings, tmp_path, mesh_listen=address)
    async with AsyncExitStack() as stack:
        settings = make_settings(AgentSettings, tmp_path, mesh_threads_url=address)
        channels = await stack.enter_async_context(open_channels(settings))
        stub = EchoStub(channels.open("threads", idempotent=(UNARY,)))
        async with ServiceHarness(listening, building(echo)):
            await stub.Unary(GOOD)
        async with ServiceHarness(listening, building(echo)):
            assert (await stub.Unary(GOOD)).project_id == "service::agent"


async def test_a_neighbour_that_stays_away_is_not_asked_until_it_is_there_again(tmp_path: Path, echo: Echo) -> None:
    """Thirty seconds are the longest that a breaker stays open: it is half open as soon as there is a connection."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{reserved.getsockname()[1]}"
    settings = make_settings(AgentSettings, tmp_path, mesh_threads_url=address)
    async with open_channels(settings) as channels:
        stub = EchoStub(channels.open("threads"))
        for _ in range(5):
            with pytest.raises(Unavailable) as away:
                await stub.Unary(GOOD)
            assert not isinstance(away.value, CircuitOpen)
        with pytest.raises(CircuitOpen):
            await stub.Unary(GOOD)
        async with ServiceHarness(make_settings(EchoSettings, tmp_path, mesh_listen=address), building(echo)):
            while channels.breakers["threads"].state is CircuitState.OPEN:
                await asyncio.sleep(0.05)
            for _ in range(3):
                await stub.Unary(GOOD)
        assert channels.breakers["threads"].state is CircuitState.CLOSED


async def test_a_neighbour_that_hangs_is_left_alone_and_refusals_are_answers(channels: Channels, echo: Echo) -> None:
    async def refuse() -> None:
        raise Unavailable("No disk")

    stub = EchoStub(channels.open("threads"))
    echo.behaviour = refuse
    for _ in range(10):
        with pytest.raises(Unavailable, match="No disk"):
            await stub.Unary(GOOD)
    echo.behaviour = asyncio.Event().wait
    for _ in range(10):  # a caller's own haste is not held against the neighbour
        with pytest.raises(DeadlineExceeded):
            await stub.Unary(GOOD, timeout=0.01)
    for _ in range(5):
        with pytest.raises(DeadlineExceeded):
            await stub.Unary(GOOD, timeout=1.0)
    with pytest.raises(CircuitOpen):
        await stub.Unary(GOOD)


async def test_forwarding_passes_the_users_own_token_on(tmp_path: Path, echo: Echo) -> None:
    """The first service is the edge: what it forwards arrives as the user's, what came without a token as nobody's."""
    behind = Echo()
    async with AsyncExitStack() as stack:
        inner = await stack.enter_async_context(ServiceHarness(make_settings(EchoSettings, tmp_path), building(behind)))
        settings = make_settings(AgentSettings, tmp_path, mesh_threads_url=inner.address)
        channels = await stack.enter_async_context(open_channels(settings))
        stub = EchoStub(channels.open("threads", forward=True))

        async def forward() -> str:
            return str((await stub.Unary(GOOD)).project_id)

        echo.behaviour = forward
        edge = await stack.enter_async_context(ServiceHarness(make_settings(EchoSettings, tmp_path), building(echo)))
        as_user = await edge.stub(EchoStub, "user").Unary(GOOD)
        as_nobody = await edge.stub(EchoStub, "anonymous").Unary(GOOD)
    assert as_user.project_id == f"user:{ACCOUNTS['user']}:"
    assert as_nobody.project_id == "anonymous::"


async def test_what_forwarding_is_refused_reaches_the_user(tmp_path: Path, echo: Echo) -> None:
    behind = Echo()
    async with AsyncExitStack() as stack:
        closed = building(behind, Unary=Rule(users=True))
        inner = await stack.enter_async_context(ServiceHarness(make_settings(EchoSettings, tmp_path), closed))
        settings = make_settings(AgentSettings, tmp_path, mesh_threads_url=inner.address)
        channels = await stack.enter_async_context(open_channels(settings))
        with pytest.raises(Unauthenticated):
            await EchoStub(channels.open("threads", forward=True)).Unary(GOOD)


async def test_a_stream_raises_the_neighbours_error_where_it_is_read(channels: Channels, echo: Echo) -> None:
    async def refuse() -> None:
        raise NotFound(reason="GONE")

    echo.behaviour = refuse
    responses = EchoStub(channels.open("threads", forward=True)).Out(GOOD)
    with pytest.raises(Unauthenticated):
        await anext(responses)


class SentThisInstant:
    """A call of gRPC whose reader is cancelled in the moment in which the request was sent: nothing ends it."""

    ended = False

    def __aiter__(self) -> SentThisInstant:
        return self

    async def __anext__(self) -> object:
        raise asyncio.CancelledError

    def cancel(self) -> None:
        self.ended = True


async def test_a_reader_that_is_cancelled_ends_its_call() -> None:
    call = SentThisInstant()
    with pytest.raises(asyncio.CancelledError):
        await anext(Responses(call, None))  # type: ignore[arg-type] # asked only for errors and outcomes
    assert call.ended


async def test_a_service_without_a_key_is_told_where_to_put_one(tmp_path: Path) -> None:
    settings = make_settings(AgentSettings, tmp_path, mesh_threads_url="x:1", mesh_keys_dir=tmp_path / "nowhere")
    async with open_channels(settings) as channels:
        with pytest.raises(ConfigError, match="MESH_KEYS_DIR"):
            channels.open("threads")


async def test_of_two_addresses_the_one_that_leaves_is_called_no_more_and_no_call_fails(tmp_path: Path) -> None:
    seen: list[str] = []

    def named(name: str) -> Echo:
        async def answer() -> str:
            seen.append(name)
            return UUID

        echo = Echo()
        echo.behaviour = answer
        return echo

    settings = make_settings(EchoSettings, tmp_path, mesh_drain_s=1)
    old, new = ServiceHarness(settings, building(named("old"))), ServiceHarness(settings, building(named("new")))
    async with old, new:
        both = make_settings(AgentSettings, tmp_path, mesh_threads_url=f"{old.address},{new.address}")
        async with open_channels(both) as channels:
            stub, over = EchoStub(channels.open("threads")), asyncio.Event()

            async def calls() -> None:
                while not over.is_set():
                    await stub.Internal(GOOD)

            async def until(expected: set[str]) -> None:
                async with asyncio.timeout(10):
                    while set(seen[-30:]) != expected:
                        await asyncio.sleep(0.01)

            async with asyncio.TaskGroup() as group:
                for _ in range(10):
                    group.create_task(calls())
                await until({"old", "new"})
                await old.server.leave()
                await until({"new"})
                await old.server.drain()
                seen.clear()
                await until({"new"})
                over.set()
            assert channels.breakers["threads"].stats.failed_calls == 0
