-- The two operations of a run, each one call and one commit. They are functions because a statement sees the rows as
-- they were when it began: here the first statements lock, in the one order (holds by id, then buckets by id), and the
-- later ones see what those locks protect. The locks leave keys shareable (NO KEY UPDATE), since a leg's foreign key
-- takes a share of its bucket's: a post against a hold neither waits for the bucket nor deadlocks with who has it.
--
-- What changes a bucket or a hold is the sum of the legs just inserted, in the statement that inserts them.

CREATE FUNCTION place_hold(
    p_account uuid, p_run uuid, p_thread uuid, p_block int, p_wanted bigint, p_least bigint, p_ends_at timestamptz,
    p_plans text[], p_models text[], p_digest text, p_now timestamptz,
    OUT held bigint, OUT available bigint, OUT plan text, OUT is_grant_due boolean, OUT has_open_hold boolean,
    OUT price_version text
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_ends_at timestamptz := p_ends_at;
    v_hold    bigint;
BEGIN
    held := 0;
    available := 0;
    has_open_hold := false;
    SELECT a.plan, coalesce(a.next_grant_at <= p_now, false) INTO plan, is_grant_due
    FROM accounts a WHERE a.account_id = p_account;
    IF p_block = 0 THEN
        SELECT v.price_version INTO price_version
        FROM priced_models m JOIN price_versions v USING (model_id)
        WHERE m.model = ANY(p_models) AND v.valid @> p_now ORDER BY array_position(p_models, m.model) LIMIT 1;
        IF price_version IS NULL THEN RETURN; END IF;
    ELSE
        PERFORM FROM holds h WHERE h.run_id = p_run AND h.account_id = p_account AND h.is_open
        ORDER BY h.hold_id, h.bucket_id FOR NO KEY UPDATE;
        SELECT max(h.ends_at) INTO v_ends_at FROM holds h
        WHERE h.run_id = p_run AND h.account_id = p_account AND h.is_open;
        has_open_hold := v_ends_at IS NOT NULL;
        IF NOT has_open_hold THEN RETURN; END IF;
    END IF;
    IF plan IS NULL OR plan <> ALL(p_plans) OR is_grant_due THEN RETURN; END IF;

    PERFORM FROM buckets b WHERE b.account_id = p_account AND (b.expires_at IS NULL OR b.expires_at > p_now)
    ORDER BY b.bucket_id FOR NO KEY UPDATE;
    SELECT coalesce(sum(b.available), 0) INTO available FROM buckets b
    WHERE b.account_id = p_account AND (b.expires_at IS NULL OR b.expires_at > p_now);
    IF available < p_least THEN RETURN; END IF;

    INSERT INTO transfers (account_id, key, kind, amount, run_id, thread_id, price_version, digest, created_at)
    VALUES (p_account, 'hold:' || p_run || ':' || p_block, 'hold', least(p_wanted, available), p_run, p_thread,
            price_version, p_digest, p_now)
    ON CONFLICT (key) DO NOTHING RETURNING transfer_id, amount INTO v_hold, held;
    IF v_hold IS NULL THEN held := 0; RETURN; END IF;

    WITH spend_order AS (
        SELECT b.bucket_id, b.available, b.expires_at, b.priority,
               (sum(b.available) OVER (ORDER BY b.expires_at NULLS LAST, b.priority, b.bucket_id))::bigint - b.available
               AS before
        FROM buckets b
        WHERE b.account_id = p_account AND b.available > 0 AND (b.expires_at IS NULL OR b.expires_at > p_now)
    ), taken AS (
        INSERT INTO legs (account_id, transfer_id, ordinal, debit, credit, bucket_id, hold_id, amount)
        SELECT p_account, v_hold, row_number() OVER (ORDER BY s.before), 'wallet', 'hold', s.bucket_id, v_hold,
               least(s.available, held - s.before)
        FROM spend_order s WHERE s.before < held
        RETURNING bucket_id, wallet_delta, hold_delta
    ), reserved AS (
        INSERT INTO holds (run_id, hold_id, bucket_id, account_id, block, bucket_expires_at, bucket_priority, balance,
                           ends_at)
        SELECT p_run, v_hold, t.bucket_id, p_account, p_block, s.expires_at, s.priority, t.hold_delta, v_ends_at
        FROM taken t JOIN spend_order s USING (bucket_id)
    )
    UPDATE buckets b SET available = b.available + t.wallet_delta FROM taken t
    WHERE b.account_id = p_account AND b.bucket_id = t.bucket_id;
END $$;

CREATE FUNCTION settle_run(
    p_account uuid, p_run uuid, p_thread uuid, p_charges jsonb, p_release boolean, p_now timestamptz,
    OUT posted int, OUT held bigint
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_reserve bigint;
    v_asked   bigint;
BEGIN
    posted := 0;
    PERFORM FROM holds h WHERE h.run_id = p_run AND h.account_id = p_account AND h.is_open
    ORDER BY h.hold_id, h.bucket_id FOR NO KEY UPDATE;
    SELECT coalesce(sum(h.balance), 0) INTO v_reserve FROM holds h
    WHERE h.run_id = p_run AND h.account_id = p_account AND h.is_open;
    held := v_reserve;
    SELECT sum(c.amount) FILTER (WHERE NOT c.wasted) INTO v_asked
    FROM jsonb_to_recordset(p_charges) AS c(amount bigint, wasted boolean);
    IF p_release OR v_asked > v_reserve THEN
        PERFORM FROM buckets b WHERE b.account_id = p_account ORDER BY b.bucket_id FOR NO KEY UPDATE;
    END IF;

    -- A key with another body: nothing of the call is done. LIMIT keeps this a look-up by key for each charge.
    PERFORM FROM jsonb_to_recordset(p_charges) AS c(key text, digest text),
        LATERAL (SELECT t.digest FROM transfers t WHERE t.key = c.key LIMIT 1) AS known
    WHERE known.digest <> c.digest;
    IF FOUND THEN RETURN; END IF;

    IF jsonb_array_length(p_charges) > 0 THEN
        WITH charges AS MATERIALIZED (
            SELECT c.* FROM jsonb_to_recordset(p_charges) AS c(
                ordinal int, key text, step_no int, price_version text, digest text, amount bigint, cost bigint,
                model text, prompt int, completion int, cached_read int, cache_write int, estimated boolean,
                wasted boolean, message_id uuid)
        ), made AS (
            INSERT INTO transfers (account_id, key, kind, amount, run_id, thread_id, step_no, price_version, digest,
                                   created_at)
            SELECT p_account, c.key, 'post', c.amount, p_run, p_thread, c.step_no, c.price_version, c.digest, p_now
            FROM charges c ORDER BY c.key
            ON CONFLICT (key) DO NOTHING RETURNING transfer_id, key, amount
        ), used AS (
            INSERT INTO usage
            SELECT p_account, p.transfer_id, c.model, c.prompt, c.completion, c.cached_read, c.cache_write,
                   c.estimated, c.wasted, c.cost, c.message_id
            FROM made p JOIN charges c USING (key)
        ), owed AS (
            SELECT p.transfer_id, p.amount, (sum(p.amount) OVER (ORDER BY c.ordinal))::bigint - p.amount AS before
            FROM made p JOIN charges c USING (key) WHERE NOT c.wasted AND p.amount > 0
        ), sources AS (
            -- Where a post takes from, in order: the run's holds, what else the wallet has, and then it is written off.
            SELECT 'hold' AS side, h.hold_id, h.bucket_id, h.balance AS amount, 1 AS class,
                   h.bucket_expires_at AS expires_at, h.bucket_priority AS priority
            FROM holds h WHERE h.run_id = p_run AND h.account_id = p_account AND h.is_open AND h.balance > 0
            UNION ALL
            SELECT 'wallet', NULL, b.bucket_id, b.available, 2, b.expires_at, b.priority
            FROM buckets b WHERE v_asked > v_reserve AND b.account_id = p_account AND b.available > 0
                             AND (b.expires_at IS NULL OR b.expires_at > p_now)
            UNION ALL
            SELECT 'writeoff', NULL, NULL, v_asked, 3, NULL, 0 WHERE v_asked > v_reserve
        ), spans AS (
            SELECT s.side, s.hold_id, s.bucket_id, s.amount, (sum(s.amount) OVER (
                ORDER BY s.class, s.expires_at NULLS LAST, s.priority, s.bucket_id, s.hold_id))::bigint AS after
            FROM sources s
        ), entries AS (
            INSERT INTO legs (account_id, transfer_id, ordinal, debit, credit, bucket_id, hold_id, amount)
            SELECT p_account, o.transfer_id, row_number() OVER (PARTITION BY o.transfer_id ORDER BY s.after), s.side,
                   'revenue', s.bucket_id, s.hold_id,
                   least(o.before + o.amount, s.after) - greatest(o.before, s.after - s.amount)
            FROM owed o JOIN spans s ON s.after - s.amount < o.before + o.amount AND o.before < s.after
            UNION ALL
            SELECT p_account, p.transfer_id, 1, 'llm_waste', 'revenue', NULL, NULL, p.amount
            FROM made p JOIN charges c USING (key) WHERE c.wasted AND p.amount > 0
            RETURNING bucket_id, hold_id, wallet_delta, hold_delta
        ), drawn AS (
            UPDATE holds h SET balance = h.balance + e.delta
            FROM (SELECT hold_id, bucket_id, sum(hold_delta)::bigint AS delta FROM entries
                  WHERE hold_delta <> 0 GROUP BY hold_id, bucket_id) AS e
            WHERE h.run_id = p_run AND h.hold_id = e.hold_id AND h.bucket_id = e.bucket_id
        ), spent AS (
            UPDATE buckets b SET available = b.available + e.delta
            FROM (SELECT bucket_id, sum(wallet_delta)::bigint AS delta FROM entries
                  WHERE wallet_delta <> 0 GROUP BY bucket_id) AS e
            WHERE b.account_id = p_account AND b.bucket_id = e.bucket_id
        )
        SELECT count(*), v_reserve + coalesce((SELECT sum(hold_delta) FROM entries), 0) INTO posted, held FROM made;
    END IF;

    IF p_release THEN
        WITH ending AS MATERIALIZED (
            SELECT h.hold_id, h.bucket_id, h.block, h.balance FROM holds h
            WHERE h.run_id = p_run AND h.account_id = p_account AND h.is_open
        ), voided AS (
            INSERT INTO transfers (account_id, key, kind, amount, pending_id, run_id, thread_id, digest, created_at)
            SELECT p_account, 'void:hold:' || p_run || ':' || e.block, 'void', sum(e.balance), e.hold_id, p_run,
                   p_thread, '', p_now
            FROM ending e GROUP BY e.hold_id, e.block
            RETURNING transfer_id, pending_id
        ), entries AS (
            INSERT INTO legs (account_id, transfer_id, ordinal, debit, credit, bucket_id, hold_id, amount)
            SELECT p_account, v.transfer_id, row_number() OVER (PARTITION BY v.transfer_id ORDER BY e.bucket_id),
                   'hold', 'wallet', e.bucket_id, e.hold_id, e.balance
            FROM voided v JOIN ending e ON e.hold_id = v.pending_id WHERE e.balance > 0
            RETURNING bucket_id, wallet_delta
        ), closed AS (
            UPDATE holds h SET balance = 0, is_open = false FROM ending e
            WHERE h.run_id = p_run AND h.hold_id = e.hold_id AND h.bucket_id = e.bucket_id
        )
        UPDATE buckets b SET available = b.available + e.delta
        FROM (SELECT bucket_id, sum(wallet_delta)::bigint AS delta FROM entries GROUP BY bucket_id) AS e
        WHERE b.account_id = p_account AND b.bucket_id = e.bucket_id;
        held := 0;
    END IF;
END $$;
