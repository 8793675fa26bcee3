"""The supervisor with fake processes and a fake clock."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import replace

import pytest

from services.cli.errors import CliError, PartFailedError
from services.cli.identity import ProcessId
from services.cli.parts import UNNOTICED, Part, StopStep
from services.cli.process import Exit
from services.cli.restart import RestartPolicy
from services.cli.supervisor import Supervisor

POLICY = RestartPolicy(first_pause=0.5, longest_pause=4.0, deaths=3, window=60.0)


class FakeTime:
    """Time that passes only when somebody sleeps, and then at once."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0)


class FakeProcess:
    """Runs until it is told to end."""

    def __init__(self, part: Part, world: World) -> None:
        self.part = part
        self.pid = len(world.processes) + 1
        self.identity: ProcessId | None = ProcessId(self.pid, 0)
        self._world = world
        self._ended: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()

    async def wait(self) -> Exit:
        return await asyncio.shield(self._ended)

    async def stop(self, steps: tuple[StopStep, ...]) -> Exit:
        self._world.said.append(f"stop {self.part.name}")
        self._world.stops.append((self.part.probe, steps))
        self.end(0)
        return await self.wait()

    def kill(self) -> None:
        self.end(-signal.SIGKILL)

    def end(self, code: int) -> None:
        if not self._ended.done():
            self._ended.set_result(Exit(code))


class World:
    """Everything outside of the supervisor: processes, health, and who listens."""

    def __init__(self) -> None:
        self.processes: list[FakeProcess] = []
        self.said: list[str] = []
        self.stops: list[tuple[str, tuple[StopStep, ...]]] = []
        self.healthy_parts: set[str] = set()
        self.on_spawn: Callable[[FakeProcess], None] = lambda process: None
        self._changed = asyncio.Event()

    async def spawn(self, part: Part) -> FakeProcess:
        process = FakeProcess(part, self)
        self.processes.append(process)
        self._say(f"start {part.name}")
        self.on_spawn(process)
        return process

    async def probe(self, address: str) -> bool:
        return address in self.healthy_parts

    async def until(self, said: str, times: int = 1) -> None:
        async with asyncio.timeout(5):
            while self.said.count(said) < times:
                self._changed.clear()
                await self._changed.wait()

    def last(self, name: str) -> FakeProcess:
        return next(process for process in reversed(self.processes) if process.part.name == name)

    def starting(self, part: Part, process: ProcessId | None) -> None: ...

    def healthy(self, part: Part, after: float) -> None:
        self._say(f"healthy {part.name}")

    def late(self, part: Part, after: float) -> None:
        self._say(f"late {part.name}")

    def died(self, part: Part, how: str, restart_in: float, deaths: int) -> None:
        self._say(f"died {part.name} {how} again in {restart_in}")

    def replaced(self, part: Part, process: ProcessId | None, after: float) -> None:
        self._say(f"replaced by {part.probe}")

    def stopped(self, part: Part, how: str) -> None: ...

    def _say(self, text: str) -> None:
        self.said.append(text)
        self._changed.set()


def part(name: str, *needs: str, layer: int = 0, final: int = 99) -> Part:
    codes = frozenset({final})
    return Part(name=name, argv=(), env={}, probe=name, needs=frozenset(needs), layer=layer, final_codes=codes)


class Running:
    """A supervisor at work on some parts."""

    def __init__(self, world: World, *parts: Part) -> None:
        self.stop = asyncio.Event()
        self.supervisor = Supervisor(
            parts,
            spawn=world.spawn,
            probe=world.probe,
            time=FakeTime(),
            watcher=world,
            policy=POLICY,
            health_timeout=10.0,
        )
        self._task = asyncio.ensure_future(self.supervisor.run(self.stop))

    async def ends(self) -> None:
        await asyncio.wait_for(self._task, 5)


async def test_a_part_starts_when_what_it_needs_is_healthy() -> None:
    world = World()
    mesh = Running(world, part("service", "storage"), part("storage"))
    await world.until("start storage")
    assert "start service" not in world.said

    world.healthy_parts = {"storage", "service"}
    await mesh.supervisor.all_healthy()
    mesh.stop.set()
    await mesh.ends()

    assert world.said.index("healthy storage") < world.said.index("start service")


async def test_parts_stop_by_layer_the_highest_first() -> None:
    world = World()
    world.healthy_parts = {"bottom", "middle", "top"}
    mesh = Running(world, part("bottom"), part("top", layer=2), part("middle", layer=1))
    await mesh.supervisor.all_healthy()

    mesh.stop.set()
    await mesh.ends()

    assert [text for text in world.said if text.startswith("stop")] == ["stop top", "stop middle", "stop bottom"]


async def test_a_part_that_dies_is_started_again_with_growing_pauses() -> None:
    world = World()
    world.healthy_parts = {"service"}
    mesh = Running(world, part("service"))
    await world.until("healthy service")

    world.last("service").end(-signal.SIGKILL)
    await world.until("healthy service", times=2)
    world.last("service").end(3)
    await world.until("healthy service", times=3)
    mesh.stop.set()
    await mesh.ends()

    assert "died service killed by SIGKILL again in 0.5" in world.said
    assert "died service exited with code 3 again in 1.0" in world.said


async def test_a_part_that_keeps_dying_ends_the_mesh_and_the_rest_is_stopped() -> None:
    world = World()
    world.healthy_parts = {"storage"}
    world.on_spawn = lambda process: process.end(7) if process.part.name == "service" else None
    mesh = Running(world, part("storage"), part("service", "storage", layer=1))

    with pytest.raises(
        PartFailedError, match="service died 3 times in 60 s; the last time it exited with code 7"
    ) as failure:
        await mesh.ends()

    assert failure.value.part == "service"
    assert world.said[-1] == "stop storage"
    assert world.said.count("start service") == POLICY.deaths


async def test_a_final_exit_code_is_not_tried_again() -> None:
    world = World()
    world.on_spawn = lambda process: process.end(2)
    mesh = Running(world, part("service", final=2))

    with pytest.raises(PartFailedError):
        await mesh.ends()

    assert world.said.count("start service") == 1


async def test_a_part_that_never_becomes_healthy_is_ended_and_counts_as_dead() -> None:
    world = World()
    mesh = Running(world, part("service"))

    with pytest.raises(PartFailedError):
        await mesh.ends()

    assert world.said.count("late service") == POLICY.deaths
    assert mesh.supervisor.not_yet_healthy() == ["service"]


async def test_a_preparation_that_fails_ends_the_mesh() -> None:
    async def fails() -> None:
        raise CliError("no room")

    world = World()
    unprepared = Part(name="storage", argv=(), env={}, probe="storage", prepare=fails)
    mesh = Running(world, unprepared)

    with pytest.raises(CliError, match="no room"):
        await mesh.ends()
    assert world.processes == []


def twins() -> Part:
    """A part that may run twice."""
    return replace(part("service"), twin=replace(part("service"), probe="twin"), leave=UNNOTICED)


async def test_a_part_with_a_twin_ends_only_when_the_twin_is_healthy() -> None:
    world = World()
    world.healthy_parts = {"service", "twin"}
    mesh = Running(world, twins())
    await world.until("healthy service")

    await mesh.supervisor.restart("service")

    assert world.said == ["start service", "healthy service", "start service", "replaced by twin", "stop service"]
    assert world.stops == [("service", UNNOTICED)]
    mesh.stop.set()
    await mesh.ends()
    assert [probe for probe, _ in world.stops] == ["service", "twin"]


async def test_the_next_restart_goes_back_to_the_first_addresses_and_a_death_stays_at_those_of_now() -> None:
    world = World()
    world.healthy_parts = {"service", "twin"}
    mesh = Running(world, twins())
    await world.until("healthy service")

    await mesh.supervisor.restart("service")
    world.last("service").end(-signal.SIGKILL)
    await world.until("healthy service", times=2)
    assert world.last("service").part.probe == "twin"
    await mesh.supervisor.restart("service")

    assert world.last("service").part.probe == "service"
    mesh.stop.set()
    await mesh.ends()


async def test_where_the_twin_dies_at_its_start_the_old_one_goes_on() -> None:
    world = World()
    world.healthy_parts = {"service"}
    mesh = Running(world, twins())
    await world.until("healthy service")
    world.on_spawn = lambda process: process.end(1)

    with pytest.raises(CliError, match="the old one goes on"):
        await mesh.supervisor.restart("service")

    assert not world.stops
    mesh.stop.set()
    await mesh.ends()
    assert [probe for probe, _ in world.stops] == ["service"]


async def test_a_part_without_a_twin_is_ended_and_started_again_at_once() -> None:
    world = World()
    world.healthy_parts = {"service"}
    mesh = Running(world, part("service"))
    await world.until("healthy service")

    await mesh.supervisor.restart("service")

    assert world.said == ["start service", "healthy service", "stop service", "start service", "healthy service"]
    mesh.stop.set()
    await mesh.ends()


async def test_a_mesh_that_is_stopped_during_a_restart_leaves_neither_process() -> None:
    world = World()
    world.healthy_parts = {"service"}
    mesh = Running(world, twins())
    await world.until("healthy service")
    restart = asyncio.ensure_future(mesh.supervisor.restart("service"))
    await world.until("start service", times=2)

    restart.cancel()
    await asyncio.wait([restart])
    mesh.stop.set()
    await mesh.ends()

    for process in world.processes:
        await asyncio.wait_for(process.wait(), 1)
