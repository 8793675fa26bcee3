"""Triggers by which Postgres itself writes down how runs were owned and what was journalled, in order of commit.

Every write of a run first takes its row in `runs`, so that numbers of this log taken under that lock are in the order
of commits for each run.
"""

from __future__ import annotations

import asyncpg

INSTALL = """
CREATE SCHEMA IF NOT EXISTS chaos;
CREATE TABLE IF NOT EXISTS chaos.audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    what text NOT NULL,
    run_id uuid NOT NULL,
    epoch integer NOT NULL,
    status text,
    owner text,
    attempt integer,
    stopping boolean,
    thread_id uuid,
    step_no integer,
    ordinal integer
);
CREATE INDEX IF NOT EXISTS audit_of_run ON chaos.audit (run_id, id);
GRANT USAGE ON SCHEMA chaos TO mesh_agent;

CREATE OR REPLACE FUNCTION chaos.note_run() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO chaos.audit (what, run_id, epoch, status, owner, attempt, stopping, thread_id)
    VALUES ('run', NEW.run_id, NEW.epoch, NEW.status, NEW.owner, NEW.attempt, NEW.stop_requested_at IS NOT NULL,
            NEW.thread_id);
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION chaos.note_step() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO chaos.audit (what, run_id, epoch, status, step_no)
    VALUES ('step', NEW.run_id, NEW.epoch, NEW.state, NEW.step_no);
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION chaos.note_call() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO chaos.audit (what, run_id, epoch, status, step_no, ordinal)
    VALUES ('call', NEW.run_id, NEW.epoch, NEW.state, NEW.step_no, NEW.ordinal);
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION chaos.note_event() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO chaos.audit (what, run_id, epoch) VALUES ('event', NEW.run_id, NEW.epoch);
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER chaos_new_run AFTER INSERT ON agent.runs
    FOR EACH ROW EXECUTE FUNCTION chaos.note_run();
CREATE OR REPLACE TRIGGER chaos_run AFTER UPDATE ON agent.runs FOR EACH ROW
    WHEN ((OLD.epoch, OLD.status, OLD.owner, OLD.attempt, OLD.last_seq, OLD.stop_requested_at)
          IS DISTINCT FROM (NEW.epoch, NEW.status, NEW.owner, NEW.attempt, NEW.last_seq, NEW.stop_requested_at))
    EXECUTE FUNCTION chaos.note_run();
CREATE OR REPLACE TRIGGER chaos_step AFTER INSERT OR UPDATE ON agent.steps
    FOR EACH ROW EXECUTE FUNCTION chaos.note_step();
CREATE OR REPLACE TRIGGER chaos_call AFTER INSERT OR UPDATE ON agent.calls
    FOR EACH ROW EXECUTE FUNCTION chaos.note_call();
CREATE OR REPLACE TRIGGER chaos_event AFTER INSERT ON agent.events
    FOR EACH ROW EXECUTE FUNCTION chaos.note_event();
"""
"""Heartbeats alone are left out: they change nothing but the lease."""


async def install(url: str) -> None:
    """Adds the triggers to a mesh whose schemas are there."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(INSTALL)
    finally:
        await connection.close()
