-- Threads that were deleted: their task lists go at once, and once more for calls that were still under way.

CREATE TABLE forgotten_threads (
    thread_id           uuid PRIMARY KEY,
    forgotten_at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX task_lists_thread ON task_lists (thread_id);
