"""Who may call what of billing."""

from __future__ import annotations

from services.kit.policy import PolicyTable, Rule

_READ = Rule(users=True, idempotent=True, rate="read")
_RUN = Rule(exposure="internal", services={"agent"}, deadline_s=10, idempotent=True)

POLICY = PolicyTable(
    "mesh.billing.v1",
    {
        "Accounts": {
            "ListAccounts": _READ,
            "GetUserRole": _READ,
            "InitializeAccount": Rule(users=True, idempotent=True, rate="write"),
        },
        "Billing": {
            "GetAccountState": _READ,
            "ListCreditUsage": _READ,
            "ListTransactions": _READ,
        },
        "BillingInternal": {
            "AuthorizeRun": _RUN,
            "ExtendHold": _RUN,
            "SettleRun": _RUN,
            "GetPrice": _RUN,
            "GetPlanLimits": Rule(
                exposure="internal", services={"threads", "agent", "gateway"}, deadline_s=5, idempotent=True
            ),
            "LookupRole": Rule(
                exposure="internal",
                services={"agent", "threads", "sandbox", "tools", "gateway"},
                deadline_s=5,
                idempotent=True,
            ),
        },
    },
)
