"""Settings of the `mesh` command, read as every service reads them, and the environment it hands to its parts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, ClassVar, cast

from pydantic import Field
from pydantic_settings import EnvSettingsSource

from services.kit.config import MeshSettings

from .layout import DataDir, default_root


class Settings(MeshSettings):
    """What `mesh` is told from outside."""

    service: ClassVar[str] = "cli"

    mesh_http_port: Annotated[int, Field(ge=1, le=65535)] = 8000
    """Public TCP port of the gateway. Taken: `mesh up` refuses to start."""

    mesh_workers: Annotated[int, Field(ge=0, le=64)] = 1
    """How many agent workers `mesh up` starts."""

    use_stateless_pipeline: bool = True
    """False runs the agent's API and worker in one process, and MESH_WORKERS does not count."""

    mesh_url: str | None = None
    """Address of the mesh that `mesh run` speaks to. Unset: the one of this data directory."""

    mesh_token: str | None = None
    """Bearer token of `mesh run`. Unset: a development token is made."""

    def data_dir(self) -> DataDir:
        """MESH_DATA_DIR where it was given, else the default place, absolute."""
        given = "mesh_data_dir" in self.model_fields_set
        chosen = self.mesh_data_dir if given else default_root(Path.cwd(), os.getuid())
        return DataDir(chosen.expanduser().absolute())


def inherited_environment() -> dict[str, str]:
    """The environment as it is, for the parts: provider keys and tuning are theirs to read."""
    variables = EnvSettingsSource(Settings, case_sensitive=True, env_ignore_empty=True).env_vars
    return cast(dict[str, str], dict(variables))
