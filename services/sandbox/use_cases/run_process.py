"""A command for a project, by the key of the execution that wants it."""

from __future__ import annotations

from services.kit.errors import InvalidArgument
from services.sandbox.domain import Errand, Process, ProcessSpec
from services.sandbox.paths import path_parts
from services.sandbox.use_cases.open_sandbox import OpenSandbox
from services.sandbox.use_cases.process_runner import ProcessRunner


class RunProcess:
    """Starts it, or attaches to it."""

    def __init__(self, opened: OpenSandbox, runner: ProcessRunner) -> None:
        self._opened, self._runner = opened, runner

    async def __call__(self, errand: Errand, key: str, command: str, cwd: str, timeout_s: float) -> Process:
        spec = process_spec(command, cwd)
        sandbox, _ = await self._opened.ensure(errand)
        return await self._runner.start(sandbox, key, spec, timeout_s)


def process_spec(command: str, cwd: str) -> ProcessSpec:
    """The command, checked. Fails with INVALID_ARGUMENT, INVALID_PATH."""
    if "\0" in command:
        raise InvalidArgument.of("command", "must not contain NUL")
    return ProcessSpec(command, path_parts(cwd, field="cwd"))
