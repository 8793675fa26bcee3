"""The document and its page, as a browser without a token gets them; and a short run of what is sent by it."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from services.gateway.openapi.document import load_document
from tests.fuzz.rest import fuzz
from tests.fuzz.seeds import sow
from tests.support.mesh import RunningMesh

pytestmark = pytest.mark.xdist_group("mesh")


def origin(mesh: RunningMesh) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=mesh.url.removesuffix("/v1"), timeout=30)


async def test_the_document_is_served_to_anybody(mesh: RunningMesh) -> None:
    async with origin(mesh) as anybody:
        answer = await anybody.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"].startswith("public")
    assert answer.json() == load_document()


async def test_the_page_and_its_parts_come_from_here_alone(mesh: RunningMesh) -> None:
    async with origin(mesh) as anybody:
        page = await anybody.get("/docs")
        assert page.headers["content-type"].startswith("text/html")
        assert "script-src 'self';" in page.headers["content-security-policy"]
        parts = re.findall(r'(?:src|href)="(docs/[^"]+)"', page.text)
        assert len(parts) == 3
        for part in parts:
            answer = await anybody.get(f"/{part}")
            assert answer.status_code == 200
            assert answer.headers["content-type"] in ("text/javascript", "text/css")
            assert answer.headers["x-content-type-options"] == "nosniff"
        assert (await anybody.get("/docs/other.js")).status_code == 404


@pytest.mark.parametrize(
    "header", ["7|: x", "a%u0: x", "x-bin: !!!", "grpc-timeout: soon", "grpc-encoding: none", "a: b\tc"]
)
async def test_a_header_that_grpc_can_not_carry_is_no_error_of_ours(mesh: RunningMesh, header: str) -> None:
    name, _, value = header.partition(": ")
    async with origin(mesh) as anybody:
        assert (await anybody.get("/v1/health", headers={name: value})).status_code == 200


async def test_a_call_that_says_it_is_grpc_finds_no_rest_route(mesh: RunningMesh) -> None:
    async with origin(mesh) as anybody:
        answer = await anybody.get("/v1/health", headers={"content-type": "application/grpc"})
    assert answer.headers["grpc-status"] == "12"


@pytest.mark.parametrize("header", [{"a_b": "x"}, {"x-long": "x" * 40_000}], ids=["name", "size"])
async def test_what_is_refused_before_it_is_read_has_an_id_too(mesh: RunningMesh, header: dict[str, str]) -> None:
    async with origin(mesh) as anybody:
        answer = await anybody.get("/v1/health", headers=header)
    assert answer.status_code in (400, 431)
    assert answer.json()["detail"]["request_id"]


@pytest.mark.timeout(300)
async def test_every_answer_is_documented_and_nothing_wrong_is_taken(
    mesh: RunningMesh, client: httpx.AsyncClient, user_id: str, tmp_path: Path
) -> None:
    await mesh.make_admin(user_id)
    seeds = await sow(client)
    outcome = fuzz(mesh, user_id, seeds, tmp_path, "--phases", "coverage", "--max-time", "75", "--seed", "1")
    assert not outcome.failures, outcome.output
    assert outcome.requests > 200
