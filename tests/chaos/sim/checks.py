"""The invariants over one interleaving. Each violation begins with the name of what it violates."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from math import inf
from uuid import UUID

from mesh.agent.v1 import events_pb2

from services.agent.domain.journal import fold
from services.agent.domain.run import ACTIVE, ATTEMPT_LIMIT, Ending
from tests.chaos.sim.tables import Commit
from tests.chaos.sim.world import Story
from tests.fakes.run_stream import MemoryStore, View, check, place


def violations(story: Story) -> list[str]:
    """All of them, in the order of the invariants."""
    found = [*story.deeds.wrong, *(f"unforeseen: {failure}" for failure in story.failures)]
    for run_id in story.runs:
        commits = [commit for commit in story.tables.commits if commit.run_id == run_id]
        found += _ownership(commits)
        found += _robbed(story, run_id, commits)
        found += _once(commits)
        found += _stopped(story, run_id, commits)
        found += _model_calls(story, run_id, commits)
        found += _paid_calls(story, run_id, commits)
        found += _effects(story, run_id, commits)
        found += _ending(story, run_id)
        found += _attempts(story, run_id, commits)
        found += _deserved(story, run_id, commits)
        found += _kept(story, run_id)
        found += _charged(story, run_id)
        found += _seen(story, run_id)
    return found + list(_one_active(story))


def _ownership(commits: list[Commit]) -> Iterator[str]:
    owners: defaultdict[int, set[str]] = defaultdict(set)
    highest = 0
    for commit in commits:
        if commit.what == "claim" and commit.owner:
            owners[commit.epoch].add(commit.owner)
        if commit.cut_s:
            yield f"I1 {commit.owner} claims while the lease before runs for {commit.cut_s:.2f} s more"
        if commit.epoch < highest:
            yield f"I2 {commit.what} {commit.key} of epoch {commit.epoch} behind epoch {highest}"
        highest = max(highest, commit.epoch)
    claims = Counter(commit.epoch for commit in commits if commit.what == "claim")
    for epoch, count in claims.items():
        if count > 1:
            yield f"I1 epoch {epoch} was claimed {count} times, by {owners[epoch]}"


def _robbed(story: Story, run_id: UUID, commits: list[Commit]) -> Iterator[str]:
    """An outage of Postgres takes no run from an owner that lives through it."""
    epoch, owner = story.owners.get(run_id, (0, ""))
    for commit in commits:
        if commit.what == "claim" and owner in story.lived and commit.epoch == epoch + 1 and commit.owner != owner:
            yield f"outage {commit.owner} takes at {commit.at:.2f} what {owner} has, who lives"


def _one_active(story: Story) -> Iterator[str]:
    active: set[UUID] = set()
    for commit in story.tables.commits:
        (active.add if commit.status in ("running", "waiting") else active.discard)(commit.run_id)
        if len(active) > 1:
            yield f"I3 {len(active)} runs of one thread are active at {commit.at:.2f}"
            return


def _once(commits: list[Commit]) -> Iterator[str]:
    done = Counter(commit.key for commit in commits if commit.what == "result")
    yield from (f"I4 {key} has {count} results" for key, count in done.items() if count > 1)
    over: set[str] = set()
    for commit in commits:
        if commit.what == "intent" and commit.key in over:
            yield f"I4 INTENT of {commit.key} although it, or a part of it, was begun for good"
        if commit.what == "result":
            over.add(commit.key)
        if commit.what == "intent" and ":" in commit.key:  # a step whose tools have begun is not asked again
            over.add(commit.key.partition(":")[0])


def _stopped(story: Story, run_id: UUID, commits: list[Commit]) -> Iterator[str]:
    """What was answered is stored, and holds: for who began by the order of commits, and by the time of the answer."""
    answered = story.stops.get(run_id, inf)
    stopping = False
    for commit in commits:
        if stopping and not commit.stopping:
            yield f"I7 {commit.what} {commit.key} of epoch {commit.epoch} forgets the stop"
        if commit.what == "intent" and (stopping or commit.at > answered):
            yield f"I9 INTENT {commit.key} behind the stop"
        stopping = stopping or commit.what == "stop"
    if answered < inf and not stopping:
        yield f"I7 the stop that was answered at {answered:.2f} is stored nowhere"


def _model_calls(story: Story, run_id: UUID, commits: list[Commit]) -> Iterator[str]:
    intents: defaultdict[str, list[Commit]] = defaultdict(list)
    for commit in commits:
        if commit.what == "intent":
            intents[f"{run_id}:{commit.key}"].append(commit)
    asked: defaultdict[str, list[float]] = defaultdict(list)
    for call in story.deeds.asked:
        if call.step.startswith(str(run_id)):
            asked[call.step].append(call.at)
    for step, times in asked.items():
        for number, at in enumerate(times):
            if number >= len(intents[step]) or at < intents[step][number].at:
                yield f"I6 {step} is asked for the {number + 1}. time without an INTENT"


def _paid_calls(story: Story, run_id: UUID, commits: list[Commit]) -> Iterator[str]:
    """A step is paid for once, and once more for each take-over that met it without a RESULT; by one owner once."""
    met: Counter[str] = Counter()
    begun: set[str] = set()
    for commit in commits:
        if commit.what == "intent" and ":" not in commit.key:
            begun.add(commit.key)
        elif commit.what == "result":
            begun.discard(commit.key)
        elif commit.what == "claim":
            met.update(begun)
    paid = [call for call in story.deeds.asked if call.paid and call.step.startswith(str(run_id))]
    for step, count in Counter(call.step.partition(":")[2] for call in paid).items():
        if count > 1 + met[step]:
            yield f"I5 step {step} is paid for {count} times, and {met[step]} take-overs met it"
    for (step, epoch), count in Counter((call.step, call.epoch) for call in paid).items():
        if count > 1:
            yield f"I5 {step} is paid for {count} times in epoch {epoch}"


def _effects(story: Story, run_id: UUID, commits: list[Commit]) -> Iterator[str]:
    begun: dict[str, float] = {}
    for commit in commits:
        if commit.what == "intent":
            begun.setdefault(f"{run_id}:{commit.key}", commit.at)
    for at, key in story.deeds.effects:
        begins = begun.get(":".join(key.split(":")[:3]), at + 1)
        if key.startswith(str(run_id)) and begins > at:
            yield f"I6 the effect of {key} came without its INTENT"
    effects = [":".join(key.split(":")[:3]) for _, key in story.deeds.effects if key.startswith(str(run_id))]
    wanted = {f"{run}:{step}:{ordinal}" for run, step, ordinal in story.tables.calls if run == run_id}
    yield from (f"I4 {key} has {count} effects" for key, count in Counter(effects).items() if count > 1)
    for (owner, step, ordinal), call in story.tables.calls.items():
        if owner == run_id and call.success and f"{run_id}:{step}:{ordinal}" not in effects:
            yield f"I7 {step}:{ordinal} is told to have succeeded and had no effect"
    if len(effects) > len(wanted) and not any(commit.what == "stop" for commit in commits):
        yield f"I4 {len(effects)} effects of {len(wanted)} calls"


def _ending(story: Story, run_id: UUID) -> Iterator[str]:
    row = story.tables.runs[run_id]
    events = [events_pb2.RunEvent.FromString(event.payload) for event in story.tables.events[run_id]]
    ends = [event.HasField("run_ended") for event in events]
    if row.run.status in ACTIVE:
        yield f"I8 still {row.run.status}, attempt {row.attempt}, epoch {row.run.epoch}"
    elif sum(ends) != 1 or not ends[-1]:
        yield f"I8 {row.run.status}, its terminals {ends}"
    elif events[-1].run_ended.status != row.run.status:
        yield f"I8 the row is {row.run.status}, its terminal {events[-1].run_ended.status}"


def _attempts(story: Story, run_id: UUID, commits: list[Commit]) -> Iterator[str]:
    """At most five claims in vain; who was given up had them all, by a fault each, and has its dead letter."""
    in_vain, letters, poisoned = 0, story.tables.letters.count(run_id), _poisoned(story, run_id)
    for commit in commits:
        in_vain += {"claim": 1, "release": -1, "result": -in_vain}.get(commit.what, 0)
        if commit.what == "claim" and in_vain > ATTEMPT_LIMIT:
            yield f"I18 attempt {in_vain}"
    if letters != poisoned:
        yield f"I18 {letters} dead letters, poisoned: {poisoned}"
    if poisoned and (in_vain < ATTEMPT_LIMIT or story.fate.happened.total() < ATTEMPT_LIMIT):
        yield f"I8 given up as poison after {in_vain} claims in vain and {story.fate.happened.total()} faults"


def _deserved(story: Story, run_id: UUID, commits: list[Commit]) -> Iterator[str]:
    """A run ends as its script, its journal and its people say: a take-over ends nothing."""
    row = story.tables.runs[run_id]
    steps = sum(run == run_id for run, _ in story.tables.steps)
    move = fold(story.tables.load(run_id), row.spec.max_steps).move
    match row.run.status:
        case "completed" if not isinstance(move, Ending) or move.status != "completed":
            yield f"I8 completed, and its journal goes on with {type(move).__name__}"
        case "failed" if not _poisoned(story, run_id) and not _fails_by_itself(row.spec.prompt, steps):
            yield f"I8 failed in step {steps} of {row.spec.prompt}"
        case "stopped" if all(commit.what != "stop" for commit in commits):
            yield "I8 stopped, and nobody asked for it"


def _fails_by_itself(script: str, steps: int) -> bool:
    """Whether the model was told to fail, in the step that was the last one."""
    return "[[fail 400]]" in script and steps == script.count("[[step]]") + 1


def _poisoned(story: Story, run_id: UUID) -> bool:
    last = events_pb2.RunEvent.FromString(story.tables.events[run_id][-1].payload)
    return last.run_ended.reason == "poison"


def _kept(story: Story, run_id: UUID) -> Iterator[str]:
    """What was acknowledged or shown is at threads."""
    rows = story.deeds.rows
    times: Counter[tuple[str, str]] = Counter()
    if not any(row.run_id == str(run_id) and row.type == "user" for row in rows.values()):
        yield "I7 the user's message is lost"
    for event in story.tables.events[run_id]:
        told = events_pb2.RunEvent.FromString(event.payload)
        kind = told.WhichOneof("event")
        if kind not in ("assistant_complete", "tool_started", "tool_completed", "tool_finished", "step_finished"):
            continue
        message_id = getattr(told, kind).message_id
        times[kind, message_id] += 1
        if kind in ("assistant_complete", "tool_completed") and message_id not in rows:
            yield f"I7 {kind} {message_id} is no row at threads"
    yield from (f"I11 {kind} {row} is told {count} times" for (kind, row), count in times.items() if count > 1)


def _charged(story: Story, run_id: UUID) -> Iterator[str]:
    done = {step for run, step in story.tables.steps if run == run_id and story.tables.steps[run, step].state == "done"}
    posts = Counter(
        post.charge.step_no
        for post in story.deeds.posts.values()
        if post.run_id == str(run_id) and not post.charge.wasted
    )
    if set(posts) != done or any(count > 1 for count in posts.values()):
        yield f"I15 steps {sorted(done)} are done, charges {dict(posts)}"
    if not story.deeds.released[str(run_id)]:
        yield "I16 its hold was never given back"


def _seen(story: Story, run_id: UUID) -> Iterator[str]:
    stored = MemoryStore()
    stored.rows = sorted(story.tables.events[run_id])
    for view in story.views[run_id]:
        if not view.ended:
            yield "I8 a viewer got no terminal"
            continue
        try:
            check(view, stored)
        except AssertionError as wrong:
            yield f"I10-I12 {' '.join(str(wrong).split())[:120]}"
        yield from _told_in_order(view)


def _told_in_order(view: View) -> Iterator[str]:
    started: set[str] = set()
    for event in view.events:
        if event.HasField("tool_started"):
            started.add(event.tool_started.tool_call_id)
        if event.HasField("tool_completed") and event.tool_completed.tool_call_id not in started:
            yield f"I11 the result at {place(event)} is of what never began"
