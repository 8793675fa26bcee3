"""Every variable that the mesh reads, as one page: `python -m tests.contract.settings_page` writes docs/settings.md.

The page is made of the Settings classes and their docstrings; a contract test holds it equal to them.
"""

from __future__ import annotations

import importlib
from pathlib import Path, PurePath

from pydantic.fields import FieldInfo

from services.kit.config import MeshSettings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
SERVICES = ("cli", "gateway", "agent", "threads", "billing", "sandbox", "tools")

_HEAD = """# Settings

Every variable that the mesh reads, from the environment or from `.env` in the working directory; the environment wins,
and an empty value counts as none. `MESH_<SERVICE>_<VARIABLE>` sets one for one service alone, for example
`MESH_THREADS_DATABASE_URL`. What a running configuration is made of: `python -m services.<name> --check-config`.

This page is written by `python -m tests.contract.settings_page`, from what the services declare.
"""
_SHARED = "Every service"
_SET_BY_UP = (
    "`mesh up` sets `MESH_LISTEN`, `MESH_METRICS_PORT`, `MESH_KEYS_DIR` and the neighbours' `MESH_…_URL` itself."
)


def settings_of(service: str) -> type[MeshSettings]:
    """The Settings class of a service, or of the command."""
    found: type[MeshSettings] = importlib.import_module(f"services.{service}.config").Settings
    return found


def page() -> str:
    """The whole page."""
    parts = [_HEAD, _section(_SHARED, MeshSettings.model_fields), f"{_SET_BY_UP}\n"]
    for service in SERVICES:
        own = {name: field for name, field in settings_of(service).model_fields.items() if _is_own(name, field)}
        parts.append(_section("The command `mesh`" if service == "cli" else service, own))
    return "\n".join(parts)


def _is_own(name: str, field: FieldInfo) -> bool:
    shared = MeshSettings.model_fields.get(name)
    return shared is None or shared.default != field.default


def _section(title: str, fields: dict[str, FieldInfo]) -> str:
    rows = (f"| `{name.upper()}` | {_default(field)} | {_meaning(field)} |" for name, field in fields.items())
    return "\n".join([f"## {title}", "", "| variable | default | meaning |", "|---|---|---|", *rows, ""])


def _default(field: FieldInfo) -> str:
    value = field.default
    if field.default_factory not in {None, dict} or (isinstance(value, PurePath) and value.is_absolute()):
        return "by the machine"
    if value is None or field.default_factory is dict:
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _meaning(field: FieldInfo) -> str:
    return " ".join((field.description or "").split()).replace("|", "\\|")


def main() -> None:
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
