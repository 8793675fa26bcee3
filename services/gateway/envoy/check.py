"""Two readings of the rendered document: as Envoy's own message types, and by Envoy itself.

`envoy-data-plane` has a Python class for every message of Envoy's API; parsing into them refuses a field that does not
exist and a value of another type, also inside `Any`. `envoy --mode validate` knows the rest: that references hold, that
expressions, Lua and descriptors compile.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from services.gateway.envoy.typed import Json

_PATIENCE_S = 60


class Refused(Exception):
    """The document is no usable configuration; the text says why."""


def check_types(document: Json) -> int:
    """Parses all messages; how many of them were typed extensions. Refused names the field."""
    from envoy_data_plane.envoy.config.bootstrap.v3 import Bootstrap  # slow to import, and only this needs it

    names = list(_type_names(document))
    for name in names:
        _message_class(name)
    try:
        Bootstrap.from_dict(document)
    except (KeyError, TypeError, ValueError) as wrong:
        raise Refused(f"not a bootstrap of Envoy's API: {wrong}") from None
    return len(names)


def _type_names(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "@type" in node:
            yield node["@type"].removeprefix("type.googleapis.com/")
        children: Any = node.values()
    else:
        children = node if isinstance(node, list) else ()
    for child in children:
        yield from _type_names(child)


def _message_class(name: str) -> type:
    """Imports a message, so that `Any` can find it."""
    package, _, message = name.rpartition(".")
    try:
        found: type = getattr(importlib.import_module(f"envoy_data_plane.{package}"), message)
    except (ImportError, AttributeError):
        raise Refused(f"Envoy's API has no message {name}") from None
    return found


def check_by_envoy(document: Json, envoy: Path) -> None:
    """Lets Envoy load it all without listening. Refused repeats what it says."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "envoy.json"
        file.write_text(json.dumps(document))
        said = subprocess.run(  # noqa: S603 -- our binary, our file
            [envoy, "--mode", "validate", "--config-path", file, "--log-level", "warning"],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
    if said.returncode != 0:
        raise Refused((said.stderr or said.stdout).strip())
