"""The statements that read the ledger. What is shown of it is what changed the account's credits: holds and their ends
move credits between its own pockets, and wasted calls cost it nothing, so neither is listed."""

from __future__ import annotations

BALANCE = """
WITH held AS (
    SELECT bucket_id, sum(balance)::bigint AS amount FROM holds WHERE account_id = $1 AND is_open GROUP BY bucket_id
), alive AS (
    SELECT b.class, b.source, b.granted, coalesce(held.amount, 0) AS held,
           CASE WHEN b.expires_at <= $2 THEN 0 ELSE b.available END AS available
    FROM buckets b LEFT JOIN held USING (bucket_id) WHERE b.account_id = $1
)
SELECT class, sum(available)::bigint AS available, sum(available + held)::bigint AS remaining,
       coalesce(sum(granted) FILTER (WHERE source = $3), 0)::bigint AS refilled
FROM alive GROUP BY class
"""
"""$1 account $2 now $3 the source whose grants are counted."""

BALANCE_AT = """
SELECT coalesce(sum(l.wallet_delta + l.hold_delta), 0)::bigint
FROM transfers t JOIN legs l USING (account_id, transfer_id) WHERE t.account_id = $1 AND t.created_at <= $2
"""
"""$1 account $2 moment."""

_LISTED = """
SELECT t.transfer_id FROM transfers t
WHERE t.account_id = $1 AND t.kind = ANY($2::text[]) AND t.kind NOT IN ('hold', 'void')
  AND NOT EXISTS (SELECT FROM usage u WHERE u.account_id = $1 AND u.transfer_id = t.transfer_id AND u.wasted)
  AND ($3::text[] IS NULL OR EXISTS (
      SELECT FROM legs l JOIN buckets b USING (account_id, bucket_id)
      WHERE l.account_id = $1 AND l.transfer_id = t.transfer_id AND b.class = ANY($3::text[])))
"""

COUNT_ENTRIES = f"SELECT count(*) FROM ({_LISTED}) AS listed"
"""$1 account $2 kinds $3 classes of bucket, null for all."""

ENTRIES = f"""
WITH listed AS ({_LISTED}), page AS MATERIALIZED (
    SELECT transfer_id FROM listed
    WHERE transfer_id < coalesce($6::bigint,
        (SELECT min(skipped.transfer_id) FROM (
            SELECT transfer_id FROM listed ORDER BY transfer_id DESC LIMIT $5::int) AS skipped),
        9223372036854775807)
    ORDER BY transfer_id DESC LIMIT $4::int
), changes AS (
    -- What came after the oldest of the page, so that the present balance can be followed back to each entry.
    SELECT transfer_id, sum(wallet_delta + hold_delta)::bigint AS delta FROM legs
    WHERE account_id = $1 AND transfer_id >= (SELECT min(transfer_id) FROM page) GROUP BY transfer_id
    UNION ALL
    SELECT transfer_id, 0 FROM page
), present AS (
    SELECT (SELECT coalesce(sum(available), 0) FROM buckets WHERE account_id = $1)
         + (SELECT coalesce(sum(balance), 0) FROM holds WHERE account_id = $1 AND is_open) AS balance
), history AS (
    SELECT transfer_id, sum(delta)::bigint AS delta,
           (present.balance - sum(sum(delta)) OVER (ORDER BY transfer_id DESC) + sum(delta))::bigint AS balance_after
    FROM changes, present GROUP BY transfer_id, present.balance
)
SELECT t.transfer_id, t.kind, t.run_id, t.thread_id, t.created_at, u.model, origin.class, h.delta,
       h.balance_after
FROM page JOIN history h USING (transfer_id)
     JOIN transfers t ON t.account_id = $1 AND t.transfer_id = page.transfer_id
     LEFT JOIN usage u ON u.account_id = $1 AND u.transfer_id = t.transfer_id
     LEFT JOIN LATERAL (
         SELECT b.class FROM legs l JOIN buckets b USING (account_id, bucket_id)
         WHERE l.account_id = $1 AND l.transfer_id = t.transfer_id AND t.kind <> 'post' LIMIT 1
     ) AS origin ON true
ORDER BY t.transfer_id DESC
"""
"""$1 account $2 kinds $3 classes of bucket $4 limit $5 entries to skip $6 only those before this one; wins over $5."""

_USED = """
FROM usage u JOIN transfers t USING (account_id, transfer_id)
WHERE t.account_id = $1 AND NOT u.wasted AND ($2::uuid IS NULL OR t.thread_id = $2)
"""

COUNT_USAGE = f"SELECT count(*) {_USED}"
"""$1 account $2 thread, null for all."""

USAGE = f"""
SELECT t.transfer_id, t.run_id, t.thread_id, t.step_no, u.model, u.prompt_tokens, u.completion_tokens,
       u.cached_read_tokens, u.cache_write_tokens, u.estimated, t.amount, t.created_at
{_USED} AND t.transfer_id < coalesce($5::bigint,
    (SELECT min(skipped.transfer_id) FROM (
        SELECT t.transfer_id {_USED} ORDER BY t.transfer_id DESC LIMIT $4::int) AS skipped),
    9223372036854775807)
ORDER BY t.transfer_id DESC LIMIT $3::int
"""
"""$1 account $2 thread $3 limit $4 records to skip $5 only those before this one; wins over $4."""
