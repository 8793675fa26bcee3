"""What a person needs to know once the mesh runs."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from .config import Settings
from .layout import DataDir
from .plan import public_address
from .tokens import development_token

_TOKEN_LIFE = 24 * 3600


def greeting(settings: Settings, data: DataDir) -> list[str]:
    """Address, a token and what to do next."""
    address = public_address(settings.mesh_http_port)
    lines = ["", f"the mesh is at {address}/v1; to look around in a browser: {address}/docs"]
    if settings.env_mode != "production":
        token = development_token(settings, data, ttl=_TOKEN_LIFE)
        lines += ["a development token, good for a day (`mesh token` makes more):", f"  {token}"]
    mesh = _command()
    return [*lines, f'next: {mesh} run "hello" | {mesh} status | {mesh} down (or Ctrl-C here)', ""]


def _command() -> str:
    """How `mesh` is called in this shell: by its path, unless its environment is activated."""
    return "mesh" if shutil.which("mesh") else os.path.relpath(Path(sys.executable).parent / "mesh")
