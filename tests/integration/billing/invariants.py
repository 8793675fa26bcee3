"""The ledger's invariants as queries over the whole database: each counts what contradicts it."""

from __future__ import annotations

from collections.abc import Mapping

from services.kit.postgres import Database

CHECKS: Mapping[str, str] = {
    "L1 a transfer is the sum of its legs, and the sides sum to zero": """
        SELECT (SELECT count(*) FROM transfers t
                WHERE t.amount <> (SELECT coalesce(sum(l.amount), 0) FROM legs l
                                   WHERE l.account_id = t.account_id AND l.transfer_id = t.transfer_id))
             + (SELECT count(*) FROM (
                    SELECT (SELECT sum(available) FROM buckets) + (SELECT coalesce(sum(balance), 0) FROM holds)
                         + (SELECT coalesce(sum(CASE WHEN credit IN ('revenue', 'expired') THEN amount ELSE 0 END
                                - CASE WHEN debit NOT IN ('wallet', 'hold') THEN amount ELSE 0 END), 0) FROM legs)
                        AS total) AS sides WHERE total <> 0)""",
    "L2 a bucket and a hold are the fold of their legs": """
        SELECT (SELECT count(*) FROM buckets b WHERE b.available <> (
                    SELECT coalesce(sum(wallet_delta), 0) FROM legs l
                    WHERE l.account_id = b.account_id AND l.bucket_id = b.bucket_id))
             + (SELECT count(*) FROM holds h WHERE h.balance <> (
                    SELECT coalesce(sum(hold_delta), 0) FROM legs l
                    WHERE l.account_id = h.account_id AND l.hold_id = h.hold_id AND l.bucket_id = h.bucket_id))""",
    "L3 nothing is negative": """
        SELECT (SELECT count(*) FROM buckets WHERE available < 0) + (SELECT count(*) FROM holds WHERE balance < 0)""",
    "L4 a hold is not exceeded and ends once": """
        SELECT (SELECT count(*) FROM (
                    SELECT hold_id FROM legs WHERE hold_id IS NOT NULL GROUP BY hold_id
                    HAVING sum(hold_delta) < 0 OR count(*) FILTER (WHERE credit = 'revenue') > 0
                       AND sum(amount) FILTER (WHERE credit = 'revenue') > sum(amount) FILTER (WHERE credit = 'hold')
                ) AS exceeded)
             + (SELECT count(*) FROM transfers h WHERE h.kind = 'hold' AND (
                    SELECT count(*) FROM transfers v WHERE v.kind = 'void' AND v.pending_id = h.transfer_id) <> (
                    SELECT CASE WHEN bool_or(is_open) THEN 0 ELSE 1 END FROM holds o
                    WHERE o.hold_id = h.transfer_id))""",
    "L6 granted and refunded = remaining + posted + expired": """
        SELECT count(*) FROM buckets b CROSS JOIN LATERAL (
            SELECT coalesce(sum(amount) FILTER (WHERE debit IN ('grant_source', 'revenue')), 0) AS given,
                   coalesce(sum(amount) FILTER (WHERE debit = 'grant_source'), 0) AS granted,
                   coalesce(sum(amount) FILTER (WHERE credit IN ('revenue', 'expired')), 0) AS gone
            FROM legs l WHERE l.account_id = b.account_id AND l.bucket_id = b.bucket_id) AS f
        WHERE f.granted <> b.granted OR f.given <> f.gone + b.available + (
            SELECT coalesce(sum(balance), 0) FROM holds h
            WHERE h.account_id = b.account_id AND h.bucket_id = b.bucket_id)""",
    "L9 an expired bucket is never spent": """
        SELECT count(*) FROM legs l JOIN transfers t USING (account_id, transfer_id)
            JOIN buckets b USING (account_id, bucket_id)
        WHERE l.debit = 'wallet' AND l.credit IN ('hold', 'revenue') AND t.created_at >= b.expires_at""",
    "L10 no transfer crosses accounts": """
        SELECT (SELECT count(*) FROM legs l JOIN buckets b USING (bucket_id) WHERE l.account_id <> b.account_id)
             + (SELECT count(*) FROM legs l JOIN transfers t USING (transfer_id) WHERE l.account_id <> t.account_id)
             + (SELECT count(*) FROM holds h JOIN transfers t ON t.transfer_id = h.hold_id
                WHERE t.account_id <> h.account_id OR t.run_id <> h.run_id)""",
    "L11 a closed hold holds nothing": "SELECT count(*) FROM holds WHERE NOT is_open AND balance <> 0",
}
"""L5, L7, L8 and L12 need more than the tables' present state: they have tests of their own."""

DRIFT = """
    SELECT coalesce(sum(abs(d)), 0)::bigint FROM (
        SELECT b.available - coalesce(sum(l.wallet_delta), 0) AS d FROM buckets b
            LEFT JOIN legs l USING (account_id, bucket_id) GROUP BY b.account_id, b.bucket_id, b.available
        UNION ALL
        SELECT h.balance - coalesce(sum(l.hold_delta), 0) FROM holds h
            LEFT JOIN legs l USING (account_id, hold_id, bucket_id) GROUP BY h.run_id, h.hold_id, h.bucket_id, h.balance
    ) AS drifts"""


async def anomalies(database: Database) -> dict[str, int]:
    """How often each invariant is contradicted."""
    return {name: await database.fetchval(query) for name, query in CHECKS.items()}


async def check(database: Database, operations: int, what: str) -> None:
    """Prints the figures and fails on the first contradiction."""
    found = await anomalies(database)
    drift = await database.fetchval(DRIFT)
    print(f"\n{what}: {operations} operations, {sum(found.values())} anomalies, drift {drift} micro-credits")
    assert {name: count for name, count in found.items() if count} == {}
    assert drift == 0
