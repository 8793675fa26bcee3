"""Agents as the web client reads and writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import orjson
from google.api.httpbody_pb2 import HttpBody
from mesh.agent.v1 import agents_pb2 as pb

from services.agent.codec.agents import decode_change
from services.agent.domain.agents import Agent, AgentChange, AgentFilter
from services.kit.errors import InvalidArgument

LISTED_KIND = "agents"


def decode_body(body: HttpBody) -> AgentChange:
    """The fields of a JSON object."""
    try:
        sent = orjson.loads(body.data)
    except orjson.JSONDecodeError:
        raise InvalidArgument.of("body", "is not JSON") from None
    if not isinstance(sent, dict):
        raise InvalidArgument.of("body", "is not a JSON object")
    return decode_change(sent)


def decode_filter(request: pb.AgentsRestListAgentsRequest) -> AgentFilter:
    """What is listed; a kind of thing that is not kept here is asked for by a tool that nobody has."""
    for name in ("search", "tools"):
        if "\0" in getattr(request, name):
            raise InvalidArgument.of(name, "must not contain NUL")
    return AgentFilter(
        search=request.search or None,
        is_default=_flag(request, "has_default"),
        has_mcps=_flag(request, "has_mcp_tools"),
        has_tools=_flag(request, "has_agentpress_tools"),
        tools=_tools(request),
        sort_by=cast(Any, request.sort_by or "created_at"),
        descending=request.sort_order != "asc",
    )


def _flag(request: pb.AgentsRestListAgentsRequest, name: str) -> bool | None:
    return getattr(request, name) if request.HasField(cast(Any, name)) else None


def _tools(request: pb.AgentsRestListAgentsRequest) -> Sequence[str] | None:
    if request.content_type not in ("", LISTED_KIND):
        return ()
    return tuple(name.strip() for name in request.tools.split(",") if name.strip()) or None


def agents_body(agents: Sequence[Agent], total: int, number: int, size: int) -> HttpBody:
    """GET /v1/agents."""
    pagination = {"page": number, "limit": size, "total": total, "pages": -(-total // size)}
    return _body({"agents": [_agent(agent) for agent in agents], "pagination": pagination})


def agent_body(agent: Agent) -> HttpBody:
    """One agent."""
    return _body(_agent(agent))


def _agent(agent: Agent) -> dict[str, Any]:
    """The keys that the web client reads. Agents are not shared and carry neither tags nor metadata: these say so."""
    return {
        "agent_id": agent.agent_id,
        "account_id": agent.account_id,
        "name": agent.name,
        "description": agent.description,
        **_setup(agent),
        "is_default": agent.is_default,
        "is_public": False,
        "tags": [],
        "icon_name": agent.icon_name,
        "icon_color": agent.icon_color,
        "icon_background": agent.icon_background,
        "created_at": agent.created_at,
        "updated_at": agent.updated_at,
        "current_version_id": agent.current.version_id,
        "version_count": agent.version_count,
        "current_version": _version(agent),
        "metadata": {},
    }


def _setup(agent: Agent) -> dict[str, Any]:
    setup = agent.current.setup
    return {
        "system_prompt": setup.system_prompt,
        "model": setup.model,
        "configured_mcps": setup.configured_mcps,
        "custom_mcps": setup.custom_mcps,
        "agentpress_tools": setup.agentpress_tools,
    }


def _version(agent: Agent) -> dict[str, Any]:
    version = agent.current
    return {
        "version_id": version.version_id,
        "agent_id": agent.agent_id,
        "version_number": version.number,
        "version_name": f"v{version.number}",
        **_setup(agent),
        "is_active": True,
        "created_at": version.created_at,
        "updated_at": version.created_at,
        "created_by": agent.account_id,
    }


def _body(value: Any) -> HttpBody:
    return HttpBody(content_type="application/json", data=orjson.dumps(value, default=str))
