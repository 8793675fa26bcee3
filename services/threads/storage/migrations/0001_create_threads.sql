-- Projects, threads, messages, what an account has of them, and notices of deletions to other services.

CREATE TABLE projects (
    project_id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    icon_name text,
    is_public boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- Set: a tombstone. The row stays, so that late deliveries find it, without name and description.
    deleted_at timestamptz
);

CREATE TABLE threads (
    thread_id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects,
    account_id uuid NOT NULL,
    metadata json NOT NULL DEFAULT '{}',
    -- Allocates positions; never falls.
    last_position int NOT NULL DEFAULT 0,
    last_turn int NOT NULL DEFAULT 0,
    message_count int NOT NULL DEFAULT 0 CHECK (message_count >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);

CREATE INDEX threads_by_account ON threads (account_id, created_at DESC, thread_id DESC) WHERE deleted_at IS NULL;
CREATE INDEX threads_by_project ON threads (project_id, created_at DESC, thread_id DESC) WHERE deleted_at IS NULL;

-- What is there for anybody: neither the thread nor its project is deleted.
CREATE VIEW live_threads AS
SELECT
    t.thread_id, t.account_id, t.metadata, t.message_count, t.created_at, t.updated_at,
    p.project_id, p.name, p.description, p.icon_name, p.is_public,
    p.created_at AS project_created_at, p.updated_at AS project_updated_at
FROM threads t
JOIN projects p USING (project_id)
WHERE t.deleted_at IS NULL AND p.deleted_at IS NULL;

-- Content and metadata are `json`, not `jsonb`: they are shown as they came, never searched, and a model may well write
-- the NUL that jsonb refuses.
CREATE TABLE messages (
    message_id uuid PRIMARY KEY,
    thread_id uuid NOT NULL REFERENCES threads,
    position int NOT NULL,
    turn int NOT NULL,
    type text NOT NULL,
    is_llm_message boolean NOT NULL,
    content json NOT NULL,
    metadata json NOT NULL,
    agent_id text NOT NULL DEFAULT '',
    agent_version_id text NOT NULL DEFAULT '',
    run_id text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (thread_id, position)
);

CREATE INDEX messages_for_model ON messages (thread_id, turn, position) WHERE is_llm_message;

-- One row an account: the guard of its limits, changed by the same statement that makes or deletes what it counts.
CREATE TABLE usage (
    account_id uuid PRIMARY KEY,
    projects int NOT NULL CHECK (projects >= 0),
    threads int NOT NULL CHECK (threads >= 0)
);

CREATE TABLE notices (
    notice_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target text NOT NULL CHECK (target IN ('agent', 'sandbox')),
    account_id uuid NOT NULL,
    project_id uuid NOT NULL,
    thread_ids uuid[] NOT NULL,
    attempts int NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX notices_due ON notices (due_at);
