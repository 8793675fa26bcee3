-- The second line behind the account in each statement: in a user's RPC `mesh.account_id` is set, and another account's
-- rows are not there. Unset or empty: a service, a background task, an operator.

CREATE FUNCTION shown_account() RETURNS uuid STABLE LANGUAGE sql
RETURN nullif(current_setting('mesh.account_id', true), '')::uuid;

ALTER TABLE accounts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON accounts
    USING ((SELECT shown_account()) IS NULL OR account_id = (SELECT shown_account()));

ALTER TABLE buckets ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON buckets
    USING ((SELECT shown_account()) IS NULL OR account_id = (SELECT shown_account()));

ALTER TABLE transfers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON transfers
    USING ((SELECT shown_account()) IS NULL OR account_id = (SELECT shown_account()));

ALTER TABLE legs ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON legs
    USING ((SELECT shown_account()) IS NULL OR account_id = (SELECT shown_account()));

ALTER TABLE holds ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON holds
    USING ((SELECT shown_account()) IS NULL OR account_id = (SELECT shown_account()));

ALTER TABLE usage ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON usage
    USING ((SELECT shown_account()) IS NULL OR account_id = (SELECT shown_account()));
