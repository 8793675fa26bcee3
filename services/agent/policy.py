"""Who may call which RPC of the agent."""

from __future__ import annotations

from typing import Final

from services.kit.policy import PolicyTable, Rule

_READ: Final = Rule(users=True, deadline_s=10, idempotent=True, rate="read")
_WRITE: Final = Rule(users=True, deadline_s=10, rate="write")
_REPEATABLE_WRITE: Final = Rule(users=True, deadline_s=10, idempotent=True, rate="write")
_SEE: Final = Rule(users=True, role="admin", deadline_s=10, idempotent=True, rate="read")
_ACT: Final = Rule(users=True, role="admin", deadline_s=30, idempotent=True, rate="write")
_GATEWAY: Final = frozenset({"gateway"})

POLICY: Final = PolicyTable(
    "mesh.agent.v1",
    {
        "AgentRuns": {
            "StartRun": Rule(users=True, deadline_s=20, idempotent=False, rate="start"),
            "StopRun": Rule(users=True, deadline_s=10, idempotent=True, rate="write"),
            "GetRun": _READ,
            "GetRunStatus": _READ,
            "GetRunSummary": _READ,
            "ListActiveRuns": _READ,
            "ListThreadRuns": _READ,
            "WatchRun": Rule(users=True, anonymous=True, deadline_s=None, idempotent=True, rate="stream"),
        },
        "Agents": {
            "ListAgents": _READ,
            "CreateAgent": _WRITE,
            "GetAgent": _READ,
            "UpdateAgent": _REPEATABLE_WRITE,
            "DeleteAgent": _REPEATABLE_WRITE,
        },
        "AgentsRest": {
            "ListAgents": _READ,
            "CreateAgent": _WRITE,
            "GetAgent": _READ,
            "UpdateAgent": _REPEATABLE_WRITE,
        },
        "AgentsInternal": {
            "CountAgents": Rule(exposure="internal", services=_GATEWAY, deadline_s=5, idempotent=True),
        },
        "AgentAdmin": {
            "GetDashboard": _SEE,
            "GetHealth": Rule(users=True, anonymous=True, deadline_s=5, idempotent=True, rate="read"),
            "ListActiveThreads": _SEE,
            "ListStuckRuns": _SEE,
            "GetRunDetail": _SEE,
            "ResumeRun": _ACT,
            "CompleteRun": _ACT,
            "FailRun": _ACT,
            "SweepRuns": _ACT,
            "FlushOutbox": _ACT,
            "ListDeadLetters": _SEE,
            "RetryDeadLetter": _ACT,
            "DiscardDeadLetter": _ACT,
            "PurgeDeadLetters": _ACT,
            "GetWalStats": _SEE,
            "ListCircuitBreakers": _SEE,
            "ResetCircuitBreakers": _ACT,
            "ListRateLimiters": _SEE,
            "GetBackpressure": _SEE,
            "GetMetricsHistory": _SEE,
        },
        "AgentAdminRest": {
            "ListStuckRuns": _SEE,
            "ListDeadLetters": _SEE,
            "ListCircuitBreakers": _SEE,
            "ListRateLimiters": _SEE,
            "GetMetrics": _SEE,
        },
        "AgentInternal": {
            "ListModels": Rule(exposure="internal", services=_GATEWAY, deadline_s=5, idempotent=True),
            "ListRecentRuns": Rule(exposure="internal", services=_GATEWAY, deadline_s=5, idempotent=True),
            "CountActiveRuns": Rule(exposure="internal", services=_GATEWAY, deadline_s=5, idempotent=True),
            "StopThreadRuns": Rule(
                exposure="internal", services=frozenset({"threads"}), deadline_s=10, idempotent=True
            ),
            "GetRunStats": Rule(exposure="internal", services=_GATEWAY, deadline_s=5, idempotent=True),
        },
    },
)
WORKER_POLICY: Final = PolicyTable("mesh.agent.v1", {})
"""A worker answers health alone."""
