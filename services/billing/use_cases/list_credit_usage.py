"""What an account's runs used, step by step, newest first."""

from __future__ import annotations

from services.billing.domain.history import Listing, Page, UsageRecord
from services.billing.ports import Books


class ListCreditUsage:
    """One page of an account's usage, of one thread or of all."""

    def __init__(self, books: Books) -> None:
        self._books = books

    async def __call__(self, account_id: str, thread_id: str | None, page: Page) -> Listing[UsageRecord]:
        records = await self._books.list_usage(account_id, thread_id, page.and_one_more())
        return Listing.of(records, await self._books.count_usage(account_id, thread_id), page)
