"""Runs under random schedules of faults, in virtual time: whatever happens, every viewer sees a right stream."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mesh.agent.v1 import events_pb2

from services.agent.domain import events as said
from services.agent.stream.codec import kind_of, message_of
from services.agent.stream.footprint import Footprint
from services.agent.stream.publisher import RunPublisher
from services.agent.stream.reader import Reader
from services.agent.stream.viewer import Pace
from services.kit.clock import SystemClock
from services.kit.errors import Unavailable
from services.kit.tasks import Supervisor
from tests.fakes.run_stream import RUN, MemoryStore, MemoryTail, Owner, View, check
from tests.support.virtual_loop import VirtualLoop

PACE = Pace(idle_s=0.2, overdue_s=0.1, away_s=0.05)
MESSAGES = {f"m{i}": [f"{i}.{j} " for j in range(6)] for i in range(3)}
FAULTS = [
    "none", "none", "none", "step", "nap", "long_nap", "wipe", "down", "up", "join", "join_restless", "cut", "takeover",
    "stale", "postgres_down", "postgres_up", "hold",
]  # fmt: skip


class TakenOver(Exception):
    """The owner died here."""


class Simulation:
    """One run, its owners one after the other, its viewers, and the faults in between."""

    def __init__(self, faults: list[str], tasks: Supervisor) -> None:
        self.faults = faults[::-1]
        self.tasks = tasks
        self.store = MemoryStore()
        self.tail = MemoryTail()
        self.reader = Reader(self.store, self.tail, PACE, page=3)
        self.views: list[View] = []
        self.watching: list[asyncio.Task[None]] = []
        self.stale: RunPublisher | None = None
        self.stale_message = self.message = ""
        self.fenced = 0

    async def play(self) -> None:
        self.store.admit()
        self.join(restless=True)
        self.join()
        while not self.store.ended:
            with suppress(TakenOver):
                await self.own()
        while self.faults:  # its viewers are not through with it
            await self.rest()
        self.tail.set_down(False)
        self.store.down = False
        self.join()
        await asyncio.gather(*self.watching)

    async def own(self) -> None:
        self.store.epoch += 1
        epoch = self.store.epoch
        publisher = RunPublisher(self.tail, epoch, SystemClock(), self._on_fenced, Footprint(limit=400))
        publisher.start(self.tasks)
        owner = Owner(self.store, publisher, epoch, self.rest)
        try:
            for message_id, pieces in MESSAGES.items():
                if not self.stored(said.AssistantComplete, message_id):
                    await self.say(owner, publisher, message_id, pieces)
            await owner.end()
            await publisher.close()
        except TakenOver:
            self.stale, self.stale_message = publisher, self.message
            raise

    async def say(self, owner: Owner, publisher: RunPublisher, message_id: str, pieces: list[str]) -> None:
        self.message = message_id
        if self.stored(said.ModelCallStarted, message_id):
            publisher.emit(said.MessageReset(message_id, "takeover"))
        else:
            await owner.durable(said.ModelCallStarted("row", "r", 0, "mock-ai", message_id))
        await owner.chunks(message_id, pieces[:3])
        await owner.durable(said.ToolStarted(message_id, "c", "f", 0))
        await owner.chunks(message_id, pieces[3:])
        await owner.complete(message_id, pieces)

    def stored(self, kind: type[object], message_id: str) -> bool:
        wanted = "assistant_complete" if kind is said.AssistantComplete else "model_call_started"
        events = [events_pb2.RunEvent.FromString(row.payload) for row in self.store.rows]
        return any(kind_of(event) == wanted and message_of(event) == message_id for event in events)

    async def rest(self) -> None:
        match self.faults.pop() if self.faults else "none":
            case "step":
                await asyncio.sleep(0)
            case "nap":
                await asyncio.sleep(0.03)
            case "long_nap":
                await asyncio.sleep(0.7)
            case "wipe":
                self.tail.wipe()
            case "down":
                self.tail.set_down(True)
            case "up":
                self.tail.set_down(False)
            case "join":
                self.join()
            case "join_restless":
                self.join(restless=True)
            case "cut":
                self.cut()
            case "postgres_down" | "postgres_up" as fault:
                self.store.down = fault == "postgres_down"
            case "stale" if self.stale is not None and not self.stored(said.AssistantComplete, self.stale_message):
                self.stale.emit(said.TextChunk(self.stale_message, "stale"))
            case "takeover" if not self.store.ended and self.store.epoch < 4:
                raise TakenOver
            case "hold":
                await asyncio.sleep(0.25)

    def join(self, *, restless: bool = False) -> None:
        view = View()
        self.views.append(view)
        self.watching.append(self.tasks.start_once("view", lambda: self.watch(view, restless=restless)))

    def cut(self) -> None:
        """The newest viewer's connection breaks, and it resumes."""
        self.watching[-1].cancel()
        self.watching[-1] = self.tasks.start_once("view", lambda view=self.views[-1]: self.watch(view))  # type: ignore[misc]

    async def watch(self, view: View, *, restless: bool = False) -> None:
        """A restless viewer hangs up after two events, each time."""
        while not view.ended:
            try:
                async with aclosing(self.reader.watch(RUN, view.last_id)) as payloads:
                    if restless:
                        view.add(await anext(payloads), most=2)
                        await asyncio.sleep(0.01)
                    else:
                        await view.watch(payloads)
            except Unavailable:
                await asyncio.sleep(0.05)

    def _on_fenced(self) -> None:
        self.fenced += 1


async def simulate(faults: list[str]) -> Simulation:
    async with Supervisor() as tasks:
        simulation = Simulation(faults, tasks)
        await simulation.play()
        await asyncio.sleep(0)  # tasks that were just begun are cancelled in their first turn, not before it
    return simulation


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(FAULTS), min_size=20, max_size=80))
def test_every_viewer_sees_a_right_stream(faults: list[str]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        simulation = runner.run(simulate(faults))
    for view in simulation.views:
        check(view, simulation.store)
