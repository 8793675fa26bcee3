"""One interleaving: a seed decides how long every message takes, which are lost, who dies and sleeps, when somebody
stops a run, hangs up, wipes Redis, sets Postgres' clock, or cuts it off. The engine is the real one; time is virtual.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import types
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, cast
from unittest.mock import patch
from uuid import UUID, uuid5

import structlog

from services.agent.domain.run import Claim, Price, Run, RunSpec, StopReason
from services.agent.engine import heartbeat, ownership
from services.agent.engine.backpressure import BackpressureController, TokenBucket, Vitals
from services.agent.engine.conversation import ContextManager, PromptManager
from services.agent.engine.coordinator import StatelessCoordinator
from services.agent.engine.execution import Parts
from services.agent.engine.heartbeat import Heartbeat, HeartbeatSettings
from services.agent.engine.policy import ToolPolicy
from services.agent.engine.recovery import RunRecovery
from services.agent.llm.registry import ModelRegistry, ModelSettings
from services.agent.ports import ChosenAgent, NewRun, Publisher
from services.agent.stream.publisher import RunPublisher
from services.agent.stream.reader import Reader
from services.agent.stream.viewer import Pace
from services.agent.use_cases.deliver_owed import DeliverOwed
from services.agent.use_cases.end_run import EndRun
from services.agent.use_cases.mark_delivered import DeliveredMarks
from services.agent.use_cases.opening import Opening
from services.agent.use_cases.relay_outbox import RelayOutbox
from services.agent.use_cases.see_run import SeeRun
from services.agent.use_cases.stop_run import StopRun
from services.kit.errors import Unavailable
from services.kit.tasks import Supervisor
from tests.chaos.sim.machines import Fate, Machine, Remote, neighbour
from tests.chaos.sim.neighbours import (
    Deeds,
    ForgetfulWal,
    OwnerTail,
    RemoteTools,
    SimBilling,
    SimModel,
    SimTails,
    SimThreads,
    SimTools,
    forgetful,
)
from tests.chaos.sim.tables import EPOCH, Tables
from tests.fakes.run_stream import View
from tests.support.virtual_loop import VirtualLoop

BEATS: Final = HeartbeatSettings(0.3, 1.0, 30.0)
SWEEP_S: Final = 0.3
HOUR_S: Final = 3600.0
DEADLINE_S: Final = 3 * HOUR_S
"""No clock that is moved makes a run too long."""
ENDS_WITHIN_S: Final = 120.0
PACE: Final = Pace(idle_s=0.5, overdue_s=0.2, away_s=0.1)
NAMES: Final = UUID("0c3b6a1e-0000-4000-8000-000000000000")
CALL: Final = '[[call effect {"mark": "m"}]]'
SCRIPTS: Final = (
    f"[[delay 10ms]] [[tokens 5]] {CALL} [[step]] [[tokens 3]]",
    f"[[say a]] {CALL} [[delay 20ms]] [[tokens 6]] {CALL} [[step]] [[say b]]",
    f"[[delay 15ms]] [[tokens 4]] [[step]] {CALL} [[step]] [[tokens 3]]",
    "[[delay 30ms]] [[tokens 8]]",
    "[[say a]] [[wait 8s]] [[say b]]",
    f"[[fail 503 times 2]] [[tokens 4]] {CALL} [[step]] [[fail 503 times 1]] [[tokens 2]]",
    f"[[tokens 2]] {CALL} [[wait 300ms]] [[step]] [[delay 10ms]] [[tokens 3]] [[fail 400]]",
)


@dataclass
class Story:
    """What happened, for the checks."""

    seed: str
    tables: Tables
    deeds: Deeds
    fate: Fate
    runs: list[UUID] = field(default_factory=list)
    views: dict[UUID, list[View]] = field(default_factory=dict)
    stops: dict[UUID, float] = field(default_factory=dict)
    """When a stop was answered, of the runs that had not ended before it."""
    owners: dict[UUID, tuple[int, str]] = field(default_factory=dict)
    """Epoch and owner of the runs that were executed when an outage of Postgres began."""
    lived: set[str] = field(default_factory=set)
    """Processes that lived through it."""
    failures: list[str] = field(default_factory=list)
    """What was logged as an error: exceptions that nobody foresaw."""


@dataclass(frozen=True)
class Plot:
    """What is given: the one run's script, else one or two of the usual, and sometimes a stop. `times`: there is
    one run, and whoever owns it is likely to meet one kind of fault, so often at most; nothing else happens. `outage`:
    Postgres is away for a while, and a worker dies then; nothing else happens."""

    script: str = ""
    patience_s: float = ENDS_WITHIN_S
    times: int = 0
    fault: str = "kill"
    workers: tuple[str, ...] = ("w1", "w2")
    outage: bool = False

    @property
    def one_run(self) -> bool:
        """Whether nobody waits behind the first run."""
        return bool(self.script or self.times)


USUAL: Final = Plot()
DEADLY: Final = Plot(times=8)
"""More kills than a run may have owners."""
OUTAGE: Final = Plot(outage=True)


def plot_of(seed: str) -> Plot:
    """What an interleaving is about, where nothing is given: one of ten is deadly, one of ten an outage."""
    drawn = random.Random(f"plot {seed}").random()
    return DEADLY if drawn < 0.1 else OUTAGE if drawn > 0.9 else USUAL


class OneLoopHeartbeat(Heartbeat):
    """The heartbeat on its worker's own loop, where it can not starve: virtual time has no threads."""

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        beating = asyncio.ensure_future(self._beats(loop))
        try:
            while not beating.done():
                self._progress = loop.time()
                await asyncio.sleep(self._settings.interval_s / 2)
        finally:
            beating.cancel()


class LoopClock:
    """Virtual time as a kit clock."""

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class World:
    """One interleaving being played."""

    def __init__(self, seed: str, faults: int, plot: Plot) -> None:
        loop = asyncio.get_running_loop()
        self._plot = plot
        self.dice = random.Random(seed)
        self.clock = LoopClock()
        self.tails = SimTails()
        fate = random.Random(self.dice.getrandbits(64))
        if plot.times:
            self.fate = Fate(fate, plot.times, self.tails.wipe, self._move_clock, 0.25, (plot.fault,), self._owns)
        else:
            self.fate = Fate(fate, 0 if plot.outage else faults, self.tails.wipe, self._move_clock)
        self.tables = Tables(loop.time, started=0.0)
        self.deeds = Deeds(loop.time)
        self.tools = SimTools(self.deeds)
        self.story = Story(seed, self.tables, self.deeds, self.fate)
        self.api = Machine("api", self.fate, safe=True)
        self.workers: list[StatelessCoordinator] = []
        self.machines: dict[str, Machine] = {}
        """Of the workers that live."""
        self._ids = 0

    def _move_clock(self) -> None:
        self.tables.move_clock(0.0 if self.tables.ahead_s else self.fate.dice.choice((-HOUR_S, HOUR_S)))

    def _owns(self, name: str) -> bool:
        return any(row.owner == name for row in self.tables.runs.values())

    def new_id(self) -> UUID:
        """Ids in order of need."""
        self._ids += 1
        return uuid5(NAMES, str(self._ids))

    async def play(self) -> Story:
        """To the end of every run and of every viewer, or to the end of patience."""
        async with Supervisor() as tasks:
            for number in range(1 if self._plot.one_run else self.dice.choice((1, 2))):
                self._admit(number + 1)
            self._start_api(tasks)
            for name in self._plot.workers:
                tasks.start_once(name, lambda name=name: self._keep(name))  # type: ignore[misc]
            watching = [tasks.start_once("view", lambda r=run: self._watch(r)) for run in self._viewers()]  # type: ignore[misc]
            if self._plot.outage:
                tasks.start_once("outage", self._outage)
            elif not self._plot.script and self.dice.random() < 0.5:
                tasks.start_once("stop", self._stop)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._plot.patience_s):
                    await asyncio.gather(*watching)
                    await self._settled()
        return self.story

    def _viewers(self) -> list[UUID]:
        return [run for run in self.story.runs for _ in range(self.dice.choice((1, 2)))]

    def _admit(self, turn: int) -> None:
        account, thread = uuid5(NAMES, "account"), uuid5(NAMES, "thread")
        run_id = self.new_id()
        spec = RunSpec(
            self._plot.script or self.dice.choice(SCRIPTS),
            uuid5(run_id, "prompt"),
            "mock-ai",
            10,
            Price("v1", 10**6, 10**6, 0, 0),
            10**12,
        )
        new = NewRun(
            run_id, account, thread, uuid5(NAMES, "project"), ChosenAgent(account, account, None), turn, spec,
            DEADLINE_S, b"", None, b"", b"",
        )  # fmt: skip
        self.tables.admit(Opening(cast(Any, None), lambda _: None, self.clock.now).complete(new))
        self.story.runs.append(run_id)
        self.story.views[run_id] = []

    def _start_api(self, tasks: Supervisor) -> None:
        """A process that relays what owners left, and never dies."""
        threads, billing = neighbour(self.api, SimThreads(self.deeds)), neighbour(self.api, SimBilling(self.deeds))
        tasks.start("relay", RelayOutbox(self._storage(self.api), threads, billing).run)

    def _storage(self, machine: Machine) -> Any:
        return Remote(machine, self.tables, is_away=lambda: self.tables.is_away)

    async def _outage(self) -> None:
        """A worker dies in it. The next one waits for storage before it begins, so that it sees nothing of it."""
        await asyncio.sleep(self.dice.uniform(0, 1.0))
        self.story.owners.update(
            (run_id, (row.run.epoch, row.owner)) for run_id, row in self.tables.runs.items() if row.owner
        )
        self.story.lived.update(self.machines)
        self.tables.is_away = True
        await asyncio.sleep(self.dice.uniform(0, 2.0))
        died = self.dice.choice(sorted(self.machines))
        self.machines[died].dead.set()
        self.story.lived.discard(died)
        await asyncio.sleep(self.dice.uniform(1.0, 4.0))
        self.tables.is_away = False

    async def _keep(self, name: str) -> None:
        """A worker, and another one whenever it died."""
        life = 0
        while True:
            life += 1
            machine = Machine(f"{name}.{life}", self.fate)
            while self.tables.is_away:
                await asyncio.sleep(self.dice.uniform(0, 0.3))
            living = asyncio.ensure_future(self._live(machine))
            dying = asyncio.ensure_future(machine.dead.wait())
            try:
                await asyncio.wait([living, dying], return_when=asyncio.FIRST_COMPLETED)
                if living.done():
                    living.result()
            finally:
                dying.cancel()
                living.cancel()
                await asyncio.wait([living])
            await asyncio.sleep(self.dice.choice((0.1, 0.5, 3.0)))

    async def _live(self, machine: Machine) -> None:
        async with Supervisor() as tasks:
            coordinator = self._coordinator(machine, tasks)
            self.workers.append(coordinator)
            self.machines[machine.name] = machine
            try:
                coordinator.start(self)
                await asyncio.Event().wait()
            finally:
                self.workers.remove(coordinator)
                del self.machines[machine.name]

    def _coordinator(self, machine: Machine, tasks: Supervisor) -> StatelessCoordinator:
        store = self._storage(machine)
        threads = neighbour(machine, SimThreads(self.deeds))
        marks = DeliveredMarks(store)
        tasks.start("marks", marks.run)

        def publisher(claim: Claim, own: Supervisor, fenced: Callable[[], None]) -> Publisher:
            tail = OwnerTail(machine, self.tails.of(claim.run_id))
            made = RunPublisher(tail, claim.epoch, self.clock, fenced)
            made.start(own)
            return made

        parts = Parts(
            ownership=store,
            journal=store,
            outbox=store,
            threads=threads,
            billing=neighbour(machine, SimBilling(self.deeds)),
            tools=RemoteTools(machine, self.tools),
            recall=forgetful,
            wal=ForgetfulWal(),
            models=ModelRegistry(
                ModelSettings(),
                mock=lambda: SimModel(machine, self.deeds),
                clock=self.clock,
            ),
            context=ContextManager(threads, PromptManager()),
            hints=self,
            announce=self._announce,
            publisher=publisher,
            mark=marks,
            new_id=self.new_id,
            now=self.clock.now,
            tool_policy=ToolPolicy(self.dice.random() < 0.7, "parallel"),
            native_tools=True,
            reasoning_effort=None,
            max_output_tokens=100,
        )
        pressure = BackpressureController(8, TokenBucket(1000, 8, self.clock), lambda: Vitals(0, 0), 8)
        deliver = DeliverOwed(threads, parts.billing, store, marks)
        end = EndRun(store, store, parts.tools, self, self._announce, deliver, self.clock.now)
        return StatelessCoordinator(
            machine.name,
            parts,
            BEATS,
            lambda: Beats(store),
            RunRecovery(store, end, SWEEP_S, BEATS.ttl_s),
            backpressure=pressure,
            sweep_s=SWEEP_S,
            tasks=tasks,
        )

    # -- hints: lost now and then

    async def work(self) -> None:
        for worker in self.workers:
            if self.dice.random() < 0.7:
                worker._wake.set()

    async def stop(self, run_id: UUID, reason: StopReason = "user") -> None:
        for worker in self.workers:
            if self.dice.random() < 0.7:
                worker._stop(run_id, reason)

    async def works(self) -> AsyncIterator[None]:
        await asyncio.Event().wait()
        yield

    async def stops(self) -> AsyncIterator[tuple[UUID, StopReason]]:
        await asyncio.Event().wait()
        yield self.new_id(), "user"

    async def _announce(self, run_id: UUID, epoch: int, payload: bytes) -> None:
        """Lost: viewers find it in Postgres."""

    # -- people

    async def _stop(self) -> None:
        await asyncio.sleep(self.dice.uniform(0, 1.0))
        run_id = self.dice.choice(self.story.runs)
        store = self._storage(self.api)

        async def see(_account: UUID, _run_id: UUID) -> tuple[Run, str]:
            return self.tables.runs[run_id].run, "owner"

        tools = RemoteTools(self.api, self.tools)
        stop = StopRun(store, cast(SeeRun, see), tools, self, self._announce, self.clock.now)
        stopped = await stop(uuid5(NAMES, "account"), run_id)
        if stopped.is_active or stopped.status == "stopped":  # nobody else stops anything
            self.story.stops[run_id] = self.clock.monotonic()

    async def _watch(self, run_id: UUID) -> None:
        """A viewer who hangs up now and then and resumes."""
        view = View()
        self.story.views[run_id].append(view)
        store = self._storage(self.api)
        reader = Reader(store, self.tails, PACE, page=3)
        await asyncio.sleep(self.dice.choice((0.0, 0.0, 0.3, 2.0)))
        while not view.ended:
            left = self.dice.choice((2, 5, 1000))
            with suppress(Unavailable):  # of a reader while Postgres is away
                async for payload in reader.watch(run_id, view.last_id):
                    view.add(payload)
                    left -= 1
                    if left == 0:
                        break

    async def _settled(self) -> None:
        """Until nothing is owed."""
        while not all(row.delivered for row in self.tables.outbox):
            await asyncio.sleep(0.5)


def play(seed: str, faults: int, plot: Plot | None = None) -> Story:
    """One interleaving, the same for the same seed."""
    plot = plot or plot_of(seed)
    random.seed(seed)
    virtual, failures = VirtualLoop(), list[str]()
    with (
        _listening(failures),
        patch.object(ownership, "Heartbeat", OneLoopHeartbeat),
        patch.object(heartbeat, "time", types.SimpleNamespace(monotonic=virtual.time)),
        asyncio.Runner(loop_factory=lambda: virtual) as runner,
    ):
        story = runner.run(_played(seed, faults, plot))
    story.failures = failures
    return story


@contextmanager
def _listening(failures: list[str]) -> Iterator[None]:
    """Errors are kept instead of shown. That storage is away where nobody waits for it leaves a run to its lease."""

    def keep(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
        failed = sys.exc_info()[1]
        if event["event"] != "run.poisoned" and not (
            isinstance(failed, ExceptionGroup) and failed.split(Unavailable)[1] is None
        ):
            failures.append(f"{event['event']} {event.get('task', '')}: {failed!r}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[keep], wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        yield
    finally:
        structlog.configure(**before)


async def _played(seed: str, faults: int, plot: Plot) -> Story:
    return await World(seed, faults, plot).play()


class Beats:
    """Leases over a wire."""

    def __init__(self, store: Any) -> None:
        self.beat = store.beat

    def close(self) -> None:
        """Nothing is open."""
