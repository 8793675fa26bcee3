"""Settings of the gateway: Envoy's listener and its limits, and the edge behind it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, ClassVar

import certifi
from pydantic import Field

from services.kit.config import ConfigError, MeshSettings

Port = Annotated[int, Field(ge=1, le=65535)]
Positive = Annotated[int, Field(ge=1)]

_LOCAL_ORIGINS = "http://localhost:3000,http://127.0.0.1:3000"
_ORIGINS = {
    "local": _LOCAL_ORIGINS,
    "staging": f"https://staging.suna.so,{_LOCAL_ORIGINS}",
    "production": "https://www.sprintlab.id,https://sprintlab.id",
}


class Settings(MeshSettings):
    """What the gateway is told from outside."""

    service: ClassVar[str] = "gateway"

    mesh_http_host: str = "127.0.0.1"
    """Address of the public listener; 0.0.0.0 in a container."""

    mesh_http_port: Port = 8000
    """Port of the public listener: HTTP/1.1 and HTTP/2 without TLS, for REST and gRPC alike."""

    mesh_envoy_admin_port: Port = 9901
    """Port of Envoy's admin interface, on loopback alone."""

    mesh_envoy_concurrency: Positive = Field(default_factory=lambda: max(1, min((os.cpu_count() or 1) // 2, 8)))
    """Envoy's worker threads, by default one for two cores: the services need the others."""

    mesh_ca_file: Path = Path(certifi.where())
    """Certificates that Envoy trusts when it fetches the identity provider's keys; a path on Envoy's machine."""

    mesh_trusted_hops: Annotated[int, Field(ge=0)] = 0
    """Proxies in front of Envoy whose X-Forwarded-For is believed. 0: Envoy is the first, and clients' is dropped."""

    mesh_cors_origins: str | None = None
    """Origins that browsers may call from, separated by commas, exact. Unset: the table of ENV_MODE."""

    mesh_cors_preview_regex: str | None = None
    """RE2 expression of preview origins; the whole origin must match. Unset: none."""

    mesh_max_connections: Positive = 20_000
    """Client connections held at once; more are refused at accept."""

    mesh_max_upstream_requests: Positive = 10_000
    """Requests and streams open at once to one service; more answer 503 at once."""

    mesh_max_heap_mb: Positive = 1024
    """Envoy's memory in MiB; at 95 % it sheds streams, at 98 % it refuses requests."""

    mesh_max_body_mb: Annotated[int, Field(ge=1, le=15)] = 12
    """Largest JSON body in MiB (413 above it); below mesh_max_message_bytes. Uploads stream and may be larger."""

    mesh_request_timeout_s: Positive = 600
    """Seconds a client is given to send its whole request, uploads included."""

    mesh_body_patience_s: Annotated[float, Field(gt=0)] = 30.0
    """Seconds that a body is waited for in all (408 after it); an upload gets one more for each 16 KiB that came."""

    mesh_presence_s: Annotated[int, Field(ge=0)] = 120
    """Seconds for which somebody who said so is present. 0: presence is not kept."""

    mesh_stream_idle_s: Positive = 300
    """Seconds that an open stream may carry nothing in either direction; the event stream pings every 5 s."""

    mesh_deaf_client_s: Positive = 30
    """Seconds for which a client may read nothing of what waits for it before its connection is cut; streams resume."""

    mesh_rate_per_minute: Positive = 600
    """Requests a minute and user (an address where nobody is known). Not in ENV_MODE=local."""

    mesh_rate_burst: Positive = 100
    """Requests a user may send at once."""

    mesh_streams_per_user: Positive = 10
    """Event streams a user (an address where nobody is known) may hold open per edge. Not in ENV_MODE=local."""

    mesh_max_upload_mb: Positive = 512
    """Largest multipart request in MiB, all files together."""

    def status_file(self) -> Path:
        """What the operator has to say, as `mesh notice` writes it; read at each question."""
        return self.mesh_data_dir / "system-status.json"

    def spool(self) -> Path:
        """Where uploads wait that are too large for memory."""
        return self.mesh_data_dir / "spool"

    def limited(self) -> bool:
        """Whether rates are limited."""
        return self.env_mode != "local"

    def origins(self) -> tuple[str, ...]:
        """The exact origins that browsers may call from."""
        listed = self.mesh_cors_origins or _ORIGINS[self.env_mode]
        return tuple(filter(None, (origin.strip().rstrip("/") for origin in listed.split(","))))

    def issuer(self) -> str | None:
        """The `iss` that users' tokens must have; None for any."""
        return f"{self.supabase_url}/auth/v1" if self.supabase_url else None

    def secret(self) -> str:
        """The secret of HS256 tokens; empty for none. ConfigError where no user could ever be known."""
        secret = self.supabase_jwt_secret.get_secret_value() if self.supabase_jwt_secret else ""
        if not secret and not self.supabase_url:
            raise ConfigError("neither SUPABASE_JWT_SECRET nor SUPABASE_URL is set: no user's token could be checked")
        return secret
