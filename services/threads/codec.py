"""Between messages of the wire and the domain; pure, and the same both ways.

Ids come in any case and are kept in lower case. Page tokens are keys in an opaque coat.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Sequence
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp
from mesh.threads.v1 import threads_pb2 as pb

from services.kit.errors import InvalidArgument
from services.threads.domain import Access, Draft, Message, MessagePage, Project, Thread, ThreadKey, ThreadPage
from services.threads.use_cases.search_threads import Found

_ACCESS = {
    Access.NONE: pb.ACCESS_NONE,
    Access.READ: pb.ACCESS_READ,
    Access.OWNER: pb.ACCESS_OWNER,
}


def decode_id(text: str) -> str:
    """An id, checked to be a UUID by the rules beside the field; empty stays empty."""
    return text.lower()


def decode_name(text: str, field: str) -> str:
    """A name that can be stored: text without NUL."""
    if "\x00" in text:
        raise InvalidArgument.of(field, "must not contain NUL")
    return text


def decode_draft(message: pb.Message) -> Draft:
    """A row to be appended."""
    return Draft(
        message_id=decode_id(message.message_id),
        type=message.type,
        is_llm_message=message.is_llm_message,
        content_json=message.content_json,
        metadata_json=message.metadata_json or "{}",
        turn=message.turn,
        agent_id=decode_name(message.agent_id, "messages.agent_id"),
        agent_version_id=decode_name(message.agent_version_id, "messages.agent_version_id"),
        run_id=decode_name(message.run_id, "messages.run_id"),
    )


def encode_project(project: Project) -> pb.Project:
    return pb.Project(
        project_id=project.project_id,
        account_id=project.account_id,
        name=project.name,
        description=project.description,
        is_public=project.is_public,
        icon_name=project.icon_name,
        created_at=_timestamp(project.created_at),
        updated_at=_timestamp(project.updated_at),
    )


def encode_thread(thread: Thread) -> pb.Thread:
    return pb.Thread(
        thread_id=thread.thread_id,
        project_id=thread.project.project_id,
        account_id=thread.account_id,
        name=thread.project.name,
        metadata_json=thread.metadata_json,
        is_public=thread.project.is_public,
        created_at=_timestamp(thread.created_at),
        updated_at=_timestamp(thread.updated_at),
        message_count=thread.message_count,
        project=encode_project(thread.project),
    )


def encode_message(message: Message) -> pb.Message:
    return pb.Message(
        message_id=message.message_id,
        thread_id=message.thread_id,
        type=message.type,
        is_llm_message=message.is_llm_message,
        content_json=message.content_json,
        metadata_json=message.metadata_json,
        agent_id=message.agent_id,
        agent_version_id=message.agent_version_id,
        run_id=message.run_id,
        created_at=_timestamp(message.created_at),
        updated_at=_timestamp(message.updated_at),
        position=message.position,
        turn=message.turn,
    )


def encode_access(access: Access) -> pb.Access:
    return _ACCESS[access]


def encode_thread_page(page: ThreadPage) -> pb.ListThreadsResponse:
    token = f"{page.next.created_at.isoformat()} {page.next.thread_id}" if page.next else ""
    return pb.ListThreadsResponse(
        threads=[encode_thread(thread) for thread in page.threads], next_page_token=_wrap(token), total=page.total
    )


def decode_thread_key(token: str) -> ThreadKey | None:
    """The key in a page token; None for the empty one."""
    if not token:
        return None
    try:
        created_at, thread_id = _unwrap(token).rsplit(" ", 1)
        return ThreadKey(datetime.fromisoformat(created_at), str(uuid.UUID(thread_id)))
    except ValueError:
        raise _foreign_token() from None


def encode_found(found: Sequence[Found], total: int) -> pb.SearchThreadsResponse:
    return pb.SearchThreadsResponse(results=map(_hit, found), total=total, configured=True)


def _hit(found: Found) -> pb.ThreadHit:
    thread = found.hit.thread
    return pb.ThreadHit(
        thread_id=thread.thread_id,
        project_id=thread.project.project_id,
        name=thread.project.name,
        icon_name=thread.project.icon_name,
        message_id=found.hit.message_id,
        snippet=found.snippet,
        score=found.hit.score,
        created_at=_timestamp(thread.created_at),
        updated_at=_timestamp(thread.updated_at),
    )


def encode_message_page(page: MessagePage) -> pb.ListMessagesResponse:
    token = str(page.next) if page.next is not None else ""
    return pb.ListMessagesResponse(messages=map(encode_message, page.messages), next_page_token=_wrap(token))


def decode_position(token: str) -> int | None:
    """The position in a page token; None for the empty one."""
    if not token:
        return None
    try:
        position = int(_unwrap(token))
    except ValueError:
        raise _foreign_token() from None
    if not 0 <= position < 2**31:
        raise _foreign_token()
    return position


def _wrap(token: str) -> str:
    return base64.urlsafe_b64encode(token.encode()).decode()


def _unwrap(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except binascii.Error as wrong:
        raise ValueError from wrong


def _foreign_token() -> InvalidArgument:
    return InvalidArgument.of("page_token", "is none of ours")


def _timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
