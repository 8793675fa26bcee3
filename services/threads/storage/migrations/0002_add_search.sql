-- Search over names and messages. Written behind: whoever writes marks the thread as due, and an indexer makes the rows.
-- The tables are new and empty, so that no index is built over rows that are there; those are found by the indexer.

-- One row for the project's name (position 0) and one for each message of a person or a model. The document holds the
-- words, and `@<account>` as one more, so that the index finds an account's own rows alone.
-- No foreign keys: a deletion drops the rows itself, and the indexer writes for live threads alone.
CREATE TABLE search_rows (
    thread_id uuid NOT NULL,
    position int NOT NULL,
    document tsvector NOT NULL,
    PRIMARY KEY (thread_id, position)
);
CREATE INDEX search_rows_document ON search_rows USING gin (document);

CREATE TABLE search_state (
    thread_id uuid PRIMARY KEY,
    -- Messages up to here have their rows.
    searched int NOT NULL DEFAULT 0,
    -- NULL: nothing to do.
    due_at timestamptz
);
CREATE INDEX search_state_due ON search_state (due_at) WHERE due_at IS NOT NULL;

INSERT INTO search_state (thread_id, due_at) SELECT thread_id, now() FROM threads WHERE deleted_at IS NULL;
