"""The server as another process, for tests whose mesh has processes of its own, and for benchmarks."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_ROOT = Path(__file__).parents[3]


@asynccontextmanager
async def spawned(*arguments: str, fake: str = "llm") -> AsyncIterator[str]:
    """Runs `python -m tests.fakes.<fake>` within the block; yields its base URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"tests.fakes.{fake}", *arguments, stdout=asyncio.subprocess.PIPE, cwd=_ROOT
    )
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().strip()
        assert url, "the model server did not start"
        yield url
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
