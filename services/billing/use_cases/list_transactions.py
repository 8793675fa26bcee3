"""What changed an account's credits, newest first."""

from __future__ import annotations

from services.billing.domain.history import Entry, Listing, Page
from services.billing.ports import Books


class ListTransactions:
    """One page of an account's entries, of one type or of all."""

    def __init__(self, books: Books) -> None:
        self._books = books

    async def __call__(self, account_id: str, type_filter: str | None, page: Page) -> Listing[Entry]:
        entries = await self._books.list_entries(account_id, type_filter, page.and_one_more())
        return Listing.of(entries, await self._books.count_entries(account_id, type_filter), page)
