-- What processes feel, minute by minute, and what operators did.

CREATE TABLE samples (
    at                  timestamptz NOT NULL DEFAULT now(),
    -- The process.
    source              text NOT NULL,
    -- Its state (domain.operations.ProcessState).
    figures             jsonb NOT NULL
);
CREATE INDEX samples_at ON samples (at);

-- Append only.
CREATE TABLE admin_acts (
    act_id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at                  timestamptz NOT NULL DEFAULT now(),
    subject             uuid NOT NULL,
    act                 text NOT NULL,
    target              text NOT NULL,
    why                 text NOT NULL
);
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'admin_acts is append-only';
END $$;
CREATE TRIGGER admin_acts_stay BEFORE UPDATE OR DELETE ON admin_acts EXECUTE FUNCTION refuse_change();
