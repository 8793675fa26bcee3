"""Credits, subscription, models, limits and tier in one, as the web client's pages start with."""

from __future__ import annotations

import asyncio

from services.gateway.edge.domain import Json
from services.gateway.edge.ports import Account, Billing, Runs, Threads

# Custom MCP servers and triggers do not exist yet, so nobody has one.
_NONE_YET = 0


class ShowAccountState:
    """Billing knows the plan, agent the models and the runs, threads the rest."""

    def __init__(self, billing: Billing, runs: Runs, threads: Threads) -> None:
        self._billing = billing
        self._runs = runs
        self._threads = threads

    async def __call__(self, account_id: str, skip_cache: bool) -> Json:
        account, models, running, agents, (projects, threads) = await asyncio.gather(
            self._billing.account(skip_cache),
            self._runs.models(),
            self._runs.running_count(account_id),
            self._runs.agent_count(account_id),
            self._threads.counts(account_id),
        )
        return {
            "credits": account.credits,
            "subscription": account.subscription,
            "models": models,
            "limits": _limits(account, running, agents, projects, threads),
            "tier": account.tier,
            "_cache": {"cached": False, **({"local_mode": True} if account.local_mode else {"ttl_seconds": 0})},
        }


def _limits(account: Account, running: int, agents: int, projects: int, threads: int) -> Json:
    tier, most = {"tier_name": account.tier_name}, account.limits
    running_limit = most.get("max_concurrent_runs", 0)
    return {
        "projects": {**_held("current", projects, "max", most.get("max_projects", 0)), **tier},
        "threads": {**_held("current", threads, "max", most.get("max_threads", 0)), **tier},
        "concurrent_runs": {
            "running_count": running,
            "limit": running_limit,
            "can_start": running < running_limit,
            **tier,
        },
        "ai_worker_count": {**_counted(most.get("max_agents", 0), agents), **tier},
        "custom_mcp_count": {**_counted(most.get("max_custom_mcps", 0)), **tier},
        "trigger_count": {
            "scheduled": _counted(most.get("max_scheduled_triggers", 0)),
            "app": _counted(most.get("max_app_triggers", 0)),
            **tier,
        },
    }


def _held(count_key: str, count: int, limit_key: str, limit: int) -> Json:
    return {count_key: count, limit_key: limit, "can_create": count < limit}


def _counted(limit: int, count: int = _NONE_YET) -> Json:
    return _held("current_count", count, "limit", limit)
