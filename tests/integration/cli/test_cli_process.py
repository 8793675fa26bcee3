"""Real processes: how they end, and what goes with them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from services.cli.identity import ProcessId
from services.cli.parts import Part
from services.cli.process import Exit, PartProcess, spawn

_QUICKLY = ((signal.SIGTERM, 0.3),)


class Output:
    """What a process wrote."""

    def __init__(self) -> None:
        self.text = ""
        self._more = asyncio.Event()

    def write(self, chunk: bytes) -> None:
        self.text += chunk.decode()
        self._more.set()

    async def has(self, text: str) -> None:
        async with asyncio.timeout(20):
            while text not in self.text:
                self._more.clear()
                await self._more.wait()


async def python(code: str, output: Output) -> PartProcess:
    part = Part(name="part", argv=(sys.executable, "-u", "-c", code), env={}, probe="")
    return await spawn(part, output.write)


@pytest.mark.parametrize(
    ("code", "told"),
    [("raise SystemExit(3)", "exited with code 3"), ("import os; os.abort()", "killed by SIGABRT")],
)
async def test_how_it_ended_is_told(code: str, told: str) -> None:
    process = await python(code, Output())

    assert str(await process.wait()) == told


async def test_its_last_words_are_there_when_its_end_is_known() -> None:
    output = Output()
    process = await python("import os; print('x' * 100_000); os._exit(1)", output)

    await process.wait()

    assert len(output.text) == 100_001


async def test_one_that_does_not_listen_is_killed_after_its_time() -> None:
    output = Output()
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); signal.pause()"
    process = await python(deaf, output)
    await output.has("deaf")

    assert await process.stop(_QUICKLY) == Exit(-signal.SIGKILL)


async def test_children_it_leaves_behind_are_killed_with_it() -> None:
    output = Output()
    process = await python("import os, signal; child = os.fork(); child and print(child); signal.pause()", output)
    await output.has("\n")
    child = ProcessId.of(int(output.text))
    assert child is not None

    os.kill(process.pid, signal.SIGKILL)
    await process.wait()

    assert await child.ended(5)


async def test_stopping_what_has_ended_is_harmless() -> None:
    process = await python("", Output())
    await process.wait()

    assert await process.stop(_QUICKLY) == Exit(0)
    process.kill()


async def test_it_ends_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    code = f"""
import asyncio, os, sys
sys.path.insert(0, {os.getcwd()!r})
from services.cli.parts import Part
from services.cli.process import spawn
async def main():
    forever = (sys.executable, "-c", "import signal; signal.pause()")
    process = await spawn(Part(name="part", argv=forever, env={{}}, probe=""), lambda chunk: None)
    print(process.pid, flush=True)
    await process.wait()
asyncio.run(main())
"""
    output = Output()
    supervisor = await python(code, output)
    await output.has("\n")
    part = ProcessId.of(int(output.text))
    assert part is not None

    os.kill(supervisor.pid, signal.SIGKILL)
    await supervisor.wait()

    assert await part.ended(5)
