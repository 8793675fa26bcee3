"""The two questions that every access comes down to."""

from __future__ import annotations

from services.kit.errors import NotFound
from services.threads.domain import Access, Standing
from services.threads.errors import ReadOnlyProject


def require_reader(standing: Standing | None, viewer: str, unseen: NotFound) -> Standing:
    """Passes whoever may read; anybody else is told that there is nothing."""
    if standing is None or standing.access(viewer) is Access.NONE:
        raise unseen
    return standing


def require_owner(standing: Standing | None, viewer: str, unseen: NotFound) -> Standing:
    """Passes the owner; a reader of a public project is refused, anybody else is told that there is nothing."""
    found = require_reader(standing, viewer, unseen)
    if found.access(viewer) is not Access.OWNER:
        raise ReadOnlyProject(found.project_id)
    return found
