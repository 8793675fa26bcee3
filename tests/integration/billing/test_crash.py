"""kill -9 between hold and post: the next owner goes on with the same keys, and nothing is paid twice."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from mesh.billing.v1 import billing_pb2 as pb
from mesh.billing.v1 import billing_pb2_grpc as rpc

from services.billing.config import Settings
from services.kit.channels import open_as
from services.kit.clock import SystemClock
from services.kit.context import Caller
from services.kit.errors import MeshError
from services.kit.postgres import open_database
from tests.integration.billing.invariants import check
from tests.support.harness import make_settings, service_token

RUNS = 60


@asynccontextmanager
async def billing_process(settings: Settings, database_url: str) -> AsyncIterator[tuple[int, Any]]:
    """The service in a process of its own: its id, and a stub that calls as the agent."""
    environment = os.environ | {
        "ENV_MODE": "local",
        "DATABASE_URL": database_url,
        "MESH_LISTEN": "127.0.0.1:0",
        "MESH_KEYS_DIR": str(settings.mesh_keys_dir),
        "MESH_DATA_DIR": str(settings.mesh_data_dir),
        "SUPABASE_JWT_SECRET": "unused-but-long-enough-for-a-secret",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.billing", env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.TaskGroup() as tasks:
            address = await _address(process.stdout)
            tasks.create_task(process.stdout.read())  # a full pipe would stop the service
            channel = open_as(address, service_token(settings.mesh_keys_dir, "agent", "billing", Caller("service")))
            yield process.pid, rpc.BillingInternalStub(channel)
            await channel.close(None)
            if process.returncode is None:
                process.kill()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _address(output: asyncio.StreamReader) -> str:
    async with asyncio.timeout(30):
        async for line in output:
            if b"server.ready" in line:
                return str(json.loads(line)["address"])
    raise AssertionError("the service ended before it was ready")


def authorization(account: str, run: str) -> pb.AuthorizeRunRequest:
    deadline = Timestamp()
    deadline.FromDatetime(SystemClock().now() + timedelta(hours=1))
    return pb.AuthorizeRunRequest(account_id=account, run_id=run, thread_id=run, model="mock-ai", deadline=deadline)


def settlement(account: str, run: str) -> pb.SettleRunRequest:
    charges = [
        pb.Charge(
            key=f"post:{run}:{step}", step_no=step, price_version="mock-ai@1", model="mock-ai", completion_tokens=7
        )
        for step in range(2)
    ]
    return pb.SettleRunRequest(account_id=account, run_id=run, thread_id=run, charges=charges, release=True)


@pytest.mark.parametrize("killed_after", [1, 20, 50])
async def test_killed_between_hold_and_post_every_run_is_charged_once(
    own_database_url: str, tmp_path: Path, killed_after: int
) -> None:
    settings = make_settings(Settings, tmp_path, database_url=own_database_url, env_mode="local")
    account, runs = str(uuid.uuid4()), [str(uuid.uuid4()) for _ in range(RUNS)]
    answered: list[str] = []

    async with billing_process(settings, own_database_url) as (pid, stub):

        async def one_run(run: str) -> None:
            await stub.AuthorizeRun(authorization(account, run), timeout=20)
            answered.append(run)
            if len(answered) == killed_after:
                os.kill(pid, signal.SIGKILL)
            await stub.SettleRun(settlement(account, run), timeout=20)

        outcomes = await asyncio.gather(*map(one_run, runs), return_exceptions=True)
        assert all(outcome is None or isinstance(outcome, MeshError) for outcome in outcomes)
        interrupted = sum(outcome is not None for outcome in outcomes)
        assert interrupted > 0

    async with billing_process(settings, own_database_url) as (_, stub):
        random.Random(killed_after).shuffle(runs)
        for run in runs:
            await stub.AuthorizeRun(authorization(account, run), timeout=20)
            await stub.SettleRun(settlement(account, run), timeout=20)

    async with open_database(settings) as database:
        rows = await database.fetch("SELECT kind, count(*) AS n FROM transfers WHERE run_id IS NOT NULL GROUP BY kind")
        assert {row["kind"]: row["n"] for row in rows} == {"hold": RUNS, "post": 2 * RUNS, "void": RUNS}
        await check(database, 2 * RUNS, f"killed after {len(answered)} holds, {interrupted} runs cut off")
