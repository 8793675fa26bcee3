"""Who may call what of sandbox."""

from __future__ import annotations

from services.kit.policy import PolicyTable, Rule

_SHARED_READ = Rule(users=True, anonymous=True, idempotent=True, rate="read")
_REPEATABLE_WRITE = Rule(users=True, idempotent=True, rate="write")
_FILES = {"tools", "gateway"}

POLICY = PolicyTable(
    "mesh.sandbox.v1",
    {
        "Sandboxes": {
            "GetProjectSandbox": _SHARED_READ,
            "GetSandboxStatus": _SHARED_READ,
            "StartSandbox": _REPEATABLE_WRITE,
            "StopSandbox": _REPEATABLE_WRITE,
            "AnnounceUploads": Rule(users=True, rate="write"),
            "CompleteUploads": Rule(users=True, rate="write"),
            "CreateSshToken": Rule(users=True, rate="write"),
            "ListFiles": _SHARED_READ,
            "ReadFile": _SHARED_READ,
            "WriteFile": _REPEATABLE_WRITE,
            "DeleteFile": _REPEATABLE_WRITE,
            "UploadFile": Rule(users=True, rate="write", deadline_s=600),
            "ExecuteCommand": Rule(users=True, rate="write", deadline_s=150),
        },
        "SandboxHistory": {
            "ListTree": _SHARED_READ,
            "ListVersions": _SHARED_READ,
            "GetCommit": _SHARED_READ,
            "ReadVersion": _SHARED_READ,
            "RevertFiles": Rule(users=True, rate="write", deadline_s=60),
        },
        "SandboxInternal": {
            "EnsureSandbox": Rule(exposure="internal", services=_FILES, deadline_s=10, idempotent=True),
            "DeleteProjectSandbox": Rule(exposure="internal", services={"threads"}, deadline_s=60, idempotent=True),
            "RunProcess": Rule(exposure="internal", services={"tools"}, idempotent=True),
            "GetProcess": Rule(exposure="internal", services={"tools"}, deadline_s=5, idempotent=True),
            "KillProcess": Rule(exposure="internal", services={"tools"}, deadline_s=30, idempotent=True),
            "ReadProjectFile": Rule(exposure="internal", services=_FILES, deadline_s=60, idempotent=True),
            "ChangeProjectFile": Rule(exposure="internal", services={"tools"}, deadline_s=30, idempotent=True),
            "ListProjectFiles": Rule(exposure="internal", services={"tools"}, deadline_s=30, idempotent=True),
            "CountPendingUploads": Rule(exposure="internal", services={"tools"}, deadline_s=5, idempotent=True),
        },
    },
)
