"""The history checker: every invariant that can be seen from outside and from Postgres, over what really happened.

It reads the services' tables, the audit that Postgres wrote, the model's log, the fake tools' effects and what clients
were told. Each check names its invariant; a violation says which run and what.

    I1 I2 I3 I4 I5 I6 I7 I8 I9 I10 I11 I12 I13 I14 I15 I16 I18 I19, L1 L2 L3 L4 L6 L9 L10 L11   here
    I24                          the scenario of the rolling restart: its clients count what failed
    I17 I20 I21 I22 I23, L5 L7 L8 L12   can not be told from outside: see docs/reliability.md for their tests
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson
from mesh.agent.v1 import events_pb2

from tests.chaos.clients import History
from tests.chaos.doings import Doings
from tests.chaos.findings import Violation
from tests.chaos.orders import Taken
from tests.chaos.turns import Turns
from tests.chaos.views import shown_alike, shown_as_messages, shown_as_stored

LEDGER: Final = "billing"
_CLOCKS_S: Final = 0.005
"""The wall clock of one machine, read by several processes."""


_NEXT_OWNERS: Final = """
SELECT (SELECT min(next.at) FROM chaos.audit AS next WHERE next.run_id = last.run_id AND next.what = 'run'
        AND next.epoch > last.epoch AND next.owner IS NOT NULL) AS claimed
FROM (SELECT DISTINCT ON (run_id) run_id, epoch, owner, status FROM chaos.audit
      WHERE what = 'run' AND run_id = ANY($1) AND at < to_timestamp($2) ORDER BY run_id, id DESC) AS last
WHERE last.status = 'running' AND split_part(last.owner, ':', 2) = $3
"""


_HANDED_OVER: Final = """
SELECT given.at AS released, (SELECT min(next.at) FROM chaos.audit AS next WHERE next.run_id = given.run_id
        AND next.what = 'run' AND next.epoch > given.epoch AND next.owner IS NOT NULL) AS claimed
FROM chaos.audit AS given
WHERE given.what = 'run' AND given.status = 'running' AND given.owner IS NULL AND given.run_id = ANY($1)
"""


@dataclass
class Figures:
    """What a round of chaos came to."""

    runs: int = 0
    endings: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    promises: int = 0
    lost: int = 0
    effects: Counter[str] = field(default_factory=Counter)
    """By class of tool."""
    duplicate_effects: int = 0
    zombie_writes: int = 0
    charges: int = 0
    double_charges: int = 0
    drift: int = 0
    model_calls: int = 0
    repaid: int = 0
    takeovers_met: int = 0
    """Take-overs that met a model step that was started and not done, and how many of them asked again."""
    repaid_within: int = 0
    """Answers of a model, of one token at least, beyond the first of a step and one more for each such take-over: what
    its owner asked for again because the answer broke off."""
    refusals: Counter[str] = field(default_factory=Counter)
    hangups: int = 0
    takeovers: list[float] = field(default_factory=list)
    handovers: list[float] = field(default_factory=list)
    """Seconds from a worker's end, or from its giving a run back, to the next owner's claim."""
    violations: list[Violation] = field(default_factory=list)

    def add(self, other: Figures) -> None:
        """Sums up."""
        for name, value in vars(other).items():
            if isinstance(value, Counter):
                getattr(self, name).update(value)
            else:
                setattr(self, name, getattr(self, name) + value)


class Checker:
    """Checks one round: its histories, on a mesh that has come to rest. Without `one_clock` for all who wrote down a
    time, no two times are compared."""

    def __init__(
        self,
        connection: asyncpg.Connection[asyncpg.Record],
        histories: Sequence[History],
        model_calls: Iterable[dict[str, Any]],
        effects: Iterable[dict[str, Any]],
        crashes: Sequence[Taken],
        *,
        one_clock: bool = True,
    ) -> None:
        self._db = connection
        self._asked_for = histories
        self._histories = [history for history in histories if history.run_id]
        self._runs = [UUID(run_id) for run_id in sorted({history.run_id for history in self._histories})]
        known = {str(run_id) for run_id in self._runs}
        self._calls = [call for call in model_calls if call["request_id"].partition(":")[0] in known]
        self._doings = Doings(effect for effect in effects if effect["key"].partition(":")[0] in known)
        self._crashes = crashes
        self._clocks_differ_s = _CLOCKS_S if one_clock else math.inf
        views = [view for history in self._histories for view in history.views]
        self.figures = Figures(
            runs=len(self._runs),
            refusals=sum((history.all_refusals for history in histories), Counter()),
            hangups=sum(view.cuts for view in views),
        )

    async def check(self) -> Figures:
        """All of it."""
        await self._epochs()
        await self._turns()
        await self._told_of()
        await self._steps()
        await self._stops()
        await self._effects_once()
        await self._model()
        await self._endings()
        await self._promises()
        await self._charges()
        if self._clocks_differ_s < math.inf:
            await self._takeovers()
        return self.figures

    def _broken(self, invariant: str, run_id: object, what: str) -> None:
        self.figures.violations.append(Violation(invariant, str(run_id), what))

    async def _rows(self, sql: str) -> list[asyncpg.Record]:
        return await self._db.fetch(sql, self._runs)

    async def _epochs(self) -> None:
        """I1, I2, I18."""
        for row in await self._rows(
            "SELECT run_id, epoch, array_agg(DISTINCT owner) AS owners FROM chaos.audit WHERE what = 'run'"
            " AND owner IS NOT NULL AND run_id = ANY($1) GROUP BY run_id, epoch HAVING count(DISTINCT owner) > 1"
        ):
            self._broken("I1", row["run_id"], f"epoch {row['epoch']} has owners {row['owners']}")
        for row in await self._rows(
            "SELECT run_id, seq, epoch FROM (SELECT *, max(epoch) OVER (PARTITION BY run_id ORDER BY seq) AS highest"
            " FROM agent.events WHERE run_id = ANY($1)) AS e WHERE epoch < highest"
        ):
            self._broken("I1", row["run_id"], f"epoch {row['epoch']} at seq {row['seq']} behind a higher one")
        zombies = await self._rows(
            "SELECT run_id, what, epoch, highest FROM (SELECT *, max(epoch) FILTER (WHERE what = 'run')"
            " OVER (PARTITION BY run_id ORDER BY id) AS highest FROM chaos.audit WHERE run_id = ANY($1)) AS a"
            " WHERE epoch < highest AND NOT (what = 'event' AND epoch = 0)"
        )
        self.figures.zombie_writes += len(zombies)
        for row in zombies:
            self._broken("I2", row["run_id"], f"{row['what']} of epoch {row['epoch']} behind epoch {row['highest']}")
        for row in await self._rows(
            "SELECT run_id, max(attempt) AS attempt FROM chaos.audit WHERE run_id = ANY($1)"
            " GROUP BY run_id HAVING max(attempt) > 5"
        ):
            self._broken("I18", row["run_id"], f"attempt {row['attempt']}")

    async def _turns(self) -> None:
        """I3, and of I8 how runs ended."""
        rows = await self._rows(
            "SELECT run_id, thread_id, turn, status, end_reason, error FROM agent.runs WHERE run_id = ANY($1)"
        )
        audit = await self._rows(
            "SELECT a.run_id, a.thread_id, a.status, r.turn FROM chaos.audit AS a"
            " LEFT JOIN agent.runs AS r USING (run_id) WHERE a.what = 'run' AND a.run_id = ANY($1) ORDER BY a.id"
        )
        dead = await self._rows("SELECT run_id FROM agent.dead_letters WHERE kind = 'run' AND run_id = ANY($1)")
        turns = Turns({str(row["run_id"]): dict(row) for row in rows}, self._asked_for)
        self.figures.endings.update(f"{row['status']} ({row['end_reason']})" for row in rows)
        for found in (
            turns.active([dict(row) for row in audit]),
            turns.order(),
            turns.endings({str(row["run_id"]) for row in dead}),
        ):
            self.figures.violations += found

    async def _told_of(self) -> None:
        """I13: every run of these people was answered to one of them. What a start with `reject` left behind when its
        answer was lost may have been admitted after its repetition was refused."""
        accounts = {UUID(history.account_id) for history in self._asked_for}
        refused = [f"key:{history.key}" for history in self._asked_for if history.busy_with and history.refusals]
        for row in await self._db.fetch(
            "SELECT run_id, idempotency_key, created_at FROM agent.runs WHERE account_id = ANY($2)"
            " AND NOT run_id = ANY($1) AND coalesce(idempotency_key, '') <> ALL($3)",
            self._runs, list(accounts), refused,
        ):  # fmt: skip
            self._broken("I13", row["run_id"], f"nobody was told of it: {row['idempotency_key']} {row['created_at']}")

    async def _steps(self) -> None:
        """I4: a step is done once."""
        for row in await self._rows(
            "SELECT run_id, what, step_no, ordinal FROM chaos.audit WHERE what IN ('step', 'call') AND status = 'done'"
            " AND run_id = ANY($1) GROUP BY run_id, what, step_no, ordinal HAVING count(*) > 1"
        ):
            self._broken("I4", row["run_id"], f"{row['what']} {row['step_no']}:{row['ordinal']} was done twice")

    async def _stops(self) -> None:
        """I9."""
        for row in await self._rows(
            "SELECT a.run_id, a.what, a.step_no FROM chaos.audit a JOIN (SELECT run_id, min(id) AS id FROM chaos.audit"
            " WHERE stopping AND run_id = ANY($1) GROUP BY run_id) AS stop ON stop.run_id = a.run_id AND a.id > stop.id"
            " WHERE a.what IN ('step', 'call') AND a.status = 'started'"
        ):
            self._broken("I9", row["run_id"], f"INTENT of {row['what']} {row['step_no']} behind the stop")

    async def _effects_once(self) -> None:
        """I4 of effects, I6 of tools, and that what was told to be done was."""
        begun = {
            f"{row['run_id']}:{row['step_no']}:{row['ordinal']}": row["at"].timestamp()
            for row in await self._rows(
                "SELECT run_id, step_no, ordinal, min(at) AS at FROM chaos.audit WHERE what = 'call'"
                " AND status = 'started' AND run_id = ANY($1) GROUP BY 1, 2, 3"
            )
        }
        self.figures.effects += self._doings.counts
        for violation, more in self._doings.repeated():
            self.figures.duplicate_effects += more
            self.figures.violations.append(violation)
        self.figures.violations += self._doings.early(begun, self._clocks_differ_s)
        for row in await self._rows(
            "SELECT run_id, step_no, ordinal FROM agent.calls WHERE success AND function_name LIKE 'effect_%'"
            " AND run_id = ANY($1)"
        ):
            key = f"{row['run_id']}:{row['step_no']}:{row['ordinal']}"
            if key not in self._doings:
                self.figures.lost += 1
                self._broken("I7", row["run_id"], f"{key} is told to have succeeded and had no effect")

    async def _model(self) -> None:
        """I5, I6."""
        asked: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for call in self._calls:
            asked[call["request_id"]].append(call)
        self.figures.model_calls += len(self._calls)
        intents: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
        for row in await self._rows(
            "SELECT run_id, step_no, epoch, at FROM chaos.audit WHERE what = 'step' AND status = 'started'"
            " AND run_id = ANY($1) ORDER BY id"
        ):
            intents[f"{row['run_id']}:{row['step_no']}"].append((row["at"].timestamp(), row["epoch"]))
        for step, calls in asked.items():
            if step in intents:
                self._asked(step, calls, intents[step])
            else:
                self._broken("I6", step.partition(":")[0], f"{step} was asked {len(calls)} times without an INTENT")
        for step, begun in intents.items():
            most = max(Counter(epoch for _, epoch in begun).values())
            if most > 3:
                self._broken("I5", step.partition(":")[0], f"{step} has {most} INTENTs in one epoch")
            self.figures.takeovers_met += len({epoch for _, epoch in begun}) - 1

    def _asked(self, step: str, calls: list[dict[str, Any]], intents: list[tuple[float, int]]) -> None:
        run_id, at = step.partition(":")[0], sorted(call["received_at"] for call in calls)
        if len(calls) > len(intents):
            self._broken("I5", run_id, f"{step} was asked {len(calls)} times for {len(intents)} INTENTs")
        late = self._clocks_differ_s
        owners = {max((epoch for at, epoch in intents if at < called + late), default=0) for called in at}
        self.figures.repaid += len(owners) - 1
        paid = sum(call["tokens"] > 0 for call in calls)
        self.figures.repaid_within += max(paid - len({epoch for _, epoch in intents}), 0)
        for called, (intended, epoch) in zip(at, intents, strict=False):
            if called < intended - self._clocks_differ_s:
                self._broken("I6", run_id, f"{step} was asked at {called}, INTENT of epoch {epoch} at {intended}")

    async def _endings(self) -> None:
        """I8 of terminals, and what I11 needs: the events as they are stored."""
        self.figures.steps += await self._db.fetchval(
            "SELECT count(*) FROM agent.steps WHERE state = 'done' AND run_id = ANY($1)", self._runs
        )
        events: defaultdict[UUID, list[asyncpg.Record]] = defaultdict(list)
        for row in await self._rows(
            "SELECT run_id, epoch, n, payload FROM agent.events WHERE run_id = ANY($1) ORDER BY seq"
        ):
            events[row["run_id"]].append(row)
        for run_id in self._runs:
            ends = [events_pb2.RunEvent.FromString(e["payload"]).HasField("run_ended") for e in events[run_id]]
            if sum(ends) != 1 or not ends[-1]:
                self._broken("I8", run_id, f"terminals among its events: {ends}")
        stored = {str(run_id): [f"{e['epoch']}-{e['n']}" for e in found] for run_id, found in events.items()}
        for history in self._asked_for:
            for invariant, what in history.broken:
                self._broken(invariant, history.run_id, what)
        for history in self._histories:
            self._views(history, stored.get(history.run_id, []))

    def _views(self, history: History, stored: list[str]) -> None:
        """I7 of frames, I8 and I11 of viewers."""
        if not history.ended:
            self._broken("I8", history.run_id, "not every viewer got a terminal frame")
        self.figures.violations += shown_alike(history)
        self._count_lost(shown_as_stored(history, stored))

    def _count_lost(self, found: Iterable[tuple[Violation, int]]) -> None:
        for violation, lost in found:
            self.figures.lost += lost
            self.figures.violations.append(violation)

    async def _promises(self) -> None:
        """I7 of starts, stops, messages; I12 against what threads has."""
        runs = {
            str(row["run_id"]): row
            for row in await self._rows(
                "SELECT run_id, status, stop_requested_at FROM agent.runs WHERE run_id = ANY($1)"
            )
        }
        said: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in await self._rows(
            "SELECT run_id, message_id, type, is_llm_message, content, metadata FROM threads.messages"
            " WHERE run_id = ANY(SELECT unnest($1::uuid[])::text)"
        ):
            decoded = {name: orjson.loads(row[name]) for name in ("content", "metadata")}
            said[row["run_id"]].append({**row, **decoded, "message_id": str(row["message_id"])})
        for history in self._histories:
            self.figures.promises += history.promises
            run, rows = runs.get(history.run_id), said[history.run_id]
            if run is None or all(row["type"] != "user" for row in rows):
                self.figures.lost += 1
                self._broken("I7", history.run_id, f"started; its run is {run}, its rows {rows}")
            elif history.stop_answered and run["stop_requested_at"] is None:
                self.figures.lost += 1
                self._broken("I7", history.run_id, f"a stop was answered, and not recorded: it is {run['status']}")
            self._count_lost(shown_as_messages(history, rows))
        await self._owed()

    async def _owed(self) -> None:
        """I7: what is still to be delivered when all has come to rest, will never be."""
        for row in await self._rows(
            "SELECT run_id, seq, kind, attempts, error FROM agent.outbox WHERE delivered_at IS NULL"
            " AND run_id = ANY($1)"
        ):
            self.figures.lost += 1
            self._broken("I7", row["run_id"], f"not delivered: {dict(row)}")

    async def _charges(self) -> None:
        """I15, I16."""
        done = {
            (row["run_id"], row["step_no"])
            for row in await self._rows(
                "SELECT run_id, step_no FROM agent.steps WHERE state = 'done' AND run_id = ANY($1)"
            )
        }
        posts = Counter(
            (row["run_id"], row["step_no"])
            for row in await self._rows(
                "SELECT run_id, step_no FROM billing.transfers JOIN billing.usage USING (account_id, transfer_id)"
                " WHERE kind = 'post' AND NOT wasted AND run_id = ANY($1)"
            )
        )
        self.figures.charges += posts.total()
        for (run_id, step_no), count in posts.items():
            if count > 1:
                self.figures.double_charges += count - 1
                self._broken("I15", run_id, f"step {step_no} has {count} charges")
            if (run_id, step_no) not in done:
                self._broken("I15", run_id, f"a charge for step {step_no}, which is not done")
        for run_id, step_no in done - set(posts):
            self._broken("I15", run_id, f"step {step_no} has no charge")
        for row in await self._rows("SELECT DISTINCT run_id FROM billing.holds WHERE is_open AND run_id = ANY($1)"):
            self._broken("I16", row["run_id"], "ended, and its hold is open")

    async def _takeovers(self) -> None:
        """How long runs of a process that ended or slept waited for their next owner."""
        for crash in self._crashes:
            self.figures.takeovers += await self._waits(crash)
        self.figures.handovers += [
            row["claimed"].timestamp() - row["released"].timestamp()
            for row in await self._rows(_HANDED_OVER)
            if row["claimed"] is not None
        ]

    async def _waits(self, ended: Taken) -> list[float]:
        rows = await self._db.fetch(_NEXT_OWNERS, self._runs, ended.at, str(ended.pid))
        return [row["claimed"].timestamp() - ended.at for row in rows if row["claimed"] is not None]
