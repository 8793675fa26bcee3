"""Admits a run: thread, gate and hold, then run and message in one commit. Nothing is answered before it is durable."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

import orjson
import structlog

from services.agent.codec.rows import encode_charges
from services.agent.domain.run import ALL_TOOLS, QUEUE_LIMIT, OnConflict, Run, RunSpec
from services.agent.errors import (
    AgentNotFound,
    IdempotencyConflict,
    ModelNotConfigured,
    ThreadBusy,
    ThreadQueueFull,
    UnknownModel,
)
from services.agent.llm.errors import ModelUnavailableError
from services.agent.llm.registry import ModelRegistry
from services.agent.ports import (
    Admission,
    Admitted,
    Billing,
    ChosenAgent,
    Executor,
    NewRun,
    RunStore,
    StartWindow,
    ThreadRef,
    Threads,
    Tools,
)
from services.agent.use_cases.default_agent import DefaultAgent
from services.agent.use_cases.opening import Opening
from services.agent.use_cases.queue_gauge import QueueGauge
from services.kit.errors import Aborted, DeadlineExceeded, MeshError, Unavailable

log = structlog.get_logger()

ATTEMPTS: Final = 5
"""Tries to get the next turn of a thread that others want too."""
NAMESPACE: Final = UUID("5b0d1a52-2f0f-4b6e-9a63-0d6f6a5e9f11")
"""Of run ids that are derived from an idempotency key, as their threads' are: a retry asks for the same hold."""


@dataclass(frozen=True, slots=True)
class Start:
    """What was asked for."""

    account_id: UUID
    prompt: str
    thread_id: UUID | None = None
    project_id: UUID | None = None
    model_name: str | None = None
    agent_id: UUID | None = None
    optimistic: bool = False
    mode: str | None = None
    memory_enabled: bool | None = None
    idempotency_key: str | None = None
    max_steps: int | None = None
    on_conflict: OnConflict | None = None

    @property
    def key(self) -> str | None:
        """What makes a retry the same run."""
        if self.idempotency_key:
            return f"key:{self.idempotency_key}"
        return f"thread:{self.thread_id}" if self.optimistic and self.thread_id else None

    @property
    def digest(self) -> bytes:
        """Of all that a retry must repeat."""
        ids = [self.thread_id, self.project_id, self.agent_id]
        body = [self.prompt, *ids, self.model_name, self.mode, self.memory_enabled, self.max_steps]
        if self.on_conflict:
            body.append(self.on_conflict)
        return hashlib.sha256(orjson.dumps(body, default=str)).digest()


@dataclass(frozen=True, slots=True)
class StartSettings:
    """What runs are admitted with."""

    max_steps: int
    timeout_s: float
    on_conflict: OnConflict = "enqueue"
    lease_s: float = 0.0


class Attempt:
    """A start on its way: the id that its run would have, and how far it came."""

    def __init__(self, run_id: UUID, room: ExitStack) -> None:
        self.run_id = run_id
        self.room = room
        """Keeps the start's place in the queue until it ends."""
        self.generation = 0
        self.passed = False
        """By the queue and the account's window."""
        self.holds = False
        """Credits, under that id."""

    def next(self, run_id: UUID) -> None:
        """The hold under the id before was given back by an earlier try with the same key."""
        self.run_id = run_id
        self.generation += 1


class StartRun:
    """The use case."""

    def __init__(
        self,
        store: RunStore,
        threads: Threads,
        billing: Billing,
        tools: Tools,
        models: ModelRegistry,
        tell_workers: Callable[[], None],
        opening: Opening,
        default_agent: DefaultAgent,
        queue: QueueGauge,
        window: StartWindow,
        interrupt: Callable[[UUID], Awaitable[None]],
        settings: StartSettings,
        new_id: Callable[[], UUID],
        now: Callable[[], datetime],
        executor: Executor | None = None,
    ) -> None:
        """`executor`: executes what is admitted here, where it has room; None: any worker does."""
        self._store = store
        self._threads = threads
        self._billing = billing
        self._tools = tools
        self._models = models
        self._tell_workers = tell_workers
        self._opening = opening
        self._default_agent = default_agent
        self._queue = queue
        self._window = window
        self._interrupt = interrupt
        self._settings = settings
        self._new_id = new_id
        self._now = now
        self._executor = executor

    async def __call__(self, start: Start) -> Run:
        with ExitStack() as room:
            return await self._start(start, Attempt(self._run_id(start, 0), room))

    async def _start(self, start: Start, attempt: Attempt) -> Run:
        if start.key is None:  # no repeat of anything: refused without asking storage
            await self._pass(start, attempt)
        thread_id = start.thread_id or (uuid5(attempt.run_id, "thread") if start.key else self._new_id())
        try:
            return await self._tries(start, thread_id, attempt)
        except MeshError as refused:
            # Of a storage that went away it is not known whether it admitted the run.
            if attempt.holds and not isinstance(refused, Unavailable | DeadlineExceeded):
                await self._give_back(start, thread_id, attempt.run_id)
            raise

    async def _tries(self, start: Start, thread_id: UUID, attempt: Attempt) -> Run:
        for _ in range(ATTEMPTS):
            run = await self._try(start, thread_id, attempt)
            if run is not None:
                return run
        raise Aborted("Others start runs in this thread at the same time", retry_after_s=1)

    def _run_id(self, start: Start, generation: int) -> UUID:
        if start.key is None:
            return self._new_id()
        return uuid5(NAMESPACE, f"{start.account_id}:{start.key}" + (f":{generation}" if generation else ""))

    async def _try(self, start: Start, thread_id: UUID, attempt: Attempt) -> Run | None:
        """None: once more."""
        admission = await self._store.admission(start.account_id, thread_id, start.agent_id, start.key)
        if admission.existing:
            return self._repeated(start, admission)
        await self._pass(start, attempt)
        agent = admission.agent
        if agent is None:
            await self._look_for_agent(start)
            return None
        model = self._resolve(start.model_name or agent.model)
        thread = await self._threads.ensure(
            start.account_id,
            thread_id,
            start.project_id,
            start.thread_id is None or start.optimistic,
            _title(start),
        )
        self._check_room(start, admission)
        return await self._admit(start, attempt, model, thread, agent, admission)

    async def _pass(self, start: Start, attempt: Attempt) -> None:
        """Queue and window, once for all tries."""
        if attempt.passed:
            return
        attempt.passed = True
        attempt.room.enter_context(self._queue.admitting())
        await self._window.admit(start.account_id, attempt.run_id)

    def _check_room(self, start: Start, admission: Admission) -> None:
        if self._on_conflict(start) == "reject" and admission.busy_with:
            raise ThreadBusy(
                "The thread has a run that has not ended", params={"active_run_id": str(admission.busy_with)}
            )
        if admission.queued_in_thread >= QUEUE_LIMIT:
            raise ThreadQueueFull("Too many runs wait in this thread", params={"limit": QUEUE_LIMIT}, retry_after_s=5)

    def _on_conflict(self, start: Start) -> OnConflict:
        return start.on_conflict or self._settings.on_conflict

    async def _give_back(self, start: Start, thread_id: UUID, run_id: UUID) -> None:
        """Ends the hold of a run that was not admitted.

        Another start with the same key may have been let in by the same hold and be admitted in this moment: its
        charges come out of the account's other credits then, as any that exceed a hold.
        """
        payload = encode_charges(start.account_id, run_id, thread_id, [], release=True)
        try:
            if await self._store.get(run_id) is None:
                await self._billing.deliver(start.account_id, payload)
        except MeshError as away:  # the hold ends by itself, an hour after the deadline
            log.warning("run.hold_not_released", run_id=str(run_id), reason=away.reason)

    async def _admit(
        self,
        start: Start,
        attempt: Attempt,
        model: str,
        thread: ThreadRef,
        agent: ChosenAgent,
        admission: Admission,
    ) -> Run | None:
        """Gate, hold, commit; None: lost a race."""
        settings = self._settings
        scopes = await self._scopes(agent)
        deadline = self._now() + timedelta(seconds=settings.timeout_s)
        account_id, active = start.account_id, admission.active
        while (
            granted := await self._billing.authorize(
                account_id, attempt.run_id, thread.thread_id, model, active, deadline
            )
        ).ended:
            attempt.next(self._run_id(start, attempt.generation + 1))
        attempt.holds, run_id = True, attempt.run_id
        spec = RunSpec(
            prompt=start.prompt,
            prompt_message_id=uuid5(run_id, "prompt"),
            model=model,
            max_steps=start.max_steps or settings.max_steps,
            price=granted.price,
            held=granted.held,
            scopes=scopes,
            fresh_thread=thread.created,
            mode=start.mode,
            memory_enabled=start.memory_enabled,
            system_prompt=agent.system_prompt,
        )
        new = NewRun(
            run_id=run_id,
            account_id=start.account_id,
            thread_id=thread.thread_id,
            project_id=thread.project_id,
            agent=agent,
            turn=admission.next_turn,
            spec=spec,
            seconds=settings.timeout_s,
            request_hash=start.digest,
            idempotency_key=start.key,
            ack=b"",
            message=b"",
            on_conflict=self._on_conflict(start),
            lease_s=settings.lease_s,
        )
        new = self._opening.complete(new)
        admitted = await self._commit(new, None if admission.busy_with else self._executor)
        if admitted is None:
            return None
        if new.on_conflict == "interrupt":
            await self._interrupt_before(admitted)
        if admitted.run.status == "queued":
            self._tell_workers()
        await self._opening.relay(new)
        return admitted.run

    async def _commit(self, new: NewRun, executor: Executor | None) -> Admitted | None:
        """Writes it down; it begins here in the same statement where `executor` has room, else it is queued."""
        if executor is None:
            return await self._store.admit(new)
        with executor.room() as owner:
            admitted = await self._store.admit(replace(new, claimed_by=owner))
            if admitted and owner:
                executor.adopt(admitted.run, new.spec, new.seconds)
            return admitted

    async def _interrupt_before(self, admitted: Admitted) -> None:
        """Carries out the stop that was committed with the admission: without this the run's owner finds it, or who
        claims it. A run that came to the thread's head in that moment was not seen, and is stopped here."""
        interrupted = admitted.interrupted
        try:
            if interrupted is None:
                before = await self._store.list_of_thread(admitted.run.thread_id, QUEUE_LIMIT + 1, admitted.run.turn)
                live = [(run.status == "queued", run.turn, run.run_id) for run in before if run.is_active]
                interrupted = min(live)[2] if live else None
            if interrupted:
                await self._interrupt(interrupted)
        except MeshError as away:
            by = str(admitted.run.run_id)
            log.warning("run.interruption_left_to_its_owner", run_id=str(interrupted), by=by, reason=away.reason)

    def _resolve(self, name: str | None) -> str:
        try:
            return self._models.resolve(name).name
        except ModelUnavailableError as refused:
            if refused.variable:
                raise ModelNotConfigured(refused.message, params={"variable": refused.variable}) from None
            raise UnknownModel.of("model_name", refused.message) from None

    async def _look_for_agent(self, start: Start) -> None:
        """An agent that was named is not there; an account's default one is made."""
        if start.agent_id is not None:
            raise AgentNotFound(start.agent_id)
        await self._default_agent(start.account_id)

    async def _scopes(self, agent: ChosenAgent) -> tuple[str, ...]:
        """What the run may call: all tools, or each one that the agent has not switched off."""
        if not agent.disabled_tools:
            return (ALL_TOOLS,)
        known = {function.tool for function in (await self._tools.catalogue()).values()}
        return tuple(f"{ALL_TOOLS}:{tool}" for tool in sorted(known - agent.disabled_tools))

    @staticmethod
    def _repeated(start: Start, admission: Admission) -> Run:
        existing = admission.existing
        assert existing is not None
        if existing.request_hash != start.digest:
            raise IdempotencyConflict(
                "The same idempotency key came with another body", params={"idempotency_key": start.key}
            )
        return existing.run


def _title(start: Start) -> str:
    """A project's first name: the beginning of the first message."""
    line = " ".join(start.prompt.split())
    return line[:60] or "New Project"
