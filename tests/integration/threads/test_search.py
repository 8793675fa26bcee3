"""Searching one's own threads."""

from __future__ import annotations

import asyncio

import pytest
from mesh.threads.v1 import threads_pb2 as pb
from mesh.threads.v1 import threads_pb2_grpc as rpc

from services.kit import postgres
from services.kit.errors import InvalidArgument
from services.kit.postgres import Database
from services.threads.domain import Searched, SearchText
from services.threads.storage.search import FIND, PostgresSearch
from services.threads.use_cases.index_threads import IndexThreads
from tests.support.harness import ACCOUNTS, ServiceHarness
from tests.support.threads import Settings, emptied, message, new_id

Harness = ServiceHarness[Settings]


class Writer:
    """One account's threads, written as an agent does; what is written is waited for."""

    def __init__(self, threads: Harness, database: Database, caller: str = "user") -> None:
        self._agent = threads.stub(rpc.ThreadsInternalStub, "service:agent")
        self.person = threads.stub(rpc.ThreadsStub, caller)
        self._database = database
        self._account = ACCOUNTS[caller]

    async def thread(self, *texts: str, name: str = "Nothing") -> str:
        """A thread with these messages."""
        made = await self._agent.EnsureThread(
            pb.EnsureThreadRequest(account_id=self._account, thread_id=new_id(), create=True, name=name)
        )
        if texts:
            await self.say(made.thread_id, *map(message, texts))
        await self.indexed()
        return str(made.thread_id)

    async def say(self, thread_id: str, *rows: pb.Message) -> None:
        await self._agent.AppendMessages(
            pb.AppendMessagesRequest(account_id=self._account, thread_id=thread_id, messages=rows)
        )
        await self.indexed()

    async def indexed(self) -> None:
        """Until nothing is due."""
        async with asyncio.timeout(10):
            while await self._database.fetchval("SELECT count(*) FROM search_state WHERE due_at IS NOT NULL"):
                await asyncio.sleep(0.01)

    async def search(self, q: str, limit: int | None = None) -> pb.SearchThreadsResponse:
        answer = await self.person.SearchThreads(pb.SearchThreadsRequest(q=q, limit=limit))
        assert answer.configured
        assert isinstance(answer, pb.SearchThreadsResponse)
        return answer

    async def found(self, q: str) -> list[str]:
        return [hit.thread_id for hit in (await self.search(q)).results]


@pytest.fixture
async def owner(threads: Harness, database: Database) -> Writer:
    """The user, who has nothing yet."""
    await emptied(database)
    return Writer(threads, database)


async def test_a_thread_is_found_by_what_was_said_in_it(owner: Writer) -> None:
    trip = await owner.thread("We fly to Lisbon on Monday", "hello", name="Travel")
    await owner.thread("Lisbon is a city")
    await owner.say(trip, message("Pack the Sunscreen", type="assistant"), message("sunscreen", type="tool"))
    (hit,) = (await owner.search("pack sunscreen")).results
    assert (hit.thread_id, hit.name, hit.snippet) == (trip, "Travel", "Pack the Sunscreen")
    assert hit.message_id
    assert await owner.found("fly lisbon") == [trip]
    assert await owner.found("fly sunscreen") == []


async def test_what_was_claimed_before_the_clock_was_put_back_is_found_too(owner: Writer, database: Database) -> None:
    thread = await owner.thread("An hour is nothing")
    await database.execute("DELETE FROM search_rows")
    await database.execute("UPDATE search_state SET searched = 0, due_at = now() + interval '1 hour'")
    await owner.indexed()
    assert await owner.found("hour") == [thread]


async def test_the_last_word_may_be_a_beginning(owner: Writer) -> None:
    thread = await owner.thread("photosynthesis explained")
    assert await owner.found("photo") == [thread]
    assert await owner.found("explained photo") == [thread]
    assert await owner.found("photo explained") == []


async def test_neither_case_nor_accents_matter(owner: Writer) -> None:
    thread = await owner.thread("Der Weg zur GRÖSSE des Café Москва")
    for q in ("größe", "GROSSE", "cafe", "café", "МОСКВА"):
        assert await owner.found(q) == [thread], q


async def test_a_name_counts_more_than_a_message_and_more_words_more_than_one(owner: Writer) -> None:
    once = await owner.thread("budget and many other things that were said here")
    often = await owner.thread("budget budget budget")
    named = await owner.thread("x", name="Budget 2026")
    answer = await owner.search("budget")
    assert [hit.thread_id for hit in answer.results] == [named, often, once]
    assert answer.total == 3
    assert not answer.results[0].HasField("message_id")
    assert answer.results[0].snippet == "Budget 2026"
    best = await owner.search("budget", limit=1)
    assert [hit.thread_id for hit in best.results] == [named]
    assert best.total == 3


async def test_a_new_name_is_found_and_the_old_one_is_not(owner: Writer) -> None:
    thread = await owner.thread(name="Before")
    assert await owner.found("before") == [thread]
    await owner.person.UpdateThread(pb.UpdateThreadRequest(thread_id=thread, title="Afterwards"))
    await owner.indexed()
    assert await owner.found("before") == []
    assert await owner.found("after") == [thread]


async def test_only_own_threads_are_found_shared_or_not(owner: Writer, threads: Harness, database: Database) -> None:
    mine = await owner.thread("secret plan")
    await owner.person.UpdateThread(pb.UpdateThreadRequest(thread_id=mine, is_public=True))
    other = Writer(threads, database, "other")
    assert await other.found("secret") == []
    theirs = await other.thread("secret plan")
    assert await other.found("secret") == [theirs]
    assert await owner.found("secret") == [mine]


async def test_what_was_deleted_is_never_found_and_leaves_no_words(owner: Writer, database: Database) -> None:
    thread = await owner.thread("vanishing", name="Vanishing")
    await owner.person.DeleteThread(pb.DeleteThreadRequest(thread_id=thread))
    assert await owner.found("vanishing") == []
    for table in ("search_rows", "search_state"):
        assert await database.fetchval(f"SELECT count(*) FROM {table} WHERE thread_id = $1::uuid", thread) == 0


async def test_an_indexer_that_comes_after_a_deletion_writes_nothing(owner: Writer, database: Database) -> None:
    thread = await owner.thread("vanishing")
    store = PostgresSearch(database)
    await database.execute("UPDATE search_state SET due_at = now() - interval '1 h', searched = 0")
    claimed = await store.claim(1)
    await owner.person.DeleteThread(pb.DeleteThreadRequest(thread_id=thread))
    await store.write([Searched(due, [SearchText(0, "vanishing")], 0, done=True) for due in claimed])
    assert await database.fetchval("SELECT count(*) FROM search_rows WHERE thread_id = $1::uuid", thread) == 0


OPERATORS = (*"'\"!(%_@*\0\\", "a'b", "a & ", "!a", "a:*", "a <-> b", "' | '@x", ";--")
LONG = ("a" * 1000, "a " * 500, "🦊" * 1000)


async def test_no_question_is_more_than_words(owner: Writer) -> None:
    thread = await owner.thread("nothing special")
    for q in OPERATORS + LONG:
        assert thread not in await owner.found(q), q


@pytest.mark.parametrize("q", ["", "a" * 10_000], ids=["empty", "too long"])
async def test_a_question_has_bounds(owner: Writer, q: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await owner.search(q)
    assert refused.value.violations[0].field == "q"


async def test_another_accounts_id_is_no_way_in(owner: Writer, threads: Harness, database: Database) -> None:
    await Writer(threads, database, "other").thread("secret")
    assert await owner.found(f"@{ACCOUNTS['other']}") == []
    assert await owner.found(f"secret | '@{ACCOUNTS['other']}'") == []


async def test_what_was_written_before_there_was_a_search_is_found(owner: Writer, database: Database) -> None:
    texts = [f"chapter {n}" for n in range(45)]
    thread = await owner.thread(*texts)
    await database.execute("DELETE FROM search_rows; DELETE FROM search_state")
    assert await owner.found("chapter 44") == []
    await database.execute("INSERT INTO search_state (thread_id, due_at) SELECT thread_id, now() FROM threads")
    await owner.indexed()
    for q in ("chapter 0", "chapter 44"):
        assert await owner.found(q) == [thread]


async def test_a_thread_that_is_written_to_at_this_moment_is_waited_for_by_nobody(
    owner: Writer, database: Database
) -> None:
    busy, free = await owner.thread("busy bee"), await owner.thread("free bird")
    await database.execute("DELETE FROM search_rows")
    async with database.transaction() as connection:
        await connection.execute("UPDATE threads SET updated_at = now() WHERE thread_id = $1::uuid", busy)
        await database.execute("UPDATE search_state SET searched = 0, due_at = now()")
        async with asyncio.timeout(10):
            while await owner.found("bird") != [free]:
                await asyncio.sleep(0.01)
    await owner.say(busy, message("busy again"))
    assert await owner.found("busy bee") == [busy]


async def test_indexers_at_once_and_writers_meanwhile_lose_nothing(
    owner: Writer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_ACQUIRE_S", 30.0)  # all come at once: the last waits for its turn
    others = [IndexThreads(PostgresSearch(database), 0.0) for _ in range(3)]
    ids = [await owner.thread() for _ in range(4)]
    working = [other.index_due() for other in others * 5]
    await asyncio.gather(*(owner.say(ids[n % 4], message(f"word{n} common")) for n in range(60)), *working)
    assert [await owner.found(f"word{n}") for n in (10, 29, 59)] == [[ids[2]], [ids[1]], [ids[3]]]
    assert await database.fetchval("SELECT count(*) FROM search_rows WHERE position > 0") == 60


async def test_the_index_can_answer(owner: Writer, database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = await connection.fetch("EXPLAIN " + FIND, ACCOUNTS["user"], "'common':*", 10)
    assert any("search_rows_document" in row[0] for row in plan)
