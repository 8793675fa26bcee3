-- Batches of files that somebody said they would upload, until they are there or their time is over.

CREATE TABLE announced_uploads (
    batch bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id uuid NOT NULL,
    file_count integer NOT NULL CHECK (file_count > 0),
    expires_at timestamptz NOT NULL
);

CREATE INDEX announced_uploads_by_project ON announced_uploads (project_id, batch);
CREATE INDEX announced_uploads_expired ON announced_uploads (expires_at);
