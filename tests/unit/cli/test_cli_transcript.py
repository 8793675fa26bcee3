"""A run as a person reads it."""

from __future__ import annotations

from typing import Any

import orjson

from services.cli.client import Frame
from services.cli.transcript import Transcript


def frame(kind: str, content: dict[str, Any], metadata: dict[str, Any], **more: Any) -> Frame:
    """A typed frame: content and metadata are JSON inside JSON."""
    return {
        "type": kind,
        "content": orjson.dumps(content).decode(),
        "metadata": orjson.dumps(metadata).decode(),
        **more,
    }


def chunk(text: str) -> Frame:
    return frame("assistant", {"role": "assistant", "content": text}, {"stream_status": "chunk"}, message_id=None)


def delta(text: str) -> Frame:
    call = {"tool_call_id": "c1", "function_name": "execute_command", "arguments_delta": text, "is_delta": True}
    return frame("assistant", {}, {"stream_status": "tool_call_chunk", "tool_calls": [call]})


def result(success: bool, output: Any, error: str | None = None) -> Frame:
    outcome = {"success": success, "output": output, "error": error}
    return frame("tool", {}, {"tool_call_id": "c1", "function_name": "execute_command", "result": outcome})


def shown(*frames: Frame) -> str:
    transcript = Transcript()
    return "".join(transcript.feed(each) for each in frames)


def test_text_is_shown_as_it_comes() -> None:
    assert shown(chunk("Hel"), chunk("lo")) == "Hello"


def test_a_tool_call_is_shown_with_its_arguments_its_output_and_its_end() -> None:
    output = {"type": "tool_output_stream", "tool_call_id": "c1", "output": "hi\nthere\n", "is_final": False}

    text = shown(chunk("Look:"), delta('{"command": '), delta('"echo hi"}'), output, result(True, "hi\nthere"))

    assert text == "Look:\n> execute_command\n  command: echo hi\n| hi\n| there\n< execute_command: done\n"


def test_a_result_without_live_output_shows_what_came_out() -> None:
    text = shown(delta('{"command": "ls"}'), result(True, {"stdout": "a"}))

    assert '| {"stdout":"a"}\n< execute_command: done' in text


def test_a_failed_tool_says_why() -> None:
    assert "< execute_command: failed: no such file" in shown(result(False, None, "no such file"))


def test_a_complete_message_shows_calls_whose_deltas_were_missed() -> None:
    call = {"tool_call_id": "c1", "function_name": "ask", "arguments": {"text": "Which one?"}, "source": "native"}
    complete = frame("assistant", {}, {"stream_status": "complete", "tool_calls": [call]}, message_id="m1")

    assert shown(complete) == "> ask\n  text: Which one?\n"
    assert shown(complete, complete).count("> ask") == 1


def test_a_reset_says_that_the_text_is_told_again() -> None:
    reset = {"type": "message_reset", "message_id": "m1", "reason": "takeover"}

    assert "withdrawn (takeover)" in shown(chunk("half a sen"), reset, chunk("half a sentence"))


def test_the_end_is_said() -> None:
    assert shown({"type": "status", "status": "stopped", "message": "by the user"}) == "[stopped] by the user\n"


def test_frames_for_machines_show_nothing() -> None:
    assert shown({"type": "ping"}, {"type": "timing"}, {"type": "ack", "message": "ok"}) == ""
