"""What threads needs from outside, and what it demands of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.threads.domain import (
    Deleted,
    Draft,
    Ensured,
    Limits,
    Message,
    MessagePage,
    Notice,
    Project,
    SearchDue,
    Searched,
    SearchHit,
    Standing,
    Thread,
    ThreadKey,
    ThreadPage,
    Unsearched,
    Usage,
)


class PlanLimits(Protocol):
    """Knows what an account's plan allows. May answer from a cache of some seconds; raises when it cannot know."""

    async def limits_of(self, account_id: str) -> Limits: ...


class Neighbours(Protocol):
    """Is told of deletions. Must be idempotent: a notice may come more than once."""

    async def deliver(self, notice: Notice) -> None: ...


class ProjectStore(Protocol):
    """Projects. What is deleted is nowhere seen again."""

    async def project(self, project_id: str) -> Project | None: ...

    async def delete_project(self, project_id: str, account_id: str) -> Deleted | None:
        """Tombstones the account's project and its threads, drops their messages and leaves the notices, in one
        commit. None where the account has no such project."""


class ThreadStore(Protocol):
    """Threads and their standing. An account's counts and limits hold under any concurrency."""

    async def ensure(self, thread_id: str, project_id: str, account_id: str, name: str, limits: Limits) -> Ensured:
        """Makes the thread, and the project where it does not exist; an existing thread of the account is left as it
        is. Raises ThreadNotFound for a thread, ProjectNotFound for a project that is somebody else's or deleted,
        ThreadLimitExceeded, ProjectLimitExceeded."""

    async def thread(self, thread_id: str) -> Thread | None: ...

    async def page(self, account_id: str, project_id: str | None, before: ThreadKey | None, size: int) -> ThreadPage:
        """The account's threads, or those of one project of its, newest first, from behind `before`."""

    async def page_starts(self, account_id: str, project_id: str | None, size: int, pages: int) -> Sequence[ThreadKey]:
        """The last keys of the first `pages` pages, fewer where the list is shorter."""

    async def update(self, thread_id: str, account_id: str, name: str | None, is_public: bool | None) -> Thread | None:
        """Changes the project of the account's thread; None where the account has no such thread."""

    async def delete_thread(self, thread_id: str, account_id: str) -> Deleted | None:
        """As `delete_project`, for one thread; the last thread takes its project along."""

    async def standing_of_thread(self, thread_id: str) -> Standing | None: ...

    async def standing_of_project(self, project_id: str) -> Standing | None: ...

    async def usage(self, account_id: str) -> Usage: ...


class MessageStore(Protocol):
    """The rows of threads."""

    async def append(self, thread_id: str, account_id: str, drafts: Sequence[Draft]) -> bool:
        """Adds the rows that are not there yet, in order, in one commit; whether the thread is alive (False: they were
        dropped). Ids of the drafts are distinct. Raises ThreadNotFound, MessageConflict."""

    async def message(self, message_id: str) -> Message | None: ...

    async def messages(
        self, thread_id: str, after: int | None, size: int, newest_first: bool, types: Sequence[str] | None = None
    ) -> MessagePage:
        """A page by position, from behind `after`; only rows of these types where given."""

    async def context(self, thread_id: str, account_id: str, turn: int, size: int) -> Sequence[Message] | None:
        """The newest `size` rows shown to a model up to this turn, oldest first; None where the account has no such
        thread."""


class SearchStore(Protocol):
    """What the search knows. Texts come as words, folded, with a space between two."""

    async def claim(self, size: int) -> Sequence[SearchDue]:
        """Threads that have something new, which are then nobody else's for a while."""

    async def unsearched(self, claimed: Sequence[SearchDue], size: int) -> Sequence[Unsearched]:
        """Up to so many messages of each."""

    async def write(self, threads: Sequence[Searched]) -> None:
        """Stores words by position, where a thread is still alive. One that somebody writes to at this moment is left:
        it is due again by that."""

    async def find(self, account_id: str, wanted: str, limit: int) -> tuple[Sequence[SearchHit], int]:
        """The account's live threads that fit a tsquery, best first, and how many fit."""


class NoticeStore(Protocol):
    """Notices that are not delivered yet."""

    async def claim_notices(self, size: int) -> Sequence[Notice]:
        """Due notices, which are then not due again for a while that grows with their attempts."""

    async def settle_notice(self, notice_id: int) -> None:
        """It was delivered."""
