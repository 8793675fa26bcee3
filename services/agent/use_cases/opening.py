"""What a run's admission shows and owes at once: its ack, the user's message and the row that says that it began."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from services.agent.codec.events import encode_event
from services.agent.codec.rows import encode_messages
from services.agent.domain.events import Ack
from services.agent.domain.rows import opening_rows
from services.agent.domain.run import Run, RunSpec
from services.agent.ports import NewRun, Threads
from services.kit.errors import MeshError

log = structlog.get_logger()

RELAY_WITHIN_S: Final = 0.25
"""For how long an answer waits until threads has the message; the outbox delivers it then."""
OPENING_SEQ: Final = 2
"""The opening rows' seq in the outbox: 1 is the ack."""


class Opening:
    """Makes and relays it."""

    def __init__(
        self, threads: Threads, mark: Callable[[Iterable[tuple[UUID, int]]], None], now: Callable[[], datetime]
    ) -> None:
        self._threads = threads
        self._mark = mark
        self._now = now

    def complete(self, new: NewRun) -> NewRun:
        """The run with its ack and its message."""
        now = self._now()
        run = Run(
            new.run_id,
            new.account_id,
            new.thread_id,
            new.project_id,
            new.agent.agent_id,
            new.agent.agent_version_id,
            new.turn,
            new.spec.model,
            "queued",
            0,
            now,
            now,
        )
        ack = encode_event(Ack("Your request has been received"), 0, 1, round(now.timestamp() * 1000), durable=True)
        return replace(new, ack=ack.SerializeToString(), message=opening_payload(run, new.spec))

    async def relay(self, new: NewRun) -> None:
        """Delivers the message of a run that is admitted, if that is quick."""
        try:
            async with asyncio.timeout(RELAY_WITHIN_S):
                await self._threads.deliver(new.account_id, new.message)
        except (TimeoutError, MeshError):
            log.warning("run.opening_not_relayed", run_id=str(new.run_id))
        else:
            self._mark([(new.run_id, OPENING_SEQ)])


def opening_payload(run: Run, spec: RunSpec) -> bytes:
    """The serialized request; the same whoever makes it."""
    return encode_messages(run, opening_rows(run.run_id, spec.prompt_message_id, spec.prompt))
