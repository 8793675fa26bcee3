"""Agents as people make, change, list and delete them."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from google.api.httpbody_pb2 import HttpBody
from mesh.agent.v1 import agents_pb2 as pb
from mesh.agent.v1.agents_pb2_grpc import AgentsInternalStub, AgentsRestStub, AgentsStub

from services.kit.errors import InvalidArgument, MeshError, PaymentRequired
from tests.fakes.neighbours import Neighbours
from tests.integration.agent.tables import column
from tests.support.harness import ACCOUNTS

Fakes = tuple[Neighbours, dict[str, str]]
KEYS = {
    *("agent_id", "name", "description", "system_prompt", "model", "configured_mcps", "custom_mcps"),
    *("agentpress_tools", "is_default", "is_public", "tags", "icon_name", "icon_color", "icon_background"),
    *("created_at", "updated_at", "current_version_id", "version_count", "current_version", "metadata", "account_id"),
}


class Rest:
    """The REST surface of one person's agents."""

    def __init__(self, agent: Any, caller: str = "user") -> None:
        self._stub = agent.stub(AgentsRestStub, caller)

    async def page(self, **query: Any) -> Any:
        return json.loads((await self._stub.ListAgents(pb.AgentsRestListAgentsRequest(**query))).data)

    async def names(self, **query: Any) -> list[str]:
        return [agent["name"] for agent in (await self.page(**query))["agents"]]

    async def create(self, **fields: Any) -> Any:
        request = pb.AgentsRestCreateAgentRequest(body=body(fields))
        return json.loads((await self._stub.CreateAgent(request)).data)

    async def get(self, agent_id: str) -> Any:
        return json.loads((await self._stub.GetAgent(pb.AgentsRestGetAgentRequest(agent_id=agent_id))).data)

    async def update(self, agent_id: str, **fields: Any) -> Any:
        request = pb.AgentsRestUpdateAgentRequest(agent_id=agent_id, body=body(fields))
        return json.loads((await self._stub.UpdateAgent(request)).data)


def body(value: Any) -> HttpBody:
    return HttpBody(content_type="application/json", data=json.dumps(value).encode())


async def refused(call: Any) -> MeshError:
    with pytest.raises(MeshError) as caught:
        await call
    return caught.value


async def test_an_account_has_one_default_agent_however_many_look_at_once(make_agent: Any) -> None:
    agents = [await make_agent("api"), await make_agent("api")]
    pages = await asyncio.gather(*(Rest(agents[n % 2]).page() for n in range(20)))
    assert len({page["agents"][0]["agent_id"] for page in pages}) == 1
    assert pages[0]["pagination"] == {"page": 1, "limit": 20, "total": 1, "pages": 1}
    assert pages[0]["agents"][0]["is_default"]
    assert await column(agents[0], "SELECT count(*) FROM agents") == [1]
    assert await column(agents[0], "SELECT count(*) FROM agent_versions") == [1]


async def test_an_agent_is_shown_with_all_its_keys_as_it_was_made(make_agent: Any) -> None:
    rest = Rest(await make_agent("api"))
    switches = {"sb_shell_tool": False, "sb_files_tool": {"enabled": True, "n": 9007199254740993}}
    made = await rest.create(name="Mine", system_prompt="Be kind", agentpress_tools=switches, icon_name="cat")
    assert set(made) == KEYS
    assert (made["name"], made["system_prompt"], made["model"], made["is_default"]) == ("Mine", "Be kind", None, False)
    assert made["agentpress_tools"] == switches
    assert made["account_id"] == ACCOUNTS["user"]
    assert made["current_version"]["version_id"] == made["current_version_id"]
    assert made["current_version"]["version_number"] == made["version_count"] == 1
    assert await rest.get(made["agent_id"]) == made


async def test_each_change_of_the_setup_and_no_other_makes_a_version(make_agent: Any) -> None:
    agent = await make_agent("api")
    rest = Rest(agent)
    made = await rest.create(name="Mine", system_prompt="one")
    renamed = await rest.update(made["agent_id"], name="Ours", description="For all", icon_color="red")
    assert (renamed["name"], renamed["version_count"]) == ("Ours", 1)
    same = await rest.update(made["agent_id"], system_prompt="one", name="Ours")
    assert same == renamed
    changes: list[dict[str, Any]] = [
        {"system_prompt": "two"},
        {"model": "mock-ai"},
        {"agentpress_tools": {"a": True}},
        {"custom_mcps": [{"name": "x"}]},
    ]
    for number, change in enumerate(changes, start=2):
        changed = await rest.update(made["agent_id"], **change)
        assert changed["version_count"] == changed["current_version"]["version_number"] == number
    prompts = "SELECT system_prompt FROM agent_versions WHERE agent_id = $1 ORDER BY number"
    assert await column(agent, prompts, UUID(made["agent_id"])) == ["one", "two", "two", "two", "two"]


async def test_changes_at_once_all_count(make_agent: Any) -> None:
    agent = await make_agent("api")
    rest = Rest(agent)
    made = await rest.create(name="Mine")
    fields = ["name", "description", "system_prompt", "model", "icon_name"]
    await asyncio.gather(*(rest.update(made["agent_id"], **{field: "new"}) for field in fields))
    after = await rest.get(made["agent_id"])
    assert [after[field] for field in fields] == ["new"] * 5
    assert after["version_count"] == 3


async def test_another_agent_takes_the_default_over_and_there_is_always_one(make_agent: Any) -> None:
    agent = await make_agent("api")
    rest, stub = Rest(agent), agent.stub(AgentsStub, "user")
    first = (await rest.page())["agents"][0]
    made = [await rest.create(name=f"n{n}", is_default=n == 0) for n in range(3)]
    assert [entry["agent_id"] for entry in (await rest.page(has_default=True))["agents"]] == [made[0]["agent_id"]]
    changes = await asyncio.gather(*(rest.update(entry["agent_id"], is_default=True) for entry in made))
    assert len(changes) == 3
    (default,) = (await rest.page(has_default=True))["agents"]
    error = await refused(rest.update(default["agent_id"], is_default=False))
    assert (error.reason, error.http_status) == ("NO_DEFAULT_AGENT", 400)
    error = await refused(stub.DeleteAgent(pb.DeleteAgentRequest(agent_id=default["agent_id"])))
    assert (error.reason, error.http_status) == ("DEFAULT_AGENT", 400)
    await stub.DeleteAgent(pb.DeleteAgentRequest(agent_id=first["agent_id"]))
    assert first["agent_id"] not in {entry["agent_id"] for entry in (await rest.page())["agents"]}


async def test_a_deleted_agent_is_nowhere_and_its_versions_stay(make_agent: Any) -> None:
    agent = await make_agent("api")
    rest, stub = Rest(agent), agent.stub(AgentsStub, "user")
    made = await rest.create(name="Gone")
    request = pb.DeleteAgentRequest(agent_id=made["agent_id"])
    assert (await stub.DeleteAgent(request)).message
    for call in (rest.get(made["agent_id"]), rest.update(made["agent_id"], name="x"), stub.DeleteAgent(request)):
        assert (await refused(call)).reason == "AGENT_NOT_FOUND"
    assert await rest.names() == ["Agent"]
    versions = "SELECT count(*) FROM agent_versions WHERE agent_id = $1"
    assert await column(agent, versions, UUID(made["agent_id"])) == [1]


async def test_the_plan_limits_agents_beside_the_default_one_at_any_concurrency(
    make_agent: Any, neighbours: Fakes
) -> None:
    neighbours[0].billing.most_agents = 3
    agents = [await make_agent("api"), await make_agent("api")]
    tries = [Rest(agents[n % 2]).create(name=f"n{n}", is_default=n == 1) for n in range(12)]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    errors = [answer for answer in answers if isinstance(answer, MeshError)]
    assert len(errors) == 9
    assert all(isinstance(error, PaymentRequired) for error in errors)
    assert (errors[0].reason, errors[0].params) == ("AGENT_LIMIT_EXCEEDED", {"current_count": 3, "limit": 3})
    count = agents[0].stub(AgentsInternalStub, "service:gateway")
    assert (await count.CountAgents(pb.CountAgentsRequest(account_id=ACCOUNTS["user"]))).agents == 3
    assert await column(agents[0], "SELECT count(*) FROM agents WHERE is_default") == [1]


async def test_a_request_repeated_is_the_same_agent(make_agent: Any, neighbours: Fakes) -> None:
    neighbours[0].billing.most_agents = 1
    agent = await make_agent("api")
    request = pb.CreateAgentRequest(agent=pb.AgentFields(name="Once"), request_id=str(uuid4()))
    stub, other = agent.stub(AgentsStub, "user"), agent.stub(AgentsStub, "other")
    made = [(await stub.CreateAgent(request)).agent for _ in range(2)]
    assert made[0] == made[1]
    assert (await other.CreateAgent(request)).agent.agent_id != made[0].agent_id


async def test_agents_are_filtered_sorted_and_paged(make_agent: Any) -> None:
    rest = Rest(await make_agent("api"))
    await rest.create(name="beta", description="Writes CODE", agentpress_tools={"sb_shell_tool": True})
    await rest.create(name="Alpha", agentpress_tools={"sb_shell_tool": False, "sb_files_tool": {"enabled": True}})
    await rest.create(name="gamma", custom_mcps=[{"name": "x"}], agentpress_tools={"web": {"enabled": False}})
    assert await rest.names(sort_by="name", sort_order="asc") == ["Agent", "Alpha", "beta", "gamma"]
    assert await rest.names() == ["gamma", "Alpha", "beta", "Agent"]
    assert await rest.names(search="code") == ["beta"]
    assert await rest.names(search="%") == []
    assert await rest.names(has_default=False, sort_by="name") == ["gamma", "beta", "Alpha"]
    assert await rest.names(has_mcp_tools=True) == ["gamma"]
    assert await rest.names(has_agentpress_tools=True, sort_by="name", sort_order="asc") == ["Alpha", "beta"]
    assert await rest.names(tools="sb_shell_tool") == ["beta"]
    assert await rest.names(tools="sb_files_tool,sb_shell_tool", sort_by="updated_at") == ["Alpha", "beta"]
    assert await rest.names(content_type="templates") == []
    last = await rest.page(page=2, limit=3)
    assert [agent["name"] for agent in last["agents"]] == ["Agent"]
    assert last["pagination"] == {"page": 2, "limit": 3, "total": 4, "pages": 2}
    assert (await rest.page(page=9))["agents"] == []


async def test_pages_by_cursor_hold_every_agent_once(make_agent: Any) -> None:
    agent = await make_agent("api")
    stub, rest = agent.stub(AgentsStub, "user"), Rest(agent)
    for n in range(4):
        await rest.create(name=f"n{n}")
    seen, token = [], ""
    while True:
        page = await stub.ListAgents(pb.ListAgentsRequest(page_size=2, page_token=token))
        seen += [entry.name for entry in page.agents]
        assert page.total == 5
        if not (token := page.next_page_token):
            break
    assert seen == ["n3", "n2", "n1", "n0", "Agent"]


async def test_somebody_elses_agent_is_not_there(make_agent: Any) -> None:
    agent = await make_agent("api")
    made = await Rest(agent).create(name="Mine")
    other, stub = Rest(agent, "other"), agent.stub(AgentsStub, "other")
    delete = stub.DeleteAgent(pb.DeleteAgentRequest(agent_id=made["agent_id"]))
    for call in (other.get(made["agent_id"]), other.update(made["agent_id"], name="x"), delete):
        assert (await refused(call)).reason == "AGENT_NOT_FOUND"
    assert await other.names() == ["Agent"]


async def test_servers_that_join_those_of_before_are_bounded_with_them(make_agent: Any) -> None:
    rest = Rest(await make_agent("api"))
    mine = (await rest.create(name="Mine", custom_mcps=[{"name": f"a{n}"} for n in range(150)]))["agent_id"]
    refusal = await refused(rest.update(mine, custom_mcps=[{"name": f"b{n}"} for n in range(51)]))
    assert isinstance(refusal, InvalidArgument)
    assert refusal.violations[0].field == "custom_mcps"
    assert len((await rest.update(mine, custom_mcps=[{"name": f"b{n}"} for n in range(50)]))["custom_mcps"]) == 200


async def test_the_default_made_and_moved_at_once_is_one(make_agent: Any, neighbours: Fakes) -> None:
    neighbours[0].billing.most_agents = 100
    agent = await make_agent("api")
    rest = Rest(agent)
    for _ in range(10):
        mine = (await rest.create(name="Mine"))["agent_id"]
        await asyncio.gather(rest.create(name="New", is_default=True), rest.update(mine, is_default=True))
    assert await column(agent, "SELECT count(*) FROM agents WHERE is_default") == [1]
