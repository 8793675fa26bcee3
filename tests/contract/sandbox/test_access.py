"""The access matrix of sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from mesh.sandbox.v1 import history_pb2
from mesh.sandbox.v1 import sandbox_pb2 as pb

from services.sandbox import errors
from services.sandbox.policy import POLICY
from tests.contract.access_matrix import Case, Kind, Things, Visibility, cases, verdict
from tests.integration.sandbox.service import OWNER, Service, new_id

KINDS: dict[str, Kind] = {
    "Sandboxes.GetProjectSandbox": "read",
    "Sandboxes.GetSandboxStatus": "read",
    "Sandboxes.StartSandbox": "write",
    "Sandboxes.StopSandbox": "write",
    "Sandboxes.AnnounceUploads": "write",
    "Sandboxes.CompleteUploads": "write",
    "Sandboxes.CreateSshToken": "write",
    "Sandboxes.ListFiles": "read",
    "Sandboxes.ReadFile": "read",
    "Sandboxes.WriteFile": "write",
    "Sandboxes.DeleteFile": "write",
    "Sandboxes.UploadFile": "write",
    "Sandboxes.ExecuteCommand": "write",
    "SandboxHistory.ListTree": "read",
    "SandboxHistory.ListVersions": "read",
    "SandboxHistory.GetCommit": "read",
    "SandboxHistory.ReadVersion": "read",
    "SandboxHistory.RevertFiles": "write",
    "SandboxInternal.EnsureSandbox": "internal",
    "SandboxInternal.DeleteProjectSandbox": "internal",
    "SandboxInternal.RunProcess": "internal",
    "SandboxInternal.GetProcess": "internal",
    "SandboxInternal.KillProcess": "internal",
    "SandboxInternal.ReadProjectFile": "internal",
    "SandboxInternal.ChangeProjectFile": "internal",
    "SandboxInternal.ListProjectFiles": "internal",
    "SandboxInternal.CountPendingUploads": "internal",
}

REQUESTS: dict[str, Callable[[Things], Any]] = {
    "Sandboxes.GetProjectSandbox": lambda things: pb.GetProjectSandboxRequest(project_id=things["project"]),
    "Sandboxes.GetSandboxStatus": lambda things: pb.GetSandboxStatusRequest(project_id=things["project"]),
    "Sandboxes.StartSandbox": lambda things: pb.StartSandboxRequest(project_id=things["project"]),
    "Sandboxes.StopSandbox": lambda things: pb.StopSandboxRequest(project_id=things["project"]),
    "Sandboxes.AnnounceUploads": lambda things: pb.AnnounceUploadsRequest(project_id=things["project"], file_count=1),
    "Sandboxes.CompleteUploads": lambda things: pb.CompleteUploadsRequest(project_id=things["project"]),
    "Sandboxes.CreateSshToken": lambda things: pb.CreateSshTokenRequest(sandbox_id=things["sandbox"]),
    "Sandboxes.ListFiles": lambda things: pb.ListFilesRequest(sandbox_id=things["sandbox"], path="/workspace"),
    "Sandboxes.ReadFile": lambda things: pb.ReadFileRequest(sandbox_id=things["sandbox"], path="f"),
    "Sandboxes.WriteFile": lambda things: pb.WriteFileRequest(sandbox_id=things["sandbox"], path="g", content="x"),
    "Sandboxes.DeleteFile": lambda things: pb.DeleteFileRequest(sandbox_id=things["sandbox"], path="f"),
    "Sandboxes.UploadFile": lambda things: pb.UploadFileRequest(
        target=pb.UploadTarget(sandbox_id=things["sandbox"], path="u")
    ),
    "Sandboxes.ExecuteCommand": lambda things: pb.ExecuteCommandRequest(sandbox_id=things["sandbox"], command="true"),
    "SandboxHistory.ListTree": lambda things: history_pb2.ListTreeRequest(sandbox_id=things["sandbox"]),
    "SandboxHistory.ListVersions": lambda things: history_pb2.ListVersionsRequest(
        sandbox_id=things["sandbox"], path="f"
    ),
    "SandboxHistory.GetCommit": lambda things: history_pb2.GetCommitRequest(
        sandbox_id=things["sandbox"], commit=things["commit"]
    ),
    "SandboxHistory.ReadVersion": lambda things: history_pb2.ReadVersionRequest(
        sandbox_id=things["sandbox"], path="f", commit=things["commit"]
    ),
    "SandboxHistory.RevertFiles": lambda things: history_pb2.RevertFilesRequest(
        sandbox_id=things["sandbox"], commit=things["commit"]
    ),
    "SandboxInternal.EnsureSandbox": lambda things: pb.EnsureSandboxRequest(
        project_id=things["project"], account_id=OWNER
    ),
    "SandboxInternal.DeleteProjectSandbox": lambda things: pb.DeleteProjectSandboxRequest(project_id=things["project"]),
    "SandboxInternal.RunProcess": lambda things: pb.RunProcessRequest(
        key=new_id(), project_id=things["project"], account_id=OWNER, command="true"
    ),
    "SandboxInternal.GetProcess": lambda things: pb.GetProcessRequest(key=things["key"]),
    "SandboxInternal.KillProcess": lambda things: pb.KillProcessRequest(key=things["key"]),
    "SandboxInternal.ReadProjectFile": lambda things: pb.ReadProjectFileRequest(
        project_id=things["project"], account_id=OWNER, path="f"
    ),
    "SandboxInternal.ChangeProjectFile": lambda things: pb.ChangeProjectFileRequest(
        project_id=things["project"], account_id=OWNER, path="g", write=pb.FileWrite()
    ),
    "SandboxInternal.ListProjectFiles": lambda things: pb.ListProjectFilesRequest(
        project_id=things["project"], account_id=OWNER, path="."
    ),
    "SandboxInternal.CountPendingUploads": lambda things: pb.CountPendingUploadsRequest(project_id=things["project"]),
}

BY_PROJECT: dict[str, Callable[[str], Any]] = {
    "Sandboxes.ListFiles": lambda project: pb.ListFilesRequest(project_id=project, path="."),
    "Sandboxes.ReadFile": lambda project: pb.ReadFileRequest(project_id=project, path="f"),
    "Sandboxes.ExecuteCommand": lambda project: pb.ExecuteCommandRequest(project_id=project, command="true"),
    "Sandboxes.UploadFile": lambda project: pb.UploadFileRequest(target=pb.UploadTarget(project_id=project, path="u")),
}
"""What takes the project's id in place of the sandbox's."""

FILES = [pb.DESCRIPTOR, history_pb2.DESCRIPTOR]

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def prepare(service: Service, visibility: Visibility) -> Things:
    """A project of the owner's with a sandbox, a file and a process that ended."""
    project, key = service.projects.make(public=visibility == "public"), new_id()
    await service.write(project, "f", b"x")
    await service.run(project, "true", key=key)
    return {"project": project, "sandbox": await service.sandbox(project), "key": key}


async def with_commit(service: Service, things: Things) -> Things:
    """The same, and the commit of its one version."""
    request = history_pb2.ListVersionsRequest(sandbox_id=things["sandbox"], path="f")
    (version,) = (await service.history().ListVersions(request)).versions
    return {**things, "commit": version.commit}


@pytest.mark.parametrize("case", cases(FILES, POLICY, KINDS), ids=str)
async def test_each_caller_gets_the_verdict_of_the_design(service: Service, case: Case) -> None:
    things = await prepare(service, case.visibility)
    if case.rpc.startswith("SandboxHistory."):
        things = await with_commit(service, things)
    channel = service.harness.channel(case.caller, account=OWNER)
    found = await verdict(channel, case.method, REQUESTS[case.rpc](things))
    if case.rpc == "Sandboxes.CreateSshToken" and case.verdict == 200:
        assert found == errors.SshNotSupported.http_status  # let in, and told that this provider has none
    else:
        assert found == case.verdict


@pytest.mark.parametrize("case", [case for case in cases(FILES, POLICY, KINDS) if case.rpc in BY_PROJECT], ids=str)
async def test_the_project_s_id_lets_in_whom_the_sandbox_s_does(service: Service, case: Case) -> None:
    things = await prepare(service, case.visibility)
    channel = service.harness.channel(case.caller, account=OWNER)
    assert await verdict(channel, case.method, BY_PROJECT[case.rpc](things["project"])) == case.verdict


@pytest.mark.parametrize("rpc_name", [name for name, kind in KINDS.items() if kind != "internal"])
async def test_an_unknown_id_looks_like_a_hidden_one(service: Service, rpc_name: str) -> None:
    """Nobody can find out by its answer whether an id exists."""
    (method,) = {case.method for case in cases(FILES, POLICY, KINDS) if case.rpc == rpc_name}
    unknown = {"project": new_id(), "sandbox": new_id(), "commit": "0" * 40}
    channel = service.harness.channel("other")
    assert await verdict(channel, method, REQUESTS[rpc_name](unknown)) == 404
    if rpc_name in BY_PROJECT:
        assert await verdict(channel, method, BY_PROJECT[rpc_name](new_id())) == 404


async def test_strangers_are_shown_nothing_that_lets_them_in(service: Service) -> None:
    things = await prepare(service, "public")
    for caller in ("other", "anonymous"):
        request = pb.GetProjectSandboxRequest(project_id=things["project"])
        shown = (await service.user(caller).GetProjectSandbox(request)).sandbox
        assert shown.id == things["sandbox"]
        for secret in ("pass", "vnc_preview", "sandbox_url", "token"):
            assert not shown.HasField(secret)
        status = await service.user(caller).GetSandboxStatus(pb.GetSandboxStatusRequest(project_id=things["project"]))
        assert not status.HasField("error")


async def test_answers_of_threads_are_believed_for_no_longer_than_told(service: Service) -> None:
    """The fixture's cache lives 0 s: a project that turns private is hidden at once."""
    things = await prepare(service, "public")
    request = pb.ListFilesRequest(sandbox_id=things["sandbox"], path=".")
    await service.user("other").ListFiles(request)
    service.projects.public.discard(things["project"])
    (method,) = {case.method for case in cases(FILES, POLICY, KINDS) if case.rpc == "Sandboxes.ListFiles"}
    assert await verdict(service.harness.channel("other"), method, request) == 404
