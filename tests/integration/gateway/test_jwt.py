"""Who gets in (security G2): each case is tried over REST, over gRPC, and on a stream by `?token=`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.api.httpbody_pb2 import HttpBody
from jwt import PyJWK, encode
from jwt.algorithms import ECAlgorithm
from mesh.agent.v1 import runs_pb2
from mesh.agent.v1.runs_pb2_grpc import AgentRunsStub

from tests.integration.gateway.envoy_process import Door, open_door
from tests.integration.gateway.fake_mesh import FakeMesh, answering
from tests.integration.gateway.identity_provider import IdentityProvider, open_identity_provider
from tests.integration.gateway.tokens import USER, bearer, token
from tests.support.harness import JWT_SECRET

pytestmark = pytest.mark.asyncio(loop_scope="module")

RUN = "6f1c0000-0000-4000-8000-000000000001"
STATUS = f"/v1/agent-runs/{RUN}/status"
STREAM = f"/v1/agent-run/{RUN}/stream"
GET_STATUS = "/mesh.agent.v1.AgentRuns/GetRunStatus"
EDGE_STREAM = "/mesh.gateway.v1.Edge/StreamAgentRun"
HOUR_AGO = int(time.time()) - 3600
PRIVATE = ec.generate_private_key(ec.SECP256R1())
PUBLIC_PEM = PRIVATE.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)

BAD_TOKENS = {
    "wrong key": token("another-secret-that-is-as-long-as-the-first"),
    "no algorithm": token(header={"alg": "none"}),
    "no signature": token(header={"alg": "none"}).rpartition(".")[0] + ".",
    "another algorithm": token(header={"alg": "HS512"}),
    "the public key as the secret": token(PUBLIC_PEM),
    "an asymmetric algorithm": token(header={"alg": "ES256"}),
    "expired": token(exp=HOUR_AGO),
    "not yet valid": token(nbf=int(time.time()) + 3600),
    "no exp": token(exp=None),
    "not a token": "abc",
    "not JSON": "a.b.c",
}


@asynccontextmanager
async def serving(mesh: FakeMesh) -> AsyncIterator[None]:
    status = answering(runs_pb2.GetRunStatusResponse(status="running"))
    frames = answering(HttpBody(content_type="text/event-stream", data=b"data: {}\n\n"))
    with mesh.on(GET_STATUS, status), mesh.on(EDGE_STREAM, frames):
        yield


async def grpc_code(door: Door, authorization: str | None) -> grpc.StatusCode:
    metadata = [("authorization", authorization)] if authorization else None
    async with grpc.aio.insecure_channel(door.address) as channel:
        call = AgentRunsStub(channel).GetRunStatus(runs_pb2.GetRunStatusRequest(agent_run_id=RUN), metadata=metadata)
        return await call.code()


async def test_a_good_token_passes_and_is_passed_on(door: Door, mesh: FakeMesh) -> None:
    async with serving(mesh):
        good = bearer()
        assert (await door.client.get(STATUS, headers=good)).json()["status"] == "running"
        assert mesh.last.metadata["authorization"] == good["authorization"]
        assert await grpc_code(door, good["authorization"]) is grpc.StatusCode.OK
        assert (await door.client.get(STREAM, headers=good)).status_code == 200


@pytest.mark.parametrize("case", BAD_TOKENS)
async def test_a_bad_token_passes_nowhere(door: Door, mesh: FakeMesh, case: str) -> None:
    before = len(mesh.calls)
    authorization = f"Bearer {BAD_TOKENS[case]}"
    async with serving(mesh):
        for path in (STATUS, STREAM):
            refused = await door.client.get(path, headers={"authorization": authorization})
            assert refused.status_code == 401, path
            assert refused.headers["www-authenticate"] == "Bearer"
        assert (await door.client.get(STREAM, params={"token": BAD_TOKENS[case]})).status_code == 401
        assert await grpc_code(door, authorization) is grpc.StatusCode.UNAUTHENTICATED
    assert len(mesh.calls) == before


async def test_an_oversize_token_is_refused_unread(door: Door, mesh: FakeMesh) -> None:
    before = len(mesh.calls)
    async with serving(mesh):
        for path in (STATUS, STREAM):
            assert (await door.client.get(path, headers=bearer(padding="x" * 40_000))).status_code == 431
        assert (await door.client.get(STREAM, params={"token": token(padding="x" * 40_000)})).status_code == 431
    assert len(mesh.calls) == before


async def test_no_token_is_refused_where_nobody_may_read(door: Door, mesh: FakeMesh) -> None:
    async with serving(mesh):
        refused = await door.client.get(STATUS)
        assert refused.status_code == 401
        assert refused.json()["detail"]["message"] == "No valid authentication credentials found"
        assert await grpc_code(door, None) is grpc.StatusCode.UNAUTHENTICATED


async def test_no_token_passes_where_anybody_may_read(door: Door, mesh: FakeMesh) -> None:
    async with serving(mesh):
        assert (await door.client.get(STREAM)).status_code == 200
    assert "authorization" not in mesh.last.metadata


async def test_an_expired_token_is_told_as_such(door: Door) -> None:
    refused = await door.client.get(STATUS, headers=bearer(exp=HOUR_AGO))
    assert refused.json()["detail"]["message"] == "Token has expired"


async def test_key_hints_in_a_token_are_not_followed(door: Door, mesh: FakeMesh) -> None:
    """`kid` and `jku` choose nothing: the signature is checked with our key, and services refuse such headers."""
    forged = token("attackers-own-secret-of-thirty-two-chars", header={"kid": "../../x", "jku": "http://evil.test/k"})
    assert (await door.client.get(STATUS, headers={"authorization": f"Bearer {forged}"})).status_code == 401


async def test_duplicate_claims_are_refused(door: Door, mesh: FakeMesh) -> None:
    raw = f'{{"sub":"{USER}","exp":{int(time.time()) + 900},"sub":"11111111-1111-4111-8111-111111111112"}}'
    async with serving(mesh):
        assert (await door.client.get(STATUS, headers=bearer(raw_claims=raw))).status_code == 401


async def test_access_token_in_the_url_is_no_token(door: Door, mesh: FakeMesh) -> None:
    async with serving(mesh):
        assert (await door.client.get(STATUS, params={"access_token": token()})).status_code == 401


async def test_a_token_in_the_url_counts_on_streams_alone(door: Door, mesh: FakeMesh) -> None:
    async with serving(mesh):
        assert (await door.client.get(STATUS, params={"token": token()})).status_code == 401


async def test_a_token_in_the_url_becomes_the_header_and_leaves_the_url(door: Door, mesh: FakeMesh) -> None:
    given = token()
    async with serving(mesh):
        answer = await door.client.get(STREAM, params={"token": given, "last_id": "1-2"})
    assert answer.status_code == 200
    assert mesh.last.metadata["authorization"] == f"Bearer {given}"
    assert mesh.last.requests[0].last_id == "1-2"
    assert mesh.last.requests[0].token == ""
    others = {key: value for key, value in mesh.last.metadata.items() if key != "authorization"}
    assert given not in str(others)


@pytest.mark.parametrize("query", ["token={0}", "token={0}&last_id=1-1", "last_id=1-1&token={0}&x=1", "%74oken={0}"])
async def test_a_token_in_the_url_is_in_no_log(door: Door, mesh: FakeMesh, query: str) -> None:
    given = token()
    async with serving(mesh):
        answer = await door.client.get(f"{STREAM}?{query.format(given)}")
    line = await door.access_line(answer.headers["x-request-id"])
    assert answer.status_code == 200
    assert line["path"] == STREAM
    assert given not in door.logged()


async def test_a_token_in_the_url_of_another_route_is_in_no_log_and_goes_nowhere(door: Door, mesh: FakeMesh) -> None:
    async with serving(mesh):
        answer = await door.client.get(STATUS, params={"token": "very-secret-token"}, headers=bearer())
    await door.access_line(answer.headers["x-request-id"])
    assert "very-secret-token" not in door.logged()
    assert "very-secret-token" not in str(mesh.last.metadata)


async def test_both_tokens_given_are_refused(door: Door, mesh: FakeMesh) -> None:
    async with serving(mesh):
        assert (await door.client.get(STREAM, params={"token": token()}, headers=bearer())).status_code == 401
        assert (await door.client.get(f"{STREAM}?token={token()}&token={token()}")).status_code == 401


async def test_an_empty_token_in_the_url_is_none(door: Door, mesh: FakeMesh) -> None:
    async with serving(mesh):
        assert (await door.client.get(f"{STREAM}?token=")).status_code == 200
        assert (await door.client.get(f"{STREAM}?token=", headers=bearer())).status_code == 200


@pytest.mark.parametrize("junk", ["a b", "a%0d%0ax: y", "a.b.c%00", "Bearer x"])
async def test_a_token_that_could_break_a_header_is_refused(door: Door, mesh: FakeMesh, junk: str) -> None:
    async with serving(mesh):
        assert (await door.client.get(f"{STREAM}?token={junk}")).status_code in (400, 401)


# Two providers: the shared secret and the identity provider's published keys, one issuer for both.


def signed(key: ec.EllipticCurvePrivateKey = PRIVATE, kid: str = "k1", **claims: object) -> dict[str, str]:
    given = {"sub": USER, "exp": int(time.time()) + 900, **claims}
    return {"authorization": f"Bearer {encode(given, key, algorithm='ES256', headers={'kid': kid})}"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[IdentityProvider]:
    jwk = ECAlgorithm.to_jwk(PRIVATE.public_key(), as_dict=True)
    assert PyJWK({**jwk, "alg": "ES256"})
    async with open_identity_provider([{**jwk, "kid": "k1", "alg": "ES256", "use": "sig"}]) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two_keys_door(
    mesh: FakeMesh, provider: IdentityProvider, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Door]:
    async with open_door(tmp_path_factory.mktemp("jwks"), mesh.address, supabase_url=provider.url) as opened:
        yield opened


async def test_both_providers_let_their_own_in(two_keys_door: Door, mesh: FakeMesh, provider: IdentityProvider) -> None:
    async with serving(mesh):
        for headers in (signed(iss=provider.issuer), bearer(iss=provider.issuer)):
            assert (await two_keys_door.client.get(STATUS, headers=headers)).status_code == 200


async def test_another_issuer_is_refused(two_keys_door: Door, mesh: FakeMesh) -> None:
    async with serving(mesh):
        for headers in (
            signed(iss="https://evil.test/auth/v1"),
            signed(),
            bearer(iss="https://evil.test/auth/v1"),
            bearer(),
        ):
            assert (await two_keys_door.client.get(STATUS, headers=headers)).status_code == 401


async def test_keys_of_one_provider_do_not_serve_the_other(
    two_keys_door: Door, mesh: FakeMesh, provider: IdentityProvider
) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    confused = {"authorization": f"Bearer {token(PUBLIC_PEM, iss=provider.issuer, header={'kid': 'k1'})}"}
    async with serving(mesh):
        for headers in (signed(stranger, iss=provider.issuer), signed(kid="none", iss=provider.issuer), confused):
            assert (await two_keys_door.client.get(STATUS, headers=headers)).status_code == 401


async def test_anonymous_reads_pass_with_two_providers_and_bad_tokens_do_not(
    two_keys_door: Door, mesh: FakeMesh
) -> None:
    async with serving(mesh):
        assert (await two_keys_door.client.get(STREAM)).status_code == 200
        assert (await two_keys_door.client.get(STREAM, headers=bearer(secret="x" * 40))).status_code == 401
    assert JWT_SECRET not in two_keys_door.logged()
