"""Two readings of the rendered document: as Envoy's own message types, field by field, and by Envoy itself."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from services.gateway.envoy.typed import Json

_PATIENCE_S = 60


class Refused(Exception):
    """The document is not a usable configuration; the text says where."""


def check_types(document: Json) -> None:
    """Every message, those inside `Any` too, has only fields that Envoy's API has, of its types."""
    import envoy_data_plane.all_extensions  # noqa: F401

    raise NotImplementedError


def check_by_envoy(document: Json, binary: Path) -> None:
    """What only Envoy knows: references, regular expressions, Lua, the descriptors."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "envoy.json"
        file.write_text(json.dumps(document))
        said = subprocess.run(
            [binary, "--mode", "validate", "--config-path", file, "--log-level", "warning"],
            capture_output=True, text=True, timeout=_PATIENCE_S, check=False,
        )
    if said.returncode != 0:
        raise Refused(said.stderr.strip() or said.stdout.strip())
