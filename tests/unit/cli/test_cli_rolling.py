"""Orderly restarts, part by part."""

from __future__ import annotations

from pathlib import Path

from services.cli.errors import CliError
from services.cli.rolling import RestartRequest, Rolling
from services.cli.state import RestartStatus


class FakeSupervisor:
    """Can restart all but one."""

    def __init__(self, broken: str = "") -> None:
        self.restarted: list[str] = []
        self._broken = broken

    async def restart(self, name: str) -> None:
        if name == self._broken:
            raise CliError(f"the new {name} does not become healthy")
        self.restarted.append(name)


async def told(supervisor: FakeSupervisor, *parts: str) -> list[RestartStatus]:
    """What is said of a restart of these parts."""
    said: list[RestartStatus] = []
    await Rolling(Path("nowhere"), supervisor, said.append).do(RestartRequest(7, parts))
    return said


async def test_parts_are_restarted_one_after_the_other() -> None:
    supervisor = FakeSupervisor()

    said = await told(supervisor, "threads", "edge")

    assert supervisor.restarted == ["threads", "edge"]
    assert [status.left for status in said] == [("threads", "edge"), ("edge",), ()]
    assert not any(status.failure for status in said)


async def test_the_first_part_that_does_not_come_up_ends_the_restart() -> None:
    supervisor = FakeSupervisor(broken="billing")

    said = await told(supervisor, "threads", "billing", "edge")

    assert supervisor.restarted == ["threads"]
    assert said[-1] == RestartStatus(7, (), "the new billing does not become healthy")
