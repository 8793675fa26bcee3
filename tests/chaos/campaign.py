"""Rounds of chaos from one seed: people act while faults fall, then all is mended, everybody comes to an end, and the
checker looks at what happened. A round is replayed by its seed and number alone, as far as real machines repeat."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import httpx
import redis.asyncio as redis

from tests.chaos.checker import Checker, Figures
from tests.chaos.clients import History, Person
from tests.chaos.findings import Violation
from tests.chaos.points import Injected
from tests.chaos.scenario import ROLLING, Director, Fault, Log
from tests.chaos.stage import Stage
from tests.integration.billing.invariants import CHECKS, DRIFT

INJECTED = f"{Injected.__module__}.{Injected.__name__}".encode()
_ENDS_WITHIN_S = 90.0
_ACCOUNTS = 4


@dataclass(frozen=True)
class Load:
    """How many act at once, how many faults at once; `calm`: one after the other, each met by a mesh that is well."""

    people: int = 6
    hands: int = 3
    calm: bool = False


@dataclass
class Round:
    """What a round gave."""

    number: int
    figures: Figures
    log: Log
    seconds: float
    histories: list[History] = field(default_factory=list)


class Company:
    """People who act one after the other in so many places, until told that the day is over."""

    def __init__(self, stage: Stage, dice: random.Random, people: int) -> None:
        self._stage = stage
        self._dice = dice
        self._people = people
        self._over = asyncio.Event()
        self.histories: list[History] = []

    def end(self) -> None:
        """Nobody starts anything new."""
        self._over.set()

    async def act(self) -> None:
        """Until the end, and every story to its own."""
        accounts = [str(UUID(int=self._dice.getrandbits(128), version=4)) for _ in range(_ACCOUNTS)]
        async with _clients(self._stage, accounts) as clients, asyncio.TaskGroup() as group:
            for _ in range(self._people):
                group.create_task(self._place(clients, random.Random(self._dice.getrandbits(64))))

    async def _place(self, clients: dict[str, httpx.AsyncClient], dice: random.Random) -> None:
        while not self._over.is_set():
            account = dice.choice(list(clients))
            await Person(clients[account], account, random.Random(dice.getrandbits(64)), self.histories).act()


@asynccontextmanager
async def _clients(stage: Stage, accounts: list[str]) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    clients = {account: stage.client(account) for account in accounts}
    try:
        yield clients
    finally:
        for client in clients.values():
            await client.aclose()


async def play(stage: Stage, seed: str, number: int, faults: Iterable[Fault], load: Load) -> Round:
    """One round."""
    dice = random.Random(f"{seed}:{number}")
    began = time.monotonic()
    injected_before = _injected(stage)
    company = Company(stage, random.Random(dice.getrandbits(64)), load.people)
    director = Director(stage, random.Random(dice.getrandbits(64)))
    acting = asyncio.create_task(company.act(), name="company")
    await _direct(director, deque(faults), load)
    await _mend(stage)
    company.end()
    late = await _ended(acting)
    await _settled(stage, company.histories)
    figures = await check(stage, company.histories, director.log)
    figures.violations += late
    if set(director.log.injected) == {ROLLING}:
        figures.violations += [Violation("I24", "", f"{count} x {what}") for what, count in figures.refusals.items()]
    if (errors := answered_500(figures)) > (injected := _injected(stage) - injected_before):
        figures.violations.append(
            Violation("unforeseen", "", f"{errors} answers of 500, {injected} injected exceptions")
        )
    stage.model.log.reset()
    return Round(number, figures, director.log, time.monotonic() - began, company.histories)


def answered_500(figures: Figures) -> int:
    """Calls that were answered with an error that nobody foresaw."""
    return sum(count for answer, count in figures.refusals.items() if answer.startswith("500"))


def _injected(stage: Stage) -> int:
    """How many calls failed so far by an injected exception, as the parts logged it."""
    logs = (path.read_bytes().splitlines() for path in map(stage.data.log_of, stage.parts) if path.exists())
    return sum(b'"rpc.failed"' in line and INJECTED in line for lines in logs for line in lines)


async def _direct(director: Director, faults: deque[Fault], load: Load) -> None:
    """Light faults by several hands, heavy ones when all hands rest."""
    while faults:
        light: deque[Fault] = deque()
        while faults and not faults[0].heavy:
            light.append(faults.popleft())
        async with asyncio.TaskGroup() as group:
            for _ in range(1 if load.calm else load.hands):
                group.create_task(_hand(director, light, calm=load.calm))
        if faults:
            await director.do(faults.popleft())


async def _hand(director: Director, faults: deque[Fault], *, calm: bool) -> None:
    while faults:
        await director.do(faults.popleft())
        if calm:
            await director.stage.healthy()
        await asyncio.sleep(director.dice.uniform(0, 0.2))


async def _mend(stage: Stage) -> None:
    stage.mend()
    await stage.healthy()


async def _ended(acting: asyncio.Task[None]) -> list[Violation]:
    """Everybody's end; who does not come to it is a violation that the checker names by run."""
    done, _ = await asyncio.wait([acting], timeout=_ENDS_WITHIN_S)
    if not done:
        acting.cancel()
        with suppress(asyncio.CancelledError):
            await acting
        return [Violation("I8", "", f"somebody waits {_ENDS_WITHIN_S:g} s after all was mended")]
    if (failed := acting.exception()) is not None:
        return [Violation("client", "", repr(failed))]
    return []


async def _settled(stage: Stage, histories: list[History], within_s: float = 60.0) -> None:
    """Until nothing is owed any more; what still is then, the checker finds missing."""
    runs = [UUID(history.run_id) for history in histories if history.run_id]
    connection = await asyncpg.connect(stage.database_url)
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while await connection.fetchval(
                    "SELECT EXISTS (SELECT 1 FROM agent.outbox WHERE run_id = ANY($1) AND delivered_at IS NULL)"
                    " OR EXISTS (SELECT 1 FROM agent.runs WHERE run_id = ANY($1) AND completed_at IS NULL)",
                    runs,
                ):
                    await asyncio.sleep(0.2)
    finally:
        await connection.close()


async def check(stage: Stage, histories: list[History], log: Log) -> Figures:
    """The checker over what is there now."""
    connection = await asyncpg.connect(stage.database_url)
    try:
        checker = Checker(
            connection,
            histories,
            stage.model.log.calls(),
            stage.orders.effects(),
            log.crashes,
            one_clock=stage.clocks is None,
        )
        figures = await checker.check()
        await connection.execute("SET search_path TO billing")
        for law, query in CHECKS.items():
            if broken := await connection.fetchval(query):
                figures.violations.append(Violation(law.split()[0], "", f"{law}: {broken}"))
        figures.drift = await connection.fetchval(DRIFT)
    finally:
        await connection.close()
    figures.violations += [Violation("I19", "", f"no TTL: {key}") for key in await _immortal_keys(stage)]
    figures.violations += [Violation("unforeseen", "", what) for what in stage.unforeseen()]
    return figures


async def _immortal_keys(stage: Stage) -> list[str]:
    client = redis.from_url(stage.redis_url)
    try:
        return [key.decode() async for key in client.scan_iter() if await client.ttl(key) == -1]
    finally:
        await client.aclose()
