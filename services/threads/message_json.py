"""What the free-form JSON of a message must be, and what is added to it so that the web client can show it.

JSON that is right is kept as the text that came.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson

from services.kit.errors import InvalidArgument
from services.threads.domain import Draft

MAX_JSON_BYTES = 4 * 1024 * 1024


def checked(drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts, ready to be stored; InvalidArgument names the field of the first that cannot be.

    An id that comes twice with the same row counts once. Assistant rows get `metadata.text_content`.
    """
    ready: dict[str, Draft] = {}
    for index, draft in enumerate(drafts):
        path = f"messages[{index}]"
        shown = _shown(draft, path)
        if ready.setdefault(draft.message_id, shown) != shown:
            raise InvalidArgument.of(f"{path}.message_id", "comes twice with different rows")
    return list(ready.values())


def _shown(draft: Draft, path: str) -> Draft:
    content = _parse(draft.content_json, f"{path}.content_json")
    metadata = _parse(draft.metadata_json, f"{path}.metadata_json")
    if not isinstance(metadata, dict):
        raise InvalidArgument.of(f"{path}.metadata_json", "must be a JSON object")
    if draft.type != "assistant" or "text_content" in metadata:
        return draft
    metadata["text_content"] = text_of(content)
    try:
        return replace(draft, metadata_json=orjson.dumps(metadata).decode())
    except orjson.JSONEncodeError:  # read as deep as 1024, written as deep as 254
        raise InvalidArgument.of(f"{path}.metadata_json", "is nested too deeply") from None


def _parse(text: str, path: str) -> Any:
    if len(text) > MAX_JSON_BYTES:
        raise InvalidArgument.of(path, f"is longer than {MAX_JSON_BYTES} bytes")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as wrong:
        raise InvalidArgument.of(path, f"is not JSON at character {wrong.pos}") from None


def text_of(content: Any) -> str:
    """The text of a message in the model's format: a string, or the text parts of a list."""
    said = content.get("content") if isinstance(content, dict) else content
    if isinstance(said, str):
        return said
    parts = said if isinstance(said, list) else ()
    return "".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def user_content(text: str) -> str:
    """The content of what a person said."""
    return orjson.dumps({"role": "user", "content": text}).decode()
