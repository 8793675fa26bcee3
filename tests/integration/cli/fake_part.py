"""A small gRPC server with health, as a part of a mesh under test: `python -m tests.integration.cli.fake_part [mood]`.

Moods: `well` (default), `mortal` (dies as soon as it has started), `wrong` (exits as for a wrong configuration),
`stubborn` (ignores SIGTERM).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc


class Well(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # the package ships no types
    """Always."""

    async def Check(self, request: health_pb2.HealthCheckRequest, context: object) -> health_pb2.HealthCheckResponse:
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)


async def _serve(listen: str) -> None:
    server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(Well(), server)
    server.add_insecure_port(listen)
    await server.start()
    print(f"serving on {listen}", flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await server.stop(0)


def main(mood: str) -> int:
    if mood == "mortal":
        print("no reason to live", flush=True)
        return 7
    if mood == "wrong":
        print("THIS is not set", flush=True)
        return 2
    if mood == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("not going", flush=True)
        while True:
            signal.pause()
    asyncio.run(_serve(os.environ["MESH_LISTEN"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "well"))
