"""The statements that move money. Each is one statement and one commit, and has the same shape:

1. lock what it may change: holds by id, then buckets by id. That is the one order, so nobody waits in a circle, and a
   row that somebody else just changed is read again once its lock is ours. The lock is NO KEY UPDATE because a leg's
   foreign key shares its bucket's key: a post against a hold neither waits for the bucket nor deadlocks with its owner;
2. insert transfers, doing nothing where the key is taken;
3. insert legs for the transfers that were inserted, and set holds and buckets to what was locked plus the sums of those
   legs. A replay inserts nothing and so changes nothing.

What was locked, never `balance + delta`: an UPDATE first builds and checks its row from the statement's snapshot, and a
check constraint that a stale balance breaks is an error even where the present one would not break it.
"""

from __future__ import annotations

PLACE_HOLD = """
WITH account AS (
    SELECT plan, next_grant_at FROM accounts WHERE account_id = $1
), price AS (
    SELECT m.model, v.price_version, v.list_input, v.list_output, v.list_cached_input, v.list_cache_write,
           v.input, v.output, v.cached_input, v.cache_write
    FROM priced_models m JOIN price_versions v USING (model_id)
    WHERE m.model = ANY($11::text[]) AND v.valid @> $8::timestamptz
    ORDER BY array_position($11::text[], m.model) LIMIT 1
), earlier AS MATERIALIZED (
    SELECT ends_at FROM holds
    WHERE run_id = $2 AND account_id = $1 AND is_open ORDER BY hold_id, bucket_id FOR NO KEY UPDATE
), gate AS (
    -- A first block needs a plan that admits it and a price, a later one the run's own open hold. It is counted, since
    -- EXISTS would stop at the first row and leave the other holds to be locked after the buckets.
    SELECT coalesce($9, (SELECT max(ends_at) FROM earlier)) AS ends_at FROM account
    WHERE plan = ANY($10::text[]) AND (next_grant_at IS NULL OR next_grant_at > $8)
      AND CASE WHEN $4::int = 0 THEN EXISTS (SELECT FROM price) ELSE (SELECT count(*) FROM earlier) > 0 END
), live AS MATERIALIZED (
    SELECT bucket_id, available, expires_at, priority FROM buckets
    WHERE account_id = $1 AND available > 0 AND (expires_at IS NULL OR expires_at > $8) AND EXISTS (SELECT FROM gate)
    ORDER BY bucket_id FOR NO KEY UPDATE
), spend_order AS (
    SELECT bucket_id, available, expires_at, priority,
           (sum(available) OVER (ORDER BY expires_at NULLS LAST, priority, bucket_id))::bigint - available AS before
    FROM live
), total AS (
    SELECT coalesce(sum(available), 0)::bigint AS available FROM live
), hold AS (
    INSERT INTO transfers (account_id, key, kind, amount, run_id, thread_id, price_version, digest, created_at)
    SELECT $1, $5, 'hold', least($6::bigint, total.available), $2, $3, (SELECT price_version FROM price), $12, $8
    FROM total WHERE total.available >= $7::bigint
    ON CONFLICT (key) DO NOTHING RETURNING transfer_id, amount
), taken AS (
    INSERT INTO legs (account_id, transfer_id, ordinal, debit, credit, bucket_id, hold_id, amount)
    SELECT $1, h.transfer_id, row_number() OVER (ORDER BY s.before), 'wallet', 'hold', s.bucket_id, h.transfer_id,
           least(s.available, h.amount - s.before)
    FROM spend_order s, hold h WHERE s.before < h.amount
    RETURNING transfer_id, bucket_id, wallet_delta, hold_delta
), reserved AS (
    INSERT INTO holds (run_id, hold_id, bucket_id, account_id, block, bucket_expires_at, bucket_priority, balance,
                       ends_at)
    SELECT $2, t.transfer_id, t.bucket_id, $1, $4, s.expires_at, s.priority, t.hold_delta, gate.ends_at
    FROM taken t JOIN spend_order s USING (bucket_id), gate
), moved AS (
    UPDATE buckets b SET available = live.available + t.wallet_delta FROM taken t JOIN live USING (bucket_id)
    WHERE b.account_id = $1 AND b.bucket_id = t.bucket_id
)
SELECT account.plan, account.next_grant_at <= $8 AS is_grant_due, total.available, hold.amount AS held,
       EXISTS (SELECT FROM earlier) AS has_open_hold, price.*
FROM total LEFT JOIN account ON true LEFT JOIN hold ON true LEFT JOIN price ON true
"""
"""$1 account $2 run $3 thread $4 block $5 key $6 wanted $7 least $8 now $9 ends_at $10 plans $11 names $12 digest."""

SETTLE = """
WITH charges AS MATERIALIZED (
    SELECT c.* FROM jsonb_to_recordset($5::jsonb) AS c(
        ordinal int, key text, step_no int, price_version text, digest text, amount bigint, cost bigint, model text,
        prompt int, completion int, cached_read int, cache_write int, estimated bool, wasted bool, message_id uuid)
), clash AS MATERIALIZED (
    -- LIMIT keeps this a look-up by key for each charge, however many rows the planner expects.
    SELECT c.key FROM charges c, LATERAL (SELECT t.digest FROM transfers t WHERE t.key = c.key LIMIT 1) AS known
    WHERE known.digest <> c.digest
), portions AS MATERIALIZED (
    SELECT hold_id, bucket_id, block, balance, bucket_expires_at, bucket_priority FROM holds
    WHERE run_id = $2 AND account_id = $1 AND is_open AND NOT EXISTS (SELECT FROM clash)
    ORDER BY hold_id, bucket_id FOR NO KEY UPDATE
), reserve AS MATERIALIZED (
    SELECT coalesce(sum(balance), 0)::bigint AS balance FROM portions
), posted AS (
    INSERT INTO transfers (account_id, key, kind, amount, run_id, thread_id, step_no, price_version, digest, created_at)
    SELECT $1, key, 'post', amount, $2, $3, step_no, price_version, digest, $4
    FROM charges, reserve  -- the reserve, so that the holds are locked before a key is
    WHERE NOT EXISTS (SELECT FROM clash) AND reserve.balance >= 0 ORDER BY key
    ON CONFLICT (key) DO NOTHING RETURNING transfer_id, key, amount
), owed AS (
    SELECT p.transfer_id, p.amount, (sum(p.amount) OVER (ORDER BY c.ordinal))::bigint - p.amount AS before
    FROM posted p JOIN charges c USING (key) WHERE NOT c.wasted AND p.amount > 0
), due AS MATERIALIZED (
    SELECT coalesce(sum(amount), 0)::bigint AS amount FROM owed
), touched AS MATERIALIZED (
    SELECT bucket_id, available, expires_at, priority FROM buckets
    WHERE account_id = $1 AND (
        (SELECT amount FROM due) > (SELECT balance FROM reserve)
        OR ($6 AND bucket_id IN (SELECT bucket_id FROM portions)))
    ORDER BY bucket_id FOR NO KEY UPDATE
), sources AS (
    -- Where a post takes from, in order: the run's holds, what else the wallet has, and then it is written off.
    SELECT 'hold' AS side, hold_id, bucket_id, balance AS amount, 1 AS class, bucket_expires_at AS expires_at,
           bucket_priority AS priority
    FROM portions WHERE balance > 0
    UNION ALL
    SELECT 'wallet', NULL, bucket_id, available, 2, expires_at, priority
    FROM touched WHERE available > 0 AND (expires_at IS NULL OR expires_at > $4)
    UNION ALL
    SELECT 'writeoff', NULL, NULL, amount, 3, NULL, 0 FROM due
), spans AS (
    SELECT side, hold_id, bucket_id, amount,
           (sum(amount) OVER (ORDER BY class, expires_at NULLS LAST, priority, bucket_id, hold_id))::bigint AS after
    FROM sources
), drawn AS MATERIALIZED (
    SELECT o.transfer_id, s.side, s.hold_id, s.bucket_id, s.after AS place,
           least(o.before + o.amount, s.after) - greatest(o.before, s.after - s.amount) AS amount
    FROM owed o JOIN spans s ON s.after - s.amount < o.before + o.amount AND o.before < s.after
), rest AS MATERIALIZED (
    SELECT p.hold_id, p.bucket_id, p.block, p.balance - coalesce(sum(d.amount), 0)::bigint AS amount
    FROM portions p LEFT JOIN drawn d ON d.hold_id = p.hold_id AND d.bucket_id = p.bucket_id
    GROUP BY p.hold_id, p.bucket_id, p.block, p.balance
), voided AS (
    INSERT INTO transfers (account_id, key, kind, amount, pending_id, run_id, thread_id, digest, created_at)
    SELECT $1, 'void:hold:' || $2::uuid || ':' || block, 'void', sum(amount), hold_id, $2, $3, '', $4
    FROM rest WHERE $6 GROUP BY hold_id, block
    ON CONFLICT (key) DO NOTHING RETURNING transfer_id, pending_id
), entries AS (
    INSERT INTO legs (account_id, transfer_id, ordinal, debit, credit, bucket_id, hold_id, amount)
    SELECT $1, transfer_id, row_number() OVER (PARTITION BY transfer_id ORDER BY place, bucket_id), debit, credit,
           bucket_id, hold_id, amount
    FROM (
        SELECT transfer_id, side AS debit, 'revenue' AS credit, bucket_id, hold_id, amount, place FROM drawn
        UNION ALL
        SELECT p.transfer_id, 'llm_waste', 'revenue', NULL, NULL, p.amount, 0
        FROM posted p JOIN charges c USING (key) WHERE c.wasted AND p.amount > 0
        UNION ALL
        SELECT v.transfer_id, 'hold', 'wallet', r.bucket_id, r.hold_id, r.amount, 0
        FROM voided v JOIN rest r ON r.hold_id = v.pending_id WHERE r.amount > 0
    ) AS movement
    RETURNING bucket_id, hold_id, wallet_delta, hold_delta
), used AS (
    INSERT INTO usage
    SELECT $1, p.transfer_id, c.model, c.prompt, c.completion, c.cached_read, c.cache_write, c.estimated, c.wasted,
           c.cost, c.message_id
    FROM posted p JOIN charges c USING (key)
), moved_holds AS (
    UPDATE holds h SET balance = m.balance + m.delta, is_open = NOT $6
    FROM (
        SELECT p.hold_id, p.bucket_id, p.balance, coalesce(sum(e.hold_delta), 0)::bigint AS delta
        FROM portions p LEFT JOIN entries e ON e.hold_id = p.hold_id AND e.bucket_id = p.bucket_id
        GROUP BY p.hold_id, p.bucket_id, p.balance
    ) AS m
    WHERE h.run_id = $2 AND h.hold_id = m.hold_id AND h.bucket_id = m.bucket_id AND (m.delta <> 0 OR $6)
), moved_buckets AS (
    UPDATE buckets b SET available = m.available + m.delta
    FROM (
        SELECT t.bucket_id, t.available, sum(e.wallet_delta)::bigint AS delta
        FROM entries e JOIN touched t USING (bucket_id) GROUP BY t.bucket_id, t.available
    ) AS m
    WHERE b.account_id = $1 AND b.bucket_id = m.bucket_id AND m.delta <> 0
)
SELECT (SELECT count(*) FROM posted) AS posted,
       CASE WHEN $6 THEN 0 ELSE (SELECT coalesce(sum(amount), 0)::bigint FROM rest) END AS held
"""
"""$1 account $2 run $3 thread $4 now $5 charges as JSON $6 whether the run's holds end."""

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
