"""Token buckets per user, by configuration; none in local mode."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from google.api.httpbody_pb2 import HttpBody
from mesh.agent.v1 import runs_pb2

from services.kit.errors import RateLimited
from tests.integration.gateway.envoy_process import Door, open_door
from tests.integration.gateway.fake_mesh import FakeMesh, answering, failing
from tests.integration.gateway.test_refusals import detail_of
from tests.integration.gateway.tokens import bearer
from tests.support.harness import ACCOUNTS

pytestmark = pytest.mark.asyncio(loop_scope="module")

RUN = "6f1c0000-0000-4000-8000-000000000001"
STATUS = f"/v1/agent-runs/{RUN}/status"
STREAM = f"/v1/agent-run/{RUN}/stream"
OK = answering(runs_pb2.GetRunStatusResponse(status="running"))
JSON = answering(HttpBody(content_type="application/json", data=b"{}"))
BURST = 12


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def limited(mesh: FakeMesh, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    limits = {"mesh_rate_burst": BURST, "mesh_rate_per_minute": 1}
    folder = tmp_path_factory.mktemp("limits")
    async with open_door(folder, mesh.address, env_mode="staging", **limits) as opened:
        yield opened


@pytest.fixture(autouse=True)
def answers(mesh: FakeMesh) -> object:
    edge = "/mesh.gateway.v1.Edge"
    with (
        mesh.on("/mesh.agent.v1.AgentRuns/GetRunStatus", OK),
        mesh.on(f"{edge}/StartAgentRun", JSON),
        mesh.on(f"{edge}/StreamAgentRun", JSON),
        mesh.on(f"{edge}/Health", JSON),
    ):
        yield


async def statuses(door: Door, times: int, path: str = STATUS, method: str = "GET", **claims: object) -> Counter[int]:
    headers = bearer(**claims) if claims else {}
    return Counter([(await door.client.request(method, path, headers=headers)).status_code for _ in range(times)])


async def test_a_user_s_burst_is_let_through_and_no_more(limited: Door) -> None:
    assert await statuses(limited, BURST + 5, sub=ACCOUNTS["user"]) == {200: BURST, 429: 5}


async def test_another_user_has_a_bucket_of_his_own(limited: Door) -> None:
    assert await statuses(limited, 3, sub=ACCOUNTS["other"]) == {200: 3}


async def test_a_refusal_says_how_much_and_when(limited: Door) -> None:
    sub = "99999999-1111-4111-8111-999999999999"
    first = await limited.client.get(STATUS, headers=bearer(sub=sub))
    assert first.headers["x-ratelimit-remaining"] == str(BURST - 1)
    await statuses(limited, BURST, sub=sub)
    answer = await limited.client.get(STATUS, headers=bearer(sub=sub))
    detail_of(answer, 429, "RATE_LIMITED")
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["x-ratelimit-limit"] == str(BURST)
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert int(answer.headers["x-ratelimit-reset"]) >= 0


async def test_what_the_agent_says_of_an_account_s_window_is_told_in_place_of_the_bucket(
    limited: Door, mesh: FakeMesh
) -> None:
    sub = "99999999-2222-4222-8222-999999999999"
    taken = await limited.client.post("/v1/agent/start", headers=bearer(sub=sub))
    assert (taken.status_code, taken.headers["x-ratelimit-limit"]) == (200, str(BURST))
    full = RateLimited(params={"limit": 30, "remaining": 0, "window_s": 60}, retry_after_s=57.2)
    with mesh.on("/mesh.gateway.v1.Edge/StartAgentRun", failing(full)):
        answer = await limited.client.post("/v1/agent/start", headers=bearer(sub=sub))
    assert detail_of(answer, 429, "RATE_LIMITED")["params"]["limit"] == 30
    told = {name: value for name, value in answer.headers.multi_items() if "rate" in name or name == "retry-after"}
    assert told == {
        "x-ratelimit-limit": "30",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "58",
        "retry-after": "58",
    }
    assert len(answer.headers.get_list("x-ratelimit-limit")) == 1


async def test_local_mode_tells_of_an_account_s_window_too(door: Door, mesh: FakeMesh) -> None:
    full = RateLimited(params={"limit": 30, "remaining": 0, "window_s": 60}, retry_after_s=57.2)
    with mesh.on("/mesh.gateway.v1.Edge/StartAgentRun", failing(full)):
        answer = await door.client.post("/v1/agent/start", headers=bearer())
    detail_of(answer, 429, "RATE_LIMITED")
    assert answer.headers["x-ratelimit-limit"] == "30"


async def test_nobody_in_particular_is_counted_by_address(limited: Door) -> None:
    assert await statuses(limited, BURST + 3, STREAM) == {200: BURST, 429: 3}
    assert await statuses(limited, 2, STREAM, sub="99999999-3333-4333-8333-999999999999") == {200: 2}


async def test_health_is_never_limited(limited: Door) -> None:
    assert await statuses(limited, BURST * 2, "/v1/health") == {200: BURST * 2}


async def test_a_bad_token_is_refused_before_it_counts(limited: Door) -> None:
    wrong = {"authorization": "Bearer a.b.c"}
    codes = {(await limited.client.get(STATUS, headers=wrong)).status_code for _ in range(BURST + 2)}
    assert codes == {401}


async def test_local_mode_limits_nothing(door: Door) -> None:
    answer = await door.client.get(STATUS, headers=bearer())
    assert "x-ratelimit-limit" not in answer.headers
    assert await statuses(door, BURST * 3, sub=ACCOUNTS["user"]) == {200: BURST * 3}
