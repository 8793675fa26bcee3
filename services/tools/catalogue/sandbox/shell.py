"""Shell commands in the project's sandbox, shown while they run.

The command belongs to the sandbox under the execution's key: whoever asks for the key gets all of its output and its
end, however often, and it runs once.
"""

from __future__ import annotations

from collections import defaultdict
from typing import ClassVar

from services.kit.errors import Unavailable
from services.tools.catalogue.sandbox.refusals import ISOLATION_UNAVAILABLE
from services.tools.catalogue.tool import Arguments, Running, Tool, function, integer, text, whole
from services.tools.domain.output import BoundedText, TextDecoder
from services.tools.domain.tools import Json, Outcome, ToolClass, ToolInfo, ToolResult, failed, succeeded
from services.tools.ports import Command, Place, ProcessEnd, ProcessOutput, Sandbox

_DEFAULT_TIMEOUT_S = 60
_MAX_TIMEOUT_S = 3600
# A sandbox may have to be made first.
_START_S = 60


class ShellTool(Tool):
    """Runs commands with bash."""

    info: ClassVar[ToolInfo] = ToolInfo(
        name="sb_shell_tool",
        display_name="Bash",
        description="Run commands in the workspace",
        weight=20,
        is_core=True,
        needs_sandbox=True,
    )

    def __init__(self, sandbox: Sandbox, output_chars: int) -> None:
        self._sandbox = sandbox
        self._output_chars = output_chars

    @function(
        "Run a shell command in /workspace and return its output and exit code. Each call is a shell of its own: "
        "directory and variables do not carry over. All its processes end with it, background ones too. Commands that "
        "ask questions wait in vain: use flags such as -y.",
        ToolClass.QUERYABLE,
        {
            "command": text("The command, for bash.", minLength=1, maxLength=131_072),
            "description": text("What it does, in a few words, for the user."),
            "folder": text("Directory to run it in, relative to /workspace."),
            "timeout": integer("Seconds after which it is killed; default 60.", 1, _MAX_TIMEOUT_S),
        },
        required=("command",),
    )
    async def execute_command(self, running: Running, arguments: Arguments) -> ToolResult:
        command = _command(running, arguments)
        watched = _Watched(running, self._output_chars)
        try:
            async for part in self._sandbox.run(command):
                if isinstance(part, ProcessEnd):
                    return watched.result(part, command)
                watched.see(part)
        except Unavailable as away:
            if away.reason == ISOLATION_UNAVAILABLE:
                return failed(away.message)
            return watched.lost(f"{away.message}. The command may or may not have run")
        return watched.lost("The sandbox did not say how the command ended")

    def needed_s(self, arguments: Arguments) -> float:
        return whole(arguments, "timeout", _DEFAULT_TIMEOUT_S) + _START_S

    async def stop(self, key: str) -> None:
        await self._sandbox.kill(key)


def _command(running: Running, arguments: Arguments) -> Command:
    call = running.call
    return Command(
        key=call.key,
        place=Place(call.account_id, call.project_id),
        command=arguments["command"],
        cwd=arguments.get("folder") or "",
        timeout_s=whole(arguments, "timeout", _DEFAULT_TIMEOUT_S),
    )


class _Watched:
    """What a command has shown so far."""

    def __init__(self, running: Running, output_chars: int) -> None:
        self._running = running
        self._kept = BoundedText(output_chars)
        self._decoders: defaultdict[str, TextDecoder] = defaultdict(TextDecoder)

    def see(self, part: ProcessOutput) -> None:
        if part.truncated:
            self._show("\n[... output was dropped here: too much of it ...]\n")
        self._show(self._decoders[part.stream].decode(part.data))

    def _show(self, shown: str) -> None:
        if shown:
            self._kept.add(shown)
            self._running.emit(shown)

    def result(self, end: ProcessEnd, command: Command) -> ToolResult:
        for decoder in self._decoders.values():
            self._show(decoder.decode(b"", final=True))
        output = self._output(command, end)
        if end.state == "exited":
            if end.exit_code == 0:
                return succeeded(output)
            return failed(f"The command exited with code {end.exit_code}", output)
        if end.state == "timed_out":
            text = f"The command was killed after {command.timeout_s:g} s. Give a longer timeout, or less to do"
            return ToolResult(Outcome.TIMED_OUT, output, text)
        if end.state == "lost":
            return ToolResult(Outcome.UNKNOWN, output, f"It is not known how the command ended: {end.message}")
        if end.state == "killed":
            return failed(end.message or "The command was killed", output)
        return failed(end.message or "The command could not be started", output)

    def lost(self, why: str) -> ToolResult:
        return ToolResult(Outcome.UNKNOWN, {"output": self._kept.text()}, why)

    def _output(self, command: Command, end: ProcessEnd) -> dict[str, Json]:
        cwd = "/".join(part for part in ("/workspace", command.cwd.removeprefix("/workspace").strip("/")) if part)
        output: dict[str, Json] = {"output": self._kept.text(), "exit_code": end.exit_code, "cwd": cwd}
        if end.unsafe:
            output["unsafe"] = True
        return output
