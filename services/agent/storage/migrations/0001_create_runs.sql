-- Runs, their journal, their events and what is owed to other services.

CREATE TABLE agents (
    agent_id            uuid PRIMARY KEY,
    account_id          uuid NOT NULL,
    name                text NOT NULL,
    is_default          boolean NOT NULL DEFAULT false,
    current_version_id  uuid NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX agents_one_default ON agents (account_id) WHERE is_default;

CREATE TABLE agent_versions (
    agent_version_id    uuid PRIMARY KEY,
    agent_id            uuid NOT NULL REFERENCES agents ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    number              integer NOT NULL,
    -- NULL: the default prompt.
    system_prompt       text,
    created_at          timestamptz NOT NULL DEFAULT now(),
    UNIQUE (agent_id, number)
);

CREATE TABLE runs (
    run_id              uuid PRIMARY KEY,
    account_id          uuid NOT NULL,
    thread_id           uuid NOT NULL,
    project_id          uuid NOT NULL,
    agent_id            uuid NOT NULL,
    agent_version_id    uuid NOT NULL,
    -- Ordinal in the thread.
    turn                integer NOT NULL CHECK (turn > 0),
    model               text NOT NULL,
    -- What it was admitted with (domain.run.RunSpec), never changed.
    spec                jsonb NOT NULL,
    status              text NOT NULL
        CHECK (status IN ('queued', 'running', 'waiting', 'completed', 'stopped', 'failed')),
    owner               text,
    epoch               integer NOT NULL DEFAULT 0,
    -- Claims since the last result.
    attempt             integer NOT NULL DEFAULT 0,
    lease_until         timestamptz,
    -- The fence: every durable write of the run takes its numbers here.
    last_seq            bigint NOT NULL DEFAULT 0,
    stop_requested_at   timestamptz,
    stop_reason         text,
    idempotency_key     text,
    request_hash        bytea NOT NULL,
    deadline            timestamptz NOT NULL,
    steps               integer NOT NULL DEFAULT 0,
    created_at          timestamptz NOT NULL DEFAULT now(),
    started_at          timestamptz,
    completed_at        timestamptz,
    error               text,
    error_code          text,
    end_reason          text
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX runs_idempotency ON runs (account_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE UNIQUE INDEX runs_turn ON runs (thread_id, turn);
CREATE UNIQUE INDEX runs_one_active ON runs (thread_id) WHERE status IN ('running', 'waiting');
CREATE INDEX runs_queued ON runs (created_at) WHERE status = 'queued';
CREATE INDEX runs_running ON runs (run_id) WHERE status = 'running';
CREATE INDEX runs_active_of_account ON runs (account_id) WHERE status IN ('queued', 'running', 'waiting');
CREATE INDEX runs_ended ON runs (completed_at) WHERE completed_at IS NOT NULL;

-- No foreign keys to runs below: each write is guarded by the fence in its own statement, and a key would lock the
-- row that every write contends for once more.

-- One model call each: INTENT makes the row, RESULT fills it.
CREATE TABLE steps (
    run_id              uuid NOT NULL,
    step_no             integer NOT NULL,
    epoch               integer NOT NULL,
    state               text NOT NULL CHECK (state IN ('started', 'done')),
    message_id          uuid NOT NULL,
    llm_response_id     uuid NOT NULL,
    input_hash          bytea NOT NULL,
    price_version       text NOT NULL,
    -- Micro-credits held for the run when the step began, and how many blocks that took.
    held                bigint NOT NULL,
    hold_ordinal        integer NOT NULL,
    -- Of RESULT.
    finish_reason       text,
    text                text,
    reasoning           text,
    cost                bigint NOT NULL DEFAULT 0,
    started_at          timestamptz NOT NULL DEFAULT now(),
    done_at             timestamptz,
    PRIMARY KEY (run_id, step_no)
);

-- One tool call each. An INTENT made while the answer still streamed holds the text so far.
CREATE TABLE calls (
    run_id              uuid NOT NULL,
    step_no             integer NOT NULL,
    ordinal             integer NOT NULL,
    epoch               integer NOT NULL,
    -- planned: the answer holds it; started: INTENT; done: RESULT.
    state               text NOT NULL CHECK (state IN ('planned', 'started', 'done')),
    tool_call_id        text NOT NULL,
    function_name       text NOT NULL,
    arguments_json      text NOT NULL,
    message_id          uuid NOT NULL,
    -- The assistant's text and reasoning before the call.
    text_so_far         text NOT NULL,
    reasoning_so_far    text NOT NULL,
    -- Of RESULT.
    success             boolean,
    output_json         text,
    error               text,
    content             text,
    terminating         boolean NOT NULL DEFAULT false,
    started_at          timestamptz NOT NULL DEFAULT now(),
    done_at             timestamptz,
    PRIMARY KEY (run_id, step_no, ordinal)
);

-- The durable events, as viewers see them: (epoch, n) is the id and orders as seq does; payload is the serialized
-- mesh.agent.v1.RunEvent.
CREATE TABLE events (
    run_id              uuid NOT NULL,
    seq                 bigint NOT NULL,
    epoch               integer NOT NULL,
    n                   integer NOT NULL,
    payload             bytea NOT NULL,
    PRIMARY KEY (run_id, epoch, n)
);

-- What is owed to threads and billing: payload is the serialized request.
CREATE TABLE outbox (
    run_id              uuid NOT NULL,
    seq                 bigint NOT NULL,
    -- messages: threads.AppendMessages; charges: billing.SettleRun.
    kind                text NOT NULL CHECK (kind IN ('messages', 'charges')),
    account_id          uuid NOT NULL,
    payload             bytea NOT NULL,
    attempts            integer NOT NULL DEFAULT 0,
    next_attempt_at     timestamptz NOT NULL DEFAULT now() + interval '3 seconds',
    delivered_at        timestamptz,
    error               text,
    created_at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, seq)
);
CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE delivered_at IS NULL;
CREATE INDEX outbox_owed ON outbox (run_id) WHERE delivered_at IS NULL;
