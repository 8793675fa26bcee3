"""Who may call what of threads."""

from __future__ import annotations

from services.kit.policy import PolicyTable, Rule

_READ = Rule(users=True, idempotent=True, rate="read")
_SHARED_READ = Rule(users=True, anonymous=True, idempotent=True, rate="read")
_WRITE = Rule(users=True, rate="write")
_REPEATABLE_WRITE = Rule(users=True, idempotent=True, rate="write")
_FOR_RUNS = Rule(exposure="internal", services={"agent"}, deadline_s=10, idempotent=True)

POLICY = PolicyTable(
    "mesh.threads.v1",
    {
        "Threads": {
            "CreateThread": _WRITE,
            "GetThread": _SHARED_READ,
            "ListThreads": _READ,
            "UpdateThread": _REPEATABLE_WRITE,
            "DeleteThread": _REPEATABLE_WRITE,
            "SearchThreads": _READ,
            "ListMessages": _SHARED_READ,
            "AddMessage": _WRITE,
            "GetProject": _SHARED_READ,
            "DeleteProject": _REPEATABLE_WRITE,
            "CreateProjectThread": _WRITE,
        },
        "ThreadsRest": {
            "ListThreads": _READ,
            "ListProjectThreads": _READ,
            "ListMessages": _SHARED_READ,
            "AddMessage": _WRITE,
        },
        "ThreadsInternal": {
            "EnsureThread": Rule(exposure="internal", services={"agent", "gateway"}, deadline_s=10, idempotent=True),
            "AppendMessages": _FOR_RUNS,
            "LoadContext": _FOR_RUNS,
            "CheckAccess": Rule(
                exposure="internal",
                services={"agent", "sandbox", "tools", "gateway"},
                deadline_s=5,
                idempotent=True,
            ),
            "CountThreads": Rule(exposure="internal", services={"gateway", "billing"}, deadline_s=5, idempotent=True),
        },
    },
)
