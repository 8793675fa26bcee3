"""What HTTP says of a call that went wrong, as errors of ours; alike for every adapter."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from email.utils import parsedate_to_datetime

import httpx

from services.agent.llm.classify import classify, of_type, read_body
from services.agent.llm.errors import ErrorType, ModelError, cut_off, timed_out, unreachable

_MAX_ERROR_BYTES = 64 << 10


def body_of(response: httpx.Response) -> AsyncIterable[bytes]:
    """The body as the network brings it."""
    assert isinstance(response.stream, httpx.AsyncByteStream)
    return response.stream


async def leave(response: httpx.Response, *, keep: bool) -> None:
    """Ends an exchange: its connection is kept for the next one, or aborted."""
    release: Callable[[], None] | None = response.extensions.get("release")
    if keep and release is not None:
        release()
    else:
        await response.aclose()


async def error_body(response: httpx.Response) -> bytes:
    """What the body of a refused request says, read and left; bounded."""
    body = bytearray()
    try:
        async for read in body_of(response):
            body += read
            if len(body) > _MAX_ERROR_BYTES:
                break
    except httpx.TransportError:
        return bytes(body)  # the status says enough
    finally:
        await leave(response, keep=len(body) <= _MAX_ERROR_BYTES)
    return bytes(body)


def media_type(response: httpx.Response) -> str:
    """The content type without its parameters."""
    declared: str = response.headers.get("content-type", "")
    return declared.partition(";")[0].strip().lower()


def refusal(response: httpx.Response, body: bytes) -> ModelError:
    """The error of a response that is no answer."""
    status = response.status_code
    if status < 400:
        found = "a web page; does the base URL end in /v1?" if status == 200 else "a redirect; is the base URL final?"
        return of_type(ErrorType.NOT_FOUND, f"it answered with {found}", status)
    return classify(read_body(body), status, _retry_after(response.headers))


def connection_error(error: httpx.TransportError) -> ModelError:
    """The error of a connection that was not made, was silent or broke."""
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return unreachable("The model provider could not be reached.")
    if isinstance(error, httpx.TimeoutException):
        return timed_out("The model provider was silent for too long.")
    return cut_off("The connection to the model provider broke off.")


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds to wait, from milliseconds, seconds or a date; a date is read against the server's own clock."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return max(0.0, float(milliseconds) / 1000)
        wish = headers.get("retry-after", "")
        if wish and wish[0].isalpha():
            until, now = parsedate_to_datetime(wish), parsedate_to_datetime(headers["date"])
            return max(0.0, (until - now).total_seconds())
        return max(0.0, float(wish)) if wish else None
    except (ValueError, KeyError, TypeError):
        return None
