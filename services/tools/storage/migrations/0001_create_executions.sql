-- Calls of tools by key, and the task lists that one of the tools keeps.

CREATE TABLE executions (
    -- run:step:ordinal
    key                 text PRIMARY KEY,
    -- The newest owner of the run that asked.
    epoch               integer NOT NULL,
    -- NULL: cancelled before it was ever called.
    request_hash        bytea,
    function_name       text NOT NULL,
    state               text NOT NULL CHECK (state IN ('running', 'done')),
    -- The process that drives it, and until when nobody else may.
    owner               text NOT NULL,
    lease_until         timestamptz NOT NULL,
    deadline            timestamptz NOT NULL,
    cancel_requested    boolean NOT NULL DEFAULT false,
    -- What the tool must remember of this key to have one effect.
    note                text,
    -- What was shown while it ran.
    output              text NOT NULL DEFAULT '',
    outcome             text
        CHECK (outcome IN ('succeeded', 'failed', 'cancelled', 'timed_out', 'unknown')),
    output_json         text,
    error               text,
    started_at          timestamptz NOT NULL DEFAULT now(),
    ended_at            timestamptz,
    CHECK ((state = 'done') = (outcome IS NOT NULL AND output_json IS NOT NULL AND ended_at IS NOT NULL))
);
CREATE INDEX executions_deadline ON executions (deadline) WHERE state = 'running';
CREATE INDEX executions_ended ON executions (ended_at) WHERE state = 'done';

CREATE TABLE task_lists (
    account_id          uuid NOT NULL,
    thread_id           uuid NOT NULL,
    -- [[id, title]] and [[id, content, section_id, status]]; json, not jsonb: it holds every character.
    sections            json NOT NULL,
    tasks               json NOT NULL,
    updated_at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, thread_id)
);
