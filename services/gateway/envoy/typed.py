"""Envoy's extensions are named by type: the one place that spells the URLs."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

_HTTP = "envoy.extensions.filters.http"


def typed(message: str, **fields: Any) -> Json:
    """A `google.protobuf.Any` in its JSON form."""
    return {"@type": f"type.googleapis.com/{message}", **fields}


def extension(name: str, message: str, **fields: Any) -> Json:
    """A named extension with its typed configuration."""
    return {"name": name, "typed_config": typed(message, **fields)}


def http_filter(name: str, message: str, *, disabled: bool = False, **fields: Any) -> Json:
    """An HTTP filter; a disabled one runs where a route's configuration enables it."""
    made = extension(name, f"{_HTTP}.{message}", **fields)
    return {**made, "disabled": True} if disabled else made


def seconds(value: float) -> str:
    """A Duration."""
    return f"{value:g}s"


def without(prefix: str) -> Json:
    """A header mutation: drops every header whose name begins so."""
    return {"remove_on_match": {"key_matcher": {"prefix": prefix}}}
