-- Agents that people make and change: what a version holds, and how an agent shows itself.

ALTER TABLE agents
    ADD COLUMN description      text,
    ADD COLUMN icon_name        text,
    ADD COLUMN icon_color       text,
    ADD COLUMN icon_background  text,
    ADD COLUMN version_count    integer NOT NULL DEFAULT 1,
    -- Grows with every change: the guard of read, decide, write.
    ADD COLUMN revision         integer NOT NULL DEFAULT 0,
    -- Set: a tombstone. Its versions stay, for the runs that ran with them.
    ADD COLUMN deleted_at       timestamptz;

CREATE INDEX agents_by_account ON agents (account_id, created_at DESC, agent_id DESC) WHERE deleted_at IS NULL;

-- `json`, not `jsonb`: shown as it came. agentpress_tools: registry name to true, false or {"enabled": …}.
ALTER TABLE agent_versions
    -- NULL: the deployment's default.
    ADD COLUMN model            text,
    ADD COLUMN configured_mcps  json NOT NULL DEFAULT '[]',
    ADD COLUMN custom_mcps      json NOT NULL DEFAULT '[]',
    ADD COLUMN agentpress_tools json NOT NULL DEFAULT '{}';
