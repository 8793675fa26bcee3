-- Which project has which sandbox, and what became of each process.

CREATE TABLE sandboxes (
    sandbox_id uuid PRIMARY KEY,
    -- At most one per project, for ever: the row of a deleted one stays as a tombstone, so that nothing late makes another.
    project_id uuid NOT NULL UNIQUE,
    -- NULL only in the tombstone of a project that never had one.
    account_id uuid,
    provider text NOT NULL,
    -- Whose sandbox it is, where a provider keeps its sandboxes on one machine.
    node text NOT NULL,
    status text NOT NULL CHECK (status IN ('STARTING', 'LIVE', 'OFFLINE', 'FAILED')),
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    deleted_at timestamptz
);

CREATE INDEX sandboxes_live ON sandboxes (node, last_used_at) WHERE status = 'LIVE' AND deleted_at IS NULL;

CREATE TABLE processes (
    -- Of the execution that wanted it: run:step:ordinal.
    key text PRIMARY KEY,
    process_id uuid NOT NULL,
    sandbox_id uuid NOT NULL REFERENCES sandboxes,
    node text NOT NULL,
    -- SHA-256 of command and directory: tells a retry from another command under the same key.
    command_hash bytea NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'exited', 'killed', 'timed_out', 'lost', 'failed')),
    exit_code integer,
    message text NOT NULL DEFAULT '',
    -- Ran on a machine that cannot isolate, because the operator allowed it.
    unsafe boolean NOT NULL,
    -- Committed before the effect: a row without an end may or may not have done something.
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    CHECK ((state = 'running') = (ended_at IS NULL)),
    CHECK ((state = 'exited') = (exit_code IS NOT NULL))
);

CREATE INDEX processes_running ON processes (node) WHERE ended_at IS NULL;
CREATE INDEX processes_ended ON processes (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX processes_by_sandbox ON processes (sandbox_id);
