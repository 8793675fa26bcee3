"""What the agent is told from outside."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, SecretStr

from services.kit.config import MeshSettings


class Settings(MeshSettings):
    """All roles read the same settings."""

    service: ClassVar[str] = "agent"
    required: ClassVar[tuple[str, ...]] = ("database_url", "redis_url")

    use_stateless_pipeline: bool = True
    """True: a run is queued and any worker claims it. False: the process that admits a run executes it (role `all`);
    what it has no slot for is queued."""

    mesh_run_slots: int = 128
    """Runs that one worker executes at once; more wait in the queue."""

    mesh_claims_per_s: float = 200.0
    """Runs that one worker takes up per second, after a burst of as many as it has slots for."""

    mesh_queue_limit: int = 5000
    """Runs that may wait in the whole mesh; more starts are refused with 429 until some have begun."""

    mesh_rate_starts_per_minute: Annotated[int, Field(ge=1)] | None = None
    """Runs that an account may start in any minute, over all processes; at each process while Redis is away. Unset: 30,
    none in ENV_MODE=local."""

    mesh_run_timeout_s: float = 3600.0
    """Seconds after which a run ends as failed; its holds expire an hour later."""

    mesh_max_steps: int = 25
    """Model calls of a run that names no number."""

    mesh_on_conflict: Literal["enqueue", "reject", "interrupt"] = "enqueue"
    """What a start that does not say does where its thread has a run that has not ended: waits behind it, is refused
    with 409, or has the active one (where none is active, the one that is next) stopped and waits."""

    mesh_max_output_tokens: int = 8192
    """Tokens of an answer that credits are held for; a longer one is charged all the same."""

    mesh_lease_ttl_s: Annotated[float, Field(gt=0, le=300)] = 5.0
    """Seconds after its last heartbeat for which a run belongs to its worker; shorter is a faster take-over. At most
    300: a lease that ends in more than ten minutes is taken for one of a clock that was put back."""

    mesh_heartbeat_s: float = 1.0
    """Seconds between heartbeats."""

    mesh_sweep_s: float = 1.0
    """Seconds between looks for runs to claim, orphaned ones included; hints wake a worker sooner."""

    mesh_loop_stall_s: float = 30.0
    """Seconds without progress of a worker's event loop after which its runs are given up to others."""

    mesh_retention_days: float = 30.0
    """Days for which journals, events and delivered outbox rows of ended runs are kept; their terminal event stays."""

    mesh_report_s: float = 10.0
    """Seconds between the reports of a process, which operators are shown; after three without one it is taken for
    gone. Reports are kept for a day."""

    mesh_wal_retention_s: float = 86400.0
    """Seconds for which a paid-for answer is kept in Redis while Postgres is away."""

    mesh_default_model: str | None = None
    """Model of a run that names none. Unset: the first configured provider's, else mock-ai."""

    openai_api_base: str | None = None
    """Base URL of an OpenAI-compatible server. Unset: OpenAI's own."""

    openai_api_key: SecretStr | None = None
    """Key for models named openai/..."""

    openrouter_api_key: SecretStr | None = None
    """Key for models named openrouter/..."""

    anthropic_api_key: SecretStr | None = None
    """Key for models named anthropic/..."""

    gemini_api_key: SecretStr | None = None
    """Key for models named gemini/..."""

    groq_api_key: SecretStr | None = None
    """Key for models named groq/..."""

    mistral_api_key: SecretStr | None = None
    """Key for models named mistral/..."""

    deepseek_api_key: SecretStr | None = None
    """Key for models named deepseek/..."""

    xai_api_key: SecretStr | None = None
    """Key for models named xai/..."""

    aws_bearer_token_bedrock: SecretStr | None = None
    """Key for models named bedrock/...; or AWS_ACCESS_KEY_ID and what belongs to it."""

    aws_access_key_id: SecretStr | None = None
    """Who signs requests for models named bedrock/..."""

    aws_secret_access_key: SecretStr | None = None
    """The secret of AWS_ACCESS_KEY_ID."""

    aws_session_token: SecretStr | None = None
    """Where AWS_ACCESS_KEY_ID is a temporary one."""

    aws_region_name: str = "us-east-1"
    """Region that models named bedrock/... are asked in."""

    mesh_anthropic_api_base: str | None = None
    """Base URL for models named anthropic/..., without /v1. Unset: Anthropic's own."""

    mesh_openrouter_api_base: str | None = None
    """Base URL for models named openrouter/... Unset: OpenRouter's own."""

    mesh_litellm_providers: dict[str, dict[str, SecretStr]] = Field(default_factory=dict)
    """Further providers that litellm knows, as JSON: name to litellm's arguments for it, as
    {"azure": {"api_key": "…", "api_base": "https://…", "api_version": "…"}}. Wins over the settings above."""

    mesh_llm_adapter: Literal["openai_compatible", "litellm"] | None = None
    """Forces one adapter. Unset: the direct one for openai, openrouter and groq, litellm for all others."""

    mesh_reasoning_effort: Literal["low", "medium", "high"] | None = None
    """How much models that can reason do so. Unset: as the provider has it."""

    agent_native_tool_calling: bool = True
    """Whether models are given the tools' schemas. False: a run can not call tools."""

    agent_execute_on_stream: bool = True
    """Whether a tool call starts while the answer still streams, as soon as its arguments are complete."""

    agent_tool_execution_strategy: Literal["parallel", "sequential"] = "parallel"
    """Whether the calls of one answer run at once or one after the other."""

    @property
    def starts_per_minute(self) -> int | None:
        """Runs that an account may start a minute; None: any number."""
        return self.mesh_rate_starts_per_minute or (None if self.env_mode == "local" else 30)
