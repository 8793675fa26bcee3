"""Whatever a model says: never a crash, always a result that a model can read."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest
from mesh.tools.v1 import tools_pb2 as pb

from tests.integration.tools.world import Run, World

OUTCOMES = {"succeeded", "failed", "timed_out", "unknown"}
NOT_OBJECTS = ["", "{", "null", "[]", '"a"', "1", "NaN", '{"a": NaN}', '{"text": "\\ud800"}', '{"a":1} x', "[" * 5000]
# Commands really run: only harmless ones.
COMMANDS = ["", "true", "exit 7", "(", "echo '", "\0", "echo \U0001f600", " ", "echo $((1/0))", "no_such_command"]
PATHS = [
    "",
    ".",
    "/",
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "a\0b",
    "a\nb",
    "x" * 5000,
    "ok.txt",
    "a/../b",
    "~",
    "dir/",
]
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    5.0,
    1.5,
    10**30,
    -(10**30),
    "",
    "a",
    "\0",
    "\U0001f600",
    [],
    [[]],
    ["a"],
    [1],
    {},
]
DEEP: Any = 1
for _ in range(200):
    DEEP = {"a": [DEEP]}


def hostile(random_: random.Random, name: str) -> Any:
    """A value for the argument of that name, more often than not of a sensible type."""
    if name == "command":
        return random_.choice([*COMMANDS, *COMMANDS, 1, None, []])
    if name in ("seconds", "timeout"):
        return random_.choice([0, 1, 1.0, 1.5, -1, "1", None, 10**30, [1]])
    if name in ("file_path", "folder") and random_.random() < 0.8:
        return random_.choice(PATHS)
    if name == "file_paths" and random_.random() < 0.8:
        return [random_.choice(PATHS) for _ in range(random_.randrange(25))]
    if name == "sections" and random_.random() < 0.8:
        return [{"title": random_.choice(VALUES), "tasks": random_.choice([["a"], [], "a", None])}]
    return random_.choice([*VALUES, *VALUES, DEEP, "y" * 100_000])


def arguments(random_: random.Random, schema: dict[str, Any]) -> dict[str, Any]:
    names = [name for name in schema["properties"] if name in schema["required"] or random_.random() < 0.5]
    chosen = {name: hostile(random_, name) for name in names if random_.random() < 0.95}
    if random_.random() < 0.1:
        chosen[random_.choice(["extra", "", "\0", "__proto__"])] = random_.choice(VALUES)
    return chosen


def check(result: pb.ToolResult) -> None:
    assert result.outcome in OUTCOMES
    assert result.success == (result.outcome == "succeeded")
    json.loads(result.output_json)
    assert result.success or result.error.strip()
    assert "crashed" not in result.error
    assert "reason of its own" not in result.error
    assert len(result.error) < 5_000


@pytest.mark.parametrize("seed", range(4))
async def test_hostile_arguments_of_every_function_give_a_clear_result(run: Run, seed: int) -> None:
    random_ = random.Random(seed)
    listed = (await run.stub.ListTools(pb.ListToolsRequest())).tools
    functions = [function for tool in listed for function in tool.functions]
    requests = [
        run.request(
            function.name, arguments(random_, json.loads(function.parameters_json)), ordinal=ordinal, timeout_s=2
        )
        for ordinal, function in enumerate(function for function in functions for _ in range(20))
    ]
    for begin in range(0, len(requests), 20):
        calls = (_answer(run, request) for request in requests[begin : begin + 20])
        for result in await asyncio.gather(*calls):
            check(result)


async def test_arguments_that_are_no_object_are_told_so(run: Run) -> None:
    listed = (await run.stub.ListTools(pb.ListToolsRequest())).tools
    for tool in listed:
        for function in tool.functions:
            for ordinal, text in enumerate(NOT_OBJECTS[1:]):
                result = await _answer(run, run.request(function.name, text, ordinal=ordinal))
                check(result)
                assert not result.success


async def test_hostile_keys_and_names_are_refused_or_answered(world: World, run: Run) -> None:
    for name in ("\0", "execute_command\0", "__init__", "stop", "functions", "a" * 200, "\u200bask"):
        request = run.request("ask", {"text": "a"})
        request.function_name = name
        result = await _answer(run, request)
        check(result)
        assert "Known functions" in result.error
    assert world.sandbox.processes.started == []


async def _answer(run: Run, request: pb.ExecuteToolRequest) -> pb.ToolResult:
    result = None
    async for response in run.stub.ExecuteTool(request):
        if response.HasField("result"):
            result = response.result
    assert result is not None
    return result
