"""What the server really did, call by call, for tests to read: `GET /_log`.

Times are seconds since the epoch, as another process on the machine can compare them; absent while it did not happen.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

_KEPT = 20_000
_KEPT_REQUESTS = 1_000


@dataclass(slots=True)
class CallRecord:
    """One request for a completion.

    `request_id` is its idempotency key, `attempt` counts requests with that key, `connection` numbers the sockets.
    """

    call: int
    connection: int
    request_id: str
    attempt: int
    model: str
    dialect: str
    received_at: float
    status: int = 200
    tokens: int = 0
    first_byte_at: float | None = None
    completed_at: float | None = None
    disconnected_at: float | None = None
    failed: str | None = None


class CallLog:
    """The last calls, and the requests that the very last were made with."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []
        self.reset()

    def reset(self) -> None:
        """Forgets everything; calls are numbered from 1 again."""
        self._total = 0
        self._records: deque[CallRecord] = deque(maxlen=_KEPT)
        self._requests: deque[tuple[int, bytes]] = deque(maxlen=_KEPT_REQUESTS)
        self._attempts: dict[str, int] = {}

    def begin(self, connection: int, request_id: str, model: str, dialect: str, body: bytes) -> CallRecord:
        """Notes a request that came in."""
        self._total += 1
        attempt = 1
        if request_id:
            attempt = self._attempts[request_id] = self._attempts.get(request_id, 0) + 1
        record = CallRecord(self._total, connection, request_id, attempt, model, dialect, time.time())
        self._records.append(record)
        self._requests.append((self._total, body))
        self.note()
        return record

    def note(self) -> None:
        """Something went on in a call."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        self._waiting.clear()

    async def when(self, condition: Callable[[dict[str, Any]], bool], seconds: float = 5.0) -> dict[str, Any]:
        """The last call, once it is as wanted. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not self._records or not condition(asdict(self._records[-1])):
                waiter = asyncio.get_running_loop().create_future()
                self._waiting.append(waiter)
                await waiter
        return asdict(self._records[-1])

    def calls(self) -> list[dict[str, Any]]:
        """The records, oldest first."""
        return [asdict(record) for record in self._records]

    def request(self, call: int) -> bytes | None:
        """The body of a call's request."""
        return next((body for number, body in self._requests if number == call), None)
