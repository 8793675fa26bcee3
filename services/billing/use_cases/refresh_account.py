"""Brings an account up to date: makes it, ends what expired, grants what its plan owes it.

Nothing of this waits for a clock: whoever looks at an account, or finds too little in it, asks first. An account that
nobody looks at gets no rows.
"""

from __future__ import annotations

from dataclasses import replace

from services.billing.domain.accounts import Account, AccountState, grant_due
from services.billing.domain.plans import PLANS
from services.billing.ports import Accounts, Books, Ledger
from services.kit.clock import Clock

_NAME = "Personal"


class RefreshAccount:
    """The account, with everything done that was due."""

    def __init__(self, accounts: Accounts, ledger: Ledger, books: Books, clock: Clock, default_plan: str) -> None:
        self._accounts = accounts
        self._ledger = ledger
        self._books = books
        self._clock = clock
        self._default_plan = default_plan

    async def __call__(self, account_id: str) -> AccountState:
        account = await self.open(account_id)
        now = self._clock.now()
        plan = PLANS[account.plan]
        await self._ledger.expire(now, account_id)
        balance = await self._books.balance(account_id, plan.refill_source, now)
        grant = grant_due(account, balance, plan, now)
        if grant is not None:
            await self._ledger.grant(account_id, grant, now)
            account = replace(account, next_grant_at=grant.next_grant_at)
            balance = await self._books.balance(account_id, plan.refill_source, now)
        return AccountState(account, plan, balance)

    async def open(self, account_id: str) -> Account:
        """The account, made where it did not exist, without its grants."""
        known = await self._accounts.find(account_id)
        return known or await self._accounts.ensure(account_id, _NAME, self._default_plan, self._clock.now())
