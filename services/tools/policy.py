"""Who may call what of tools."""

from __future__ import annotations

from services.kit.policy import PolicyTable, Rule

_AGENT = frozenset({"agent"})

POLICY = PolicyTable(
    "mesh.tools.v1",
    {
        "Tools": {
            "ListCatalogue": Rule(users=True, deadline_s=5, idempotent=True, rate="read"),
        },
        "ToolsInternal": {
            "ListTools": Rule(exposure="internal", services={"agent", "gateway"}, deadline_s=5, idempotent=True),
            "ExecuteTool": Rule(exposure="internal", services=_AGENT, idempotent=True),
            "GetExecution": Rule(exposure="internal", services=_AGENT, deadline_s=5, idempotent=True),
            "CancelExecution": Rule(exposure="internal", services=_AGENT, deadline_s=60, idempotent=True),
            "ForgetThreads": Rule(exposure="internal", services=_AGENT, deadline_s=10, idempotent=True),
        },
    },
)
