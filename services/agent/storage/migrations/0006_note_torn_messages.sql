-- How far viewers were told messages of the run without their chunks, as an event id: Redis was away, or did not have them
-- yet. Who resumes within such a message may lack what the tail has by then.

ALTER TABLE runs
    ADD COLUMN torn_epoch integer NOT NULL DEFAULT 0,
    ADD COLUMN torn_n     integer NOT NULL DEFAULT 0;
