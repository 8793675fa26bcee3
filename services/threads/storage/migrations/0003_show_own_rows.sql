-- The second line behind the account in each statement: in a user's RPC `mesh.account_id` is set, and what is neither
-- that account's nor in a public project is not there. Unset or empty: a service, a background task, an operator.

CREATE FUNCTION shown_account() RETURNS uuid STABLE LANGUAGE sql
RETURN nullif(current_setting('mesh.account_id', true), '')::uuid;

ALTER TABLE projects ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON projects
    USING ((SELECT shown_account()) IS NULL OR account_id = (SELECT shown_account()));
CREATE POLICY public ON projects FOR SELECT
    USING (is_public AND deleted_at IS NULL);

ALTER TABLE threads ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON threads
    USING ((SELECT shown_account()) IS NULL OR account_id = (SELECT shown_account()));
CREATE POLICY public ON threads FOR SELECT
    USING (EXISTS (SELECT FROM projects p WHERE p.project_id = threads.project_id AND p.is_public));

-- A message is there as far as its thread is.
ALTER TABLE messages ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_thread ON messages FOR SELECT
    USING ((SELECT shown_account()) IS NULL
           OR EXISTS (SELECT FROM threads t WHERE t.thread_id = messages.thread_id));
CREATE POLICY own ON messages
    USING ((SELECT shown_account()) IS NULL
           OR EXISTS (SELECT FROM threads t
                      WHERE t.thread_id = messages.thread_id AND t.account_id = (SELECT shown_account())));

ALTER TABLE usage ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON usage
    USING ((SELECT shown_account()) IS NULL OR account_id = (SELECT shown_account()));

ALTER TABLE notices ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON notices
    USING ((SELECT shown_account()) IS NULL OR account_id = (SELECT shown_account()));
