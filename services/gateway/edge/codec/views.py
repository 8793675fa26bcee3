"""Messages of the neighbours in the words of REST: the keys that the web client reads, and no others."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import orjson

from services.gateway.edge.domain import Json

_RUN_KEYS = (
    "id",
    "status",
    "started_at",
    "completed_at",
    "error",
    "agent_id",
    "agent_version_id",
    "created_at",
)
_SANDBOX_KEYS = ("id", "pass", "vnc_preview", "sandbox_url", "token")
_MODEL_KEYS = ("id", "name", "provider", "allowed", "context_window", "priority", "recommended")
_MAINTENANCE_KEYS: dict[str, type] = {"startTime": str, "endTime": str}
_ISSUE_KEYS: dict[str, type] = {
    "message": str,
    "description": str,
    "severity": str,
    "affectedServices": list,
    "estimatedResolution": str,
    "statusUrl": str,
}
_UPLOAD_KEYS = (
    "status",
    "created",
    "path",
    "original_filename",
    "final_filename",
    "renamed",
    "sandbox_id",
    "sandbox_created",
)


def _picked(message: Any, names: tuple[str, ...]) -> Json:
    """Fields by name; None where an optional one is absent."""
    return {name: _value(message, name) for name in names}


def _value(message: Any, name: str) -> Any:
    if message.DESCRIPTOR.fields_by_name[name].has_presence and not message.HasField(name):
        return None
    return getattr(message, name)


def _time(message: Any, name: str) -> str | None:
    """A Timestamp as ISO 8601."""
    if not message.HasField(name):
        return None
    return str(getattr(message, name).ToDatetime(tzinfo=UTC).isoformat())


def thread_view(thread: Any) -> Json:
    """A thread with its project, without its sandbox and runs."""
    return {
        "thread_id": thread.thread_id,
        "project_id": thread.project_id,
        "name": thread.name,
        "metadata": orjson.Fragment(thread.metadata_json or "{}"),
        "is_public": thread.is_public,
        "created_at": _time(thread, "created_at"),
        "updated_at": _time(thread, "updated_at"),
        "message_count": thread.message_count,
        "project": project_view(thread.project),
    }


def project_view(project: Any) -> Json:
    """A project, without its sandbox."""
    return {
        "project_id": project.project_id,
        "name": project.name,
        "description": project.description,
        "is_public": project.is_public,
        "icon_name": _value(project, "icon_name"),
        "created_at": _time(project, "created_at"),
        "updated_at": _time(project, "updated_at"),
    }


def sandbox_view(answer: Any) -> Json:
    """A project's sandbox; empty where none was made yet."""
    return _picked(answer.sandbox, _SANDBOX_KEYS) if answer.HasField("sandbox") else {}


def run_view(run: Any) -> Json:
    """One of a thread's newest runs."""
    return _picked(run, _RUN_KEYS)


def model_view(model: Any) -> Json:
    """A model that may be chosen."""
    return {**_picked(model, _MODEL_KEYS), "capabilities": list(model.capabilities)}


def upload_view(answer: Any) -> Json:
    """A stored file."""
    return _picked(answer, _UPLOAD_KEYS)


def credits_view(credit: Any) -> Json:
    """What is left, in credits."""
    refresh = _refresh_view(credit.daily_refresh) if credit.HasField("daily_refresh") else None
    amounts = _picked(credit, ("total", "daily", "monthly", "extra", "can_run"))
    return {**amounts, "daily_refresh": refresh}


def _refresh_view(refresh: Any) -> Json:
    return {
        **_picked(refresh, ("enabled", "daily_amount", "refresh_interval_hours")),
        "last_refresh": _time(refresh, "last_refresh"),
        "next_refresh_at": _time(refresh, "next_refresh_at"),
        "seconds_until_refresh": _value(refresh, "seconds_until_refresh"),
    }


def subscription_view(subscription: Any) -> Json:
    """The plan as it is paid for. There are no trials, commitments or scheduled changes: these keys say so."""
    names = ("tier_key", "tier_display_name", "status", "billing_period", "provider", "subscription_id")
    return {
        **_picked(subscription, names),
        "current_period_end": _time(subscription, "current_period_end"),
        "cancel_at_period_end": subscription.cancel_at_period_end,
        "is_trial": subscription.status == "trialing",
        "trial_status": None,
        "trial_ends_at": None,
        "is_cancelled": subscription.cancel_at_period_end,
        "cancellation_effective_date": (
            _time(subscription, "current_period_end") if subscription.cancel_at_period_end else None
        ),
        "has_scheduled_change": False,
        "scheduled_change": None,
        "commitment": {
            "has_commitment": False,
            "can_cancel": True,
            "commitment_type": None,
            "months_remaining": None,
            "commitment_end_date": None,
        },
        "can_purchase_credits": subscription.can_purchase_credits,
    }


def tier_view(tier: Any) -> Json:
    """The plan as it is offered."""
    return _picked(tier, ("name", "display_name", "monthly_credits", "can_purchase_credits"))


def system_status_view(said: Json) -> Json:
    """The operator's notices, as far as they are of the form that the web client knows; else nothing is wrong."""
    updated_at = said.get("updatedAt")
    return {
        "maintenanceNotice": _notice_view(said.get("maintenanceNotice"), _MAINTENANCE_KEYS),
        "technicalIssue": _notice_view(said.get("technicalIssue"), _ISSUE_KEYS),
        "updatedAt": updated_at if isinstance(updated_at, str) else None,
    }


def _notice_view(notice: Any, keys: dict[str, type]) -> Json:
    if not isinstance(notice, dict) or notice.get("enabled") is not True:
        return {"enabled": False}
    return {"enabled": True, **{key: notice[key] for key, kind in keys.items() if isinstance(notice.get(key), kind)}}
