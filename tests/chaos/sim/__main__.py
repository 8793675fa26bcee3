"""`python -m tests.chaos.sim [--seed S] [--interleavings N]`: plays them, then hunts every planted bug; prints both."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections import Counter

from tests.chaos.sim.bugs import BUGS, Bug, hunt
from tests.chaos.sim.checks import violations
from tests.chaos.sim.world import play

TRIES = 1000
FAULTS = 4


def main() -> None:
    """Exits 1 where an interleaving violates something, or a planted bug is not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.sim", description=__doc__)
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--interleavings", type=int, default=5000)
    arguments = parser.parse_args()
    broken = simulate(arguments.seed, arguments.interleavings)
    missed = [row for row in map(_hunted, BUGS) if "not found" in row]
    if broken or missed:
        sys.exit(1)


def simulate(seed: str, interleavings: int) -> int:
    """Plays so many; how many violated something."""
    began = time.monotonic()
    faults: Counter[str] = Counter()
    broken = 0
    for number in range(interleavings):
        story = play(f"{seed} {number}", FAULTS)
        faults += story.fate.happened
        if found := violations(story):
            broken += 1
            print(f"seed '{seed} {number}': {found[:3]}", flush=True)
    rate = interleavings / (time.monotonic() - began) * 60
    print(
        f"{interleavings} interleavings, {rate:.0f} a minute, {faults.total()} faults {dict(faults)}, {broken} broken\n"
    )
    print("| planted bug | weakness | found after | as |\n|---|---|---|---|")
    return broken


def _hunted(bug: Bug) -> str:
    number, found = hunt(bug, TRIES)
    named = [violation for violation in found if violation.startswith(bug.breaks)]
    row = f"| {bug.name} | {bug.weakness or ''} | {number} | {bug.breaks if named else 'not found'} |"
    print(row, flush=True)
    return row


if __name__ == "__main__":
    main()
