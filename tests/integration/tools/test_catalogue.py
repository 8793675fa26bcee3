"""What the tools do, over the wire."""

from __future__ import annotations

import asyncio
import json

import pytest
from jsonschema import Draft202012Validator
from mesh.tools.v1 import tools_pb2 as pb

from services.kit.errors import MeshError
from tests.integration.tools.world import Run, World, new_id

LISTED = {
    "task_list_tool": ["view_tasks", "create_tasks", "update_tasks", "delete_tasks", "clear_all"],
    "sb_files_tool": ["create_file", "full_file_rewrite", "str_replace", "delete_file"],
    "sb_shell_tool": ["execute_command"],
    "sb_file_reader_tool": ["read_file"],
    "message_tool": ["ask", "complete", "wait"],
}


async def test_catalogue_lists_what_works_nearest_first(run: Run) -> None:
    listed = (await run.stub.ListTools(pb.ListToolsRequest())).tools
    assert {tool.name: [function.name for function in tool.functions] for tool in listed} == LISTED
    assert [tool.weight for tool in listed] == sorted(tool.weight for tool in listed)
    functions = {function.name: function for tool in listed for function in tool.functions}
    for function in functions.values():
        Draft202012Validator.check_schema(json.loads(function.parameters_json))
        assert function.tool_class != pb.TOOL_CLASS_UNSPECIFIED
    assert {name for name, function in functions.items() if function.terminating} == {"ask", "complete"}
    assert functions["execute_command"].tool_class == pb.TOOL_CLASS_QUERYABLE


async def test_people_are_shown_the_catalogue_that_runs_are_given(world: World, address: str, run: Run) -> None:
    shown = await world.person_at(address).ListCatalogue(pb.ListCatalogueRequest())
    assert shown.success
    assert list(shown.tools) == list((await run.stub.ListTools(pb.ListToolsRequest())).tools)


async def test_unknown_function_is_a_result_that_names_the_known_ones(run: Run) -> None:
    answer = await run.call("rm_rf", {})
    assert not answer.result.success
    for names in LISTED.values():
        assert all(name in answer.result.error for name in names)


async def test_run_without_the_scope_may_not_call(world: World, address: str) -> None:
    none = world.run_at(address, scopes=())
    answer = await none.call("ask", {"text": "a"})
    assert answer.result.outcome == "failed"
    assert "may not call" in answer.result.error
    one = world.run_at(address, scopes=("tools:message_tool",))
    assert (await one.call("ask", {"text": "a"})).result.success
    assert not (await one.call("execute_command", {"command": "true"}, ordinal=1)).result.success


async def test_token_of_another_run_or_account_is_refused(run: Run) -> None:
    for field in ("account_id", "run_id"):
        request = run.request("ask", {"text": "a"})
        setattr(request, field, new_id())
        with pytest.raises(MeshError) as refused:
            await run.stub.ExecuteTool(request).__aiter__().__anext__()
        assert refused.value.reason == "NOT_THIS_RUN"


async def test_command_runs_in_its_folder_and_fails_with_its_code(world: World, run: Run) -> None:
    (world.sandbox.workspace(run.project_id) / "data").mkdir()
    answer = await run.call("execute_command", {"command": "basename $PWD; exit 3", "folder": "data"})
    assert not answer.result.success
    assert answer.value == {"output": "data\n", "exit_code": 3, "cwd": "/workspace/data"}
    assert "code 3" in answer.result.error


async def test_command_in_a_missing_folder_says_so(run: Run) -> None:
    answer = await run.call("execute_command", {"command": "true", "folder": "nowhere"})
    assert answer.result.outcome == "failed"
    assert "nowhere" in answer.result.error


async def test_file_is_created_once_and_rewritten(world: World, run: Run) -> None:
    workspace = world.sandbox.workspace(run.project_id)
    file = {"file_path": "src/a.sh", "file_contents": "hello\n", "permissions": "755"}
    assert (await run.call("create_file", file)).result.success
    assert (workspace / "src/a.sh").read_text() == "hello\n"
    assert (workspace / "src/a.sh").stat().st_mode & 0o777 == 0o755
    twice = await run.call("create_file", file, ordinal=1)
    assert "full_file_rewrite" in twice.result.error
    rewritten = await run.call("full_file_rewrite", file | {"file_contents": "bye\n"}, ordinal=2)
    assert rewritten.result.success
    assert (workspace / "src/a.sh").read_text() == "bye\n"
    missing = await run.call("full_file_rewrite", file | {"file_path": "nowhere"}, ordinal=3)
    assert "create_file" in missing.result.error


async def test_text_is_replaced_where_it_is_unique(world: World, run: Run) -> None:
    path = world.sandbox.workspace(run.project_id) / "a.txt"
    path.write_text("one two two\n")
    edit = {"file_path": "a.txt", "old_str": "one", "new_str": "1"}
    assert (await run.call("str_replace", edit)).result.success
    several = await run.call("str_replace", edit | {"old_str": "two"}, ordinal=1)
    assert "2 times" in several.result.error
    everywhere = await run.call("str_replace", edit | {"old_str": "two", "replace_all": True}, ordinal=2)
    assert everywhere.result.success
    absent = await run.call("str_replace", edit | {"old_str": "three"}, ordinal=3)
    assert "not in it" in absent.result.error
    nowhere = await run.call("str_replace", edit | {"file_path": "b.txt"}, ordinal=4)
    assert "no file 'b.txt'" in nowhere.result.error
    assert path.read_text() == "1 1 1\n"


async def test_file_is_deleted_and_paths_stay_inside(world: World, run: Run) -> None:
    path = world.sandbox.workspace(run.project_id) / "a.txt"
    path.write_text("a")
    assert (await run.call("delete_file", {"file_path": "a.txt"})).result.success
    assert not path.exists()
    gone = await run.call("delete_file", {"file_path": "a.txt"}, ordinal=1)
    assert "no file" in gone.result.error
    outside = await run.call("delete_file", {"file_path": "../a.txt"}, ordinal=2)
    assert "workspace" in outside.result.error


async def test_files_are_read_whole_by_lines_and_together(world: World, run: Run) -> None:
    workspace = world.sandbox.workspace(run.project_id)
    (workspace / "a.txt").write_text("".join(f"line {number}\n" for number in range(1, 11)))
    (workspace / "b.txt").write_text("b")
    (workspace / "c.bin").write_bytes(b"\0\1")
    whole = (await run.call("read_file", {"file_path": "a.txt"})).value
    assert whole["content"].startswith("line 1\n")
    assert (whole["total_lines"], whole["truncated"]) == (10, False)
    part = (await run.call("read_file", {"file_path": "a.txt", "offset": 3, "limit": 2}, ordinal=1)).value
    assert (part["content"], part["last_line"], part["truncated"]) == ("line 3\nline 4\n", 4, True)
    several = await run.call("read_file", {"file_paths": ["a.txt", "b.txt", "c.bin", "d.txt"]}, ordinal=2)
    assert several.result.success
    assert [file["success"] for file in several.value["files"]] == [True, True, False, False]
    missing = await run.call("read_file", {"file_path": "d.txt"}, ordinal=3)
    assert missing.result.error == "There is no file 'd.txt'"


async def test_a_file_that_may_be_on_its_way_is_waited_for(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.sandbox, "pending", 2)
    missing = await run.call("read_file", {"file_path": "d.txt"})
    assert "still being uploaded (2)" in missing.result.error


async def test_large_file_is_read_in_bounds(world: World, run: Run) -> None:
    (world.sandbox.workspace(run.project_id) / "a.txt").write_text("x" * 300_000 + "end")
    answer = (await run.call("read_file", {"file_path": "a.txt"})).value
    assert len(answer["content"]) < 61_000
    assert answer["content"].endswith("end")
    assert answer["truncated"]
    assert "characters left out" in answer["content"]


async def test_task_list_lives_with_the_thread(world: World, address: str, run: Run) -> None:
    plan = {"sections": [{"title": "One", "tasks": ["a", "b"]}, {"title": "Two", "tasks": ["c"]}]}
    made = (await run.call("create_tasks", plan)).value
    assert (made["total_tasks"], made["total_sections"]) == (3, 2)
    first, second = (section["tasks"] for section in made["sections"])
    done = [first[0]["id"], second[0]["id"]]
    await run.call("update_tasks", {"task_ids": done, "status": "completed"}, ordinal=1)
    await run.call("update_tasks", {"task_ids": first[1]["id"], "content": "b \0 2"}, ordinal=2)
    seen = (await run.call("view_tasks", ordinal=3)).value
    assert [[task["status"] for task in section["tasks"]] for section in seen["sections"]] == [
        ["completed", "pending"],
        ["completed"],
    ]
    assert seen["sections"][0]["tasks"][1]["content"] == "b \0 2"
    stranger = world.run_at(address)
    stranger.thread_id = run.thread_id
    assert (await stranger.call("view_tasks")).value["total_tasks"] == 0
    refused = await run.call("clear_all", {"confirm": False}, ordinal=4)
    assert "confirm true" in refused.result.error
    assert (await run.call("clear_all", {"confirm": True}, ordinal=5)).value["total_tasks"] == 0


async def test_concurrent_changes_of_a_task_list_all_count(run: Run) -> None:
    async def add(ordinal: int) -> None:
        arguments = {"section_title": "All", "task_contents": [f"task {ordinal}"]}
        assert (await run.call("create_tasks", arguments, ordinal=ordinal)).result.success

    await asyncio.gather(*(add(ordinal) for ordinal in range(1, 13)))
    seen = (await run.call("view_tasks", ordinal=13)).value
    assert (seen["total_tasks"], seen["total_sections"]) == (12, 1)


async def test_concurrent_edits_of_a_file_all_count(world: World, run: Run) -> None:
    path = world.sandbox.workspace(run.project_id) / "a.txt"
    path.write_text("".join(f"<{number}>" for number in range(12)))

    async def edit(number: int) -> None:
        arguments = {"file_path": "a.txt", "old_str": f"<{number}>", "new_str": f"[{number}]"}
        assert (await run.call("str_replace", arguments, ordinal=number)).result.success

    await asyncio.gather(*(edit(number) for number in range(12)))
    assert path.read_text() == "".join(f"[{number}]" for number in range(12))
