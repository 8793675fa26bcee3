"""Runs commands without isolation, for `ALLOW_UNSAFE_SANDBOX=1` where this machine can give none.

A guard process (`guard.py`) stands where bubblewrap would and speaks the same protocol, so that the rest is the same.
As root, commands still run as the sandbox's own user; limits are per process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from services.sandbox.paths import WORKSPACE
from services.sandbox.providers.local import guard, profile
from services.sandbox.providers.local.homes import Home


@dataclass(frozen=True)
class Unconfined:
    """Spawns commands under a guard. `cwd` below /workspace means the workspace's own place on the host."""

    def spawn(self, home: Home, words: list[str], cwd: str, status: int, gate: int) -> subprocess.Popen[bytes]:
        """Starts the guard; it reports on `status`."""
        workspace = os.open(home.workspace, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        below = "." + cwd.removeprefix(WORKSPACE)
        uid = -1 if home.uid is None else home.uid
        program = [sys.executable, "-I", "-S", "-c", Path(guard.__file__).read_text()]
        told = [*(str(number) for number in (status, workspace, uid)), below]
        try:
            return subprocess.Popen(  # noqa: S603 -- running commands is the purpose
                [*program, *told, *words],
                pass_fds=(status, workspace),
                stdin=gate,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=profile.ENVIRONMENT | {"HOME": "/tmp"},  # noqa: S108 -- the workspace has no fixed place here
                start_new_session=True,
            )
        finally:
            os.close(workspace)
