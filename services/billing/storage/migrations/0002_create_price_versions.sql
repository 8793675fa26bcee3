-- What a model costs. A version's figures never change; only its end is set, once, when the next one begins.

CREATE TABLE priced_models (
    model_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- A model's name, or a family's: 'openai/*'.
    model    text NOT NULL UNIQUE
);

CREATE TABLE price_versions (
    price_version     text PRIMARY KEY,
    model_id          integer NOT NULL REFERENCES priced_models,
    valid             tstzrange NOT NULL CHECK (NOT isempty(valid)),
    -- Micro-credits for a million tokens: the provider's list, and what we bill.
    list_input        bigint NOT NULL CHECK (list_input > 0),
    list_output       bigint NOT NULL CHECK (list_output > 0),
    list_cached_input bigint NOT NULL CHECK (list_cached_input > 0),
    list_cache_write  bigint NOT NULL CHECK (list_cache_write > 0),
    input             bigint NOT NULL CHECK (input > 0),
    output            bigint NOT NULL CHECK (output > 0),
    cached_input      bigint NOT NULL CHECK (cached_input > 0),
    cache_write       bigint NOT NULL CHECK (cache_write > 0),
    -- A model has at most one price at a time. The model stands in as a range of one, which needs no extension.
    CONSTRAINT price_versions_do_not_overlap
        EXCLUDE USING gist (int4range(model_id, model_id, '[]') WITH &&, valid WITH &&)
);

CREATE FUNCTION refuse_price_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR NOT upper_inf(OLD.valid) OR lower(NEW.valid) <> lower(OLD.valid)
       OR (to_jsonb(NEW) - 'valid') <> (to_jsonb(OLD) - 'valid') THEN
        RAISE EXCEPTION 'a price version is immutable' USING ERRCODE = 'check_violation', CONSTRAINT = 'price_version_immutable';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER price_versions_are_immutable BEFORE UPDATE OR DELETE ON price_versions
    FOR EACH ROW EXECUTE FUNCTION refuse_price_change();
