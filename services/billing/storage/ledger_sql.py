"""The statements that move money: each is one statement and one commit, and does nothing where its key is taken.

What a run does is in the schema's functions `place_hold` and `settle_run`. The rest has the same shape: lock what may
change, buckets by id; insert transfers; insert legs for those that were inserted; change buckets by those legs.
"""

from __future__ import annotations

PLACE_HOLD = """
SELECT h.held, h.available, h.plan, h.is_grant_due, h.has_open_hold, h.price_version
FROM place_hold($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS h
"""
"""$1 account $2 run $3 thread $4 block $5 wanted $6 least $7 ends_at $8 plans $9 models $10 digest $11 now."""

SETTLE = "SELECT s.posted, s.held FROM settle_run($1, $2, $3, $4, $5, $6) AS s"
"""$1 account $2 run $3 thread $4 charges as JSON $5 whether the run's holds end $6 now."""

GRANT = """
WITH given AS (
    INSERT INTO transfers (account_id, key, kind, amount, digest, created_at)
    SELECT account_id, $2, 'grant', $6::bigint, '', $8 FROM accounts WHERE account_id = $1
    ON CONFLICT (key) DO NOTHING RETURNING transfer_id, amount
), bucket AS (
    INSERT INTO buckets AS b (account_id, source, class, priority, expires_at, granted, available)
    SELECT $1, $3, $4, $5, $7, amount, amount FROM given
    ON CONFLICT (account_id, source) DO UPDATE
        SET granted = b.granted + excluded.granted, available = b.available + excluded.available
    RETURNING bucket_id
), scheduled AS (
    UPDATE accounts SET next_grant_at = coalesce($9, next_grant_at), updated_at = $8 FROM given
    WHERE account_id = $1
)
INSERT INTO legs (account_id, transfer_id, ordinal, debit, credit, bucket_id, amount)
SELECT $1, transfer_id, 1, 'grant_source', 'wallet', bucket_id, amount FROM given, bucket
"""
"""$1 account $2 key $3 source $4 class $5 priority $6 amount $7 expires_at $8 now $9 next_grant_at."""

EXPIRE = """
WITH ended AS MATERIALIZED (
    SELECT account_id, bucket_id, available, expiries FROM buckets
    WHERE expires_at <= $1 AND available > 0 AND ($2::uuid IS NULL OR account_id = $2)
    ORDER BY bucket_id LIMIT 500 FOR NO KEY UPDATE
), gone AS (
    INSERT INTO transfers (account_id, key, kind, amount, digest, created_at)
    SELECT account_id, 'expire:' || bucket_id || ':' || expiries, 'expire', available, '', $1 FROM ended
    ON CONFLICT (key) DO NOTHING RETURNING account_id, transfer_id, key, amount
), entries AS (
    INSERT INTO legs (account_id, transfer_id, ordinal, debit, credit, bucket_id, amount)
    SELECT g.account_id, g.transfer_id, 1, 'wallet', 'expired', e.bucket_id, g.amount
    FROM gone g JOIN ended e ON g.key = 'expire:' || e.bucket_id || ':' || e.expiries
    RETURNING account_id, bucket_id, wallet_delta
), moved AS (
    UPDATE buckets b SET available = ended.available + e.wallet_delta, expiries = ended.expiries + 1
    FROM entries e JOIN ended USING (account_id, bucket_id)
    WHERE b.account_id = e.account_id AND b.bucket_id = e.bucket_id
)
SELECT count(*) FROM gone
"""
"""$1 now $2 account, null for all."""

LOCK_POSTED_BUCKETS = """
SELECT b.bucket_id FROM buckets b
WHERE b.account_id = $1 AND b.bucket_id IN (
    SELECT l.bucket_id FROM legs l JOIN transfers t USING (account_id, transfer_id)
    WHERE t.account_id = $1 AND t.key = $2 AND t.kind = 'post')
ORDER BY b.bucket_id FOR NO KEY UPDATE
"""
"""$1 account $2 post key. Before REFUND, in its transaction, so that REFUND sees every refund made before."""

REFUND = """
WITH post AS (
    SELECT account_id, transfer_id, run_id, thread_id, step_no, price_version FROM transfers
    WHERE account_id = $1 AND key = $2 AND kind = 'post'
), left_over AS (
    -- What of the post each bucket paid and did not get back, the last spent first.
    SELECT l.bucket_id, (sum(CASE WHEN l.credit = 'revenue' THEN l.amount ELSE -l.amount END))::bigint AS amount,
           min(l.ordinal) FILTER (WHERE l.credit = 'revenue') AS place
    FROM post p JOIN transfers t ON t.account_id = p.account_id
                AND (t.transfer_id = p.transfer_id OR (t.kind = 'refund' AND t.pending_id = p.transfer_id))
         JOIN legs l ON l.account_id = t.account_id AND l.transfer_id = t.transfer_id
    WHERE l.bucket_id IS NOT NULL GROUP BY l.bucket_id
), spans AS (
    SELECT bucket_id, amount, (sum(amount) OVER (ORDER BY place DESC, bucket_id))::bigint AS after
    FROM left_over WHERE amount > 0
), back AS (
    INSERT INTO transfers (account_id, key, kind, amount, pending_id, run_id, thread_id, step_no, price_version, digest,
                           created_at)
    SELECT $1, $3, 'refund', $4::bigint, transfer_id, run_id, thread_id, step_no, price_version, $5, $6 FROM post
    WHERE (SELECT max(after) FROM spans) >= $4
    ON CONFLICT (key) DO NOTHING RETURNING transfer_id
), entries AS (
    INSERT INTO legs (account_id, transfer_id, ordinal, debit, credit, bucket_id, amount)
    SELECT $1, b.transfer_id, row_number() OVER (ORDER BY s.after), 'revenue', 'wallet', s.bucket_id,
           least($4, s.after) - (s.after - s.amount)
    FROM back b, spans s WHERE s.after - s.amount < $4
    RETURNING bucket_id, wallet_delta
), moved AS (
    UPDATE buckets b SET available = b.available + e.wallet_delta
    FROM entries e WHERE b.account_id = $1 AND b.bucket_id = e.bucket_id
)
SELECT count(*) FROM back
"""
"""$1 account $2 post key $3 refund key $4 amount $5 digest $6 now."""
