"""One claimed run: puts its parts together, runs it to its end, gives it back when this worker leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from services.agent.domain.journal import Journal, OwedRow, fold
from services.agent.domain.run import Claim
from services.agent.engine.conversation import ContextManager
from services.agent.engine.courier import Courier
from services.agent.engine.interrupt import Interrupt, Interrupted
from services.agent.engine.log import RunLog
from services.agent.engine.ownership import RunOwnership
from services.agent.engine.patience import until_stored
from services.agent.engine.policy import ToolPolicy
from services.agent.engine.purse import Purse
from services.agent.engine.runner import AgentRunner
from services.agent.engine.state import RunState
from services.agent.errors import Fenced
from services.agent.llm.registry import ModelRegistry
from services.agent.ports import (
    AnnounceEnd,
    Billing,
    Hints,
    JournalStore,
    OutboxStore,
    OwnershipStore,
    Publisher,
    Recall,
    Threads,
    Tools,
    Wal,
)
from services.agent.use_cases.opening import OPENING_SEQ, opening_payload
from services.kit.context import acting_for
from services.kit.tasks import Supervisor

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """What every run of a worker is made of."""

    ownership: OwnershipStore
    journal: JournalStore
    outbox: OutboxStore
    threads: Threads
    billing: Billing
    tools: Tools
    recall: Recall
    wal: Wal
    models: ModelRegistry
    context: ContextManager
    hints: Hints
    announce: AnnounceEnd
    publisher: Callable[[Claim, Supervisor, Callable[[], None]], Publisher]
    mark: Callable[[Iterable[tuple[UUID, int]]], None]
    new_id: Callable[[], UUID]
    now: Callable[[], datetime]
    tool_policy: ToolPolicy
    native_tools: bool
    reasoning_effort: str | None
    max_output_tokens: int


class Execution:
    """A run in this worker's hands."""

    def __init__(self, claim: Claim, parts: Parts, ownership: RunOwnership) -> None:
        self.claim = claim
        self._parts = parts
        self._ownership = ownership
        loop = asyncio.get_running_loop()
        self.interrupt = Interrupt(loop.time() + claim.seconds_left)
        if claim.stop_reason:
            self.interrupt.trigger(claim.stop_reason)
        self._log: RunLog | None = None
        self._kept: dict[str, bytes] = {}

    @property
    def finishing(self) -> bool:
        """Whether its terminal is being written, or was."""
        return self._log is not None and self._log.finishing

    @property
    def unwritten(self) -> bool:
        """Whether it holds a result until Postgres is back."""
        return self._log is not None and self._log.unwritten

    async def run(self) -> None:
        """Executes the run; writes nothing once it is fenced."""
        run = self.claim.run
        with acting_for(str(run.account_id), run_id=str(run.run_id), epoch=run.epoch):
            try:
                async with Supervisor() as tasks:
                    await self._run(tasks)
            except* Fenced:  # the supervisor's group wraps it
                log.warning("run.fenced", run_id=str(run.run_id), epoch=run.epoch)

    async def _run(self, tasks: Supervisor) -> None:
        claim, parts = self.claim, self._parts
        main = asyncio.current_task()
        assert main is not None

        def fenced() -> None:
            main.cancel()

        publisher = parts.publisher(claim, tasks, fenced)
        courier = Courier(
            (claim.run_id, claim.run.account_id),
            parts.threads,
            parts.billing,
            parts.outbox,
            parts.mark,
            self.interrupt.trigger,
        )
        courier.start(tasks)
        journal = await self._journal(courier)
        state = self._state(publisher, courier, journal)
        more = False
        try:
            more = await AgentRunner(state, parts.context).run(fold(journal, claim.spec.max_steps))
        except Interrupted:
            await publisher.close()
            if await self._ownership.release(claim):
                log.info("run.handed_over", run_id=str(claim.run_id), epoch=claim.epoch)
                await parts.hints.work()
            return
        await publisher.close()
        await courier.charges_settled(1.0)
        if more:
            await parts.hints.work()

    async def _journal(self, courier: Courier) -> Journal:
        """What earlier owners left; a first owner only makes sure of the opening rows."""
        claim = self.claim
        if not claim.may_have_journal:
            payload = opening_payload(claim.run, claim.spec)
            courier.hold(OwedRow(OPENING_SEQ, "messages", payload))
            return Journal()
        journal = await until_stored(lambda: self._parts.journal.load(claim.run_id))
        for row in journal.owed:
            courier.add(row)
        if any(step.state == "started" for step in journal.steps):
            self._kept = await self._parts.wal.read(claim.run_id)
        log.info("run.taken_over", run_id=str(claim.run_id), epoch=claim.epoch, steps=len(journal.steps))
        return journal

    def _state(self, publisher: Publisher, courier: Courier, journal: Journal) -> RunState:
        claim, parts = self.claim, self._parts
        purse = Purse(claim, parts.billing, parts.max_output_tokens)
        purse.fold(journal)
        self._log = RunLog(
            claim.run, parts.journal, publisher, courier, parts.wal, bool(self._kept), self._ownership.fresh
        )
        return RunState(
            claim=claim,
            log=self._log,
            purse=purse,
            interrupt=self.interrupt,
            model=parts.models.resolve(claim.spec.model),
            tools=parts.tools,
            recall=parts.recall,
            kept=self._kept,
            native_tools=parts.native_tools,
            reasoning_effort=parts.reasoning_effort,
            tool_policy=parts.tool_policy,
            new_id=parts.new_id,
            now=parts.now,
        )
