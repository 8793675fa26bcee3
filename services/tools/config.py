"""What tools can be told from outside."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from services.kit.config import MeshSettings


class Settings(MeshSettings):
    """Tools' settings."""

    service: ClassVar[str] = "tools"
    required: ClassVar[tuple[str, ...]] = ("database_url", "mesh_sandbox_url")

    mesh_tool_timeout_s: float = Field(default=600.0, gt=0)
    """Seconds after which an execution is ended, where neither its caller nor its arguments ask for more."""

    mesh_tool_max_timeout_s: float = Field(default=3600.0, gt=0)
    """Seconds after which every execution is ended, whatever its caller asked for."""

    mesh_tool_output_chars: int = Field(default=60_000, ge=1_000, le=500_000)
    """Characters of text that one result holds; of more, the beginning and the end are kept. It is what models read."""

    mesh_tool_live_chars: int = Field(default=250_000, ge=0, le=2_000_000)
    """Characters that one execution shows live, and that are replayed to who attaches later; the rest is not shown."""

    mesh_tool_lease_s: float = Field(default=3.0, gt=0, le=300)
    """Seconds for which a silent process keeps its executions. Lower: faster take-over, less room for pauses."""

    mesh_tool_beat_s: float = Field(default=0.5, gt=0)
    """Seconds between two renewals of the leases; also how soon a cancellation reaches another process."""

    mesh_tool_sweep_s: float = Field(default=10.0, gt=0)
    """Seconds between two looks for executions that were left behind past their deadline."""

    mesh_tool_drain_s: float = Field(default=2.0, ge=0)
    """Seconds that short executions are given to end after SIGTERM; commands are handed over at once."""

    mesh_tool_sandbox_patience_s: float = Field(default=60.0, ge=0)
    """Seconds for which a command waits for a sandbox service that is away, before its outcome is unknown."""

    mesh_tool_retention_days: float = Field(default=30.0, gt=0)
    """Days after which stored results are deleted."""
