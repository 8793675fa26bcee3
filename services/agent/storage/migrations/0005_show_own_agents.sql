-- The second line behind the account in each statement: in a user's RPC `mesh.account_id` is set, and another account's
-- agents are not there. Unset or empty: a service, a background task, an operator.

CREATE FUNCTION shown_account() RETURNS uuid STABLE LANGUAGE sql
RETURN nullif(current_setting('mesh.account_id', true), '')::uuid;

ALTER TABLE agents ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON agents
    USING ((SELECT shown_account()) IS NULL OR account_id = (SELECT shown_account()));

ALTER TABLE agent_versions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
-- A version is inserted by the statement that makes its agent, which no policy sees yet: its foreign key stands for it.
CREATE POLICY added ON agent_versions FOR INSERT WITH CHECK (true);
CREATE POLICY own ON agent_versions
    USING ((SELECT shown_account()) IS NULL
           OR EXISTS (SELECT FROM agents a
                      WHERE a.agent_id = agent_versions.agent_id AND a.account_id = (SELECT shown_account())));
