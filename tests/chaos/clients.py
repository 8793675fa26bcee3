"""People: each starts a run, watches it as several viewers who hang up at will, sometimes stops it, sometimes says more
in the same thread, and remembers what was promised. Whatever is refused for the moment is tried again, as a real client
does."""

from __future__ import annotations

import asyncio
import random
import time
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
    on_conflict: str = ""
    """What the start said; empty: nothing, as the first one of a thread."""
    asked_at: float = 0.0
    answered_at: float = 0.0
    """When the start was first posted, and when it had its answers; seconds of one monotonic clock."""
    busy_with: str = ""
    """The run that a start with `reject` was refused for."""
    stop_asked: bool = False
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
    """Acts one story in a thread of its own. `client` is the account's; `histories`: where those of its runs go."""

    def __init__(
        self, client: httpx.AsyncClient, account_id: str, dice: random.Random, histories: list[History]
    ) -> None:
        self._client = client
        self._account_id = account_id
        self._dice = dice
        self._histories = histories

    async def act(self) -> None:
        """The whole story, to the last viewer's terminal frame of its last run."""
        dice = self._dice
        made = {"thread_id": _uuid(dice), "project_id": _uuid(dice), "optimistic": "true"}
        first = self._talk(made, keyed=dice.random() < 0.5) if dice.random() < 0.3 else self._talk({}, keyed=True)
        further = dice.choice((0, 0, 0, 0, 1, 1, 2))
        await first.start()
        if not first.history.run_id:
            return
        async with asyncio.TaskGroup() as group:
            living = group.create_task(first.live())
            for _ in range(further):
                more = self._talk(_follow_up(first.history.thread_id, dice), keyed=True)
                group.create_task(self._say_more(more, living if dice.random() < 0.3 else None))

    def _talk(self, fields: dict[str, str], *, keyed: bool) -> Talk:
        dice = random.Random(self._dice.getrandbits(64))
        talk = Talk(self._client, self._account_id, dice, fields, keyed=keyed)
        self._histories.append(talk.history)
        return talk

    async def _say_more(self, talk: Talk, after: asyncio.Task[None] | None) -> None:
        if after is not None:
            await after
        await talk.start()
        await talk.live()


class Talk:
    """One run, from its start to its last viewer's terminal frame. `fields`: what the start says beside its prompt;
    without `keyed` the thread that the client made is what makes a repeat the same run."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        account_id: str,
        dice: random.Random,
        fields: dict[str, str],
        *,
        keyed: bool,
    ) -> None:
        self._client = client
        self._dice = dice
        self._fields = fields
        key = _uuid(dice)
        self._headers = {"Idempotency-Key": key} if keyed else {}
        on_conflict = fields.get("on_conflict", "")
        self.history = History(account_id, key, prompt(dice), on_conflict=on_conflict)

    async def start(self) -> None:
        """Posts it, sometimes several times at once: one run, or none that was not told of."""
        history, dice = self.history, self._dice
        history.asked_at = time.monotonic()
        posts = 3 if dice.random() < 0.15 else 1
        answers = await asyncio.gather(*(self._post_start() for _ in range(posts)))
        history.answered_at = time.monotonic()
        admitted = [answer for answer in answers if answer is not None]
        if len({answer["agent_run_id"] for answer in admitted}) > 1:
            history.broken.append(("I13", f"one key, several runs: {answers}"))
        if not admitted:
            return
        history.run_id, history.thread_id = admitted[0]["agent_run_id"], admitted[0]["thread_id"]
        if history.thread_id != self._fields.get("thread_id", history.thread_id):
            history.broken.append(("I13", f"another thread than was named: {admitted} for {self._fields}"))
        if dice.random() < 0.1:
            await self._start_otherwise()

    async def live(self) -> None:
        """Watches and stops it, where there is a run."""
        history, dice = self.history, self._dice
        if history.run_id:
            async with asyncio.TaskGroup() as group:
                for _ in range(dice.choice((1, 2, 2, 3))):
                    group.create_task(self._watch(dice.choice((0.0, 0.0, 0.3, 1.0))))
                if dice.random() < 0.2:
                    group.create_task(self._stop(dice.uniform(0, 1.5)))
        history.ended = True

    async def _start_otherwise(self) -> None:
        """The same key with another body: an error, never a run."""
        other = await self._persist(lambda: self._post("other"))
        if other.status_code not in (400, 409, 422):
            self.history.broken.append(("I13", f"the same key with another body: {other.status_code} {other.text}"))

    async def _post_start(self) -> dict[str, Any] | None:
        """What was answered; None: refused, as it may be where the thread is busy and the start said `reject`."""
        answer = await self._persist(lambda: self._post(self.history.prompt))
        if answer.status_code == 409 and self.history.on_conflict == "reject" and reason(answer) == "THREAD_BUSY":
            self.history.busy_with = answer.json()["detail"]["params"]["active_run_id"]
            return None
        if answer.status_code != 200:
            self.history.broken.append(("client", f"a start was refused: {answer.status_code} {answer.text}"))
            return None
        told: dict[str, Any] = answer.json()
        return told

    async def _post(self, text: str) -> httpx.Response:
        return await self._client.post("/agent/start", files=form(text, self._fields), headers=self._headers)

    async def _stop(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        self.history.stop_asked = True
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


def form(text: str, more: dict[str, str]) -> dict[str, tuple[None, str]]:
    """The fields of a start."""
    fields = {"prompt": text, "model_name": "openai/chaos", **more}
    return {name: (None, value) for name, value in fields.items()}


def _follow_up(thread_id: str, dice: random.Random) -> dict[str, str]:
    """More in a thread that may be busy; nothing said of that is `enqueue`."""
    on_conflict = dice.choice(("", "enqueue", "reject", "interrupt"))
    return {"thread_id": thread_id} | ({"on_conflict": on_conflict} if on_conflict else {})


def _uuid(dice: random.Random) -> str:
    return str(UUID(int=dice.getrandbits(128), version=4))


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
