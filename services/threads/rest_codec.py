"""The bodies of the REST surface. Free-form JSON is spliced in as the text it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from google.api.httpbody_pb2 import HttpBody

from services.kit.errors import InvalidArgument
from services.threads.domain import Message, Project, Thread, ThreadPage

_JSON = "application/json"
MAX_TEXT_BYTES = 1024 * 1024


def thread_page_body(page: ThreadPage, number: int, size: int) -> HttpBody:
    """GET /v1/threads, with the pagination that the web client reads."""
    pages = -(-page.total // size)
    pagination = {"page": number, "limit": size, "total": page.total, "pages": pages}
    return _body({"threads": [_thread(thread) for thread in page.threads], "pagination": pagination})


def messages_body(messages: Sequence[Message], optimized: bool) -> HttpBody:
    """GET /v1/threads/{id}/messages. Optimized rows have content for a user's message alone: what the web client
    renders of others stands in their metadata. Never pending: what was answered is stored."""
    rows = [_shown(m) if optimized else _message(m) for m in messages]
    return _body({"messages": rows, "_pending": False})


def message_body(message: Message) -> HttpBody:
    """One row with all its fields."""
    return _body(_message(message))


def decode_text(body: HttpBody) -> str:
    """The text of POST /v1/threads/{id}/messages/add: a JSON string, or an object with `message` or `content`."""
    try:
        sent = orjson.loads(body.data)
    except orjson.JSONDecodeError:
        raise InvalidArgument.of("body", "is not JSON") from None
    text = (sent.get("message") or sent.get("content")) if isinstance(sent, dict) else sent
    if not isinstance(text, str) or not text:
        raise InvalidArgument.of("body", "must be a JSON string, or an object with a string `message`")
    if len(text.encode()) > MAX_TEXT_BYTES:
        raise InvalidArgument.of("body", f"must not be longer than {MAX_TEXT_BYTES} bytes")
    return text


def _thread(thread: Thread) -> dict[str, Any]:
    return {
        "thread_id": thread.thread_id,
        "project_id": thread.project.project_id,
        "name": thread.project.name,
        "metadata": orjson.Fragment(thread.metadata_json),
        "is_public": thread.project.is_public,
        "created_at": thread.created_at,
        "updated_at": thread.updated_at,
        "message_count": thread.message_count,
        "project": _project(thread.project),
    }


def _project(project: Project) -> dict[str, Any]:
    return {
        "project_id": project.project_id,
        "name": project.name,
        "description": project.description,
        "is_public": project.is_public,
        "icon_name": project.icon_name,
        "created_at": project.created_at,
        "updated_at": project.updated_at,
    }


def _shown(message: Message) -> dict[str, Any]:
    row = {
        "message_id": message.message_id,
        "thread_id": message.thread_id,
        "type": message.type,
        "is_llm_message": message.is_llm_message,
        "metadata": orjson.Fragment(message.metadata_json),
        "created_at": message.created_at,
        "updated_at": message.updated_at,
        "agent_id": message.agent_id or None,
    }
    if message.type == "user":
        row["content"] = orjson.Fragment(message.content_json)
    return row


def _message(message: Message) -> dict[str, Any]:
    return _shown(message) | {
        "content": orjson.Fragment(message.content_json),
        "agent_version_id": message.agent_version_id or None,
    }


def _body(value: Any) -> HttpBody:
    return HttpBody(content_type=_JSON, data=orjson.dumps(value))
