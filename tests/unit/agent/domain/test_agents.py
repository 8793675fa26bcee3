"""What a change makes of an agent's setup."""

from __future__ import annotations

from typing import Any

import pytest

from services.agent.domain.agents import AgentChange, Setup, disabled_tools

MCP = {"name": "one", "config": {"n": 1}}


@pytest.mark.parametrize(
    ("switches", "off"),
    [
        ({}, set()),
        ({"sb_shell_tool": True, "sb_files_tool": {"enabled": True}, "web_search_tool": {}}, set()),
        (
            {"sb_shell_tool": False, "sb_files_tool": {"enabled": False, "methods": {}}},
            {"sb_shell_tool", "sb_files_tool"},
        ),
        ({"message_tool": False, "task_list_tool": {"enabled": False}}, set()),
    ],
    ids=["none", "on", "off", "always on"],
)
def test_a_tool_is_off_where_it_is_switched_off_by_name(switches: dict[str, Any], off: set[str]) -> None:
    assert disabled_tools(switches) == off


def test_what_is_not_given_stays() -> None:
    before = Setup("prompt", "model", (MCP,), (MCP,), {"a": True})
    assert AgentChange(name="other").setup(before) == before


def test_empty_text_takes_prompt_and_model_back_to_the_deployments_own() -> None:
    after = AgentChange(system_prompt="", model="").setup(Setup("prompt", "model"))
    assert (after.system_prompt, after.model) == (None, None)


def test_a_custom_server_replaces_the_one_of_its_name_and_joins_the_others() -> None:
    new, two = {"name": "one", "config": {"n": 2}}, {"name": "two"}
    after = AgentChange(custom_mcps=(new,)).setup(Setup(custom_mcps=(MCP, two)))
    assert after.custom_mcps == (two, new)


def test_a_whole_list_of_custom_servers_replaces_the_one_that_was() -> None:
    after = AgentChange(custom_mcps=(), replace_mcps=True).setup(Setup(custom_mcps=(MCP,)))
    assert after.custom_mcps == ()


def test_setups_are_compared_as_json_is_written() -> None:
    texts = {Setup(custom_mcps=({"n": value},)).text for value in (1, 1.0, True)}
    assert len(texts) == 3
    assert Setup(agentpress_tools={"a": True, "b": False}).text == Setup(agentpress_tools={"b": False, "a": True}).text
