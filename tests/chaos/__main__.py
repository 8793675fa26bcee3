"""`python -m tests.chaos [--seed S] [--faults N] [--round R] [--quick] [--write [PLACE]]`: prints the table; exits 1 on
any violation, and where something else that is asked of such a run (gates.py) is not met."""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager

from tests.chaos import report
from tests.chaos.campaign import Load, Round, play
from tests.chaos.faults import CLOCKS, CROWDED, contention, everywhere, rolling, schedule, wrong_clocks
from tests.chaos.findings import Violation
from tests.chaos.gates import KILLS, Asked, gates
from tests.chaos.scenario import ROLLING, Fault
from tests.chaos.stage import LEASES, Stage, staged
from tests.chaos.visitor import Visitor, visited

PER_ROUND = 60
CROWD = 10
"""Workers of the last round but one, which contend for leases."""
_FAULTS = 1100
_PLACES = ("chaos", "calm", "calm-defaults")
"""Of docs/reliability.md."""
_ONCE_MORE = 5
"""How many places are tried for a kind that was felt nowhere."""


class Campaign:
    """All rounds, or the one that is asked for. `kinds`: all that it may inject."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._asked = arguments
        self._leases = {} if arguments.defaults else LEASES
        self.kinds: set[str] = set()
        self.rounds: list[Round] = []

    async def run(self) -> None:
        """From the first round to the last."""
        async with staged(self._asked.workers, self._leases) as stage:
            faults = self._meant(everywhere(stage, quick=self._asked.quick))
            chapters = self._chapters(self._meant(rolling(stage)), faults)
            for number, chapter in enumerate(chapters, start=1):
                await self._play(stage, number, chapter)
            await self._play(stage, len(chapters) + 1, self._felt_nowhere(faults))
        if not self._asked.quick:
            await self._apart(staged(CROWD, self._leases), len(chapters) + 2, CROWDED, lambda _: contention())
            clocks = staged(leases=self._leases, moving_clocks=True)
            await self._apart(clocks, len(chapters) + 3, CLOCKS, wrong_clocks)

    async def _apart(
        self,
        own: AbstractAsyncContextManager[Stage],
        number: int,
        kinds: Iterable[str],
        of: Callable[[Stage], Iterable[Fault]],
    ) -> None:
        """A round with a mesh of its own; none where it is not asked for, as `--only` says by the name of its kind."""
        only = self._asked.only
        if self._asked.round in (0, number) and any(only in kind or kind in only for kind in kinds):
            async with own as stage:
                await self._play(stage, number, self._meant(of(stage)))

    def _meant(self, faults: Iterable[Fault]) -> list[Fault]:
        """Those that `--only` means."""
        meant = [fault for fault in faults if self._asked.only in f"{fault.kind}: {fault.where}"]
        self.kinds.update(fault.kind for fault in meant)
        return meant

    def _chapters(self, first: list[Fault], faults: Sequence[Fault]) -> list[list[Fault]]:
        """What each round injects; the first one is the rolling restart, of a mesh to which nothing happened yet."""
        number = self._asked.faults or (len(faults) if self._asked.only else _FAULTS)
        planned = schedule(faults, random.Random(self._asked.seed), number)
        rounds = [planned[start : start + PER_ROUND] for start in range(0, len(planned), PER_ROUND)]
        return [first, *rounds] if first else rounds

    def _felt_nowhere(self, faults: Sequence[Fault]) -> list[Fault]:
        """Some more of each kind that nobody has felt: only its places may have been unlucky."""
        felt = {kind for played in self.rounds for kind in played.log.injected}
        dice = random.Random(f"{self._asked.seed}:again")
        again = [[fault for fault in faults if fault.kind == kind] for kind in sorted(self.kinds - felt)]
        return [fault for places in again for fault in dice.sample(places, min(len(places), _ONCE_MORE))]

    async def _play(self, stage: Stage, number: int, faults: list[Fault]) -> None:
        """One round, told as it passes."""
        if not faults or self._asked.round not in (0, number):
            return
        load = Load(self._asked.people, self._asked.hands, self._asked.calm)
        async with visited(stage, random.Random(f"{self._asked.seed}:{number}:visitor")) as visitor:
            played = await play(stage, self._asked.seed, number, faults, load)
        _witnessed(played, visitor)
        print(report.line(played), file=sys.stderr, flush=True)
        self.rounds.append(played)


def _witnessed(played: Round, visitor: Visitor) -> None:
    """Adds what the visitor was answered, and what faults themselves have seen."""
    figures = played.figures
    figures.violations += played.log.violations
    figures.violations += [Violation("client", "", f"{count} x {what}") for what, count in visitor.wrong.items()]
    if set(played.log.injected) == {ROLLING}:
        figures.violations += [Violation("I24", "", f"{count} x {what}") for what, count in visitor.refused.items()]
    figures.refusals += visitor.refused


def main() -> None:
    """Parses, runs, reports."""
    arguments = _parsed()
    print(f"seed {arguments.seed}", file=sys.stderr, flush=True)
    began = time.monotonic()
    campaign = Campaign(arguments)
    asyncio.run(campaign.run())
    passed = list(gates(_asked(arguments, campaign.kinds), campaign.rounds))
    if arguments.calm:
        text = report.timed(arguments.seed, campaign.rounds, passed)
    else:
        text = report.table(arguments.seed, campaign.rounds, time.monotonic() - began, passed)
    print(text)
    if arguments.write:
        report.write(text, arguments.write)
    if not all(gate.is_met for gate in passed):
        sys.exit(1)


def _asked(arguments: argparse.Namespace, kinds: set[str]) -> Asked:
    """What can be asked of such a run."""
    is_part = bool(arguments.only or arguments.round)
    leases = "as people have them" if arguments.defaults else "short"
    return Asked(
        kinds=() if arguments.round else kinds,
        whole=not (is_part or arguments.quick),
        leases=leases if arguments.calm and arguments.only == KILLS else "",
        quick=arguments.quick,
    )


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--faults", type=int, help=f"{_FAULTS}; with --only: each once")
    parser.add_argument("--round", type=int, default=0, help="this round alone")
    parser.add_argument("--only", default="", help="faults whose kind or place has this in it")
    parser.add_argument("--people", type=int, default=Load.people, help="stories at once")
    parser.add_argument("--hands", type=int, default=Load.hands, help="faults at once")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument(
        "--calm", action="store_true", help="one fault at a time, each met by a mesh that is well; times"
    )
    parser.add_argument("--defaults", action="store_true", help="leases as people have them; for --only 'kill -9'")
    parser.add_argument("--quick", action="store_true", help="no outage of 20 s, and no mesh of its own for a kind")
    parser.add_argument(
        "--write", nargs="?", const="chaos", choices=_PLACES, help="put the table into docs/reliability.md"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
