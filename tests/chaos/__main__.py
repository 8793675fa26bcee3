"""`python -m tests.chaos [--seed S] [--faults N] [--round R] [--quick] [--write]`: prints the table; exits 1 on any
violation."""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager

from tests.chaos import report
from tests.chaos.campaign import Load, Round, play
from tests.chaos.scenario import Fault, contention, rolling, schedule, wrong_clocks
from tests.chaos.stage import LEASES, Stage, staged

PER_ROUND = 60
CROWD = 10
"""Workers of the last round but one, which contend for leases."""


async def campaign(arguments: argparse.Namespace) -> list[Round]:
    """All rounds, or the one that is asked for."""
    leases = {} if arguments.defaults else LEASES
    async with staged(arguments.workers, leases) as stage:
        told = chapters(stage, arguments)
        rounds = [
            await chapter(stage, arguments, number, faults)
            for number, faults in enumerate(told, start=1)
            if arguments.round in (0, number)
        ]
    if not arguments.quick:
        crowded = staged(CROWD, leases)
        rounds += await apart(crowded, arguments, len(told) + 1, lambda _: contention())
        rounds += await apart(staged(leases=leases, moving_clocks=True), arguments, len(told) + 2, wrong_clocks)
    return rounds


async def apart(
    own: AbstractAsyncContextManager[Stage],
    arguments: argparse.Namespace,
    number: int,
    of: Callable[[Stage], Iterable[Fault]],
) -> list[Round]:
    """A round with a mesh of its own; none where it is not asked for."""
    if arguments.round not in (0, number):
        return []
    async with own as stage:
        faults = chosen(of(stage), arguments)
        return [await chapter(stage, arguments, number, faults)] if faults else []


async def chapter(stage: Stage, arguments: argparse.Namespace, number: int, faults: list[Fault]) -> Round:
    """One round, told as it passes."""
    load = Load(arguments.people, arguments.hands, arguments.calm)
    played = await play(stage, arguments.seed, number, faults, load)
    print(report.line(played), file=sys.stderr, flush=True)
    return played


def chapters(stage: Stage, arguments: argparse.Namespace) -> list[list[Fault]]:
    """What each round injects; the first one is the rolling restart, of a mesh to which nothing happened yet."""
    faults = chosen(schedule(stage, random.Random(arguments.seed), arguments.faults, quick=arguments.quick), arguments)
    first = [] if arguments.only else list(rolling(stage))
    rounds = [faults[start : start + PER_ROUND] for start in range(0, len(faults), PER_ROUND)]
    return [first, *rounds] if first else rounds


def chosen(faults: Iterable[Fault], arguments: argparse.Namespace) -> list[Fault]:
    """Those that `--only` means."""
    return [fault for fault in faults if arguments.only in f"{fault.kind}: {fault.where}"]


def main() -> None:
    """Parses, runs, reports."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--faults", type=int, default=1100)
    parser.add_argument("--round", type=int, default=0, help="this round alone")
    parser.add_argument("--only", default="", help="faults whose kind or place has this in it")
    parser.add_argument("--people", type=int, default=Load.people, help="stories at once")
    parser.add_argument("--hands", type=int, default=Load.hands, help="faults at once")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--calm", action="store_true", help="one fault at a time, each met by a mesh that is well")
    parser.add_argument("--defaults", action="store_true", help="leases as people have them; for --only 'kill -9'")
    parser.add_argument("--quick", action="store_true", help="no outage of 20 s")
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", file=sys.stderr, flush=True)
    began = time.monotonic()
    rounds = asyncio.run(campaign(arguments))
    text = report.table(arguments.seed, rounds, time.monotonic() - began)
    print(text)
    if arguments.write:
        report.write(text)
    if any(chapter.figures.violations for chapter in rounds):
        sys.exit(1)


if __name__ == "__main__":
    main()
