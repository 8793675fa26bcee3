"""Billing's tables behind its ports: accounts, prices, the ledger, and the books that read it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from services.billing.domain.accounts import Account, Balance, Role
from services.billing.domain.history import DESCRIPTIONS, ENTRY_TYPES, Entry, Page, UsageRecord, entry_type
from services.billing.domain.ledger import Grant, HoldRequest, PricedCharge, refund_key
from services.billing.domain.prices import Price, Rates, TokenUsage
from services.billing.ports import HoldAnswer, PlacedHold
from services.billing.storage import books_sql, ledger_sql
from services.kit.postgres import Connection, Database, Record

FIND_HOLD = """
SELECT t.amount, t.digest, t.price_version,
       EXISTS (SELECT 1 FROM holds h WHERE h.run_id = t.run_id AND h.hold_id = t.transfer_id AND h.is_open) AS is_open
FROM transfers t WHERE t.key = $1 AND t.kind = 'hold'
"""


class PostgresAccounts:
    """Accounts and roles."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ensure(self, account_id: str, name: str, plan: str, now: datetime) -> Account:
        await self._database.execute(
            "INSERT INTO accounts (account_id, name, plan, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)"
            " ON CONFLICT DO NOTHING",
            account_id,
            name,
            plan,
            now,
        )
        account = await self.find(account_id)
        assert account is not None  # accounts are never deleted
        return account

    async def find(self, account_id: str) -> Account | None:
        row = await self._database.fetchrow(
            "SELECT account_id, name, plan, created_at, updated_at, next_grant_at FROM accounts WHERE account_id = $1",
            account_id,
        )
        if row is None:
            return None
        return Account(
            str(row["account_id"]), row["name"], row["plan"], row["created_at"], row["updated_at"], row["next_grant_at"]
        )

    async def role_of(self, user_id: str) -> Role | None:
        role: Role | None = await self._database.fetchval("SELECT role FROM user_roles WHERE user_id = $1", user_id)
        return role


_PRICE = """m.model, v.price_version, v.list_input, v.list_output, v.list_cached_input, v.list_cache_write,
            v.input, v.output, v.cached_input, v.cache_write
            FROM priced_models m JOIN price_versions v USING (model_id)"""


class PostgresPrices:
    """Price versions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def current(self, names: Sequence[str], now: datetime) -> Price | None:
        row = await self._database.fetchrow(
            f"SELECT {_PRICE} WHERE m.model = ANY($1::text[]) AND v.valid @> $2::timestamptz"
            " ORDER BY array_position($1::text[], m.model) LIMIT 1",
            list(names),
            now,
        )
        return _price(row) if row else None

    async def versions(self, versions: Sequence[str]) -> Mapping[str, Price]:
        rows = await self._database.fetch(
            f"SELECT {_PRICE} WHERE v.price_version = ANY($1::text[])",
            list(versions),
        )
        return {row["price_version"]: _price(row) for row in rows}

    async def publish(self, prices: Mapping[str, tuple[Rates, Rates]], now: datetime) -> list[str]:
        async with self._database.transaction() as connection:
            # One publisher at a time, or two would both close the version before.
            await connection.execute("LOCK TABLE price_versions IN SHARE ROW EXCLUSIVE MODE")
            await connection.execute(
                "INSERT INTO priced_models (model) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING", list(prices)
            )
            rows = await connection.fetch(f"SELECT {_PRICE} WHERE upper_inf(v.valid)")
            current = {price.model: (price.listed, price.billed) for price in map(_price, rows)}
            changed = [model for model, rates in prices.items() if current.get(model) != rates]
            await connection.execute(
                "UPDATE price_versions SET valid = tstzrange(lower(valid),"
                " greatest($2, lower(valid) + interval '1 microsecond')) WHERE upper_inf(valid) AND model_id IN"
                " (SELECT model_id FROM priced_models WHERE model = ANY($1::text[]))",
                changed,
                now,
            )
            return await self._open_versions(connection, {model: prices[model] for model in changed})

    async def _open_versions(self, connection: Connection, prices: Mapping[str, tuple[Rates, Rates]]) -> list[str]:
        """A model's first price has always been in force: a process whose clock is behind knows it too."""
        figures = [
            [getattr(rates[which], figure) for rates in prices.values()]
            for which in (0, 1)
            for figure in ("input", "output", "cached_input", "cache_write")
        ]
        rows = await connection.fetch(
            "INSERT INTO price_versions (price_version, model_id, valid, list_input, list_output, list_cached_input,"
            " list_cache_write, input, output, cached_input, cache_write)"
            " SELECT m.model || '@' || (SELECT count(*) + 1 FROM price_versions v WHERE v.model_id = m.model_id),"
            " m.model_id, tstzrange(coalesce((SELECT max(upper(v.valid)) FROM price_versions v"
            " WHERE v.model_id = m.model_id), '-infinity'), NULL), p.i, p.o, p.c, p.w, p.bi, p.bo, p.bc, p.bw"
            " FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],"
            " $7::bigint[], $8::bigint[], $9::bigint[]) AS p(model, i, o, c, w, bi, bo, bc, bw)"
            " JOIN priced_models m USING (model) RETURNING price_version",
            list(prices),
            *figures,
        )
        return [row["price_version"] for row in rows]


class PostgresLedger:
    """The ledger's writing side."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def place_hold(
        self,
        request: HoldRequest,
        *,
        plans: Sequence[str],
        models: Sequence[str],
        ends_at: datetime | None,
        now: datetime,
    ) -> HoldAnswer:
        row = await self._database.fetchrow(
            ledger_sql.PLACE_HOLD,
            request.account_id,
            request.run_id,
            request.thread_id,
            request.block,
            request.wanted,
            request.least,
            ends_at,
            list(plans),
            list(models),
            request.digest,
            now,
        )
        assert row is not None  # the function always answers
        return HoldAnswer(
            held=row["held"],
            available=row["available"],
            plan=row["plan"],
            is_grant_due=bool(row["is_grant_due"]),
            has_open_hold=row["has_open_hold"],
            price_version=row["price_version"],
        )

    async def find_hold(self, key: str) -> PlacedHold | None:
        row = await self._database.fetchrow(FIND_HOLD, key)
        return PlacedHold(row["amount"], row["digest"], row["price_version"], row["is_open"]) if row else None

    async def settle(
        self,
        account_id: str,
        run_id: str,
        thread_id: str | None,
        charges: Sequence[tuple[PricedCharge, str]],
        *,
        release: bool,
        now: datetime,
    ) -> tuple[int, int]:
        encoded = json.dumps([_charge(ordinal, *pair) for ordinal, pair in enumerate(charges)])
        row = await self._database.fetchrow(ledger_sql.SETTLE, account_id, run_id, thread_id, encoded, release, now)
        assert row is not None  # the function always answers
        return row["posted"], row["held"]

    async def digests(self, keys: Sequence[str]) -> Mapping[str, str]:
        rows = await self._database.fetch("SELECT key, digest FROM transfers WHERE key = ANY($1::text[])", list(keys))
        return {row["key"]: row["digest"] for row in rows}

    async def grant(self, account_id: str, grant: Grant, now: datetime) -> None:
        await self._database.execute(
            ledger_sql.GRANT,
            account_id,
            grant.key,
            grant.source,
            grant.bucket_class,
            grant.priority,
            grant.microcredits,
            grant.expires_at,
            now,
            grant.next_grant_at,
        )

    async def refund(
        self, account_id: str, post_key: str, ordinal: int, amount: int, digest: str, now: datetime
    ) -> bool:
        async with self._database.transaction() as connection:
            await connection.execute(ledger_sql.LOCK_POSTED_BUCKETS, account_id, post_key)
            made = await connection.fetchval(
                ledger_sql.REFUND, account_id, post_key, refund_key(post_key, ordinal), amount, digest, now
            )
        return bool(made)

    async def expire(self, now: datetime, account_id: str | None = None) -> int:
        count: int = await self._database.fetchval(ledger_sql.EXPIRE, now, account_id)
        return count

    async def overdue_runs(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        rows = await self._database.fetch(
            "SELECT DISTINCT account_id, run_id FROM holds WHERE is_open AND ends_at <= $1 LIMIT $2", now, limit
        )
        return [(str(row["account_id"]), str(row["run_id"])) for row in rows]


class PostgresBooks:
    """The ledger's reading side."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def balance(self, account_id: str, refill_source: str, now: datetime) -> Balance:
        rows = await self._database.fetch(books_sql.BALANCE, account_id, now, refill_source)
        return Balance(
            available=sum(row["available"] for row in rows),
            remaining={row["class"]: row["remaining"] for row in rows},
            refilled=sum(row["refilled"] for row in rows),
        )

    async def balance_at(self, account_id: str, moment: datetime) -> int:
        balance: int = await self._database.fetchval(books_sql.BALANCE_AT, account_id, moment)
        return balance

    async def list_entries(self, account_id: str, type_filter: str | None, page: Page) -> list[Entry]:
        kinds, classes = _filter(type_filter)
        rows = await self._database.fetch(
            books_sql.ENTRIES, account_id, kinds, classes, page.limit, page.offset, page.before
        )
        return [_entry(row) for row in rows]

    async def count_entries(self, account_id: str, type_filter: str | None) -> int:
        count: int = await self._database.fetchval(books_sql.COUNT_ENTRIES, account_id, *_filter(type_filter))
        return count

    async def list_usage(self, account_id: str, thread_id: str | None, page: Page) -> list[UsageRecord]:
        rows = await self._database.fetch(books_sql.USAGE, account_id, thread_id, page.limit, page.offset, page.before)
        return [_usage(row) for row in rows]

    async def count_usage(self, account_id: str, thread_id: str | None) -> int:
        count: int = await self._database.fetchval(books_sql.COUNT_USAGE, account_id, thread_id)
        return count


def _price(row: Record) -> Price:
    listed = Rates(row["list_input"], row["list_output"], row["list_cached_input"], row["list_cache_write"])
    billed = Rates(row["input"], row["output"], row["cached_input"], row["cache_write"])
    return Price(row["price_version"], row["model"], listed, billed)


def _charge(ordinal: int, priced: PricedCharge, digest: str) -> dict[str, object]:
    charge = priced.charge
    return {
        "ordinal": ordinal, "key": charge.key, "step_no": charge.step_no, "price_version": charge.price_version,
        "digest": digest, "amount": priced.amount, "cost": priced.cost, "model": charge.model,
        "prompt": charge.usage.prompt, "completion": charge.usage.completion,
        "cached_read": charge.usage.cached_read, "cache_write": charge.usage.cache_write,
        "estimated": charge.estimated, "wasted": charge.wasted, "message_id": charge.message_id,
    }  # fmt: skip


def _filter(type_filter: str | None) -> tuple[list[str], list[str] | None]:
    if type_filter is None:
        return [kind for kind, _ in ENTRY_TYPES.values()], None
    kind, classes = ENTRY_TYPES.get(type_filter, ("", ()))
    return [kind], list(classes) or None


def _entry(row: Record) -> Entry:
    shown_as = entry_type(row["kind"], row["class"])
    return Entry(
        number=row["transfer_id"],
        type=shown_as,
        description=row["model"] or DESCRIPTIONS[shown_as],
        amount=row["delta"],
        balance_after=row["balance_after"],
        run_id=_text(row["run_id"]),
        thread_id=_text(row["thread_id"]),
        created_at=row["created_at"],
    )


def _usage(row: Record) -> UsageRecord:
    usage = TokenUsage(
        row["prompt_tokens"], row["completion_tokens"], row["cached_read_tokens"], row["cache_write_tokens"]
    )
    return UsageRecord(
        number=row["transfer_id"],
        run_id=str(row["run_id"]),
        thread_id=_text(row["thread_id"]),
        step_no=row["step_no"],
        model=row["model"],
        usage=usage,
        estimated=row["estimated"],
        amount=row["amount"],
        created_at=row["created_at"],
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
