"""A command from a terminal: run to its end while its caller waits, and killed when they leave."""

from __future__ import annotations

from dataclasses import dataclass

from services.kit.ids import IdSource
from services.sandbox.domain import Door, Outcome, Process, ProcessState
from services.sandbox.use_cases.open_sandbox import OpenSandbox
from services.sandbox.use_cases.process_runner import TERMINAL, ProcessRunner
from services.sandbox.use_cases.run_process import process_spec

TIMEOUT_S = 120.0
OUTPUT_BYTES = 1024 * 1024
CUT = "\n[output cut here]"
_NO_EXIT = {ProcessState.TIMED_OUT: 124, ProcessState.FAILED: 126}
_KILLED_EXIT = 137


@dataclass(frozen=True)
class Executed:
    """What a terminal shows. `exit_code` follows the shell's custom where the command left none."""

    output: str
    exit_code: int
    unsafe: bool


class ExecuteCommand:
    """Runs for the owner."""

    def __init__(self, opened: OpenSandbox, runner: ProcessRunner, new_id: IdSource) -> None:
        self._opened, self._runner, self._new_id = opened, runner, new_id

    async def __call__(self, door: Door, command: str, cwd: str) -> Executed:
        spec = process_spec(command, cwd)
        sandbox = await self._opened.to_change(door)
        process = await self._runner.start(sandbox, f"{TERMINAL}{self._new_id()}", spec, TIMEOUT_S)
        try:
            output = await self._gathered(process)
            ended = await self._runner.ended(process)
        finally:
            await self._runner.kill(process.key)
            await self._runner.forget(process)
        return Executed(_shown(output, ended.outcome), _exit_code(ended.outcome), ended.unsafe)

    async def _gathered(self, process: Process) -> bytes:
        """Both outputs as they came, cut at `OUTPUT_BYTES`; read to the end all the same, which is the command's."""
        gathered, cut = bytearray(), False
        async for chunk in self._runner.output(process):
            left = OUTPUT_BYTES - len(gathered)
            gathered += chunk.data[:left]
            cut = cut or chunk.truncated or len(chunk.data) > left
        return bytes(gathered) + (CUT.encode() if cut else b"")


def _shown(output: bytes, outcome: Outcome) -> str:
    text = output.decode(errors="replace")
    return f"{text}\n[{outcome.message}]" if outcome.message else text


def _exit_code(outcome: Outcome) -> int:
    if outcome.exit_code is not None:
        return outcome.exit_code
    return _NO_EXIT.get(outcome.state, _KILLED_EXIT)
