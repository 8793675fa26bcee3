"""Whatever is sent, the answer is an answer or a refusal that names a field: never a failure of ours."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import duration_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mesh.sandbox.v1 import history_pb2
from mesh.sandbox.v1 import sandbox_pb2 as pb

from services.kit.errors import InvalidArgument, MeshError
from tests.integration.sandbox.service import OWNER, Service, collect, upload

pytestmark = pytest.mark.asyncio(loop_scope="module")

FUZZ = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# What a proto string can hold at all: no lone surrogates.
texts = st.text(st.characters(exclude_categories=["Cs"]))
ids = st.one_of(st.uuids().map(str), st.uuids().map(lambda found: str(found).upper()), texts)
there = ["workspace", "dir", "file", "link", "loop", "fifo"]
odd = [
    "",
    ".",
    "..",
    "...",
    "a b",
    "-rf",
    "~",
    "/",
    "\0",
    "\n",
    "\u202e",
    "é",
    "*",
    "$HOME",
    "%2e%2e",
    "\\..\\",
    "proc",
]
pieces = st.sampled_from([*there, *odd, "x" * 255, "x" * 256, "名" * 100])
paths = st.one_of(
    texts,
    st.builds(str.__add__, st.sampled_from(["", "/", "//", "/workspace/", "/workspace", "./", "../"]),
              st.lists(pieces, max_size=8).map("/".join)),
    st.integers(1, 200).map(lambda depth: "d/" * depth + "f"),
    st.integers(4090, 9000).map(lambda length: "x" * length),
)  # fmt: skip


@pytest.fixture(scope="module")
def project(service: Service) -> str:
    return service.projects.make()


async def furnished(service: Service, project: str) -> str:
    """The project's sandbox, with things in it that a path may trip over."""
    sandbox = await service.sandbox(project)
    await service.run(
        project, "mkdir -p dir; : > file; ln -sf / link; ln -sf loop loop; [ -e fifo ] || mkfifo fifo", key="furnish"
    )
    return sandbox


async def tried(call: Any) -> None:
    """Awaits the call; a refusal must be one on purpose, and a wrong argument must name its field."""
    refused = await _refusal(call)
    if refused is not None:
        assert refused.http_status < 500 or refused.reason in ("QUOTA_EXCEEDED", "TOO_MANY_PROCESSES"), refused
    if isinstance(refused, InvalidArgument):
        assert refused.violations
        assert all(violation.field and violation.description for violation in refused.violations)


async def _refusal(call: Any) -> MeshError | None:
    try:
        await call
    except MeshError as refused:
        return refused
    return None


async def drained(stream: Any) -> None:
    async for _ in stream:
        pass


@FUZZ
@given(path=paths)
async def test_any_path(service: Service, project: str, path: str) -> None:
    sandbox = await furnished(service, project)
    user = service.user()
    await tried(user.ListFiles(pb.ListFilesRequest(sandbox_id=sandbox, path=path)))
    await tried(drained(user.ReadFile(pb.ReadFileRequest(sandbox_id=sandbox, path=path))))
    await tried(user.WriteFile(pb.WriteFileRequest(sandbox_id=sandbox, path=path, content="x")))
    await tried(upload(user, pb.UploadTarget(sandbox_id=sandbox, path=path), [b"x"]))
    await tried(user.DeleteFile(pb.DeleteFileRequest(sandbox_id=sandbox, path=path)))


@settings(FUZZ, max_examples=25)
@given(
    path=paths,
    commit=st.one_of(texts, st.from_regex(r"[0-9a-fA-F]{40}", fullmatch=True)),
    limit=st.integers(-(2**31), 2**31 - 1),
    others=st.lists(paths, max_size=3),
)
async def test_any_version(
    service: Service, project: str, path: str, commit: str, limit: int, others: list[str]
) -> None:
    sandbox, history = await furnished(service, project), service.history()
    await tried(history.ListTree(history_pb2.ListTreeRequest(sandbox_id=sandbox, path=path, commit=commit)))
    await tried(history.ListVersions(history_pb2.ListVersionsRequest(sandbox_id=sandbox, path=path, limit=limit)))
    await tried(history.GetCommit(history_pb2.GetCommitRequest(sandbox_id=sandbox, path=path, commit=commit)))
    await tried(
        drained(history.ReadVersion(history_pb2.ReadVersionRequest(sandbox_id=sandbox, path=path, commit=commit)))
    )
    newest = await history.ListVersions(history_pb2.ListVersionsRequest(sandbox_id=sandbox, path=".", limit=1))
    for known in (commit, newest.versions[0].commit):
        revert = history_pb2.RevertFilesRequest(sandbox_id=sandbox, commit=known, paths=[path, *others])
        await tried(history.RevertFiles(revert))


@FUZZ
@given(project_id=ids, sandbox_id=ids, account_id=ids)
async def test_any_id(service: Service, project_id: str, sandbox_id: str, account_id: str) -> None:
    user, tools = service.user(), service.tools
    await tried(user.GetProjectSandbox(pb.GetProjectSandboxRequest(project_id=project_id)))
    await tried(user.GetSandboxStatus(pb.GetSandboxStatusRequest(project_id=project_id)))
    await tried(user.ListFiles(pb.ListFilesRequest(sandbox_id=sandbox_id, path=".")))
    await tried(user.ExecuteCommand(pb.ExecuteCommandRequest(sandbox_id=sandbox_id, command="true")))
    await tried(user.ListFiles(pb.ListFilesRequest(project_id=project_id, path=".")))
    await tried(user.StartSandbox(pb.StartSandboxRequest(project_id=project_id)))
    await tried(user.StopSandbox(pb.StopSandboxRequest(project_id=project_id)))
    await tried(user.CompleteUploads(pb.CompleteUploadsRequest(project_id=project_id)))
    await tried(user.CreateSshToken(pb.CreateSshTokenRequest(sandbox_id=sandbox_id)))
    await tried(upload(user, pb.UploadTarget(project_id=project_id, path="f"), [b"x"]))
    request = pb.ReadProjectFileRequest(project_id=project_id, account_id=account_id, path="f")
    await tried(drained(tools.ReadProjectFile(request)))
    await tried(service.threads.DeleteProjectSandbox(pb.DeleteProjectSandboxRequest(project_id=project_id)))


@FUZZ
@given(
    key=texts,
    cwd=paths,
    seconds=st.integers(-5, 4000),
    nanos=st.integers(-5, 10**9),
    command=st.one_of(texts, st.sampled_from(["", "true", "\0", "exit 300", "kill -9 $$", "x" * 131072, "x" * 131073])),
)
async def test_any_command(
    service: Service, project: str, key: str, cwd: str, seconds: int, nanos: int, command: str
) -> None:
    await furnished(service, project)
    if seconds > 3 and command not in ("true", "exit 300", "kill -9 $$"):
        seconds = 1  # what was made up may wait for ever
    request = pb.RunProcessRequest(
        key=key, project_id=project, account_id=OWNER, command=command, cwd=cwd,
        timeout=duration_pb2.Duration(seconds=seconds, nanos=nanos),
    )  # fmt: skip
    await tried(collect(service.tools.RunProcess(request)))
    await tried(service.tools.GetProcess(pb.GetProcessRequest(key=key)))
    await tried(service.tools.KillProcess(pb.KillProcessRequest(key=key)))


@FUZZ
@given(
    path=paths,
    permissions=st.one_of(texts, st.from_regex(r"[0-7]{3}", fullmatch=True)),
    must_exist=st.booleans(),
    must_not_exist=st.booleans(),
    content=st.binary(max_size=100),
    max_bytes=st.integers(-(2**63), 2**63 - 1),
)
async def test_any_change(
    service: Service, project: str, path: str, permissions: str, must_exist: bool, must_not_exist: bool,
    content: bytes, max_bytes: int,
) -> None:  # fmt: skip
    await furnished(service, project)
    write = pb.FileWrite(content=content, permissions=permissions, must_exist=must_exist, must_not_exist=must_not_exist)
    change = pb.ChangeProjectFileRequest(project_id=project, account_id=OWNER, path=path, write=write)
    await tried(service.tools.ChangeProjectFile(change))
    read = pb.ReadProjectFileRequest(project_id=project, account_id=OWNER, path=path, max_bytes=max_bytes)
    await tried(drained(service.tools.ReadProjectFile(read)))
    delete = pb.ChangeProjectFileRequest(project_id=project, account_id=OWNER, path=path, delete=pb.FileDelete())
    await tried(service.tools.ChangeProjectFile(delete))
    listing = pb.ListProjectFilesRequest(project_id=project, account_id=OWNER, path=path)
    await tried(service.tools.ListProjectFiles(listing))
