"""The table: what was injected, and what came of it."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Sequence

from tests.chaos.campaign import Round
from tests.chaos.checker import Figures
from tests.chaos.faults import NEEDS
from tests.chaos.gates import Gate, p95
from tests.chaos.scenario import by_kind
from tests.support.mesh import CHECKOUT

PAGE = CHECKOUT / "docs" / "reliability.md"


def line(chapter: Round) -> str:
    """One round, as it passes."""
    figures = chapter.figures
    text = (
        f"round {chapter.number}: {chapter.log.injected.total()} faults ({chapter.log.missed.total()} not reached),"
        f" {figures.runs} runs, {figures.steps} steps, {len(figures.violations)} violations, {chapter.seconds:.0f} s"
    )
    return "\n".join([text, *(f"    {v.invariant} {v.run_id} {v.what}" for v in figures.violations)])


def table(seed: str, rounds: Sequence[Round], seconds: float, passed: Sequence[Gate]) -> str:
    """All rounds together, in Markdown."""
    done, missed, figures = _summed(rounds)
    injected, tried = by_kind(done), by_kind(missed)
    rows = [("fault", "injected"), *((kind, injected[kind]) for kind in sorted({*injected, *tried}))]
    rows.append(("all", injected.total()))
    rows += [(f"{kind} ({why})", "not run") for kind, why in NEEDS.items() if not injected[kind]]
    rows += [
        (f"{kind}: not reached, or nothing passed by, in time", f"{tried[kind]} (not counted)")
        for kind in sorted(tried)
    ]
    head = f"Seed `{seed}`, {len(rounds)} rounds, {seconds:.0f} s."
    outcome = [("outcome", "count"), *_outcome(figures)]
    parts = [head, markdown(rows), *_never(done, missed), markdown(outcome), asked(passed)]
    return "\n\n".join(parts)


def timed(seed: str, rounds: Sequence[Round], passed: Sequence[Gate]) -> str:
    """The rows of a run that is about time alone."""
    done, _, figures = _summed(rounds)
    waits = sorted(figures.takeovers)
    rows = [
        ("kills", done.total()),
        ("runs", figures.runs),
        ("take-overs timed", len(waits)),
        ("time to take over, p50 / p95 / max, s", _percentiles(waits)),
    ]
    return "\n\n".join([f"Seed `{seed}`.", markdown([("outcome", "count"), *rows]), asked(passed)])


def asked(passed: Sequence[Gate]) -> str:
    """What was asked, and whether it was met."""
    return markdown(
        [("asked", "met"), *((gate.asked, f"{'yes' if gate.is_met else 'NO'}: {gate.met}") for gate in passed)]
    )


def _summed(rounds: Sequence[Round]) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str]], Figures]:
    done: Counter[tuple[str, str]] = Counter()
    missed: Counter[tuple[str, str]] = Counter()
    figures = Figures()
    for chapter in rounds:
        done += chapter.log.done
        missed += chapter.log.missed
        figures.add(chapter.figures)
    return done, missed, figures


def _never(done: Counter[tuple[str, str]], missed: Counter[tuple[str, str]]) -> list[str]:
    """Faults that were tried and never felt, by kind and place."""
    never = sorted(set(missed) - set(done))
    return [f"Tried and never felt: {'; '.join(': '.join(place) for place in never)}."] if never else []


def _outcome(figures: Figures) -> list[tuple[str, object]]:
    waits, handed = sorted(figures.takeovers), sorted(figures.handovers)
    endings = ", ".join(f"{count} {ending}" for ending, count in sorted(figures.endings.items()))
    effects = ", ".join(f"{count} {kind}" for kind, count in sorted(figures.effects.items()))
    refusals = ", ".join(f"{count} {answer}" for answer, count in figures.refusals.most_common())
    repaid = f"{figures.repaid / figures.takeovers_met:.2f}" if figures.takeovers_met else "-"
    return [
        ("runs", f"{figures.runs}: {endings}"),
        ("steps", figures.steps),
        ("acknowledged writes", figures.promises),
        ("lost", figures.lost),
        ("effects of tools", f"{figures.effects.total()}: {effects}"),
        ("duplicate effects", figures.duplicate_effects),
        ("zombie writes accepted", figures.zombie_writes),
        ("charges", figures.charges),
        ("double charges", figures.double_charges),
        ("drift, micro-credits", figures.drift),
        ("take-overs timed", len(waits)),
        ("time to take over, p50 / p95 / max, s", _percentiles(waits)),
        (f"hand-over of a live run ({len(handed)}), p50 / p95 / max, s", _percentiles(handed)),
        ("model calls", figures.model_calls),
        ("re-paid model calls per take-over that met a started call", repaid),
        ("re-paid within an epoch, because the answer broke off", figures.repaid_within),
        ("hang-ups and resumes of viewers", figures.hangups),
        ("calls refused for the moment, and repeated by the client", f"{figures.refusals.total()}: {refusals}"),
        ("violations of I1-I16, I18, I19, I24, L1-L4, L6, L9-L11", len(figures.violations)),
    ]


def _percentiles(waits: Sequence[float]) -> str:
    if not waits:
        return "-"
    return f"{statistics.median(waits):.2f} / {p95(waits):.2f} / {waits[-1]:.2f}"


def markdown(rows: Sequence[tuple[object, object]]) -> str:
    """A table; the first row is its head."""
    lines = [f"| {name} | {value} |" for name, value in rows]
    return "\n".join([lines[0], "|---|---|", *lines[1:]])


def write(text: str, place: str = "chaos") -> None:
    """Replaces a table in docs/reliability.md."""
    begin, end = f"<!-- {place} -->", f"<!-- /{place} -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    PAGE.write_text(pattern.sub(lambda _: f"{begin}\n{text}\n{end}", PAGE.read_text()))
