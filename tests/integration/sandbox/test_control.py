"""What a person does with a sandbox by its project's id: start, stop, use, announce files."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mesh.sandbox.v1 import sandbox_pb2 as pb

from services.kit.errors import InvalidArgument, MeshError
from tests.integration.sandbox.service import Service, new_id, running_sandbox, until, upload

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def status(service: Service, project: str) -> pb.GetSandboxStatusResponse:
    answer: pb.GetSandboxStatusResponse = await service.user().GetSandboxStatus(
        pb.GetSandboxStatusRequest(project_id=project)
    )
    return answer


async def refused(call: Any) -> MeshError:
    with pytest.raises(MeshError) as failed:
        await call
    return failed.value


async def read(service: Service, caller: str = "user", **place: str) -> bytes:
    request = pb.ReadFileRequest(path="f", **place)
    return b"".join([part.data async for part in service.user(caller).ReadFile(request)])


async def pending(service: Service, project: str) -> int:
    answer = await service.tools.CountPendingUploads(pb.CountPendingUploadsRequest(project_id=project))
    return int(answer.pending_files)


async def announce(service: Service, project: str, count: int) -> int:
    answer = await service.user().AnnounceUploads(pb.AnnounceUploadsRequest(project_id=project, file_count=count))
    assert answer.status == "ok"
    return int(answer.pending_files)


async def complete(service: Service, project: str) -> None:
    answer = await service.user().CompleteUploads(pb.CompleteUploadsRequest(project_id=project))
    assert answer.status == "ok"


async def test_starting_makes_the_sandbox_once(service: Service) -> None:
    project = service.projects.make()
    before = await status(service, project)
    assert (before.status, before.daytona_state, before.HasField("sandbox_id")) == ("UNKNOWN", "unknown", False)
    answers = [await service.user().StartSandbox(pb.StartSandboxRequest(project_id=project)) for _ in range(2)]
    assert {(answer.status, answer.sandbox_id) for answer in answers} == {("success", answers[0].sandbox_id)}
    after = await status(service, project)
    assert (after.status, after.daytona_state, after.sandbox_id) == ("LIVE", "started", answers[0].sandbox_id)


async def test_stopping_kills_what_runs_and_keeps_the_files(service: Service) -> None:
    project = service.projects.make()
    stream = service.tools.RunProcess(service.request(project, "echo kept > f; echo up; sleep 600"))
    await until(stream, b"up")
    stopped = await service.user().StopSandbox(pb.StopSandboxRequest(project_id=project))
    assert stopped.status == "success"
    rest = [part async for part in stream]
    assert rest[-1].end.state == "killed"
    assert (await status(service, project)).status == "OFFLINE"
    assert await read(service, project_id=project) == b"kept\n"
    again = await service.user().StopSandbox(pb.StopSandboxRequest(project_id=project))
    assert again.sandbox_id == stopped.sandbox_id


async def test_a_stopped_sandbox_is_woken_by_its_next_use(service: Service) -> None:
    project = service.projects.make()
    await service.user().StartSandbox(pb.StartSandboxRequest(project_id=project))
    await service.user().StopSandbox(pb.StopSandboxRequest(project_id=project))
    ran = await service.user().ExecuteCommand(pb.ExecuteCommandRequest(project_id=project, command="echo hi"))
    assert ran.output == "hi\n"
    assert (await status(service, project)).status == "LIVE"


async def test_stopping_what_was_never_made_is_refused(service: Service) -> None:
    call = service.user().StopSandbox(pb.StopSandboxRequest(project_id=service.projects.make()))
    assert (await refused(call)).reason == "SANDBOX_NOT_FOUND"


async def test_by_the_project_s_id_an_owner_s_sandbox_is_made_at_the_first_look(service: Service) -> None:
    project = service.projects.make()
    listing = await service.user().ListFiles(pb.ListFilesRequest(project_id=project.upper(), path="."))
    assert list(listing.files) == []
    assert (await status(service, project)).status == "LIVE"


async def test_a_reader_s_look_makes_no_sandbox(service: Service) -> None:
    project = service.projects.make(public=True)
    call = service.user("other").ListFiles(pb.ListFilesRequest(project_id=project, path="."))
    assert (await refused(call)).reason == "SANDBOX_NOT_FOUND"
    assert (await status(service, project)).status == "UNKNOWN"


async def test_a_reader_sees_a_shared_project_s_files_by_its_id(service: Service) -> None:
    project = service.projects.make(public=True)
    await service.write(project, "f", b"x")
    assert await read(service, "other", project_id=project) == b"x"


async def test_a_call_without_a_place_names_what_is_missing(service: Service) -> None:
    failed = await refused(service.user().ListFiles(pb.ListFilesRequest(path=".")))
    assert isinstance(failed, InvalidArgument)
    assert failed.violations[0].field == "place"


async def test_an_upload_may_take_the_place_of_a_file(service: Service) -> None:
    project = service.projects.make()
    sandbox = await service.sandbox(project)
    target = pb.UploadTarget(sandbox_id=sandbox, path="f", replace=True)
    for content in ([b"old", b"er"], [b"new"]):
        answer = await upload(service.user(), target, content)
        assert (answer.path, answer.renamed) == ("/workspace/f", False)
    assert await read(service, sandbox_id=sandbox) == b"new"


async def test_ssh_is_refused_by_name(service: Service) -> None:
    sandbox = await service.sandbox(service.projects.make())
    failed = await refused(service.user().CreateSshToken(pb.CreateSshTokenRequest(sandbox_id=sandbox)))
    assert (failed.reason, failed.http_status, failed.params) == ("SSH_NOT_SUPPORTED", 409, {"provider": "local"})
    too_long = pb.CreateSshTokenRequest(sandbox_id=sandbox, expires_in_minutes=1441)
    assert (await refused(service.user().CreateSshToken(too_long))).http_status == 400


async def test_announced_files_are_pending_until_their_batch_is_over(service: Service) -> None:
    project = service.projects.make()
    assert await pending(service, project) == 0
    assert await announce(service, project, 3) == 3
    assert await announce(service, project, 2) == 5
    await complete(service, project)
    assert await pending(service, project) == 2
    await complete(service, project)
    await complete(service, project)
    assert await pending(service, project) == 0


async def test_batches_that_end_at_once_are_each_ended(service: Service) -> None:
    project = service.projects.make()
    for _ in range(4):
        await announce(service, project, 1)
    await asyncio.gather(*(complete(service, project) for _ in range(4)))
    assert await pending(service, project) == 0


async def test_announcing_makes_no_sandbox(service: Service) -> None:
    project = service.projects.make()
    await announce(service, project, 1)
    assert (await status(service, project)).status == "UNKNOWN"


async def test_a_batch_nobody_ends_is_over_by_itself(database_url: str, directory: Path) -> None:
    root = directory / new_id()
    root.mkdir(mode=0o711)
    async with running_sandbox(database_url, root, mesh_sandbox_upload_s=0.2) as service:
        project = service.projects.make()
        await announce(service, project, 2)
        async with asyncio.timeout(10):
            while await pending(service, project):
                await asyncio.sleep(0.02)
        assert await announce(service, project, 1) == 1
