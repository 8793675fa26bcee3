"""Health, asked of real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from services.cli.ports import any_free_port
from services.cli.probes import healthy


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # the package ships no types
    """As it is told."""

    def __init__(self) -> None:
        self.status = HealthCheckResponse.SERVING

    async def Check(self, request: HealthCheckRequest, context: object) -> HealthCheckResponse:
        return HealthCheckResponse(status=self.status)


@pytest.fixture
async def server() -> AsyncIterator[tuple[str, Health]]:
    health, server = Health(), grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"grpc://127.0.0.1:{port}", health
    await server.stop(None)


async def test_a_server_that_serves_is_healthy(server: tuple[str, Health]) -> None:
    address, _ = server

    assert await healthy(address)


async def test_a_server_that_says_not_serving_is_not(server: tuple[str, Health]) -> None:
    address, health = server
    health.status = HealthCheckResponse.NOT_SERVING

    assert not await healthy(address)


async def test_a_server_without_health_is_not() -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()

    assert not await healthy(f"grpc://127.0.0.1:{port}")
    await server.stop(None)


@pytest.mark.parametrize("scheme", ["grpc", "http"])
async def test_where_nobody_listens_nobody_is_healthy(scheme: str) -> None:
    assert not await healthy(f"{scheme}://127.0.0.1:{any_free_port()}")


@pytest.mark.parametrize("address", ["redis:/nowhere/redis.sock", "postgres:/nowhere?bin=/nowhere"])
async def test_a_socket_that_is_not_there_is_not_healthy(address: str) -> None:
    assert not await healthy(address)
