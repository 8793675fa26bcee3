"""What the search knows, in Postgres."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from services.kit.postgres import Database, Record
from services.threads.domain import SearchDue, Searched, SearchHit, Unsearched
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

# $1 threads, $2 positions, $3 size of each.
UNSEARCHED = """
SELECT due.place, coalesce(t.name, '') AS name, m.position, m.content
FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS due (thread_id, searched, place)
LEFT JOIN live_threads t ON t.thread_id = due.thread_id
LEFT JOIN LATERAL (
    SELECT position, content
    FROM messages
    WHERE thread_id = due.thread_id AND position > due.searched AND type IN ('user', 'assistant')
    ORDER BY position
    LIMIT $3
) m ON t.thread_id IS NOT NULL
ORDER BY due.place, m.position
"""

# $1 threads, $2 searched, $3 claims, $4 done; $5 threads, $6 positions and $7 words of their texts. Threads are locked
# before their states, as those who write to them do; a deletion comes before or after all of this. Nobody is waited
# for, so that several threads can be locked at once. What was marked as due meanwhile stays so.
WRITE = """
WITH due AS (
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::bool[]) AS d (thread_id, searched, claim, done)
), alive AS (
    SELECT thread_id, account_id FROM threads
    WHERE thread_id = ANY($1::uuid[]) AND deleted_at IS NULL FOR SHARE SKIP LOCKED
), written AS (
    INSERT INTO search_rows (thread_id, position, document)
    SELECT thread_id, new.position,
           setweight(to_tsvector('simple', new.words), (CASE new.position WHEN 0 THEN 'A' ELSE 'D' END)::"char")
           || array_to_tsvector(ARRAY['@' || alive.account_id])
    FROM unnest($5::uuid[], $6::int[], $7::text[]) AS new (thread_id, position, words) JOIN alive USING (thread_id)
    ON CONFLICT (thread_id, position) DO UPDATE SET document = excluded.document
        WHERE search_rows.document <> excluded.document
    RETURNING 1
)
UPDATE search_state AS state
SET searched = greatest(state.searched, due.searched),
    due_at = CASE WHEN due_at <> due.claim THEN due_at WHEN due.done THEN NULL ELSE now() END
FROM due
WHERE state.thread_id = due.thread_id AND (SELECT count(*) FROM written) >= 0
  AND (due.thread_id IN (SELECT thread_id FROM alive)
       OR NOT EXISTS (SELECT 1 FROM threads t WHERE t.thread_id = due.thread_id AND t.deleted_at IS NULL))
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

    async def unsearched(self, claimed: Sequence[SearchDue], size: int) -> list[Unsearched]:
        rows = await self._database.fetch(
            UNSEARCHED, [due.thread_id for due in claimed], [due.searched for due in claimed], size
        )
        of_place = groupby(rows, key=lambda row: row["place"])
        return [_unsearched(due, list(of)) for due, (_, of) in zip(claimed, of_place, strict=True)]

    async def write(self, threads: Sequence[Searched]) -> None:
        texts = [(thread.due.thread_id, text) for thread in threads for text in thread.texts]
        await self._database.execute(
            WRITE,
            [thread.due.thread_id for thread in threads],
            [thread.searched for thread in threads],
            [thread.due.claimed_until for thread in threads],
            [thread.done for thread in threads],
            [thread_id for thread_id, _ in texts],
            [text.position for _, text in texts],
            [text.text for _, text in texts],
        )

    async def find(self, account_id: str, wanted: str, limit: int) -> tuple[list[SearchHit], int]:
        rows = await self._database.fetch(FIND, account_id, wanted, limit)
        return [_hit(row) for row in rows], rows[0]["total"] if rows else 0


def _unsearched(due: SearchDue, rows: Sequence[Record]) -> Unsearched:
    contents = [(row["position"], row["content"]) for row in rows if row["position"] is not None]
    return Unsearched(due, rows[0]["name"], contents)


def _hit(row: Record) -> SearchHit:
    message_id = str(row["message_id"]) if row["message_id"] else None
    return SearchHit(decode_thread(row), message_id, row["content"], row["rank"])
