"""What a form asks for."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import orjson

from services.gateway.edge.domain import Json, Presence, StartOrder
from services.kit.errors import FieldViolation, InvalidArgument

START_FLAGS = ("optimistic", "memory_enabled")
_IDS = ("thread_id", "project_id", "agent_id")
_TOLD: dict[str, tuple[type, str]] = {
    "platform": (str, "a text"),
    "client_timestamp": (str, "a text"),
    "device_info": (dict, "an object"),
}
_SESSION_ID = 128
_TOLD_BYTES = 2048
_WORDS = {"true": True, "1": True, "false": False, "0": False}


def decode_start(fields: Mapping[str, str], idempotency_key: str | None) -> StartOrder:
    """The order in the fields of `POST /agent/start`; `message` is another name of `prompt`. InvalidArgument."""
    given = {name: text for name, text in fields.items() if text.strip()}
    prompt, message = given.get("prompt"), given.get("message")
    violations = [FieldViolation(name, "is not a UUID") for name in _IDS if name in given and not _is_uuid(given[name])]
    if prompt is None and message is None:
        violations.insert(0, FieldViolation("prompt", "is missing"))
    if prompt is not None and message is not None and prompt != message:
        violations.insert(0, FieldViolation("message", "is another name of prompt, and says something else"))
    if violations:
        raise InvalidArgument.of_all(violations)
    return StartOrder(
        prompt=prompt or message or "",
        thread_id=given.get("thread_id"),
        project_id=given.get("project_id"),
        model_name=given.get("model_name"),
        agent_id=given.get("agent_id"),
        optimistic=_truth("optimistic", given) or False,
        memory_enabled=_truth("memory_enabled", given),
        mode=given.get("mode"),
        on_conflict=given.get("on_conflict"),
        idempotency_key=idempotency_key or None,
    )


def decode_thread_change(body: Mapping[str, Any]) -> tuple[str | None, bool | None]:
    """Title and visibility in the body of `PATCH /threads/{id}`; None for unchanged. InvalidArgument."""
    title, is_public = body.get("title"), body.get("is_public")
    if title is not None and not isinstance(title, str):
        raise InvalidArgument.of("title", "is not a text")
    if is_public is not None and not isinstance(is_public, bool):
        raise InvalidArgument.of("is_public", "is neither true nor false")
    return title, is_public


def decode_presence(body: Mapping[str, Any]) -> Presence:
    """What `POST /presence/update` says. InvalidArgument."""
    session_id, thread_id = body.get("session_id"), body.get("active_thread_id")
    told = {name: body[name] for name in _TOLD if body.get(name) is not None}
    if not isinstance(session_id, str) or not 0 < len(session_id) <= _SESSION_ID:
        raise InvalidArgument.of("session_id", f"must be a text of 1 to {_SESSION_ID} characters")
    if thread_id is not None and not (isinstance(thread_id, str) and _is_uuid(thread_id)):
        raise InvalidArgument.of("active_thread_id", "is not a UUID")
    for name, value in told.items():
        kind, called = _TOLD[name]
        if not isinstance(value, kind) or len(orjson.dumps(value)) > _TOLD_BYTES:
            raise InvalidArgument.of(name, f"must be {called} of at most {_TOLD_BYTES} bytes")
    return Presence(session_id, thread_id, {"platform": "web", **told})


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _truth(name: str, given: Mapping[str, str]) -> bool | None:
    if name not in given:
        return None
    found = _WORDS.get(given[name].strip().lower())
    if found is None:
        raise InvalidArgument.of(name, "is neither true nor false")
    return found


def started_view(thread_id: str, run_id: str, project_id: str, status: str, sandbox_id: str | None) -> Json:
    """The answer of `POST /agent/start`."""
    return {
        "thread_id": thread_id,
        "agent_run_id": run_id,
        "project_id": project_id,
        "sandbox_id": sandbox_id,
        "status": status,
    }
