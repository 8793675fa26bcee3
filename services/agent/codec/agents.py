"""Agents to their messages and back. What a person may set is checked here once, whichever wire it came by."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from google.protobuf.timestamp_pb2 import Timestamp
from mesh.agent.v1 import agents_pb2 as pb

from services.agent.domain.agents import Agent, AgentChange, AgentKey, AgentVersion, Setup
from services.kit.errors import InvalidArgument

TEXTS: Final = {
    "name": 200,
    "description": 2_000,
    "system_prompt": 131_072,
    "model": 200,
    "icon_name": 100,
    "icon_color": 100,
    "icon_background": 100,
}
"""Bytes at most."""
SERVERS: Final = ("configured_mcps", "custom_mcps")
FLAGS: Final = ("is_default", "replace_mcps")
TOOLS: Final = "agentpress_tools"
MOST_ENTRIES: Final = 200
MOST_JSON_BYTES: Final = 131_072
MOST_SETUP_BYTES: Final = 131_072
"""Of prompt, MCP servers and tools together: a page of a hundred agents fits into one answer."""
MOST_DEPTH: Final = 64
"""Of free-form JSON: what is shown lies deeper than what was sent, and orjson writes 254 levels."""


def decode_fields(fields: pb.AgentFields, *, replace_mcps: bool = False) -> AgentChange:
    """What a message sets."""
    given: dict[str, Any] = {}
    for descriptor, value in fields.ListFields():
        name = descriptor.name
        given[name.removesuffix("_json")] = _parsed(name, value) if name.endswith("_json") else value
    return decode_change({**given, "replace_mcps": replace_mcps})


def decode_change(given: Mapping[str, Any]) -> AgentChange:
    """What is set and not null. InvalidArgument names the first field that is wrong; unknown fields are ignored."""
    sent = {name: value for name, value in given.items() if value is not None}
    change: dict[str, Any] = {name: _text(name, sent[name], most) for name, most in TEXTS.items() if name in sent}
    change |= {name: _servers(name, sent[name]) for name in SERVERS if name in sent}
    change |= {name: _flag(name, sent[name]) for name in FLAGS if name in sent}
    if TOOLS in sent:
        change[TOOLS] = _switches(sent[TOOLS])
    return AgentChange(**change)


def _parsed(name: str, text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise InvalidArgument.of(name, "is not JSON") from None


def _text(name: str, value: Any, most: int) -> str:
    if not isinstance(value, str):
        raise InvalidArgument.of(name, "is not a text")
    if "\0" in value:
        raise InvalidArgument.of(name, "must not contain NUL")
    if len(value.encode()) > most:
        raise InvalidArgument.of(name, f"must not be longer than {most} bytes")
    if name == "name" and not value.strip():
        raise InvalidArgument.of(name, "must not be empty")
    return value


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidArgument.of(name, "is neither true nor false")
    return value


def _servers(name: str, value: Any) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise InvalidArgument.of(name, "is not a list of objects")
    if name == "custom_mcps" and not all(isinstance(entry.get("name"), str | None) for entry in value):
        raise InvalidArgument.of(name, "has an entry whose name is not a text")
    require_bounded(name, value)
    return tuple(value)


def _switches(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidArgument.of(TOOLS, "is not an object")
    for tool, switch in value.items():
        on = switch.get("enabled", True) if isinstance(switch, dict) else switch
        if not isinstance(on, bool):
            raise InvalidArgument.of(f"{TOOLS}.{tool}"[:200], "is neither true, false nor an object with `enabled`")
    require_bounded(TOOLS, value)
    return value


def require_bounded(name: str, value: Collection[Any]) -> None:
    """Raises InvalidArgument for JSON that is too large, too deep, or that Postgres can not take apart."""
    if len(value) > MOST_ENTRIES:
        raise InvalidArgument.of(name, f"must not have more than {MOST_ENTRIES} entries")
    try:
        size = len(orjson.dumps(value))
    except orjson.JSONEncodeError:
        raise _too_deep(name) from None
    if size > MOST_JSON_BYTES:
        raise InvalidArgument.of(name, f"must not be longer than {MOST_JSON_BYTES} bytes")
    _require_plain(name, value, MOST_DEPTH)


def require_listable(setup: Setup) -> Setup:
    """The setup. Raises InvalidArgument, which names the largest part, for one that is larger than lists can show."""
    sizes = {name: len(orjson.dumps(getattr(setup, name))) for name in ("system_prompt", *SERVERS, TOOLS)}
    if sum(sizes.values()) > MOST_SETUP_BYTES:
        largest = max(sizes, key=lambda name: sizes[name])
        raise InvalidArgument.of(
            largest, f"is too long: prompt, MCP servers and tools may have {MOST_SETUP_BYTES} bytes together"
        )
    return setup


def _require_plain(name: str, value: Any, depth: int) -> None:
    if isinstance(value, str) and "\0" in value:
        raise InvalidArgument.of(name, "must not contain NUL")
    if isinstance(value, list | tuple | dict):
        if not depth:
            raise _too_deep(name)
        for inner in (*value, *value.values()) if isinstance(value, dict) else value:
            _require_plain(name, inner, depth - 1)


def _too_deep(name: str) -> InvalidArgument:
    return InvalidArgument.of(name, f"must not be nested deeper than {MOST_DEPTH} levels")


def encode_agent(agent: Agent) -> pb.Agent:
    """The agent in its current version."""
    return pb.Agent(
        agent_id=str(agent.agent_id),
        account_id=str(agent.account_id),
        name=agent.name,
        description=agent.description,
        is_default=agent.is_default,
        icon_name=agent.icon_name,
        icon_color=agent.icon_color,
        icon_background=agent.icon_background,
        version_count=agent.version_count,
        current_version=_version(agent.current),
        created_at=_timestamp(agent.created_at),
        updated_at=_timestamp(agent.updated_at),
    )


def _version(version: AgentVersion) -> pb.AgentVersion:
    setup = version.setup
    return pb.AgentVersion(
        version_id=str(version.version_id),
        version_number=version.number,
        system_prompt=setup.system_prompt,
        model=setup.model,
        configured_mcps_json=orjson.dumps(setup.configured_mcps).decode(),
        custom_mcps_json=orjson.dumps(setup.custom_mcps).decode(),
        agentpress_tools_json=orjson.dumps(setup.agentpress_tools).decode(),
        created_at=_timestamp(version.created_at),
    )


def encode_agent_page(agents: list[Agent], total: int, size: int) -> pb.ListAgentsResponse:
    """A page that was asked for with one row more than `size`."""
    shown = agents[:size]
    token = encode_key(AgentKey(shown[-1].created_at, shown[-1].agent_id)) if len(agents) > size else ""
    return pb.ListAgentsResponse(agents=map(encode_agent, shown), next_page_token=token, total=total)


def encode_key(key: AgentKey) -> str:
    """A key in an opaque coat."""
    return base64.urlsafe_b64encode(f"{key.created_at.isoformat()} {key.agent_id}".encode()).decode()


def decode_key(token: str) -> AgentKey | None:
    """The key in a page token; None for the empty one."""
    if not token:
        return None
    try:
        moment, agent_id = base64.urlsafe_b64decode(token.encode()).decode().split(" ")
        key = AgentKey(datetime.fromisoformat(moment), UUID(agent_id))
    except ValueError:
        raise InvalidArgument.of("page_token", "is none of ours") from None
    if key.created_at.utcoffset() != timedelta(0):
        raise InvalidArgument.of("page_token", "is none of ours")
    return AgentKey(key.created_at.replace(tzinfo=UTC), key.agent_id)


def _timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
