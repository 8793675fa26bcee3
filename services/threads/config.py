"""What threads is told from outside."""

from __future__ import annotations

from typing import ClassVar

from services.kit.config import MeshSettings


class Settings(MeshSettings):
    """Settings of threads."""

    service: ClassVar[str] = "threads"
    required: ClassVar[tuple[str, ...]] = (
        "database_url",
        "mesh_billing_url",
        "mesh_agent_url",
        "mesh_sandbox_url",
    )

    mesh_plan_cache_s: float = 30.0
    """Seconds for which a plan's limits are believed; lower notices a new plan sooner and asks billing more often."""

    mesh_search_poll_s: float = 1.0
    """Seconds between looks for messages that can not be found yet: how far the search is behind what is written."""

    mesh_notice_poll_s: float = 5.0
    """Seconds between looks for notices of deletions that other processes left; own ones are delivered at once."""
