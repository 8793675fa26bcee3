"""The file history through the RPCs: what causes a version, what is told, who may go back."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from mesh.sandbox.v1 import history_pb2 as pb
from mesh.sandbox.v1 import sandbox_pb2

from services.kit.errors import MeshError
from tests.integration.sandbox.service import OWNER, Service, new_id, running_sandbox, upload

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def versions(service: Service, sandbox: str, path: str = ".", **more: Any) -> list[pb.FileVersion]:
    request = pb.ListVersionsRequest(sandbox_id=sandbox, path=path, **more)
    return list((await service.history().ListVersions(request)).versions)


async def content(service: Service, sandbox: str, path: str, commit: str) -> bytes:
    request = pb.ReadVersionRequest(sandbox_id=sandbox, path=path, commit=commit)
    return b"".join([part.data async for part in service.history().ReadVersion(request)])


def home(service: Service, sandbox: str) -> Path:
    """Where a sandbox is on the host."""
    return service.harness.settings.mesh_data_dir / "sandbox" / "homes" / sandbox


async def refusal(call: Any) -> MeshError:
    with pytest.raises(MeshError) as refused:
        await call
    return refused.value


async def test_each_change_leaves_a_version_that_says_what_caused_it(service: Service) -> None:
    project = service.projects.make()
    sandbox = await service.sandbox(project)
    user = service.user()
    key = f"{new_id()}:2:0"
    seen: list[tuple[str, str]] = []

    async def newest() -> None:
        version = (await versions(service, sandbox))[0]
        seen.append((version.message, version.author_name))

    await service.write(project, "notes/a.txt", b"one")
    await newest()
    await service.run(project, "echo two > notes/a.txt", key=key)
    await newest()
    await user.ExecuteCommand(sandbox_pb2.ExecuteCommandRequest(sandbox_id=sandbox, command="echo s3cret > b"))
    await newest()
    await user.WriteFile(sandbox_pb2.WriteFileRequest(sandbox_id=sandbox, path="c", content="c"))
    await newest()
    await upload(user, sandbox_pb2.UploadTarget(sandbox_id=sandbox, path="c"), [b"up", b"loaded"])
    await newest()
    await user.DeleteFile(sandbox_pb2.DeleteFileRequest(sandbox_id=sandbox, path="b"))
    await newest()
    assert seen == [
        ("Write notes/a.txt", "Agent"), (f"Command {key}", "Agent"), ("Command in the terminal", "Owner"),
        ("Write c", "Owner"), ("Upload c_1", "Owner"), ("Delete b", "Owner"),
    ]  # fmt: skip
    assert len(await versions(service, sandbox)) == 6
    assert len(await versions(service, sandbox, limit=2)) == 2
    assert len(await versions(service, sandbox, "/workspace/notes/a.txt")) == 2
    await service.run(project, "cat notes/a.txt")
    assert len(await versions(service, sandbox)) == 6, "a command that changed nothing"


async def test_a_commit_is_told_and_gone_back_to(service: Service) -> None:
    project = service.projects.make()
    sandbox = await service.sandbox(project)
    history = service.history()
    await service.run(project, "mkdir d; echo one > d/a; echo b > b")
    (first,) = await versions(service, sandbox)
    await service.run(project, "echo two > d/a; rm b; echo c > c")
    told = await history.GetCommit(pb.GetCommitRequest(sandbox_id=sandbox, commit=first.commit.upper(), path="d/a"))
    assert [(file.path, file.status) for file in told.files_in_commit] == [("b", "A"), ("d/a", "A")]
    assert [(file.path, file.status, file.revert_effect) for file in told.revert_files] == [
        ("b", "A", "will_restore"), ("c", "D", "will_delete"), ("d/a", "M", "will_modify")
    ]  # fmt: skip
    assert (told.revert_affects_files, told.path_in_commit, told.path_affected_on_revert) == (3, True, True)
    assert (told.commit, told.date, told.author_email) == (first.commit, first.date, "agent@sandbox.invalid")

    one = await history.RevertFiles(
        pb.RevertFilesRequest(sandbox_id=sandbox, commit=first.commit, paths=["/workspace/d"])
    )
    assert (one.mode, one.reverted_files, one.affected_paths) == ("snapshot_files", ["d/a"], ["d"])
    everything = await history.RevertFiles(pb.RevertFilesRequest(sandbox_id=sandbox, commit=first.commit))
    assert (everything.status, everything.mode) == ("success", "snapshot_repo")
    assert (everything.reverted_files, everything.target_commit) == (["b", "c"], first.commit)
    ran = await service.run(project, "cat d/a b; ls; echo more >> d/a; stat -c %u d/a b | sort -u | wc -l")
    assert ran.stdout == b"one\nb\nb\nd\n1\n"
    newest = await versions(service, sandbox)
    assert [version.message for version in newest[1:3]] == [
        f"Back to {first.commit[:7]}", f"Back to {first.commit[:7]}: d"
    ]  # fmt: skip
    assert await content(service, sandbox, "c", newest[2].commit) == b"c\n"


async def test_a_tree_is_listed_as_now_and_as_then(service: Service) -> None:
    project = service.projects.make()
    sandbox = await service.sandbox(project)
    await service.write(project, "d/old", b"12345", permissions="750")
    (first,) = await versions(service, sandbox)
    await service.run(project, "mv d/old d/new")
    now = (await service.history().ListTree(pb.ListTreeRequest(sandbox_id=sandbox, path="d"))).files
    assert [file.path for file in now] == ["/workspace/d/new"]
    request = pb.ListTreeRequest(sandbox_id=sandbox, path="/workspace/d", commit=first.commit)
    (then,) = (await service.history().ListTree(request)).files
    assert (then.name, then.path, then.is_dir, then.size) == ("old", "/workspace/d/old", False, 5)
    assert (then.permissions, then.mod_time) == ("-rwxr-x---", first.date)


async def test_what_is_asked_wrongly_is_refused_by_name(service: Service) -> None:
    project = service.projects.make()
    sandbox = await service.sandbox(project)
    await service.write(project, "f", b"x")
    (only,) = await versions(service, sandbox)
    history = service.history()
    wrong = {
        "limit": history.ListVersions(pb.ListVersionsRequest(sandbox_id=sandbox, path="f", limit=1001)),
        "commit": history.GetCommit(pb.GetCommitRequest(sandbox_id=sandbox, commit="HEAD~1")),
        "path": history.ListTree(pb.ListTreeRequest(sandbox_id=sandbox, path="../..")),
        "paths": history.RevertFiles(
            pb.RevertFilesRequest(sandbox_id=sandbox, commit=only.commit, paths=["f", "/etc/passwd"])
        ),
    }
    for field, call in wrong.items():
        refused = await refusal(call)
        assert refused.http_status == 400
        assert {violation.field for violation in refused.violations} == {field}
    unknown = await refusal(history.RevertFiles(pb.RevertFilesRequest(sandbox_id=sandbox, commit="f" * 40)))
    assert (unknown.reason, unknown.http_status) == ("COMMIT_NOT_FOUND", 404)
    missing = await refusal(content(service, sandbox, "g", only.commit))
    assert missing.reason == "FILE_NOT_FOUND"


async def test_an_empty_file_is_one_empty_message(service: Service) -> None:
    project = service.projects.make()
    sandbox = await service.sandbox(project)
    await service.write(project, "empty", b"")
    (only,) = await versions(service, sandbox)
    request = pb.ReadVersionRequest(sandbox_id=sandbox, path="empty", commit=only.commit)
    parts = [part async for part in service.history().ReadVersion(request)]
    assert [(part.content_type, part.data) for part in parts] == [("application/octet-stream", b"")]


async def test_no_command_reaches_the_history(service: Service) -> None:
    """It is not in the workspace, has no path from it, and is nobody's but the service's."""
    project = service.projects.make()
    sandbox = await service.sandbox(project)
    await service.write(project, "f", b"x")
    await versions(service, sandbox)
    place = home(service, sandbox) / "history"
    assert place.stat().st_mode & 0o077 == 0
    assert place.stat().st_uid == os.geteuid()
    for path in (f"../{place.name}/HEAD", str(place / "HEAD"), "/proc/self/root/../history/HEAD"):
        ran = await service.run(project, f"ls -A; cat '{path}'")
        assert ran.stdout == b"f\n"
        assert ran.end.exit_code == 1


async def test_history_dies_with_the_sandbox(service: Service) -> None:
    project = service.projects.make()
    sandbox = await service.sandbox(project)
    await service.write(project, "f", b"x")
    (only,) = await versions(service, sandbox)
    await service.write(project, "f", b"y")
    await service.threads.DeleteProjectSandbox(sandbox_pb2.DeleteProjectSandboxRequest(project_id=project))
    assert (await refusal(content(service, sandbox, "f", only.commit))).reason == "SANDBOX_NOT_FOUND"
    assert not home(service, sandbox).exists()


async def test_changes_and_going_back_at_once_end_whole(service: Service) -> None:
    project = service.projects.make()
    sandbox = await service.sandbox(project)
    await service.write(project, "f", b"first")
    (first,) = await versions(service, sandbox)

    async def go_back() -> str:
        try:
            await service.history().RevertFiles(pb.RevertFilesRequest(sandbox_id=sandbox, commit=first.commit))
        except MeshError as refused:
            return refused.reason
        return "done"

    written = [f"write {number}".encode() for number in range(6)]
    outcomes = await asyncio.gather(go_back(), go_back(), *(service.write(project, "f", data) for data in written))
    assert set(outcomes[:2]) <= {"done", "REVERT_CONFLICT"}
    ended = await service.read(project, "f")
    assert ended in (b"first", *written)
    newest = (await versions(service, sandbox))[0]
    assert await content(service, sandbox, "f", newest.commit) == ended


async def test_a_new_service_knows_what_an_old_one_did_not_record(database_url: str, directory: Path) -> None:
    place = directory / new_id()
    place.mkdir()
    place.chmod(0o711)
    async with running_sandbox(database_url, place) as before:
        project = before.projects.make()
        sandbox = await before.sandbox(project)
        await before.write(project, "f", b"x")
        assert not [*place.glob("**/history/refs/heads/main")]
    async with running_sandbox(database_url, place) as after:
        after.projects.owners[project] = OWNER
        (found,) = await versions(after, sandbox)
        assert await content(after, sandbox, "f", found.commit) == b"x"
