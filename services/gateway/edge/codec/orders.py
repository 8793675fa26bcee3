"""What a form asks for."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from services.gateway.edge.domain import Json, StartOrder
from services.kit.errors import FieldViolation, InvalidArgument

_IDS = ("thread_id", "project_id", "agent_id")
_WORDS = {"true": True, "1": True, "false": False, "0": False}


def decode_start(fields: Mapping[str, str], idempotency_key: str | None) -> StartOrder:
    """The order in the fields of `POST /agent/start`; `message` is another name of `prompt`. InvalidArgument."""
    given = {name: text for name, text in fields.items() if text.strip()}
    prompt = given.get("prompt") or given.get("message")
    violations = [FieldViolation(name, "is not a UUID") for name in _IDS if name in given and not _is_uuid(given[name])]
    if prompt is None:
        violations.insert(0, FieldViolation("prompt", "is missing"))
    if violations:
        raise InvalidArgument.of_all(violations)
    return StartOrder(
        prompt=prompt or "",
        thread_id=given.get("thread_id"),
        project_id=given.get("project_id"),
        model_name=given.get("model_name"),
        agent_id=given.get("agent_id"),
        optimistic=_truth("optimistic", given) or False,
        memory_enabled=_truth("memory_enabled", given),
        mode=given.get("mode"),
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
