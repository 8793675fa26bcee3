-- The ledger: transfers and their legs are written once; buckets and holds are their running fold.
--
-- A leg moves micro-credits between two sides: wallet (what an account may spend), hold (what a run reserved), revenue,
-- grant_source, expired, llm_waste (paid to a provider, billed to nobody), writeoff (billed, but nothing was left).

CREATE TABLE buckets (
    account_id uuid NOT NULL REFERENCES accounts,
    bucket_id  bigint GENERATED ALWAYS AS IDENTITY,
    -- Where its credits come from, e.g. 'plan:local'; granting again from the same source fills the same bucket.
    source     text NOT NULL,
    class      text NOT NULL CHECK (class IN ('daily', 'monthly', 'extra')),
    -- Of two that expire together the lower is spent first.
    priority   smallint NOT NULL,
    expires_at timestamptz,
    granted    bigint NOT NULL CHECK (granted > 0),
    -- What is neither spent, held, nor expired.
    available  bigint NOT NULL CHECK (available >= 0),
    -- How often credits of it expired: once, and again when a hold gave some back later.
    expiries   integer NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, bucket_id),
    UNIQUE (account_id, source)
) WITH (fillfactor = 70);

CREATE INDEX buckets_to_expire ON buckets (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE transfers (
    account_id    uuid NOT NULL,
    transfer_id   bigint GENERATED ALWAYS AS IDENTITY,
    -- The idempotency key.
    key           text NOT NULL UNIQUE,
    kind          text NOT NULL CHECK (kind IN ('grant', 'hold', 'post', 'void', 'expire', 'refund')),
    amount        bigint NOT NULL,
    -- The hold that a void ends, the post that a refund takes back.
    pending_id    bigint,
    run_id        uuid,
    thread_id     uuid,
    step_no       integer,
    price_version text REFERENCES price_versions,
    -- Fingerprint of the request: the same key with another body is refused.
    digest        text NOT NULL,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (account_id, transfer_id),
    -- A step may cost nothing, and a hold may end with nothing left; everything else moves something.
    CHECK (amount > 0 OR (amount = 0 AND kind IN ('post', 'void')))
);

CREATE INDEX transfers_of_account ON transfers (account_id, transfer_id DESC)
    WHERE kind NOT IN ('hold', 'void');
CREATE INDEX refunds_of_post ON transfers (account_id, pending_id) WHERE kind = 'refund';

CREATE TABLE legs (
    account_id   uuid NOT NULL,
    transfer_id  bigint NOT NULL,
    ordinal      smallint NOT NULL,
    debit        text NOT NULL,
    credit       text NOT NULL CHECK (credit <> debit),
    -- The bucket on the wallet's or hold's side; the same account's, by its key.
    bucket_id    bigint,
    -- The hold that was made, used or ended.
    hold_id      bigint,
    amount       bigint NOT NULL CHECK (amount > 0),
    wallet_delta bigint NOT NULL GENERATED ALWAYS AS (
        CASE WHEN credit = 'wallet' THEN amount WHEN debit = 'wallet' THEN -amount ELSE 0 END) STORED,
    hold_delta   bigint NOT NULL GENERATED ALWAYS AS (
        CASE WHEN credit = 'hold' THEN amount WHEN debit = 'hold' THEN -amount ELSE 0 END) STORED,
    PRIMARY KEY (account_id, transfer_id, ordinal),
    FOREIGN KEY (account_id, transfer_id) REFERENCES transfers,
    FOREIGN KEY (account_id, bucket_id) REFERENCES buckets,
    CHECK (debit IN ('wallet', 'hold', 'revenue', 'grant_source', 'llm_waste', 'writeoff')),
    CHECK (credit IN ('wallet', 'hold', 'revenue', 'expired')),
    CHECK ((bucket_id IS NOT NULL) = ('wallet' IN (debit, credit) OR 'hold' IN (debit, credit))),
    CHECK ((hold_id IS NOT NULL) = ('hold' IN (debit, credit)))
);

-- What one run reserved from one bucket. A hold that needed two buckets has two rows with one id.
CREATE TABLE holds (
    run_id            uuid NOT NULL,
    hold_id           bigint NOT NULL,
    bucket_id         bigint NOT NULL,
    account_id        uuid NOT NULL,
    -- Which block of the run it is; its key is hold:{run}:{block}.
    block             integer NOT NULL,
    -- The bucket's place in the spend order.
    bucket_expires_at timestamptz,
    bucket_priority   smallint NOT NULL,
    balance           bigint NOT NULL CHECK (balance >= 0),
    is_open           boolean NOT NULL DEFAULT true,
    -- When the sweep ends it, should nobody have done so.
    ends_at           timestamptz NOT NULL,
    PRIMARY KEY (run_id, hold_id, bucket_id),
    FOREIGN KEY (account_id, bucket_id) REFERENCES buckets,
    CHECK (is_open OR balance = 0)
) WITH (fillfactor = 70);

CREATE INDEX holds_to_end ON holds (ends_at) WHERE is_open;
CREATE INDEX holds_of_account ON holds (account_id) WHERE is_open;

-- What the step behind a post used.
CREATE TABLE usage (
    account_id         uuid NOT NULL,
    transfer_id        bigint NOT NULL,
    model              text NOT NULL,
    prompt_tokens      integer NOT NULL,
    completion_tokens  integer NOT NULL,
    cached_read_tokens integer NOT NULL,
    cache_write_tokens integer NOT NULL,
    estimated          boolean NOT NULL,
    wasted             boolean NOT NULL,
    -- Micro-credits at the provider's list price.
    cost               bigint NOT NULL,
    message_id         uuid,
    PRIMARY KEY (account_id, transfer_id),
    FOREIGN KEY (account_id, transfer_id) REFERENCES transfers
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'check_violation', CONSTRAINT = 'append_only';
END $$;

CREATE TRIGGER transfers_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON transfers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER legs_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON legs
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER usage_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usage
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
