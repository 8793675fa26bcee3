"""Journal records as tests want them: everything has a plausible value, and each test names what it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.agent.domain.journal import CallRecord, StepRecord
from services.agent.domain.run import Claim, Price, Run, RunSpec

RUN_ID = UUID("10000000-0000-4000-8000-000000000000")
ACCOUNT_ID = UUID("20000000-0000-4000-8000-000000000000")
THREAD_ID = UUID("30000000-0000-4000-8000-000000000000")
NOW = datetime(2026, 1, 2, tzinfo=UTC)
PRICE = Price("v1", input_rate=10**6, output_rate=2 * 10**6, cached_rate=10**5, cache_write_rate=3 * 10**6)


def step(number: int = 1, **values: Any) -> StepRecord:
    """A step that is done, unless said otherwise."""
    made = StepRecord(
        number,
        1,
        "done",
        UUID(int=number),
        UUID(int=1000 + number),
        "v1",
        held=0,
        hold_ordinal=0,
        finish_reason="stop",
        text="Hello",
    )
    return replace(made, **values)


def started(number: int = 1) -> StepRecord:
    """A step whose owner died before its RESULT."""
    return step(number, state="started", finish_reason=None, text=None)


def call(step_no: int = 1, ordinal: int = 0, **values: Any) -> CallRecord:
    """A call that is done and went well, unless said otherwise."""
    made = CallRecord(
        step_no,
        ordinal,
        "done",
        f"call_{ordinal}",
        "echo",
        '{"a":1}',
        UUID(int=2000 + 10 * step_no + ordinal),
        success=True,
        output_json='{"a":1}',
        content='{"a":1}',
    )
    return replace(made, **values)


def claim(**spec: Any) -> Claim:
    """A run in its first owner's hands."""
    project_id, agent_id, version_id = (UUID(int=n) for n in (91, 92, 93))
    run = Run(RUN_ID, ACCOUNT_ID, THREAD_ID, project_id, agent_id, version_id, 1, "mock-ai", "running", 1, NOW, NOW)
    given: dict[str, Any] = {"prompt_message_id": UUID(int=94), "max_steps": 25, "price": PRICE, "held": 1000}
    return Claim(run, RunSpec("Hi", model="mock-ai", **(given | spec)), None, 1, 60.0)
