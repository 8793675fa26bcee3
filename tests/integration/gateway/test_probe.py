import pytest, grpc
from google.api.httpbody_pb2 import HttpBody
from mesh.agent.v1 import runs_pb2
from mesh.threads.v1 import threads_pb2, threads_pb2_grpc
from services.kit.errors import NotFound, PaymentRequired
from tests.integration.gateway.fake_mesh import *
from tests.integration.gateway.tokens import *

pytestmark = pytest.mark.asyncio(loop_scope="module")
RID = "6f1c0000-0000-4000-8000-000000000001"


def show(r):
    print("\n", r.request.method, r.request.url, r.status_code, dict(r.headers), r.text[:400])


async def test_probe(door, mesh):
    c = door.client
    GET = "/mesh.agent.v1.AgentRuns/GetRunStatus"
    with mesh.on(GET, answering(runs_pb2.GetRunStatusResponse(status="running"))):
        r = await c.get(f"/v1/agent-runs/{RID}/status", headers=bearer())
        show(r)
        print(mesh.last.metadata)
        r = await c.get(
            f"/v1/agent-runs/{RID}/status?token=SECRETT&x=1",
            headers={**bearer(), "origin": "http://localhost:3000", "x-user-id": "evil", "x-envoy-original-path": "x"},
        )
        show(r)
        print(mesh.last.metadata)
        for h in ({}, {"authorization": "Bearer x.y.z"}, bearer(exp=5), bearer(exp=None), {"x-api-key": "pk"}):
            r = await c.get(f"/v1/agent-runs/{RID}/status", headers=h)
            show(r)
        r = await c.get("/v1/agent-runs/a%2Fb/status", headers=bearer())
        show(r)
        r = await c.get("/v1/nothing", headers=bearer())
        show(r)
        r = await c.get(f"/v1/agent-runs/{RID}/status", headers={**bearer(), "x_y": "1"})
        show(r)
        r = await c.get(f"/v1/agent-runs/{RID}/status", headers={**bearer(), "big": "1" * 40000})
        show(r)
        r = await c.options(
            f"/v1/agent-runs/{RID}/status",
            headers={
                "origin": "http://localhost:3000",
                "access-control-request-method": "GET",
                "access-control-request-headers": "authorization",
            },
        )
        show(r)
    with mesh.on(GET, failing(NotFound("Run gone", params={"agent_run_id": "1"}))):
        r = await c.get(f"/v1/agent-runs/{RID}/status", headers=bearer())
        show(r)
    with mesh.on(GET, failing(PaymentRequired("pay", params={"limit": 1}))):
        r = await c.get(f"/v1/agent-runs/{RID}/status", headers=bearer())
        show(r)
    r = await c.get(f"/v1/agent-runs/{RID}/status", headers=bearer())
    show(r)
    r = await c.post(f"/v1/setup/initialize", headers=bearer(), content=b"{bad")
    show(r)
    ES = "/mesh.gateway.v1.Edge/StreamAgentRun"
    with mesh.on(
        ES, answering(HttpBody(content_type="text/event-stream", data=b"data: 1\n\n"), HttpBody(data=b"data: 2\n\n"))
    ):
        r = await c.get(f"/v1/agent-run/{RID}/stream?token={token()}&last_id=1-2", headers={"last-event-id": "3-4"})
        show(r)
        print(mesh.last.metadata, mesh.last.requests)
        r = await c.get(f"/v1/agent-run/{RID}/stream?token={token()}", headers=bearer())
        show(r)
        r = await c.get(f"/v1/agent-run/{RID}/stream")
        show(r)
        print(mesh.last.metadata)
    with mesh.on(ES, failing(NotFound("Run gone"))):
        r = await c.get(f"/v1/agent-run/{RID}/stream")
        show(r)
    import grpc as _g

    st = threads_pb2_grpc.ThreadsStub(grpc.aio.insecure_channel(door.address))
    sti = threads_pb2_grpc.ThreadsInternalStub(grpc.aio.insecure_channel(door.address))
    md = [("authorization", "Bearer " + token())]
    with mesh.on(
        "/mesh.threads.v1.Threads/GetThread",
        answering(threads_pb2.GetThreadResponse(thread=threads_pb2.Thread(name="x"))),
    ):
        print(await st.GetThread(threads_pb2.GetThreadRequest(thread_id=RID), metadata=md))
        print(mesh.last.metadata)
    with mesh.on("/mesh.threads.v1.Threads/GetThread", failing(NotFound("x"))):
        try:
            await st.GetThread(threads_pb2.GetThreadRequest(thread_id=RID), metadata=md)
        except grpc.aio.AioRpcError as e:
            print(e.code(), e.details(), e.trailing_metadata(), e.initial_metadata())
    for s, rq, m in (
        (sti.CheckAccess, threads_pb2.CheckAccessRequest(), md),
        (st.ListThreads, threads_pb2.ListThreadsRequest(), None),
        (st.ListThreads, threads_pb2.ListThreadsRequest(), md),
    ):
        try:
            await s(rq, metadata=m)
        except grpc.aio.AioRpcError as e:
            print(e.code(), e.details(), e.trailing_metadata(), e.initial_metadata())
    print(door.logged())
