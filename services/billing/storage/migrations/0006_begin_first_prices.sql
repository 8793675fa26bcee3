-- A model's first price has always been in force, so that a process whose clock is behind knows it too.

ALTER TABLE price_versions DISABLE TRIGGER price_versions_are_immutable;
UPDATE price_versions AS first
SET valid = tstzrange('-infinity', upper(valid))
WHERE NOT EXISTS (
    SELECT FROM price_versions AS other WHERE other.model_id = first.model_id AND other.valid << first.valid
);
ALTER TABLE price_versions ENABLE TRIGGER price_versions_are_immutable;
