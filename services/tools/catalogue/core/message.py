"""Talking to the person who asked: `ask` and `complete` end the run, `wait` lets time pass."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from services.tools.catalogue.tool import Arguments, Running, Tool, function, integer, text, text_or_texts, texts, whole
from services.tools.domain.tools import ToolClass, ToolInfo, ToolResult, succeeded

_ATTACHMENTS = text_or_texts("Files or URLs to show with it; file paths are relative to /workspace.")
_MAX_WAIT_S = 300


class MessageTool(Tool):
    """The text itself is shown from the call's arguments: the functions only mark the run's end."""

    info: ClassVar[ToolInfo] = ToolInfo(
        name="message_tool",
        display_name="AskUser",
        description="Ask the user, or tell that the work is done",
        weight=310,
        is_core=True,
    )

    @function(
        "Ask the user something that is needed to go on, and end this run until they answer. Say what you know, what "
        "you need, and the choices there are.",
        ToolClass.PURE,
        {
            "text": text("The question."),
            "attachments": _ATTACHMENTS,
            "follow_up_answers": texts("Short answers the user may pick from."),
        },
        required=("text",),
        terminating=True,
    )
    async def ask(self, _running: Running, _arguments: Arguments) -> ToolResult:
        return succeeded({"status": "Awaiting user response..."})

    @function(
        "Tell the user that all of the work is done, and end the run. Call it only when nothing is left to do.",
        ToolClass.PURE,
        {
            "text": text("What was done and where the results are."),
            "attachments": _ATTACHMENTS,
            "follow_up_prompts": texts("What the user may want to ask for next."),
        },
        terminating=True,
    )
    async def complete(self, _running: Running, _arguments: Arguments) -> ToolResult:
        return succeeded({"status": "complete"})

    @function(
        "Let some seconds pass, for example until something outside has finished.",
        ToolClass.PURE,
        {"seconds": integer("How long, in seconds.", 1, _MAX_WAIT_S)},
        required=("seconds",),
    )
    async def wait(self, running: Running, arguments: Arguments) -> ToolResult:
        seconds = whole(arguments, "seconds", 1)
        await asyncio.sleep(max(seconds - running.elapsed_s, 0))
        return succeeded({"status": f"Waited {seconds} seconds"})
