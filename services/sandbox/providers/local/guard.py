"""The guard of an unconfined command: a program of its own, run by a bare interpreter, that imports only the standard
library.

    guard.py <status fd> <workspace fd> <uid, or -1> <cwd> <program> <argument>...

It reports the program's pid, and at its end, or its own, kills whatever the program left behind, which it has adopted.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_SET_CHILD_SUBREAPER = 1, 38, 36


def main(status: int, workspace: int, uid: int, cwd: str, words: list[str]) -> int:
    """Runs the program `words` as `uid`, and reports how it ended."""
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, _end_all)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    child = os.fork()
    if child == 0:
        os.close(status)
        _become(workspace, uid, cwd, words)
    os.write(status, json.dumps({"child-pid": child}).encode() + b"\n")
    os.close(0)
    _, wait_status = os.waitpid(child, 0)
    _kill_descendants()
    if os.WIFEXITED(wait_status):
        os.write(status, json.dumps({"exit-code": os.WEXITSTATUS(wait_status)}).encode() + b"\n")
    return 0


def _become(workspace: int, uid: int, cwd: str, words: list[str]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.fchdir(workspace)
    os.close(workspace)
    if uid >= 0:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    os.chdir(cwd)
    os.execv(words[0], words)  # noqa: S606 -- the purpose


def _end_all(number: int, _frame: FrameType | None) -> None:
    _kill_descendants()
    os._exit(128 + number)


def _kill_descendants() -> None:
    """Stops all, then kills all, until there are none: what is stopped cannot fork."""
    while children := _children():
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in children:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
        for pid in children:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _children() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5:]))
