-- Who pays, and who may administer. An account is personal: its id is its user's id.

CREATE TABLE accounts (
    account_id    uuid PRIMARY KEY,
    name          text NOT NULL,
    plan          text NOT NULL,
    -- When the plan's next periodic grant is due; null where it grants none by the clock.
    next_grant_at timestamptz,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);

-- Only those above a plain user have a row.
CREATE TABLE user_roles (
    user_id    uuid PRIMARY KEY,
    role       text NOT NULL CHECK (role IN ('admin', 'super_admin')),
    granted_at timestamptz NOT NULL
);
