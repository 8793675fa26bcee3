"""What one provider's protocol decides: the address, what is refused, how a request is read and an answer written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from services.agent.llm import script
from services.agent.llm.errors import ErrorType
from tests.fakes.llm.dialects import Dialect, OpenAiWriter

Headers = Mapping[bytes, bytes]
Refusal = tuple[int, bytes]

_BAD_KEY = {"error": {"message": "wrong key", "type": "invalid_request_error", "code": "invalid_api_key"}}
_UNKNOWN_FIELD = {
    "error": {"message": "Unrecognized request argument: stream_options", "type": "invalid_request_error", "code": None}
}


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request as mock-ai reads it."""

    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    max_tokens: int | None


class Writer(Protocol):
    """Writes one answer; each piece is one server-sent event."""

    def refusal(self, cause: ErrorType | int) -> Refusal:
        """Status and body of a failure before the first byte."""
        ...

    def error(self, cause: ErrorType | int) -> bytes:
        """The same failure inside the stream."""
        ...

    def begin(self) -> bytes:
        """What comes before anything is said."""
        ...

    def write(self, beat: script.Beat) -> Iterator[bytes]:
        """The events of a beat that says something."""
        ...


class WireProtocol(Protocol):
    """One provider's."""

    path: bytes

    def refusal(self, key: str | None, headers: Headers, request: dict[str, Any], dialect: Dialect) -> Refusal | None:
        """What is wrong with a request. `key` is the only one that is taken; None: any."""
        ...

    def prompt(self, request: dict[str, Any]) -> Prompt:
        """What is asked."""
        ...

    def writer(self, request: dict[str, Any], dialect: Dialect, call: int, prompt: Prompt) -> Writer:
        """For the answer to call number `call`."""
        ...


class OpenAiProtocol:
    """Chat completions."""

    path = b"/chat/completions"

    def refusal(self, key: str | None, headers: Headers, request: dict[str, Any], dialect: Dialect) -> Refusal | None:
        """A wrong key, and what the dialect does not know."""
        # Header lines were lowered to find their names.
        if key is not None and headers.get(b"authorization", b"").strip() != f"bearer {key.lower()}".encode():
            return 401, orjson.dumps(_BAD_KEY)
        if not dialect.stream_options and "stream_options" in request:
            return 400, orjson.dumps(_UNKNOWN_FIELD)
        return None

    def prompt(self, request: dict[str, Any]) -> Prompt:
        """The request's own fields."""
        return Prompt(request["messages"], request.get("tools") or [], request.get("max_tokens"))

    def writer(self, request: dict[str, Any], dialect: Dialect, call: int, prompt: Prompt) -> Writer:
        """With usage, where it was asked for."""
        usage_wanted = bool((request.get("stream_options") or {}).get("include_usage"))
        return OpenAiWriter(dialect, request["model"], call, usage_wanted=usage_wanted)
