"""Who may call the edge: every RPC, by everybody.

What is behind the edge answers for itself, in its own matrix: here a call is let in when it is neither 401 nor 403.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message
from mesh.billing.v1 import billing_pb2
from mesh.gateway.v1 import docs_pb2
from mesh.gateway.v1 import edge_pb2 as pb

from services.gateway.config import Settings
from services.gateway.edge.app import build
from services.gateway.policy import POLICY
from tests.contract.access_matrix import Case, Kind, cases, verdict
from tests.integration.gateway.conftest import NEIGHBOURS
from tests.integration.gateway.fake_mesh import Call, FakeMesh, Requests, open_fake_mesh
from tests.support.harness import ACCOUNTS, ServiceHarness, make_settings
from tests.support.redis import EmbeddedRedis

pytestmark = pytest.mark.asyncio(loop_scope="module")

ID = "6f1c0000-0000-4000-8000-000000000001"
FORM = HttpBody(content_type="application/json", data=b"{}")

REQUESTS: dict[str, Callable[[], Any]] = {
    "StartAgentRun": lambda: pb.StartAgentRunRequest(body=FORM),
    "StreamAgentRun": lambda: pb.StreamAgentRunRequest(agent_run_id=ID),
    "CreateThread": lambda: pb.CreateThreadRequest(body=FORM),
    "GetThread": lambda: pb.GetThreadRequest(thread_id=ID),
    "UpdateThread": lambda: pb.UpdateThreadRequest(thread_id=ID, body=FORM),
    "GetProject": lambda: pb.GetProjectRequest(project_id=ID),
    "GetAccountState": pb.GetAccountStateRequest,
    "UploadSandboxFile": lambda: pb.UploadSandboxFileRequest(sandbox_id=ID, body=FORM),
    "UploadProjectFile": lambda: pb.UploadProjectFileRequest(project_id=ID, body=FORM),
    "ReplaceSandboxFile": lambda: pb.ReplaceSandboxFileRequest(sandbox_id=ID, body=FORM),
    "UpdatePresence": lambda: pb.UpdatePresenceRequest(body=FORM),
    "GetSystemStatus": pb.GetSystemStatusRequest,
    "Prewarm": pb.PrewarmRequest,
    "Health": pb.HealthRequest,
    "HealthDocker": pb.HealthDockerRequest,
    "Metrics": pb.MetricsRequest,
    "Debug": pb.DebugRequest,
    "DebugRedis": pb.DebugRedisRequest,
    "GetOpenApi": docs_pb2.GetOpenApiRequest,
    "GetDocsPage": docs_pb2.GetDocsPageRequest,
    "GetDocsAsset": lambda: docs_pb2.GetDocsAssetRequest(name="start.js"),
}
FILES = [pb.DESCRIPTOR, docs_pb2.DESCRIPTOR]
KINDS: dict[str, Kind] = {
    ".".join(method.strip("/").split(".")[-1].split("/")): "read" if rule.anonymous else "own"
    for method, rule in POLICY
}
ROLES = {ACCOUNTS[name]: name for name in ("admin", "super_admin")}


async def looked_up(requests: Requests, call: Call) -> AsyncIterator[Message]:
    """Roles as billing knows them."""
    async for request in requests:
        yield billing_pb2.LookupRoleResponse(role=ROLES.get(request.user_id, "user"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge(
    redis_server: EmbeddedRedis, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServiceHarness[Settings]]:
    """A real edge; behind it everybody is there and knows nothing but roles."""
    folder: Path = tmp_path_factory.mktemp("edge")
    mesh: FakeMesh
    async with open_fake_mesh() as mesh:
        targets = {f"mesh_{name}_url": mesh.address for name in NEIGHBOURS}
        settings = make_settings(Settings, folder, redis_url=redis_server.url, **targets)
        with mesh.on("/mesh.billing.v1.BillingInternal/LookupRole", looked_up):
            async with ServiceHarness(settings, build) as harness:
                yield harness


@pytest.mark.parametrize("case", [case for case in cases(FILES, POLICY, KINDS) if case.visibility == "public"], ids=str)
async def test_each_caller_gets_the_verdict_of_the_design(edge: ServiceHarness[Settings], case: Case) -> None:
    request = REQUESTS[case.method.name]()
    found = await verdict(edge.channel(case.caller), case.method, request)
    assert (found if found in (401, 403) else 200) == case.verdict
