"""`python -m tests.fakes.llm`: the server as a process of its own. Its first line is its base URL."""

from __future__ import annotations

import argparse
import asyncio
import signal

import uvloop

from tests.fakes.llm.protocol import OpenAiProtocol, WireProtocol
from tests.fakes.llm.server import FakeLlm, serving


async def _run(arguments: argparse.Namespace, protocol: WireProtocol) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    fake = FakeLlm(key=arguments.key, flush_each=arguments.flush == "token", protocol=protocol)
    async with serving(fake, arguments.host, arguments.port):
        print(fake.url, flush=True)
        await stopped.wait()


def main(name: str = "llm", protocol: WireProtocol | None = None) -> None:
    """Serves until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.fakes.{name}", description="a model server for tests")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--key", help="the only API key to take; any when not given")
    parser.add_argument("--flush", choices=("answer", "token"), default="answer", help="what one write carries")
    uvloop.run(_run(parser.parse_args(), protocol or OpenAiProtocol()))


if __name__ == "__main__":
    main()
