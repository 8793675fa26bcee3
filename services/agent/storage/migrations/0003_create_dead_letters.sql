-- What a neighbour refuses for good, and runs that were given up; and what closing a step needs to know of its question.

-- A row of the outbox moves here when its receiver refuses it for good, and back when an operator has it retried.
CREATE TABLE dead_letters (
    dead_letter_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- messages, charges: as in outbox; run: a run that killed its workers (poison), seq 0.
    kind                text NOT NULL CHECK (kind IN ('messages', 'charges', 'run')),
    run_id              uuid NOT NULL,
    seq                 bigint NOT NULL,
    account_id          uuid NOT NULL,
    payload             bytea NOT NULL,
    error               text NOT NULL,
    attempts            integer NOT NULL,
    state               text NOT NULL DEFAULT 'dead' CHECK (state IN ('dead', 'retried', 'discarded')),
    created_at          timestamptz NOT NULL,
    failed_at           timestamptz NOT NULL DEFAULT now(),
    UNIQUE (run_id, seq)
);
CREATE INDEX dead_letters_dead ON dead_letters (failed_at) WHERE state = 'dead';

-- How often the receiver said that this will never do; being away is not counted.
ALTER TABLE outbox ADD COLUMN refusals integer NOT NULL DEFAULT 0;

-- Tokens of the question, as estimated at INTENT: what a step costs that is closed without being asked again.
ALTER TABLE steps ADD COLUMN prompt_tokens integer NOT NULL DEFAULT 0;
