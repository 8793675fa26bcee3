"""What was refused for good: shown to operators, delivered again, or given up."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from services.agent.domain.operations import DeadLetter
from services.agent.errors import DeadLetterNotFound, NotReplayable
from services.agent.operations_ports import OperationsStore

PAGE: Final = 50


class DeadLetters:
    """The use case. Retrying or discarding twice is the same as once."""

    def __init__(self, store: OperationsStore) -> None:
        self._store = store

    async def page(
        self, run_id: UUID | None, before: int | None, limit: int | None
    ) -> tuple[list[DeadLetter], int | None]:
        """Newest first, and where to go on."""
        limit = limit or PAGE
        letters = await self._store.letters(run_id, before, limit + 1)
        return letters[:limit], letters[limit - 1].letter_id if len(letters) > limit else None

    async def retry(self, subject: UUID, letter_id: int) -> None:
        """Owes it again. Raises DeadLetterNotFound, and NotReplayable for a run: it has its terminal."""
        if await self._kind(letter_id) == "run":
            raise NotReplayable("A run that was given up has ended: start another", params={"entry_id": str(letter_id)})
        await self._store.act(subject, "dlq.retry", str(letter_id), "")
        await self._store.retry(letter_id)

    async def discard(self, subject: UUID, letter_id: int) -> None:
        """Gives it up. Raises DeadLetterNotFound."""
        await self._kind(letter_id)
        await self._store.act(subject, "dlq.discard", str(letter_id), "")
        await self._store.discard(letter_id)

    async def purge(self, subject: UUID, older_than_hours: int | None) -> int:
        """Gives all up that died so long ago; how many."""
        await self._store.act(subject, "dlq.purge", "", f"older than {older_than_hours or 0} h")
        return await self._store.purge(older_than_hours or 0)

    async def _kind(self, letter_id: int) -> str:
        kind = await self._store.letter_kind(letter_id)
        if kind is None:
            raise DeadLetterNotFound("No such dead letter", params={"entry_id": str(letter_id)})
        return kind
