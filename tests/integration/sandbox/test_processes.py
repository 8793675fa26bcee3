"""Commands by key, through the RPCs that tools uses."""

from __future__ import annotations

import asyncio

import pytest
from mesh.sandbox.v1 import sandbox_pb2 as pb

from services.kit.errors import MeshError
from tests.integration.sandbox.service import OWNER, Service, collect, new_id, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def refusal(call: object) -> MeshError:
    """The error that a call ends with."""
    with pytest.raises(MeshError) as refused:
        await call  # type: ignore[misc]
    return refused.value


async def state_of(service: Service, key: str) -> pb.ProcessState:
    answer: pb.GetProcessResponse = await service.tools.GetProcess(pb.GetProcessRequest(key=key))
    return answer.process


async def test_first_command_makes_the_sandbox(service: Service) -> None:
    project = service.projects.make()
    ran = await service.run(project, "pwd; id -u; echo err >&2; exit 3")
    assert (ran.stdout, ran.stderr) == (b"/workspace\n1000\n", b"err\n")
    assert (ran.end.state, ran.end.exit_code, ran.end.unsafe) == ("exited", 3, False)
    assert ran.end.started_at.ToDatetime() <= ran.end.ended_at.ToDatetime()


async def test_key_runs_once_however_often_it_comes(service: Service) -> None:
    project, key = service.projects.make(), f"{new_id()}:1:0"
    each = await asyncio.gather(
        *(service.run(project, "echo x >> log; sleep 0.1; echo done", key=key) for _ in range(10))
    )
    later = await service.run(project, "echo x >> log; sleep 0.1; echo done", key=key)
    assert all(ran == later for ran in each)
    assert await service.read(project, "log") == b"x\n"


async def test_key_with_another_command_is_a_conflict(service: Service) -> None:
    project, key = service.projects.make(), f"{new_id()}:1:0"
    await service.run(project, "true", key=key)
    refused = await refusal(service.run(project, "false", key=key))
    assert (refused.reason, refused.params) == ("PROCESS_CONFLICT", {"key": key})
    assert (await service.run(project, "true", key=key, cwd="/workspace/.")).end.state == "exited"
    elsewhere = service.projects.make()
    assert (await refusal(service.run(elsewhere, "true", key=key))).reason == "PROCESS_CONFLICT"


async def test_lost_caller_does_not_end_the_command_and_attaches_again(service: Service) -> None:
    project, key = service.projects.make(), f"{new_id()}:1:0"
    command = "echo begun; while [ ! -e go ]; do sleep 0.02; done; echo ended"
    stream = service.tools.RunProcess(service.request(project, command, key=key))
    await until(stream, b"begun")
    stream.cancel()
    assert (await state_of(service, key)).state == "running"
    again = service.tools.RunProcess(service.request(project, command, key=key, attach_only=True))
    await until(again, b"begun")
    await service.write(project, "go", b"")
    assert (await collect(again)).stdout == b"ended\n"
    assert (await service.run(project, command, key=key)).stdout == b"begun\nended\n"


async def test_attach_to_a_key_that_never_ran_is_refused(service: Service) -> None:
    project, key = service.projects.make(), f"{new_id()}:1:0"
    refused = await refusal(service.run(project, "touch made", key=key, attach_only=True))
    assert refused.reason == "PROCESS_NOT_FOUND"
    assert (await refusal(service.tools.GetProcess(pb.GetProcessRequest(key=key)))).reason == "PROCESS_NOT_FOUND"
    assert (await refusal(service.tools.KillProcess(pb.KillProcessRequest(key=key)))).reason == "PROCESS_NOT_FOUND"


async def test_kill_answers_when_the_tree_is_empty(service: Service) -> None:
    project, key = service.projects.make(), f"{new_id()}:1:0"
    command = "(while true; do echo x >> alive; sleep 0.01; done) & setsid sleep 99 & echo begun; wait"
    stream = service.tools.RunProcess(service.request(project, command, key=key))
    await until(stream, b"begun")
    killed = (await service.tools.KillProcess(pb.KillProcessRequest(key=key))).process
    assert (killed.state, killed.HasField("exit_code")) == ("killed", False)
    assert (await collect(stream)).end == killed
    assert (await service.tools.KillProcess(pb.KillProcessRequest(key=key))).process == killed
    assert (await state_of(service, key)).state == "killed"


async def test_kill_at_once_after_the_start(service: Service) -> None:
    project = service.projects.make()
    await service.sandbox(project)
    for _ in range(5):
        key = f"{new_id()}:1:0"
        stream = service.tools.RunProcess(service.request(project, "sleep 99", key=key))
        while await _unknown(service, key):
            pass
        await service.tools.KillProcess(pb.KillProcessRequest(key=key))
        assert (await collect(stream)).end.state == "killed"


async def _unknown(service: Service, key: str) -> bool:
    try:
        await state_of(service, key)
    except MeshError:
        return True
    return False


async def test_time_ends_a_command(service: Service) -> None:
    ran = await service.run(service.projects.make(), "echo begun; sleep 99", timeout_s=0.4)
    assert (ran.end.state, ran.stdout) == ("timed_out", b"begun\n")
    assert "0.4 s" in ran.end.message


async def test_output_past_its_limit_is_cut_with_a_mark_and_the_command_goes_on(service: Service) -> None:
    project = service.projects.make()
    ran = await service.run(project, "head -c 3000000 /dev/zero; echo late; touch ended")
    assert ran.truncated
    assert len(ran.stdout) == 1024 * 1024
    assert (ran.end.state, ran.end.exit_code) == ("exited", 0)
    assert await service.read(project, "ended") == b""


async def test_output_that_is_not_text_comes_as_it_is(service: Service) -> None:
    ran = await service.run(service.projects.make(), r"printf '\377\000\001'")
    assert ran.stdout == b"\xff\x00\x01"


async def test_no_more_commands_at_once_than_allowed(service: Service) -> None:
    project = service.projects.make()
    await service.sandbox(project)
    keys = [f"{new_id()}:1:0" for _ in range(3)]
    streams = [service.tools.RunProcess(service.request(project, "echo up; sleep 99", key=key)) for key in keys]
    for stream in streams:
        await until(stream, b"up")
    refused = await refusal(service.run(project, "true"))
    assert (refused.reason, refused.params, refused.http_status) == ("TOO_MANY_PROCESSES", {"limit": 3}, 429)
    await service.tools.KillProcess(pb.KillProcessRequest(key=keys[0]))
    assert (await service.run(project, "true")).end.state == "exited"
    for key in keys[1:]:
        await service.tools.KillProcess(pb.KillProcessRequest(key=key))


async def test_command_runs_where_it_is_told(service: Service) -> None:
    project = service.projects.make()
    await service.write(project, "a/b/c.txt", b"c")
    for cwd in ("a/b", "/workspace/a/b", "./a//b/"):
        assert (await service.run(project, "pwd; ls", cwd=cwd)).stdout == b"/workspace/a/b\nc.txt\n"
    assert (await refusal(service.run(project, "true", cwd="a/x"))).reason == "FILE_NOT_FOUND"
    assert (await refusal(service.run(project, "true", cwd="a/b/c.txt"))).reason == "WRONG_FILE_TYPE"
    refused = await refusal(service.run(project, "true", cwd="../etc"))
    assert (refused.reason, refused.violations[0].field) == ("INVALID_PATH", "cwd")


async def test_somebody_elses_project_is_not_there(service: Service) -> None:
    project = service.projects.make()
    await service.sandbox(project)
    request = service.request(project, "true")
    request.account_id = new_id()
    assert (await refusal(collect(service.tools.RunProcess(request)))).reason == "SANDBOX_NOT_FOUND"


async def test_files_past_the_quota_end_the_command_and_say_why(service: Service) -> None:
    project = service.projects.make()
    ran = await service.run(project, "i=0; while :; do i=$((i+1)); head -c 8M /dev/zero > f$i; done")
    assert ran.end.state == "killed"
    assert "bytes" in ran.end.message
    assert (await refusal(service.write(project, "more", bytes(1024)))).reason == "QUOTA_EXCEEDED"
    listing = pb.ListProjectFilesRequest(project_id=project, account_id=OWNER, path=".")
    request = pb.ChangeProjectFileRequest(project_id=project, account_id=OWNER, delete=pb.FileDelete())
    for file in (await service.tools.ListProjectFiles(listing)).files:
        request.path = file.path
        await service.tools.ChangeProjectFile(request)
    async with asyncio.timeout(5):
        while True:  # what is used is measured again within a second
            try:
                await service.write(project, "more", bytes(1024))
                break
            except MeshError as full:
                if full.reason != "QUOTA_EXCEEDED":
                    raise
            await asyncio.sleep(0.1)


async def test_terminal_answers_with_both_outputs_and_the_code(service: Service) -> None:
    sandbox = await service.sandbox(service.projects.make())
    request = pb.ExecuteCommandRequest(sandbox_id=sandbox, command="echo out; echo err >&2; exit 4")
    answer = await service.user().ExecuteCommand(request)
    assert sorted(answer.output.split()) == ["err", "out"]
    assert (answer.exit_code, answer.success, answer.unsafe) == (4, False, False)
    ok = await service.user().ExecuteCommand(pb.ExecuteCommandRequest(sandbox_id=sandbox, command="true", cwd="."))
    assert (ok.exit_code, ok.success, ok.output) == (0, True, "")


async def test_terminal_output_is_bounded(service: Service) -> None:
    sandbox = await service.sandbox(service.projects.make())
    request = pb.ExecuteCommandRequest(sandbox_id=sandbox, command="head -c 5000000 /dev/zero | tr '\\0' x")
    answer = await service.user().ExecuteCommand(request)
    assert answer.success
    assert 1024 * 1024 <= len(answer.output) < 1024 * 1024 + 100
    assert answer.output.endswith("[output cut here]")


async def test_terminal_command_ends_when_its_caller_leaves(service: Service) -> None:
    project = service.projects.make()
    sandbox = await service.sandbox(project)
    command = "echo up > up; while true; do echo x >> alive; sleep 0.01; done"
    request = pb.ExecuteCommandRequest(sandbox_id=sandbox, command=command)
    waiting = asyncio.create_task(service.user().ExecuteCommand(request))
    while not (await service.run(project, "ls alive 2>/dev/null")).stdout:
        pass
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    while len(set((await service.run(project, "stat -c %s alive; sleep 0.1; stat -c %s alive")).stdout.split())) > 1:
        pass
