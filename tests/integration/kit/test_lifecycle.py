"""A service as a process: it starts, drains on SIGTERM, and ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.kit.auth import make_keys
from services.kit.errors import Unavailable
from services.kit.health import ACCEPTING
from tests.support.echo import Echo, EchoSettings, building
from tests.support.harness import ServiceHarness, make_settings

PROGRAM = """
import asyncio
from services.kit.lifecycle import run
from services.kit.logging import get_logger
from tests.support.echo import Echo, EchoSettings, building

log = get_logger()
echo = Echo()
make = building(echo)

async def build(settings, stack):
    server = await make(settings, stack)
    async def hook():
        log.info("hook")
        await asyncio.sleep(float("%s"))
    server.on_drain(hook)
    stack.callback(log.info, "closed")
    return server

run(EchoSettings, build)
"""


class Process:
    """The running program and its log."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.seen: list[str] = []

    async def until(self, event: str) -> dict[str, str]:
        assert self.process.stdout is not None
        async with asyncio.timeout(20):
            while line := await self.process.stdout.readline():
                found: dict[str, str] = json.loads(line)
                self.seen.append(found["event"])
                if found["event"] == event:
                    return found
        raise AssertionError(f"{event} was never logged: {self.seen}")

    async def ended(self) -> int:
        async with asyncio.timeout(20):
            return await self.process.wait()


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[object]:
    make_keys(tmp_path, ["threads"])
    running: list[asyncio.subprocess.Process] = []

    async def launch(pause_s: float = 0, leave_s: float = 0) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            PROGRAM % pause_s,
            stdout=asyncio.subprocess.PIPE,
            env={
                **os.environ,
                "MESH_KEYS_DIR": str(tmp_path),
                "MESH_LEAVE_S": str(leave_s),
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            },
        )
        running.append(process)
        return Process(process)

    yield launch
    for process in running:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_sigterm_drains_in_order_and_ends_with_zero(start: object) -> None:
    program = await start()  # type: ignore[operator]
    address = (await program.until("server.ready"))["address"]
    async with grpc.aio.insecure_channel(address) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    program.process.send_signal(signal.SIGTERM)
    await program.until("service.ended")
    assert await program.ended() == 0
    order = ["server.ready", "service.draining", "hook", "closed", "service.ended"]
    assert [event for event in program.seen if event in order] == order


async def test_sigusr1_gives_callers_time_to_turn_away_before_anything_is_drained(start: object) -> None:
    program = await start(leave_s=60)  # type: ignore[operator]
    address = (await program.until("server.ready"))["address"]
    program.process.send_signal(signal.SIGUSR1)
    await program.until("service.leaving")
    async with grpc.aio.insecure_channel(address) as channel:
        for service in ("", ACCEPTING):
            answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
    program.process.send_signal(signal.SIGTERM)  # no second signal: it says that there is no time
    await program.until("service.ended")
    assert await program.ended() == 0
    order = ["service.leaving", "service.draining", "hook", "closed"]
    assert [event for event in program.seen if event in order] == order


async def test_a_process_that_drains_says_that_it_is_not_ready(start: object) -> None:
    program = await start(pause_s=5)  # type: ignore[operator]
    address = (await program.until("server.ready"))["address"]
    async with grpc.aio.insecure_channel(address) as channel:
        program.process.send_signal(signal.SIGTERM)
        await program.until("hook")
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING


async def test_a_second_signal_forces_the_end(start: object) -> None:
    program = await start(pause_s=60)  # type: ignore[operator]
    await program.until("server.ready")
    program.process.send_signal(signal.SIGTERM)
    await program.until("hook")
    program.process.send_signal(signal.SIGINT)
    assert await program.ended() == 130


async def test_a_drain_hook_that_finds_somebody_away_keeps_none_of_the_others_from_its_turn(tmp_path: Path) -> None:
    async def fail() -> None:
        raise Unavailable

    called: list[str] = []

    async def flush() -> None:
        called.append("flush")

    async with ServiceHarness(make_settings(EchoSettings, tmp_path), building(Echo())) as service:
        service.server.on_drain(fail)
        service.server.on_drain(flush)
        await service.server.drain()
        timed_out = await service.server.wait_for_termination(5)
    assert (called, timed_out) == (["flush"], False)
