-- A start finds its model's price by index, one name at a time. All names at once were planned anew for each start, and
-- every price there is was read: a third of what the function took.

CREATE INDEX price_versions_of_model ON price_versions (model_id);

CREATE OR REPLACE FUNCTION place_hold(
    p_account uuid, p_run uuid, p_thread uuid, p_block int, p_wanted bigint, p_least bigint, p_ends_at timestamptz,
    p_plans text[], p_models text[], p_digest text, p_now timestamptz,
    OUT held bigint, OUT available bigint, OUT plan text, OUT is_grant_due boolean, OUT has_open_hold boolean,
    OUT price_version text
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_ends_at timestamptz := p_ends_at;
    v_hold    bigint;
    v_model   text;
BEGIN
    held := 0;
    available := 0;
    has_open_hold := false;
    SELECT a.plan, coalesce(a.next_grant_at <= p_now, false) INTO plan, is_grant_due
    FROM accounts a WHERE a.account_id = p_account;
    IF p_block = 0 THEN
        FOREACH v_model IN ARRAY p_models LOOP
            SELECT v.price_version INTO price_version FROM priced_models m JOIN price_versions v USING (model_id)
            WHERE m.model = v_model AND v.valid @> p_now;
            EXIT WHEN FOUND;
        END LOOP;
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
