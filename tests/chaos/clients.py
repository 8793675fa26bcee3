"""People: each starts a run, watches it as several viewers who hang up at will, sometimes stops it, and remembers what
was promised. Whatever is refused for the moment is tried again, as a real client does."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import orjson

from tests.support.viewer import Restless, Steady, Viewer

RETRIED = frozenset({429, 500, 502, 503, 504})
_DEAF_S = 2.0
EFFECTS = ("effect_pure", "effect_idempotent", "effect_once", "effect_queryable")


@dataclass
class History:
    """What one person was told about one run. `broken` says what a client must never see."""

    account_id: str
    key: str
    prompt: str
    run_id: str = ""
    thread_id: str = ""
    stop_answered: bool = False
    refusals: Counter[str] = field(default_factory=Counter)
    """Calls that were refused for the moment, by what was answered."""
    ended: bool = False
    views: list[Viewer] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)

    @property
    def all_refusals(self) -> Counter[str]:
        """Those of streams as well."""
        return sum((view.refusals for view in self.views), self.refusals)

    @property
    def promises(self) -> int:
        """Acknowledged writes: the start, the stop, each stored frame that was shown."""
        stored = (frame for view in self.views for frame in view.durable if frame["type"] != "message_reset")
        shown = {frame["_event_id"] for frame in stored}
        return bool(self.run_id) + self.stop_answered + len(shown)


class Deaf(Steady):
    """Leaves the first connection open for a while and reads nothing of it."""

    def __init__(self) -> None:
        self._listens = False

    async def pieces(self, raw: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        if not self._listens:
            self._listens = True
            await asyncio.sleep(_DEAF_S)
            return
        async for piece in raw:
            yield piece


class Person:
    """Acts one story. `client` is the account's."""

    def __init__(self, client: httpx.AsyncClient, account_id: str, dice: random.Random) -> None:
        self._client = client
        self._dice = dice
        self.history = History(account_id, str(UUID(int=dice.getrandbits(128), version=4)), prompt(dice))

    async def act(self) -> None:
        """The whole story, to the last viewer's terminal frame."""
        history, dice = self.history, self._dice
        await self._start()
        async with asyncio.TaskGroup() as group:
            for _ in range(dice.choice((1, 2, 2, 3))):
                group.create_task(self._watch(dice.choice((0.0, 0.0, 0.3, 1.0))))
            if dice.random() < 0.2:
                group.create_task(self._stop(dice.uniform(0, 1.5)))
        history.ended = True

    async def _start(self) -> None:
        history = self.history
        answers = [await self._post_start()]
        if self._dice.random() < 0.15:
            answers += await asyncio.gather(self._post_start(), self._post_start())
        history.run_id, history.thread_id = answers[0]["agent_run_id"], answers[0]["thread_id"]
        if len({answer["agent_run_id"] for answer in answers}) > 1:
            history.broken.append(("I13", f"one key, several runs: {answers}"))
        if self._dice.random() < 0.1:
            await self._start_otherwise()

    async def _start_otherwise(self) -> None:
        """The same key with another body: an error, never a run."""
        other = await self._persist(lambda: self._client.post("/agent/start", files=form("other"), headers=self._keyed))
        if other.status_code not in (400, 409, 422):
            self.history.broken.append(("I13", f"the same key with another body: {other.status_code} {other.text}"))

    async def _post_start(self) -> dict[str, Any]:
        fields = form(self.history.prompt)
        answer = await self._persist(lambda: self._client.post("/agent/start", files=fields, headers=self._keyed))
        if answer.status_code != 200:
            raise AssertionError(f"a start was refused: {answer.status_code} {answer.text}")
        told: dict[str, Any] = answer.json()
        return told

    @property
    def _keyed(self) -> dict[str, str]:
        return {"Idempotency-Key": self.history.key}

    async def _stop(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        answer = await self._persist(lambda: self._client.post(f"/agent-run/{self.history.run_id}/stop"))
        self.history.stop_answered = promises_stop(answer)
        if answer.status_code != 200:
            self.history.broken.append(("I7", f"a stop was refused: {answer.status_code} {answer.text}"))

    async def _persist(self, ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        pause = 0.1
        while True:
            try:
                answer = await ask()
            except httpx.TransportError as broken:
                refused = type(broken).__name__
            else:
                if answer.status_code not in RETRIED:
                    return answer
                refused = f"{answer.status_code} {reason(answer)}"
            self.history.refusals[refused] += 1
            await asyncio.sleep(pause * self._dice.uniform(0.5, 1.5))
            pause = min(pause * 2, 2.0)

    async def _watch(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        habit = self._dice.choice((Restless(random.Random(self._dice.getrandbits(64))), Steady(), Deaf()))
        view = Viewer(self._client, self.history.run_id, habit=habit)
        self.history.views.append(view)
        try:
            await view.watch()
        except AssertionError as wrong:
            self.history.broken.append(("I10-I12", f"a viewer saw: {wrong}"))


def promises_stop(answer: httpx.Response) -> bool:
    """Whether it says that the run stops, or has: of one that had ended otherwise, it says how."""
    return answer.status_code == 200 and answer.json()["status"] == "stopped"


def reason(answer: httpx.Response) -> str:
    """The error code of a refusal."""
    with suppress(ValueError, LookupError, TypeError):
        return str(answer.json()["detail"]["error_code"])
    return answer.text[:40]


def form(text: str) -> dict[str, tuple[None, str]]:
    """The fields of a start."""
    return {"prompt": (None, text), "model_name": (None, "openai/chaos")}


def prompt(dice: random.Random) -> str:
    """A script of one to three steps with text, tool calls of every class, and pauses where faults may fall."""
    said = [f"[[delay {dice.choice((1, 3, 8))}ms]]"]
    for _ in range(dice.choice((1, 2, 2, 3))):
        said.append(f"[[tokens {dice.randint(5, 40)}]]")
        said += [_call(dice) for _ in range(dice.choice((0, 1, 1, 1, 2, 3)))]
        if dice.random() < 0.3:
            said.append(f"[[wait {dice.randint(100, 600)}ms]]")
        if dice.random() < 0.1:
            said.append("[[fail 503 times 1]]")
        said.append("[[step]]")
    return " ".join([*said, f"[[tokens {dice.randint(3, 20)}]]"])


def _call(dice: random.Random) -> str:
    arguments = {"mark": f"{dice.getrandbits(40):x}", "ms": dice.choice((0, 20, 150, 600))}
    return f"[[call {dice.choice(EFFECTS)} {orjson.dumps(arguments).decode()}]]"
