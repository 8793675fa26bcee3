"""`python -m tests.chaos.sim [--seed S] [--interleavings N] [--write]`: plays them, then hunts every planted bug.

Prints both; `--write` puts the table of bugs into docs/reliability.md.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections import Counter

from tests.chaos import report
from tests.chaos.sim.bugs import BUGS, Bug, hunt
from tests.chaos.sim.checks import violations
from tests.chaos.sim.world import play

TRIES = 1000
FAULTS = 4
HEAD = "| planted bug | weakness | found after | as |\n|---|---|---|---|"


def main() -> None:
    """Exits 1 where an interleaving violates something, or a planted bug is not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.sim", description=__doc__)
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--interleavings", type=int, default=5000)
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    arguments = parser.parse_args()
    broken = simulate(arguments.seed, arguments.interleavings)
    print(HEAD)
    rows = [_hunted(bug) for bug in BUGS]
    if arguments.write:
        report.write("\n".join([HEAD, *rows]), "sim")
    if broken or any("not found" in row for row in rows):
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
    return broken


def _hunted(bug: Bug) -> str:
    number, found = hunt(bug, TRIES)
    named = [violation for violation in found if violation.startswith(bug.breaks)]
    row = f"| {bug.name} | {bug.weakness or ''} | {number} | {bug.breaks if named else 'not found'} |"
    print(row, flush=True)
    return row


if __name__ == "__main__":
    main()
