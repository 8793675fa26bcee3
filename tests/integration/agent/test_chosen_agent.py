"""A run uses its agent: prompt, model and tools are those of the version that it records."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from mesh.agent.v1 import agents_pb2, runs_pb2
from mesh.agent.v1.agents_pb2_grpc import AgentsStub
from mesh.agent.v1.runs_pb2_grpc import AgentRunsStub

from services.kit.errors import MeshError, NotFound
from tests.fakes.llm.server import FakeLlm, serving
from tests.fakes.neighbours import Neighbours
from tests.integration.agent.tables import column
from tests.integration.agent.watching import watch

Fakes = tuple[Neighbours, dict[str, str]]
MODEL = "openai/plain"


@pytest.fixture
async def llm() -> AsyncIterator[FakeLlm]:
    """Where models named openai/... are."""
    async with serving(FakeLlm()) as fake:
        yield fake


def asked(llm: FakeLlm) -> Any:
    """The request of the model's last call."""
    body = llm.log.request(len(llm.log.calls()))
    assert body is not None
    return json.loads(body)


async def make(agent: Any, caller: str = "user", **fields: Any) -> Any:
    """An agent of the caller's."""
    request = agents_pb2.CreateAgentRequest(agent=agents_pb2.AgentFields(name="Chosen", **fields))
    return (await agent.stub(AgentsStub, caller).CreateAgent(request)).agent


async def finished(stub: Any, prompt: str, **fields: Any) -> Any:
    """A run that completed."""
    run = await stub.StartRun(runs_pb2.StartRunRequest(prompt=prompt, **fields))
    events = await watch(stub, run.agent_run_id)
    assert events[-1].run_ended.status == "completed"
    return (await stub.GetRun(runs_pb2.GetRunRequest(agent_run_id=run.agent_run_id))).run


async def test_a_run_has_its_agents_prompt_model_and_tools(make_agent: Any, neighbours: Fakes, llm: FakeLlm) -> None:
    agent = await make_agent(openai_api_base=llm.url)
    stub = agent.stub(AgentRunsStub, "user")
    chosen = await make(
        agent, system_prompt="Answer in verse", model=MODEL, agentpress_tools_json='{"fake_tool": {"enabled": false}}'
    )
    run = await finished(stub, "[[say Done]]", agent_id=chosen.agent_id)
    assert (run.agent_id, run.agent_version_id) == (chosen.agent_id, chosen.current_version.version_id)
    assert run.model_name == MODEL
    request = asked(llm)
    assert request["messages"][0] == {"role": "system", "content": "Answer in verse"}
    assert [tool["function"]["name"] for tool in request["tools"]] == ["complete"]
    await finished(stub, "[[call complete {}]]", agent_id=chosen.agent_id)
    assert neighbours[0].tools.scopes == ("tools:message_tool",)


async def test_a_model_named_by_the_start_wins_over_the_agents(make_agent: Any) -> None:
    agent = await make_agent()
    chosen = await make(agent, model="acme/unknown")
    stub = agent.stub(AgentRunsStub, "user")
    run = await finished(stub, "[[say Done]]", agent_id=chosen.agent_id, model_name="mock-ai")
    assert run.model_name == "mock-ai"
    with pytest.raises(MeshError) as refused:
        await stub.StartRun(runs_pb2.StartRunRequest(prompt="hi", agent_id=chosen.agent_id))
    assert refused.value.reason == "UNKNOWN_MODEL"


async def test_a_run_without_an_agent_has_the_default_one_and_all_tools(
    make_agent: Any, neighbours: Fakes, llm: FakeLlm
) -> None:
    agent = await make_agent(openai_api_base=llm.url)
    chosen = await make(agent, system_prompt="Mine", is_default=True)
    stub = agent.stub(AgentRunsStub, "user")
    run = await finished(stub, "[[call echo {}]] [[step]] [[say Done]]", model_name=MODEL)
    assert run.agent_id == chosen.agent_id
    assert asked(llm)["messages"][0]["content"] == "Mine"
    assert {tool["function"]["name"] for tool in asked(llm)["tools"]} == {"echo", "slow", "fail", "complete"}
    assert neighbours[0].tools.scopes == ("tools",)


async def test_a_run_keeps_its_version_when_the_agent_is_changed_and_deleted(make_agent: Any) -> None:
    agent = await make_agent("api")
    stub, agents = agent.stub(AgentRunsStub, "user"), agent.stub(AgentsStub, "user")
    chosen = await make(agent, system_prompt="one")
    request = runs_pb2.StartRunRequest(prompt="hi", agent_id=chosen.agent_id, model_name="mock-ai")
    run = await stub.StartRun(request)
    change = agents_pb2.AgentFields(system_prompt="two")
    await agents.UpdateAgent(agents_pb2.UpdateAgentRequest(agent_id=chosen.agent_id, agent=change))
    await agents.DeleteAgent(agents_pb2.DeleteAgentRequest(agent_id=chosen.agent_id))
    kept = (await stub.GetRun(runs_pb2.GetRunRequest(agent_run_id=run.agent_run_id))).run
    assert kept.agent_version_id == chosen.current_version.version_id
    prompts = "SELECT system_prompt FROM agent_versions WHERE agent_version_id = $1"
    assert await column(agent, prompts, UUID(kept.agent_version_id)) == ["one"]
    with pytest.raises(NotFound):
        await stub.StartRun(request)


async def test_nothing_is_held_for_an_agent_that_is_not_the_callers(make_agent: Any, neighbours: Fakes) -> None:
    agent = await make_agent("api")
    theirs = await make(agent, "other")
    stub = agent.stub(AgentRunsStub, "user")
    for agent_id in (theirs.agent_id, str(uuid4())):
        with pytest.raises(NotFound) as refused:
            await stub.StartRun(runs_pb2.StartRunRequest(prompt="hi", agent_id=agent_id, model_name="mock-ai"))
        assert (refused.value.reason, refused.value.params) == ("AGENT_NOT_FOUND", {"agent_id": agent_id})
    assert not neighbours[0].billing.held
    assert not neighbours[0].threads.owners
