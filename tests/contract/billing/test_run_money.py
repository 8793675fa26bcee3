"""What the agent relies on, held by billing itself and by the fake that stands in for it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from mesh.billing.v1 import billing_pb2 as pb
from mesh.billing.v1 import billing_pb2_grpc as rpc

from services.billing.app import build
from services.billing.config import Settings
from services.kit.channels import open_as
from services.kit.clock import SystemClock
from tests.fakes.neighbours import Neighbours
from tests.support.harness import ServiceHarness, make_settings, serve_fake, service_token


@pytest.fixture(params=["billing", "fake"])
async def billing(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    """A stub that calls as the agent."""
    if request.param == "billing":
        url = request.getfixturevalue("database_url")
        settings = make_settings(Settings, tmp_path, database_url=url, env_mode="local")
        async with ServiceHarness(settings, build) as harness:
            yield harness.stub(rpc.BillingInternalStub, "service:agent")
        return
    async with serve_fake("billing", tmp_path, lambda server: Neighbours().register("billing", server)) as address:
        channel = open_as(address, service_token(tmp_path / "keys", "agent", "billing"))
        yield rpc.BillingInternalStub(channel)
        await channel.close(None)


@pytest.fixture
def start() -> pb.AuthorizeRunRequest:
    """A run of a new account."""
    deadline = Timestamp()
    deadline.FromDatetime(SystemClock().now() + timedelta(hours=1))
    account, run, thread = (str(uuid.uuid4()) for _ in range(3))
    return pb.AuthorizeRunRequest(
        account_id=account, run_id=run, thread_id=thread, model="openai/some-model", deadline=deadline
    )


async def test_a_start_holds_a_block_and_pins_a_price_and_again_the_same(
    billing: Any, start: pb.AuthorizeRunRequest
) -> None:
    first = await billing.AuthorizeRun(start)
    assert first.hold_id == f"hold:{start.run_id}:0"
    assert first.held_microcredits > 0
    assert first.price.price_version
    assert min(first.price.input_microcredits_per_mtok, first.price.output_microcredits_per_mtok) > 0
    assert await billing.AuthorizeRun(start) == first


async def test_an_extension_holds_at_least_what_is_asked_for(billing: Any, start: pb.AuthorizeRunRequest) -> None:
    await billing.AuthorizeRun(start)
    request = pb.ExtendHoldRequest(account_id=start.account_id, run_id=start.run_id, ordinal=1, microcredits=77_000_000)
    first = await billing.ExtendHold(request)
    assert first.held_microcredits >= 77_000_000
    assert await billing.ExtendHold(request) == first


async def test_charges_are_taken_twice_and_count_once(billing: Any, start: pb.AuthorizeRunRequest) -> None:
    price = (await billing.AuthorizeRun(start)).price
    charges = [
        pb.Charge(
            key=f"post:{start.run_id}:{step}",
            step_no=step,
            price_version=price.price_version,
            model=start.model,
            prompt_tokens=10,
        )
        for step in range(2)
    ]
    settle = pb.SettleRunRequest(
        account_id=start.account_id, run_id=start.run_id, thread_id=start.thread_id, charges=charges, release=True
    )
    assert await billing.SettleRun(settle) == await billing.SettleRun(settle)
    await billing.SettleRun(
        pb.SettleRunRequest(account_id=start.account_id, run_id=start.run_id, thread_id=start.thread_id, release=True)
    )
