"""Admits a run: thread, gate and hold, then run and message in one commit. Nothing is answered before it is durable."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

import orjson

from services.agent.domain.run import ALL_TOOLS, QUEUE_LIMIT, Run, RunSpec
from services.agent.errors import AgentNotFound, IdempotencyConflict, ModelNotConfigured, ThreadQueueFull, UnknownModel
from services.agent.llm.errors import ModelUnavailableError
from services.agent.llm.registry import ModelRegistry
from services.agent.ports import Admission, Billing, ChosenAgent, Hints, NewRun, RunStore, ThreadRef, Threads, Tools
from services.agent.use_cases.default_agent import DefaultAgent
from services.agent.use_cases.opening import Opening
from services.agent.use_cases.queue_gauge import QueueGauge
from services.kit.errors import Aborted

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
        return hashlib.sha256(orjson.dumps(body, default=str)).digest()


@dataclass(frozen=True, slots=True)
class StartSettings:
    """`owner`: the process executes what it admits; None: any worker."""

    max_steps: int
    timeout_s: float
    owner: str | None = None
    lease_s: float = 0.0


class StartRun:
    """The use case."""

    def __init__(
        self,
        store: RunStore,
        threads: Threads,
        billing: Billing,
        tools: Tools,
        models: ModelRegistry,
        hints: Hints,
        opening: Opening,
        default_agent: DefaultAgent,
        queue: QueueGauge,
        settings: StartSettings,
        new_id: Callable[[], UUID],
        now: Callable[[], datetime],
        adopt: Callable[[Run, RunSpec], None] | None = None,
    ) -> None:
        self._store = store
        self._threads = threads
        self._billing = billing
        self._tools = tools
        self._models = models
        self._hints = hints
        self._opening = opening
        self._default_agent = default_agent
        self._queue = queue
        self._settings = settings
        self._new_id = new_id
        self._now = now
        self._adopt = adopt

    async def __call__(self, start: Start) -> Run:
        self._queue.admit()
        run_id = uuid5(NAMESPACE, f"{start.account_id}:{start.key}") if start.key else self._new_id()
        thread_id = start.thread_id or (uuid5(run_id, "thread") if start.key else self._new_id())
        for _ in range(ATTEMPTS):
            admission = await self._store.admission(start.account_id, thread_id, start.agent_id, start.key)
            if admission.existing:
                return self._repeated(start, admission)
            agent = admission.agent
            if agent is None:
                await self._look_for_agent(start)
                continue
            model = self._resolve(start.model_name or agent.model)
            thread = await self._threads.ensure(
                start.account_id,
                thread_id,
                start.project_id,
                start.thread_id is None or start.optimistic,
                _title(start),
            )
            if admission.queued_in_thread >= QUEUE_LIMIT:
                raise ThreadQueueFull(
                    "Too many runs wait in this thread", params={"limit": QUEUE_LIMIT}, retry_after_s=5
                )
            run = await self._admit(start, run_id, model, thread, agent, admission)
            if run is not None:
                return run
        raise Aborted("Others start runs in this thread at the same time", retry_after_s=1)

    async def _admit(
        self, start: Start, run_id: UUID, model: str, thread: ThreadRef, agent: ChosenAgent, admission: Admission
    ) -> Run | None:
        """Gate, hold, commit; None: lost a race for the turn or the key."""
        settings = self._settings
        scopes = await self._scopes(agent)
        deadline = self._now() + timedelta(seconds=settings.timeout_s)
        granted = await self._billing.authorize(
            start.account_id, run_id, thread.thread_id, model, admission.running_thread_ids, deadline
        )
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
            claimed_by=None if thread.thread_id in admission.running_thread_ids else settings.owner,
            lease_s=settings.lease_s,
        )
        run = await self._store.admit(self._opening.complete(new))
        if run is not None:
            await self._admitted(run, spec)
        return run

    async def _admitted(self, run: Run, spec: RunSpec) -> None:
        if run.status == "running" and self._adopt is not None:
            self._adopt(run, spec)
        else:
            await self._hints.work()
        await self._opening.relay(run, spec)

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
