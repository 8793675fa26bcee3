"""What the server really did, call by call, for tests to read: `GET /_log`.

Times are seconds since the epoch, as another process on the machine can compare them; absent while it did not happen.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

_KEPT = 20_000


@dataclass(slots=True)
class CallRecord:
    """One request for a completion. `request_id` is its idempotency key; `attempt` counts requests with that key; `connection`
    numbers the sockets that requests came by."""

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
    """The last calls, and the request that each was made with."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forgets everything; calls are numbered from 1 again."""
        self._total = 0
        self._records: deque[tuple[CallRecord, bytes]] = deque(maxlen=_KEPT)
        self._attempts: dict[str, int] = {}

    def begin(self, connection: int, request_id: str, model: str, dialect: str, body: bytes) -> CallRecord:
        """Notes a request that came in."""
        self._total += 1
        attempt = 1
        if request_id:
            attempt = self._attempts[request_id] = self._attempts.get(request_id, 0) + 1
        record = CallRecord(self._total, connection, request_id, attempt, model, dialect, time.time())
        self._records.append((record, body))
        return record

    def calls(self) -> list[dict[str, Any]]:
        """The records, oldest first."""
        return [asdict(record) for record, _ in self._records]

    def request(self, call: int) -> bytes | None:
        """The body of a call's request."""
        return next((body for record, body in self._records if record.call == call), None)
