"""Who may call the edge. Its RPCs are REST: the gateway renders no gRPC routes for them."""

from __future__ import annotations

from services.kit.policy import PolicyTable, Rule

EDGE = "mesh.gateway.v1"

POLICY = PolicyTable(
    EDGE,
    {
        "Edge": {
            "StartAgentRun": Rule(users=True, rate="start", deadline_s=600),
            "StreamAgentRun": Rule(users=True, anonymous=True, idempotent=True, rate="stream"),
            "CreateThread": Rule(users=True, rate="write"),
            "GetThread": Rule(users=True, anonymous=True, idempotent=True, rate="read"),
            "UpdateThread": Rule(users=True, idempotent=True, rate="write"),
            "GetProject": Rule(users=True, anonymous=True, idempotent=True, rate="read"),
            "GetAccountState": Rule(users=True, idempotent=True, rate="read"),
            "UploadSandboxFile": Rule(users=True, rate="write", deadline_s=600),
            "UploadProjectFile": Rule(users=True, rate="write", deadline_s=600),
            "ReplaceSandboxFile": Rule(users=True, rate="write", deadline_s=600),
            "UpdatePresence": Rule(users=True, idempotent=True, rate="write"),
            "GetSystemStatus": Rule(users=True, anonymous=True, idempotent=True, rate="read"),
            "Prewarm": Rule(users=True, idempotent=True, rate="read"),
            "Health": Rule(users=True, anonymous=True, idempotent=True, deadline_s=5),
            "HealthDocker": Rule(users=True, anonymous=True, idempotent=True, deadline_s=10),
            "Metrics": Rule(users=True, role="admin", idempotent=True, rate="read"),
            "Debug": Rule(users=True, role="admin", idempotent=True, rate="read"),
            "DebugRedis": Rule(users=True, role="admin", idempotent=True, rate="read"),
        },
        "Docs": {
            "GetOpenApi": Rule(users=True, anonymous=True, idempotent=True, rate="read"),
            "GetDocsPage": Rule(users=True, anonymous=True, idempotent=True, rate="read"),
            "GetDocsAsset": Rule(users=True, anonymous=True, idempotent=True, rate="read"),
        },
    },
)
