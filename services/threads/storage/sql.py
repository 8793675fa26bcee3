"""The statements of `postgres.py`, one for each hot use case."""

PROJECT = """
SELECT project_id, account_id, name, description, is_public, icon_name, created_at, updated_at
FROM projects
WHERE project_id = $1 AND deleted_at IS NULL
"""

THREAD = "SELECT * FROM live_threads WHERE thread_id = $1"

THREAD_STANDING = "SELECT account_id, project_id, is_public FROM live_threads WHERE thread_id = $1"

PROJECT_STANDING = """
SELECT account_id, project_id, is_public FROM projects WHERE project_id = $1 AND deleted_at IS NULL
"""

USAGE = "SELECT threads, projects FROM usage WHERE account_id = $1"

# $1 thread, $2 project, $3 account, $4 name, $5 most threads, $6 most projects.
# The usage row is the guard: it is locked and its limits are checked again on its newest version. Inserts have no ON
# CONFLICT: when somebody makes the same thread at the same moment, the whole statement fails, counts included, and is
# repeated. The project is locked so that it cannot be deleted meanwhile.
ENSURE = """
WITH existing AS (
    SELECT t.project_id, t.account_id, t.deleted_at IS NULL AND p.deleted_at IS NULL AS alive
    FROM threads t JOIN projects p USING (project_id)
    WHERE t.thread_id = $1
), wanted AS (
    SELECT account_id, deleted_at IS NULL AS alive
    FROM projects
    WHERE project_id = $2 AND NOT EXISTS (SELECT FROM existing)
    FOR SHARE
), needed AS (
    SELECT CASE WHEN EXISTS (SELECT FROM wanted) THEN 0 ELSE 1 END AS projects
), counted AS (
    INSERT INTO usage AS u (account_id, projects, threads)
    SELECT $3, needed.projects, 1
    FROM needed
    WHERE NOT EXISTS (SELECT FROM existing)
      AND NOT EXISTS (SELECT FROM wanted WHERE account_id <> $3 OR NOT alive)
      AND $5::int >= 1 AND $6::int >= needed.projects
    ON CONFLICT (account_id) DO UPDATE
    SET projects = u.projects + excluded.projects, threads = u.threads + 1
    WHERE u.threads < $5 AND u.projects + excluded.projects <= $6
    RETURNING account_id
), new_project AS (
    INSERT INTO projects (project_id, account_id, name)
    SELECT $2, $3, $4 FROM counted WHERE NOT EXISTS (SELECT FROM wanted)
), new_thread AS (
    INSERT INTO threads (thread_id, project_id, account_id)
    SELECT $1, $2, $3 FROM counted
    RETURNING thread_id
), to_be_searched AS (
    INSERT INTO search_state (thread_id, due_at) SELECT thread_id, now() FROM new_thread
)
SELECT e.project_id, e.account_id, e.alive,
       w.account_id AS wanted_account, w.alive AS wanted_alive,
       EXISTS (SELECT FROM new_thread) AS created,
       coalesce(u.threads, 0) AS threads, coalesce(u.projects, 0) AS projects
FROM (SELECT) always
LEFT JOIN existing e ON true
LEFT JOIN wanted w ON true
LEFT JOIN usage u ON u.account_id = $3
"""

# Pages go on from a key that is always given (the first page's is behind the end of time), so that it bounds the walk
# over the index in every plan. An account's total is the count that guards its limits.
# $1 account, $2 and $3 the key, $4 size.
PAGE_OF_ACCOUNT = """
SELECT coalesce((SELECT threads FROM usage WHERE account_id = $1), 0) AS total, page.*
FROM (SELECT) always
LEFT JOIN LATERAL (
    SELECT *
    FROM live_threads
    WHERE account_id = $1 AND (created_at, thread_id) < ($2::timestamptz, $3::uuid)
    ORDER BY created_at DESC, thread_id DESC
    LIMIT $4
) page ON true
"""

# $1 project, then as above.
PAGE_OF_PROJECT = """
SELECT (SELECT count(*) FROM threads WHERE project_id = $1 AND deleted_at IS NULL) AS total, page.*
FROM (SELECT) always
LEFT JOIN LATERAL (
    SELECT *
    FROM live_threads
    WHERE project_id = $1 AND (created_at, thread_id) < ($2::timestamptz, $3::uuid)
    ORDER BY created_at DESC, thread_id DESC
    LIMIT $4
) page ON true
"""

# $1 account or project, $2 size, $3 pages: every last key of a page, in one walk over the index.
STARTS_OF_ACCOUNT = """
SELECT created_at, thread_id
FROM (
    SELECT created_at, thread_id, row_number() OVER (ORDER BY created_at DESC, thread_id DESC) AS place
    FROM threads
    WHERE account_id = $1 AND deleted_at IS NULL
) placed
WHERE place <= $2::bigint * $3 AND place % $2 = 0
ORDER BY place
"""

STARTS_OF_PROJECT = """
SELECT created_at, thread_id
FROM (
    SELECT created_at, thread_id, row_number() OVER (ORDER BY created_at DESC, thread_id DESC) AS place
    FROM threads
    WHERE project_id = $1 AND deleted_at IS NULL
) placed
WHERE place <= $2::bigint * $3 AND place % $2 = 0
ORDER BY place
"""

# $1 thread, $2 account, $3 name or null, $4 visibility or null.
UPDATE = """
WITH changed AS (
    UPDATE projects p
    SET name = coalesce($3, p.name), is_public = coalesce($4, p.is_public), updated_at = now()
    FROM threads t
    WHERE t.thread_id = $1 AND t.account_id = $2 AND t.project_id = p.project_id
      AND t.deleted_at IS NULL AND p.deleted_at IS NULL
    RETURNING
        t.thread_id, t.account_id, t.metadata, t.message_count, t.created_at, t.updated_at,
        p.project_id, p.name, p.description, p.icon_name, p.is_public,
        p.created_at AS project_created_at, p.updated_at AS project_updated_at
), to_be_searched AS (
    INSERT INTO search_state (thread_id, due_at)
    SELECT t.thread_id, now() FROM threads t JOIN changed USING (project_id)
    WHERE t.deleted_at IS NULL AND $3::text IS NOT NULL
    ON CONFLICT (thread_id) DO UPDATE SET due_at = excluded.due_at
)
SELECT * FROM changed
"""

# Deleting locks the project first, whatever is deleted, so that two deletions cannot wait for each other.
LOCK_PROJECT = """
SELECT project_id FROM projects WHERE project_id = $1 AND account_id = $2 AND deleted_at IS NULL FOR UPDATE
"""

LOCK_PROJECT_OF_THREAD = """
SELECT p.project_id
FROM threads t JOIN projects p USING (project_id)
WHERE t.thread_id = $1 AND t.account_id = $2 AND t.deleted_at IS NULL AND p.deleted_at IS NULL
FOR UPDATE OF p
"""

# $1 project, $2 account, $3 the one thread or null for all. The last thread takes its project along: nobody would find
# an empty project again, and it would count against the plan for ever.
BURY = """
WITH gone AS (
    UPDATE threads
    SET deleted_at = now(), updated_at = now(), metadata = '{}', message_count = 0
    WHERE project_id = $1 AND deleted_at IS NULL AND ($3::uuid IS NULL OR thread_id = $3)
    RETURNING thread_id
), emptied AS (
    UPDATE projects
    SET deleted_at = now(), updated_at = now(), name = '', description = '', icon_name = NULL, is_public = false
    WHERE project_id = $1 AND (
        $3::uuid IS NULL
        OR (EXISTS (SELECT FROM gone) AND NOT EXISTS (
            SELECT FROM threads WHERE project_id = $1 AND deleted_at IS NULL AND thread_id <> $3
        ))
    )
    RETURNING project_id
), freed AS (
    UPDATE usage
    SET threads = threads - (SELECT count(*) FROM gone), projects = projects - (SELECT count(*) FROM emptied)
    WHERE account_id = $2
), told AS (
    INSERT INTO notices (target, account_id, project_id, thread_ids)
    SELECT 'agent', $2, $1, array_agg(thread_id) FROM gone HAVING count(*) > 0
    UNION ALL
    SELECT 'sandbox', $2, $1, '{}' FROM emptied
)
SELECT thread_id FROM gone
"""

DROP_MESSAGES = "DELETE FROM messages WHERE thread_id = ANY($1::uuid[])"

# $1 thread, $2 account, then one array per column. Rows that are there already are left out and returned, to be
# compared. A row that somebody else adds meanwhile makes the whole statement fail on its key; it is then repeated.
# The arrays are sub-selects so that no plan depends on their lengths: otherwise each call is planned anew, which under
# row-level security takes several times as long as what it does.
APPEND = """
WITH incoming AS (
    SELECT *
    FROM unnest(
        (SELECT $3::uuid[]), (SELECT $4::text[]), (SELECT $5::boolean[]), (SELECT $6::text[]), (SELECT $7::text[]),
        (SELECT $8::int[]), (SELECT $9::text[]), (SELECT $10::text[]), (SELECT $11::text[])
    ) WITH ORDINALITY AS i (
        message_id, type, is_llm_message, content, metadata, turn, agent_id, agent_version_id, run_id, place
    )
), fresh AS (
    SELECT i.*, row_number() OVER (ORDER BY i.place)::int AS offset_
    FROM incoming i
    WHERE NOT EXISTS (SELECT FROM messages m WHERE m.message_id = i.message_id)
), counted AS (
    SELECT count(*)::int AS rows, coalesce(max(turn), 0) AS turn FROM fresh
), moved AS (
    UPDATE threads t
    SET last_position = t.last_position + counted.rows,
        message_count = t.message_count + counted.rows,
        last_turn = greatest(t.last_turn, counted.turn),
        updated_at = now()
    FROM counted
    WHERE t.thread_id = $1 AND t.account_id = $2 AND t.deleted_at IS NULL AND counted.rows > 0
    RETURNING t.last_position - counted.rows AS base, t.last_turn
), added AS (
    INSERT INTO messages (
        message_id, thread_id, position, turn, type, is_llm_message, content, metadata,
        agent_id, agent_version_id, run_id
    )
    SELECT f.message_id, $1, moved.base + f.offset_, CASE f.turn WHEN 0 THEN moved.last_turn ELSE f.turn END,
           f.type, f.is_llm_message, f.content::json, f.metadata::json, f.agent_id, f.agent_version_id, f.run_id
    FROM fresh f, moved
    RETURNING message_id
), to_be_searched AS (
    INSERT INTO search_state (thread_id, due_at)
    SELECT $1, now() FROM moved WHERE EXISTS (SELECT FROM fresh WHERE type IN ('user', 'assistant'))
    ON CONFLICT (thread_id) DO UPDATE SET due_at = excluded.due_at
)
SELECT t.account_id = $2 AS is_owner,
       t.deleted_at IS NULL AND p.deleted_at IS NULL AS alive,
       (SELECT count(*) FROM added) AS added,
       m.message_id, m.thread_id, m.type, m.is_llm_message, m.content, m.metadata
FROM threads t
JOIN projects p USING (project_id)
LEFT JOIN messages m ON m.message_id = ANY ((SELECT $3::uuid[])::uuid[])
WHERE t.thread_id = $1
"""

MESSAGE = """
SELECT message_id, thread_id, position, turn, type, is_llm_message, content, metadata,
       agent_id, agent_version_id, run_id, created_at, updated_at
FROM messages WHERE message_id = $1
"""

# $1 thread, $2 position to go on from, $3 size, $4 types or null.
MESSAGES_ASC = """
SELECT message_id, thread_id, position, turn, type, is_llm_message, content, metadata,
       agent_id, agent_version_id, run_id, created_at, updated_at
FROM messages
WHERE thread_id = $1 AND position > $2 AND ($4::text[] IS NULL OR type = ANY($4))
ORDER BY position
LIMIT $3
"""

MESSAGES_DESC = """
SELECT message_id, thread_id, position, turn, type, is_llm_message, content, metadata,
       agent_id, agent_version_id, run_id, created_at, updated_at
FROM messages
WHERE thread_id = $1 AND position < $2 AND ($4::text[] IS NULL OR type = ANY($4))
ORDER BY position DESC
LIMIT $3
"""

# $1 thread, $2 account, $3 turn, $4 size.
CONTEXT = """
SELECT m.*
FROM live_threads t
LEFT JOIN LATERAL (
    SELECT message_id, thread_id, position, turn, type, is_llm_message, content, metadata,
           agent_id, agent_version_id, run_id, created_at, updated_at
    FROM messages
    WHERE thread_id = $1 AND is_llm_message AND turn <= $3
    ORDER BY turn DESC, position DESC
    LIMIT $4
) m ON true
WHERE t.thread_id = $1 AND t.account_id = $2
"""

DROP_SEARCH = """
WITH forgotten AS (DELETE FROM search_state WHERE thread_id = ANY($1::uuid[]))
DELETE FROM search_rows WHERE thread_id = ANY($1::uuid[])
"""

# What is due further ahead than any is put off was written before the clock was put back.
CLAIM_NOTICES = """
UPDATE notices
SET attempts = attempts + 1, due_at = now() + least(interval '5 minutes', interval '2 seconds' * 2 ^ least(attempts, 9))
WHERE notice_id IN (
    SELECT notice_id FROM notices WHERE due_at <= now() OR due_at > now() + interval '10 minutes'
    ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
RETURNING notice_id, target, account_id, project_id, thread_ids, attempts
"""

SETTLE_NOTICE = "DELETE FROM notices WHERE notice_id = $1"
