"""What a person may set of an agent, and how it is refused."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson
import pytest
from google.api.httpbody_pb2 import HttpBody
from hypothesis import given
from hypothesis import strategies as st
from mesh.agent.v1 import agents_pb2 as pb

from services.agent.codec.agents import decode_change, decode_fields, decode_key, encode_key, require_listable
from services.agent.codec.agents_rest import decode_body, decode_filter
from services.agent.domain.agents import AgentChange, AgentKey, Setup
from services.kit.errors import InvalidArgument


def nested(depth: int) -> Any:
    """Lists in each other."""
    return orjson.loads("[" * depth + "]" * depth)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"name": " "}, "name"),
    ({"name": 5}, "name"),
    ({"name": "x" * 201}, "name"),
    ({"system_prompt": "a\0b"}, "system_prompt"),
    ({"is_default": "yes"}, "is_default"),
    ({"configured_mcps": {}}, "configured_mcps"),
    ({"custom_mcps": ["x"]}, "custom_mcps"),
    ({"custom_mcps": [{}] * 201}, "custom_mcps"),
    ({"custom_mcps": [{"x": "y" * 131_072}]}, "custom_mcps"),
    ({"custom_mcps": [{"name": {}}]}, "custom_mcps"),
    ({"custom_mcps": [{"x": nested(65)}]}, "custom_mcps"),
    ({"configured_mcps": [{"x": nested(300)}]}, "configured_mcps"),
    ({"agentpress_tools": []}, "agentpress_tools"),
    ({"agentpress_tools": {"a\0b": True}}, "agentpress_tools"),
    ({"agentpress_tools": {"sb_shell_tool": {"n": ["\0"]}}}, "agentpress_tools"),
    ({"agentpress_tools": {"sb_shell_tool": {"n": nested(300)}}}, "agentpress_tools"),
    ({"agentpress_tools": {"sb_shell_tool": "on"}}, "agentpress_tools.sb_shell_tool"),
    ({"agentpress_tools": {"sb_shell_tool": {"enabled": 1}}}, "agentpress_tools.sb_shell_tool"),
]


@pytest.mark.parametrize(("given_", "field"), WRONG, ids=lambda value: str(value)[:40])
def test_what_is_wrong_is_refused_by_its_field(given_: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        decode_change(given_)
    assert refused.value.violations[0].field == field


def test_a_setup_that_is_too_large_in_all_is_refused_by_its_largest_part() -> None:
    within = Setup(system_prompt="x" * 100_000, configured_mcps=({"x": "y" * 30_000},))
    assert require_listable(within) is within
    with pytest.raises(InvalidArgument) as refused:
        require_listable(replace(within, custom_mcps=({"x": "y" * 2_000},)))
    assert refused.value.violations[0].field == "system_prompt"


def test_null_is_unchanged_and_unknown_fields_are_ignored() -> None:
    assert decode_body(HttpBody(data=b'{"name": "x", "model": null, "nonsense": 1}')) == AgentChange(name="x")


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'"x"'])
def test_a_body_is_a_json_object(data: bytes) -> None:
    with pytest.raises(InvalidArgument):
        decode_body(HttpBody(data=data))


def test_both_wires_set_the_same() -> None:
    typed = pb.AgentFields(name="x", is_default=False, custom_mcps_json='[{"n": 9007199254740993}]')
    raw = b'{"name": "x", "is_default": false, "custom_mcps": [{"n": 9007199254740993}]}'
    assert decode_fields(typed) == decode_body(HttpBody(data=raw))


def test_a_list_of_another_kind_of_thing_is_empty() -> None:
    assert decode_filter(pb.AgentsRestListAgentsRequest(content_type="templates")).tools == ()
    assert decode_filter(pb.AgentsRestListAgentsRequest(content_type="agents", tools=" a, ,b")).tools == ("a", "b")


def test_a_key_survives_its_coat() -> None:
    key = AgentKey(datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), uuid4())
    assert decode_key(encode_key(key)) == key


@given(st.text(max_size=200))
def test_any_token_is_a_key_or_refused(token: str) -> None:
    with suppress(InvalidArgument):
        assert (decode_key(token) is None) == (not token)
