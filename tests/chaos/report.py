"""The table: what was injected, and what came of it."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Sequence

from tests.chaos.campaign import Round
from tests.chaos.checker import Figures
from tests.chaos.scenario import NEEDS
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


def table(seed: str, rounds: Sequence[Round], seconds: float) -> str:
    """All rounds together, in Markdown."""
    figures = Figures()
    injected: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for chapter in rounds:
        figures.add(chapter.figures)
        injected += chapter.log.injected
        missed += chapter.log.missed
    rows = [("fault", "injected"), *sorted(injected.items()), ("all", injected.total())]
    rows += [(f"{kind} ({why})", "not run") for kind, why in NEEDS.items() if not injected[kind]]
    if missed:
        rows.append(("armed, and its point not reached in time", f"{missed.total()} (not counted)"))
    outcome = [("outcome", "count"), *_outcome(figures)]
    head = f"Seed `{seed}`, {len(rounds)} rounds, {seconds:.0f} s."
    return "\n\n".join([head, markdown(rows), markdown(outcome)])


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
        ("violations of I1-I24, L1-L12", len(figures.violations)),
    ]


def _percentiles(waits: Sequence[float]) -> str:
    if len(waits) < 2:
        return "-"
    p95 = statistics.quantiles(waits, n=20, method="inclusive")[-1]
    return f"{statistics.median(waits):.2f} / {p95:.2f} / {waits[-1]:.2f}"


def markdown(rows: Sequence[tuple[object, object]]) -> str:
    """A table; the first row is its head."""
    lines = [f"| {name} | {value} |" for name, value in rows]
    return "\n".join([lines[0], "|---|---|", *lines[1:]])


def write(text: str, place: str = "chaos") -> None:
    """Replaces a table in docs/reliability.md."""
    begin, end = f"<!-- {place} -->", f"<!-- /{place} -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    PAGE.write_text(pattern.sub(lambda _: f"{begin}\n{text}\n{end}", PAGE.read_text()))
