"""The edge as in production, behind a real Envoy; the services behind it are scripted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2
from mesh.agent.v1 import agents_pb2, events_pb2, runs_pb2
from mesh.billing.v1 import billing_pb2
from mesh.gateway.v1 import edge_pb2
from mesh.gateway.v1.edge_pb2_grpc import EdgeStub
from mesh.sandbox.v1 import sandbox_pb2
from mesh.threads.v1 import threads_pb2

from services.kit.errors import InvalidArgument, NotFound, PaymentRequired
from tests.contract.gateway.frame_schemas import check_frame
from tests.contract.gateway.sample_events import SAMPLES, event
from tests.integration.gateway.conftest import House
from tests.integration.gateway.fake_mesh import Call, Requests, Script, answering, failing
from tests.integration.gateway.test_refusals import detail_of
from tests.integration.gateway.tokens import bearer, token
from tests.support.harness import ACCOUNTS

pytestmark = pytest.mark.asyncio(loop_scope="module")

RUN = "11111111-aaaa-4111-8111-111111111111"
THREAD = "22222222-aaaa-4222-8222-222222222222"
PROJECT = "55555555-aaaa-4555-8555-555555555555"
SANDBOX = "66666666-aaaa-4666-8666-666666666666"
STREAM = f"/v1/agent-run/{RUN}/stream"
WATCH = "/mesh.agent.v1.AgentRuns/WatchRun"
START = "/mesh.agent.v1.AgentRuns/StartRun"
UPLOAD = "/mesh.sandbox.v1.Sandboxes/UploadFile"
ENSURE = "/mesh.threads.v1.ThreadsInternal/EnsureThread"
MIB = 2**20
CREATED = Timestamp(seconds=1_700_000_000)

STARTED = answering(runs_pb2.StartRunResponse(thread_id=THREAD, agent_run_id=RUN, project_id=PROJECT, status="running"))
STORED = answering(
    sandbox_pb2.UploadFileResponse(
        status="success",
        created=True,
        path="/workspace/uploads/a.txt",
        original_filename="a.txt",
        final_filename="a.txt",
        sandbox_id=SANDBOX,
    )
)
ENSURED = answering(threads_pb2.EnsureThreadResponse(thread_id=THREAD, project_id=PROJECT, created=True))
PROJECT_ROW = threads_pb2.Project(project_id=PROJECT, name="Mine", is_public=True, created_at=CREATED)
THREAD_ROW = threads_pb2.Thread(
    thread_id=THREAD,
    project_id=PROJECT,
    name="Mine",
    metadata_json='{"n": 12345678901}',
    created_at=CREATED,
    project=PROJECT_ROW,
)
SANDBOX_ROW = answering(
    sandbox_pb2.GetProjectSandboxResponse(
        status="LIVE", sandbox=sandbox_pb2.Sandbox(id=SANDBOX, project_id=PROJECT, status="LIVE")
    )
)
RECENT = answering(
    runs_pb2.ListRecentRunsResponse(
        runs=[runs_pb2.RunRow(id=RUN, thread_id=THREAD, status="running", created_at="2026-01-01T00:00:00Z")]
    )
)


# Streams.


def watched(*batches: runs_pb2.WatchRunResponse) -> Script:
    return answering(*batches)


def batch(*events: events_pb2.RunEvent) -> runs_pb2.WatchRunResponse:
    return runs_pb2.WatchRunResponse(run_id=RUN, thread_id=THREAD, events=events)


def frames_of(text: str) -> list[str]:
    return [f"{frame}\n\n" for frame in text.split("\n\n")[:-1]]


async def test_every_kind_of_event_arrives_as_its_frame(house: House) -> None:
    kinds = [kind for kind in SAMPLES if kind != "run_ended"] + ["run_ended"]
    events = [event(kind, SAMPLES[kind][0], n=n) for n, kind in enumerate(kinds, 1)]
    with house.mesh.on(WATCH, watched(batch(*events[:5]), batch(*events[5:]))):
        answer = await house.door.client.get(STREAM, headers=bearer())
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["cache-control"] == "no-cache, no-transform"
    assert answer.headers["x-accel-buffering"] == "no"
    told = [check_frame(kind, raw) for kind, raw in zip(kinds, frames_of(answer.text), strict=True)]
    assert [frame["_event_id"] for frame in told] == [f"1-{n}" for n in range(1, len(kinds) + 1)]


async def test_the_viewer_s_own_token_goes_to_the_agent(house: House) -> None:
    given = token()
    with house.mesh.on(WATCH, watched(batch(event("run_ended", SAMPLES["run_ended"][0])))):
        await house.door.client.get(STREAM, params={"token": given, "last_id": "1-3"}, headers={"last-event-id": "1-9"})
    assert house.mesh.last.metadata["authorization"] == f"Bearer {given}"
    assert house.mesh.last.requests[0].last_id == "1-9"


async def test_nobody_in_particular_asks_as_nobody(house: House) -> None:
    with house.mesh.on(WATCH, watched(batch(event("run_ended", SAMPLES["run_ended"][0])))):
        assert (await house.door.client.get(STREAM)).status_code == 200
    assert "authorization" not in house.mesh.last.metadata


async def test_a_malformed_cursor_is_a_400(house: House) -> None:
    detail_of(await house.door.client.get(f"{STREAM}?last_id=x", headers=bearer()), 400, "INVALID_CURSOR")
    answer = await house.door.client.get(STREAM, headers={**bearer(), "last-event-id": "1-x"})
    detail_of(answer, 400, "INVALID_CURSOR")


async def test_an_unknown_run_is_the_agent_s_404(house: House) -> None:
    with house.mesh.on(WATCH, failing(NotFound("No such run", reason="RUN_NOT_FOUND"))):
        detail_of(await house.door.client.get(STREAM, headers=bearer()), 404, "RUN_NOT_FOUND")


async def test_a_run_id_that_is_none_is_a_400(house: House) -> None:
    answer = await house.door.client.get("/v1/agent-run/not-a-uuid/stream", headers=bearer())
    detail_of(answer, 400, "INVALID_ARGUMENT")


async def test_a_quiet_run_is_pinged(house: House) -> None:
    quiet = asyncio.Event()

    async def silent(requests: Requests, call: Call) -> AsyncIterator[Message]:
        await quiet.wait()
        yield batch(event("run_ended", SAMPLES["run_ended"][0]))

    with house.mesh.on(WATCH, silent):
        async with house.door.client.stream("GET", STREAM, headers=bearer()) as answer:
            first = await anext(answer.aiter_raw())
        quiet.set()
    assert first == b'data: {"type":"ping"}\n\n'


async def test_the_connection_ends_with_the_token_and_without_a_terminal(house: House) -> None:
    """G6."""
    ended = asyncio.Event()

    async def endless(requests: Requests, call: Call) -> AsyncIterator[Message]:
        try:
            yield batch(event("text_chunk", SAMPLES["text_chunk"][0]))
            await asyncio.Event().wait()
        finally:
            ended.set()

    with house.mesh.on(WATCH, endless):
        answer = await house.door.client.get(STREAM, headers=bearer(exp=int(time.time()) + 3))
        await asyncio.wait_for(ended.wait(), 10)
    frames = frames_of(answer.text)
    check_frame("text_chunk", frames[0])
    assert set(frames[1:]) <= {'data: {"type":"ping"}\n\n'}


# Starting.


async def start(house: House, **options: Any) -> Any:
    headers = {**bearer(), **options.pop("headers", {})}
    return await house.door.client.post("/v1/agent/start", headers=headers, **options)


BODIES: dict[str, dict[str, Any]] = {
    "multipart": {"files": {"prompt": (None, "hi"), "model_name": (None, "mock-ai")}},
    "urlencoded": {"data": {"prompt": "hi", "model_name": "mock-ai"}},
    "json": {"json": {"prompt": "hi", "model_name": "mock-ai"}},
    "the seed's name": {"data": {"message": "hi", "model_name": "mock-ai"}},
}


@pytest.mark.parametrize("kind", BODIES)
async def test_a_start_is_read_from_every_kind_of_body(house: House, kind: str) -> None:
    with house.mesh.on(START, STARTED):
        answer = await start(house, headers={"idempotency-key": "k1"}, **BODIES[kind])
    assert answer.json() == {
        "thread_id": THREAD,
        "agent_run_id": RUN,
        "project_id": PROJECT,
        "sandbox_id": None,
        "status": "running",
    }
    asked = house.mesh.last.requests[0]
    assert (asked.prompt, asked.model_name, asked.idempotency_key) == ("hi", "mock-ai", "k1")
    assert not asked.HasField("thread_id")


@pytest.mark.parametrize(("fields", "field"), [({}, "prompt"), ({"prompt": "x", "thread_id": "y"}, "thread_id")])
async def test_a_wrong_start_names_the_field(house: House, fields: dict[str, str], field: str) -> None:
    detail = detail_of(await start(house, data=fields), 400, "INVALID_ARGUMENT")
    assert detail["violations"][0]["field"] == field


async def test_what_the_gate_refuses_arrives_with_its_figures(house: House) -> None:
    error = PaymentRequired("Too many", params={"running_count": 2, "limit": 2}, reason="AGENT_RUN_LIMIT_EXCEEDED")
    with house.mesh.on(START, failing(error)):
        detail = detail_of(await start(house, data={"prompt": "x"}), 402, "AGENT_RUN_LIMIT_EXCEEDED")
    assert (detail["running_count"], detail["limit"]) == (2, 2)


async def test_files_go_to_the_sandbox_in_pieces_and_the_prompt_says_where(house: House) -> None:
    content = bytes(range(256)) * 13_000
    with (
        house.mesh.on(ENSURE, ENSURED) as ensured,
        house.mesh.on(UPLOAD, STORED) as uploads,
        house.mesh.on(START, STARTED),
    ):
        answer = await start(house, data={"prompt": "read it"}, files={"files": ("a.txt", content)})
    assert answer.json()["sandbox_id"] == SANDBOX
    ensure = ensured[0]
    assert (ensure.requests[0].account_id, ensure.requests[0].create) == (ACCOUNTS["user"], True)
    upload = next(call for call in uploads if call.method == UPLOAD)
    assert upload.metadata["authorization"] == answer.request.headers["authorization"]
    assert upload.requests[0].target.project_id == PROJECT
    pieces = [request.data for request in upload.requests[1:]]
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) == MIB
    assert house.mesh.last.requests[0].prompt.endswith("- /workspace/uploads/a.txt")


async def test_a_body_over_the_upload_cap_is_a_413(house: House) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b'--x\r\ncontent-disposition: form-data; name="files"; filename="a"\r\n\r\n'
        for _ in range(41):
            yield b"x" * MIB

    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = await start(house, headers=headers, content=body())
    detail_of(answer, 413, "REQUEST_TOO_LARGE")


# Views.


@pytest.mark.parametrize(
    "path",
    [f"/v1/sandboxes/{SANDBOX}/files", f"/v1/project/{PROJECT}/files", f"/v1/sandbox/{PROJECT}/files/upload"],
)
async def test_an_upload_answers_in_rest_s_words_whatever_comes_first(house: House, path: str) -> None:
    head = '--x\r\ncontent-disposition: form-data; name="'
    file, field = f'{head}file"; filename="a.txt"\r\n\r\ncontent\r\n', f'{head}path"\r\n\r\n/workspace/a.txt\r\n'
    for body in (file + field, field + file):
        with house.mesh.on(UPLOAD, STORED):
            answer = await house.door.client.post(
                path,
                headers={**bearer(), "content-type": "multipart/form-data; boundary=x"},
                content=f"{body}--x--\r\n",
            )
        assert answer.status_code == 200, answer.text
        assert set(answer.json()) == {
            "status",
            "created",
            "path",
            "original_filename",
            "final_filename",
            "renamed",
            "sandbox_id",
            "sandbox_created",
        }
        assert house.mesh.last.requests[0].target.path == "/workspace/a.txt"


@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_a_thread_is_shown_with_exactly_rest_s_keys(house: House, method: str) -> None:
    with (
        house.mesh.on(
            "/mesh.threads.v1.Threads/GetThread", answering(threads_pb2.GetThreadResponse(thread=THREAD_ROW))
        ),
        house.mesh.on(
            "/mesh.threads.v1.Threads/UpdateThread", answering(threads_pb2.UpdateThreadResponse(thread=THREAD_ROW))
        ),
        house.mesh.on("/mesh.agent.v1.AgentInternal/ListRecentRuns", RECENT),
        house.mesh.on("/mesh.sandbox.v1.Sandboxes/GetProjectSandbox", SANDBOX_ROW),
    ):
        answer = await house.door.client.request(
            method, f"/v1/threads/{THREAD}", headers=bearer(), json={"title": "Mine"} if method == "PATCH" else None
        )
    view = answer.json()
    assert set(view) == {
        "thread_id",
        "project_id",
        "name",
        "metadata",
        "is_public",
        "created_at",
        "updated_at",
        "project",
        "message_count",
        "recent_agent_runs",
        "_pending",
    }
    assert view["metadata"] == {"n": 12345678901}
    assert view["created_at"] == "2023-11-14T22:13:20+00:00"
    assert view["project"]["sandbox"] == {
        "id": SANDBOX,
        "pass": None,
        "vnc_preview": None,
        "sandbox_url": None,
        "token": None,
    }
    assert set(view["recent_agent_runs"][0]) == {
        "id",
        "status",
        "started_at",
        "completed_at",
        "error",
        "agent_id",
        "agent_version_id",
        "created_at",
    }


async def test_a_project_is_shown_with_exactly_rest_s_keys(house: House) -> None:
    project = answering(threads_pb2.GetProjectResponse(project=PROJECT_ROW))
    with (
        house.mesh.on("/mesh.threads.v1.Threads/GetProject", project),
        house.mesh.on("/mesh.sandbox.v1.Sandboxes/GetProjectSandbox", SANDBOX_ROW),
    ):
        view = (await house.door.client.get(f"/v1/projects/{PROJECT}")).json()
    assert set(view) == {
        "project_id",
        "name",
        "description",
        "sandbox",
        "is_public",
        "icon_name",
        "created_at",
        "updated_at",
    }


async def test_the_account_state_has_the_keys_that_pages_read(house: House) -> None:
    state = billing_pb2.GetAccountStateResponse(
        credits=billing_pb2.CreditState(total=5, can_run=True),
        subscription=billing_pb2.SubscriptionState(tier_key="free", status="active", provider="local"),
        tier=billing_pb2.TierState(name="free"),
        limits=billing_pb2.PlanLimits(tier_name="free", max_projects=20, max_concurrent_runs=2),
    )
    models = runs_pb2.ListModelsResponse(models=[runs_pb2.Model(id="mock-ai", capabilities=["tools"])])
    with (
        house.mesh.on("/mesh.billing.v1.Billing/GetAccountState", answering(state)),
        house.mesh.on("/mesh.agent.v1.AgentInternal/ListModels", answering(models)),
        house.mesh.on(
            "/mesh.agent.v1.AgentInternal/CountActiveRuns", answering(runs_pb2.CountActiveRunsResponse(running_count=1))
        ),
        house.mesh.on("/mesh.agent.v1.AgentsInternal/CountAgents", answering(agents_pb2.CountAgentsResponse(agents=2))),
        house.mesh.on(
            "/mesh.threads.v1.ThreadsInternal/CountThreads",
            answering(threads_pb2.CountThreadsResponse(projects=3, threads=4)),
        ),
    ):
        view = (await house.door.client.get("/v1/billing/account-state", headers=bearer())).json()
    assert set(view) == {"credits", "subscription", "models", "limits", "tier", "_cache"}
    assert view["models"][0]["capabilities"] == ["tools"]
    assert view["limits"]["concurrent_runs"] == {"running_count": 1, "limit": 2, "can_start": True, "tier_name": "free"}
    assert view["limits"]["ai_worker_count"]["current_count"] == 2
    assert view["credits"]["daily_refresh"] is None


# Operators.


async def role(house: House, name: str, path: str) -> Any:
    looked_up = answering(billing_pb2.LookupRoleResponse(role=name))
    with house.mesh.on("/mesh.billing.v1.BillingInternal/LookupRole", looked_up):
        return await house.door.client.get(path, headers=bearer())


@pytest.mark.parametrize("path", ["/v1/metrics", "/v1/debug", "/v1/debug/redis"])
async def test_figures_are_for_admins(house: House, path: str) -> None:
    """G8."""
    stats = answering(runs_pb2.GetRunStatsResponse(queued=1, running=2))
    with house.mesh.on("/mesh.agent.v1.AgentInternal/GetRunStats", stats):
        assert (await house.door.client.get(path)).status_code == 401
        detail_of(await role(house, "user", path), 403, "PERMISSION_DENIED")
        for name in ("admin", "super_admin"):
            assert (await role(house, name, path)).status_code == 200


async def test_a_role_in_a_token_is_no_role(house: House) -> None:
    claims = {"role": "admin", "app_metadata": {"role": "admin"}, "user_metadata": {"role": "super_admin"}}
    looked_up = answering(billing_pb2.LookupRoleResponse(role="user"))
    with house.mesh.on("/mesh.billing.v1.BillingInternal/LookupRole", looked_up):
        answer = await house.door.client.get("/v1/debug", headers=bearer(**claims))
    detail_of(answer, 403, "PERMISSION_DENIED")


async def test_health_is_told_to_anybody(house: House) -> None:
    told = (await house.door.client.get("/v1/health")).json()
    assert set(told) == {"status", "timestamp", "instance_id"}
    assert told["status"] == "healthy"


async def test_health_of_all_really_asks(house: House) -> None:
    assert (await house.door.client.get("/v1/health-docker")).json()["services"]["redis"] == "healthy"
    serving = health_pb2.HealthCheckResponse.ServingStatus
    await house.mesh.health.set("", serving.NOT_SERVING)
    try:
        detail = detail_of(await house.door.client.get("/v1/health-docker"), 503, "UNHEALTHY")
    finally:
        await house.mesh.health.set("", serving.SERVING)
    assert detail["services"]["threads"] == "not_ready"
    assert detail["services"]["redis"] == "healthy"


async def test_a_form_of_which_nothing_came_is_refused(house: House) -> None:
    async def nothing() -> AsyncIterator[edge_pb2.StartAgentRunRequest]:
        return
        yield

    with pytest.raises(InvalidArgument) as refused:
        await house.edge.stub(EdgeStub, "user").StartAgentRun(nothing())
    assert [violation.field for violation in refused.value.violations] == ["body"]
