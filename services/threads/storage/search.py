"""What the search knows, in Postgres."""

from __future__ import annotations

from collections.abc import Sequence

from services.kit.postgres import Database, Record
from services.threads.domain import SearchDue, SearchHit, SearchText
from services.threads.storage.postgres import decode_thread

# Whoever claimed a thread and died leaves it to others after this; a claim further ahead was made before the clock was
# put back.
CLAIM = """
UPDATE search_state
SET due_at = now() + interval '30 seconds'
WHERE thread_id IN (
    SELECT thread_id FROM search_state WHERE due_at <= now() OR due_at > now() + interval '10 minutes'
    ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
RETURNING thread_id, searched, due_at
"""

# $1 thread, $2 position, $3 size.
UNSEARCHED = """
SELECT t.name, m.position, m.content
FROM live_threads t
LEFT JOIN LATERAL (
    SELECT position, content
    FROM messages
    WHERE thread_id = $1 AND position > $2 AND type IN ('user', 'assistant')
    ORDER BY position
    LIMIT $3
) m ON true
WHERE t.thread_id = $1
ORDER BY m.position
"""

# $1 thread, $2 positions, $3 words, $4 searched, $5 the claim, $6 done. The thread is locked before its state, as those
# who write to it do; a deletion comes before or after all of this. What was marked as due meanwhile stays so.
WRITE = """
WITH alive AS (
    SELECT account_id FROM threads WHERE thread_id = $1 AND deleted_at IS NULL FOR SHARE
), written AS (
    INSERT INTO search_rows (thread_id, position, document)
    SELECT $1, new.position,
           setweight(to_tsvector('simple', new.words), (CASE new.position WHEN 0 THEN 'A' ELSE 'D' END)::"char")
           || array_to_tsvector(ARRAY['@' || alive.account_id])
    FROM unnest($2::int[], $3::text[]) AS new (position, words), alive
    ON CONFLICT (thread_id, position) DO UPDATE SET document = excluded.document
    RETURNING 1
)
UPDATE search_state
SET searched = greatest(searched, $4),
    due_at = CASE WHEN due_at <> $5 THEN due_at WHEN $6 THEN NULL ELSE now() END
WHERE thread_id = $1 AND (SELECT count(*) FROM written) >= 0
"""

# $1 account, $2 words, $3 limit. Rows of very common words are not all looked at.
FIND = """
WITH wanted AS (
    SELECT words, words && ('''@' || $1::uuid || '''')::tsquery AS own
    FROM to_tsquery('simple', $2) AS words
    WHERE numnode(words) > 0
), matched AS (
    SELECT s.thread_id, s.position, ts_rank(s.document, wanted.words, 1) AS rank
    FROM wanted JOIN search_rows s ON s.document @@ wanted.own
    LIMIT 10000
), best AS (
    SELECT DISTINCT ON (thread_id) thread_id, position, rank
    FROM matched
    ORDER BY thread_id, rank DESC, position DESC
), ranked AS (
    SELECT t.*, best.position, best.rank, count(*) OVER () AS total
    FROM best JOIN live_threads t USING (thread_id)
    WHERE t.account_id = $1
    ORDER BY best.rank DESC, t.updated_at DESC, t.thread_id
    LIMIT $3
)
SELECT ranked.*, m.message_id, m.content
FROM ranked LEFT JOIN messages m ON m.thread_id = ranked.thread_id AND m.position = ranked.position
ORDER BY ranked.rank DESC, ranked.updated_at DESC, ranked.thread_id
"""


class PostgresSearch:
    """SearchStore in Postgres' full text index."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, size: int) -> list[SearchDue]:
        rows = await self._database.fetch(CLAIM, size)
        return [SearchDue(str(row["thread_id"]), row["searched"], row["due_at"]) for row in rows]

    async def unsearched(self, due: SearchDue, size: int) -> tuple[list[tuple[int, str]], str]:
        rows = await self._database.fetch(UNSEARCHED, due.thread_id, due.searched, size)
        contents = [(row["position"], row["content"]) for row in rows if row["position"] is not None]
        return contents, rows[0]["name"] if rows else ""

    async def write(self, due: SearchDue, texts: Sequence[SearchText], searched: int, *, done: bool) -> None:
        positions, words = [text.position for text in texts], [text.text for text in texts]
        await self._database.execute(WRITE, due.thread_id, positions, words, searched, due.claimed_until, done)

    async def find(self, account_id: str, wanted: str, limit: int) -> tuple[list[SearchHit], int]:
        rows = await self._database.fetch(FIND, account_id, wanted, limit)
        return [_hit(row) for row in rows], rows[0]["total"] if rows else 0


def _hit(row: Record) -> SearchHit:
    message_id = str(row["message_id"]) if row["message_id"] else None
    return SearchHit(decode_thread(row), message_id, row["content"], row["rank"])
