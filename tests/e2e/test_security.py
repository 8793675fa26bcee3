"""Who is let in, and what a stranger learns: nothing. Requirement ids as in the security design (G2, A1, A2, G7)."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import grpc
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.protobuf import descriptor_pb2

from tests.support.mesh import CHECKOUT, JWT_SECRET, RunningMesh
from tests.support.viewer import Viewer, start_run

pytestmark = pytest.mark.xdist_group("mesh")

SUB = str(uuid4())


def encode(header: dict[str, Any], claims: str) -> str:
    """A token from raw parts, signed with the right secret."""
    algorithm = jwt.get_algorithm_by_name("HS256")
    parts = [base64.urlsafe_b64encode(part.encode()).rstrip(b"=") for part in (json.dumps(header), claims)]
    signed = b".".join(parts)
    signature = base64.urlsafe_b64encode(algorithm.sign(signed, JWT_SECRET.encode())).rstrip(b"=")
    return b".".join([signed, signature]).decode()


def claims(**more: object) -> dict[str, object]:
    return {"sub": SUB, "exp": int(time.time()) + 600, **more}


def hs_with_a_public_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    algorithm = jwt.get_algorithm_by_name("HS256")
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "typ": "JWT"}, claims())
    ]
    signature = base64.urlsafe_b64encode(algorithm.sign(b".".join(parts), pem)).rstrip(b"=")
    return b".".join([*parts, signature]).decode()


HEADER = {"alg": "HS256", "typ": "JWT"}
BAD_TOKENS: dict[str, Callable[[], str]] = {
    "wrong key": lambda: jwt.encode(claims(), "x" * 40, "HS256"),
    "no signature": lambda: jwt.encode(claims(), "", "none"),
    "wrong algorithm": lambda: jwt.encode(claims(), JWT_SECRET, "HS512"),
    "HS with a public key": hs_with_a_public_key,
    "kid injection": lambda: encode(HEADER | {"kid": "../../../../dev/null"}, json.dumps(claims())) + "x",
    "jku": lambda: encode(HEADER | {"jku": "http://127.0.0.1:1/keys"}, json.dumps(claims())),
    "x5u": lambda: encode(HEADER | {"x5u": "http://127.0.0.1:1/cert"}, json.dumps(claims())),
    "expired": lambda: jwt.encode(claims(exp=int(time.time()) - 120), JWT_SECRET, "HS256"),
    "not yet valid": lambda: jwt.encode(claims(nbf=int(time.time()) + 600), JWT_SECRET, "HS256"),
    "without exp": lambda: jwt.encode({"sub": SUB}, JWT_SECRET, "HS256"),
    "without sub": lambda: jwt.encode({"exp": int(time.time()) + 600}, JWT_SECRET, "HS256"),
    "oversize": lambda: jwt.encode(claims(pad="x" * 20_000), JWT_SECRET, "HS256"),
    "duplicate claims": lambda: encode(HEADER, f'{{"sub":"{uuid4()}","sub":"{SUB}","exp":{int(time.time()) + 600}}}'),
    "garbage": lambda: "not.a.token",
}


def assert_error(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The one shape."""
    assert answer.status_code == status, answer.text
    detail: dict[str, Any] = answer.json()["detail"]
    assert set(detail) >= {"message", "code", "error_code", "params", "request_id"}, detail
    assert detail["error_code"] == detail["code"].upper()
    assert detail["request_id"]
    return detail


@pytest.mark.parametrize("case", BAD_TOKENS)
async def test_a_token_that_is_wrong_is_refused(mesh: RunningMesh, case: str) -> None:
    async with httpx.AsyncClient(base_url=mesh.url) as http:
        answer = await http.get("/threads", headers={"Authorization": f"Bearer {BAD_TOKENS[case]()}"})
    if answer.status_code != 431:  # Envoy's own limit on headers comes first for an oversized one
        assert_error(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("case", BAD_TOKENS)
async def test_a_token_that_is_wrong_is_refused_on_streams_too(mesh: RunningMesh, case: str) -> None:
    async with httpx.AsyncClient(base_url=mesh.url) as http:
        answer = await http.get(f"/agent-run/{uuid4()}/stream", params={"token": BAD_TOKENS[case]()})
    assert answer.status_code in (400, 401, 414, 431)


async def test_no_token_is_refused(mesh: RunningMesh) -> None:
    async with httpx.AsyncClient(base_url=mesh.url) as http:
        assert_error(await http.get("/threads"), 401)


async def test_two_tokens_on_a_stream_are_refused(mesh: RunningMesh, client: httpx.AsyncClient) -> None:
    run = await start_run(client, "[[say hi]]")
    answer = await client.get(f"/agent-run/{run['agent_run_id']}/stream", params={"token": mesh.token()})
    assert_error(answer, 401)


async def test_a_role_in_the_token_makes_nobody_an_admin(mesh: RunningMesh) -> None:
    token = mesh.token(role="super_admin", app_metadata={"role": "admin"}, user_metadata={"role": "admin"})
    async with httpx.AsyncClient(base_url=mesh.url, headers={"Authorization": f"Bearer {token}"}) as http:
        assert (await http.get("/user-roles")).json()["isAdmin"] is False
        for path in ("/metrics", "/debug", "/debug/redis"):
            assert (await http.get(path)).status_code in (403, 404)


def internal_methods() -> list[str]:
    """Every RPC of an internal service."""
    files = descriptor_pb2.FileDescriptorSet.FromString((CHECKOUT / "protos/gen/mesh.binpb").read_bytes())
    return [
        f"/{file.package}.{service.name}/{method.name}"
        for file in files.file
        for service in file.service
        for method in service.method
        if file.package.startswith("mesh.") and service.name.endswith("Internal")
    ]


@pytest.mark.parametrize("method", internal_methods())
async def test_an_internal_rpc_is_not_reachable_with_a_users_token(mesh: RunningMesh, method: str) -> None:
    async with grpc.aio.insecure_channel(mesh.grpc) as channel:
        call = channel.unary_unary(method, request_serializer=bytes, response_deserializer=bytes)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(b"", metadata=[("authorization", f"Bearer {mesh.token()}")], timeout=5)
    assert refused.value.code() in (
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.PERMISSION_DENIED,
    )
    async with httpx.AsyncClient(base_url=f"http://{mesh.grpc}") as http:
        answer = await http.post(method, headers={"Authorization": f"Bearer {mesh.token()}"}, json={})
    assert_error(answer, 404)


async def test_a_stranger_gets_404_for_everything_that_is_not_his(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    run = await start_run(client, '[[call create_file {"file_path": "a.txt", "file_contents": "x"}]]')
    await Viewer(client, run["agent_run_id"]).watch()
    project = (await client.get(f"/projects/{run['project_id']}")).json()
    sandbox_id = (await client.get(f"/project/{run['project_id']}/sandbox")).json()["sandbox"]["id"]
    thread, project_id, run_id = run["thread_id"], project["project_id"], run["agent_run_id"]
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", f"/threads/{thread}", {}),
        ("PATCH", f"/threads/{thread}", {"json": {"title": "mine"}}),
        ("DELETE", f"/threads/{thread}", {}),
        ("GET", f"/threads/{thread}/messages", {}),
        ("POST", f"/threads/{thread}/messages/add", {"json": "hi"}),
        ("GET", f"/thread/{thread}/agent-runs", {}),
        ("GET", f"/projects/{project_id}", {}),
        ("DELETE", f"/projects/{project_id}", {}),
        ("GET", f"/projects/{project_id}/threads", {}),
        ("POST", f"/projects/{project_id}/threads", {}),
        ("GET", f"/project/{project_id}/sandbox", {}),
        ("GET", f"/project/{project_id}/sandbox/status", {}),
        ("POST", f"/project/{project_id}/files", {"data": {"path": "b.txt"}, "files": {"file": ("b.txt", b"x")}}),
        ("GET", f"/sandboxes/{sandbox_id}/files", {"params": {"path": "/workspace"}}),
        ("GET", f"/sandboxes/{sandbox_id}/files/content", {"params": {"path": "a.txt"}}),
        ("PUT", f"/sandboxes/{sandbox_id}/files", {"json": {"path": "a.txt", "content": "y"}}),
        ("DELETE", f"/sandboxes/{sandbox_id}/files", {"params": {"path": "a.txt"}}),
        ("POST", f"/sandboxes/{sandbox_id}/files", {"data": {"path": "b.txt"}, "files": {"file": ("b.txt", b"x")}}),
        ("POST", f"/sandboxes/{sandbox_id}/terminal/execute", {"json": {"command": "id"}}),
        ("GET", f"/agent-run/{run_id}", {}),
        ("GET", f"/agent-runs/{run_id}/status", {}),
        ("GET", f"/agent-run/{run_id}/stream", {}),
        ("POST", f"/agent-run/{run_id}/stop", {}),
        ("POST", f"/agent-runs/{run_id}/stop", {}),
        ("POST", "/agent/start", {"files": {"prompt": (None, "x"), "thread_id": (None, thread)}}),
        (
            "POST",
            "/agent/start",
            {"files": {"prompt": (None, "x"), "thread_id": (None, thread), "optimistic": (None, "true")}},
        ),
        (
            "POST",
            "/agent/start",
            {
                "files": {
                    "prompt": (None, "x"),
                    "thread_id": (None, str(uuid4())),
                    "project_id": (None, project_id),
                    "optimistic": (None, "true"),
                }
            },
        ),
    ]
    for method, path, body in requests:
        answer = await stranger.request(method, path, **body)
        assert answer.status_code == 404, (method, path, answer.text)
        assert_error(answer, 404)
    assert (await client.get(f"/threads/{thread}")).status_code == 200


async def test_a_public_project_may_be_read_by_anybody_and_written_by_nobody_else(
    mesh: RunningMesh, client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    run = await start_run(client, "[[say shared]]")
    await Viewer(client, run["agent_run_id"]).watch()
    assert (await client.patch(f"/threads/{run['thread_id']}", json={"is_public": True})).status_code == 200
    async with httpx.AsyncClient(base_url=mesh.url) as anybody:
        for path in (
            f"/threads/{run['thread_id']}",
            f"/threads/{run['thread_id']}/messages",
            f"/projects/{run['project_id']}",
            f"/agent-run/{run['agent_run_id']}/stream",
        ):
            assert (await anybody.get(path)).status_code == 200, path
        assert_error(await anybody.post(f"/agent-run/{run['agent_run_id']}/stop"), 401)
    refused = await stranger.patch(f"/threads/{run['thread_id']}", json={"title": "mine"})
    assert_error(refused, 403)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing/here", 404),
        ("GET", "/threads/not-a-uuid", 400),
        ("GET", "/threads?limit=0", 400),
        ("GET", "/threads?limit=x", 400),
        ("PUT", "/threads", 404),
        ("POST", "/agent/start", 400),
        ("GET", "/threads/6b1f6f0e-4c1e-4f5e-9a55-0a0a0a0a0a0a", 404),
    ],
)
async def test_errors_have_one_shape_whoever_refuses(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path)
    if status == 404 and answer.status_code == 405:
        status = 405
    assert_error(answer, status)
