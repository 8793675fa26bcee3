-- Which runs were pruned after the retention, so that nobody looks at them again: the look is as long as its findings.

ALTER TABLE runs ADD COLUMN pruned_at timestamptz;
-- runs_ended stays: the figures of the last day are counted by it.
CREATE INDEX runs_unpruned ON runs (completed_at) WHERE completed_at IS NOT NULL AND pruned_at IS NULL;

-- What operators decided on after its run was pruned goes by itself.
CREATE INDEX dead_letters_settled ON dead_letters (failed_at) WHERE state <> 'dead';
