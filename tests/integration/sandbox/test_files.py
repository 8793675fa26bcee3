"""Files through the RPCs, and against somebody who changes them meanwhile."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from mesh.sandbox.v1 import sandbox_pb2 as pb

from services.kit.errors import MeshError
from services.sandbox.domain import Collision
from services.sandbox.errors import FileMissing, InvalidPath, WrongFileType
from services.sandbox.paths import path_parts
from services.sandbox.providers.local import beneath
from services.sandbox.providers.local.beneath import Opener
from services.sandbox.providers.local.files import LocalFiles
from services.sandbox.providers.local.homes import Home, Homes
from tests.integration.sandbox.service import OWNER, Service, new_id, upload

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1024 * 1024


@pytest.fixture(params=[beneath.openat2, beneath.walk], ids=["openat2", "walk"])
def opener(request: pytest.FixtureRequest) -> Opener:
    """Both ways to open; the second is for kernels without the first."""
    found: Opener = request.param
    return found


@pytest.fixture
def home(directory: Path) -> Iterator[Home]:
    """A home without a service."""
    homes = Homes(directory / new_id(), uid_base=2_000_000_000, uid_count=16, as_root=os.geteuid() == 0)
    homes.open(new_id)
    yield homes.make("box")
    homes.remove("box")
    homes.close()


@pytest.fixture
def files(home: Home, opener: Opener) -> LocalFiles:
    return LocalFiles(home, file_bytes=MIB, opener=opener)


def put(files: LocalFiles, path: str, data: bytes = b"x", collision: Collision = Collision.REPLACE) -> str:
    staged = files.stage(new_id())
    try:
        staged.write(data)
        return staged.commit(path_parts(path), mode=0o644, collision=collision).path
    finally:
        staged.discard()


def get(files: LocalFiles, path: str) -> bytes:
    descriptor, size = files.open_file(path_parts(path))
    with os.fdopen(descriptor, "rb") as file:
        return file.read(size)


async def refusal(call: object) -> MeshError:
    """The error that a call ends with."""
    with pytest.raises(MeshError) as refused:
        await call  # type: ignore[misc]
    return refused.value


async def test_links_out_of_the_workspace_lead_nowhere(files: LocalFiles, home: Home, directory: Path) -> None:
    secret = directory / "secret"
    secret.write_text("top-secret")
    outside = directory / "outside"
    outside.mkdir(exist_ok=True)
    (home.workspace / "dir").mkdir()
    for name, target in {
        "absolute": str(secret),
        "relative": f"../../../../{secret.name}",
        "dir/up": "../../../../secret",
        "outdir": str(outside),
        "root": "/",
        "proc": "/proc/self/root",
        "fd": "/proc/self/fd/0",
        "loop": "loop",
    }.items():
        (home.workspace / name).symlink_to(target)
    for path in ("absolute", "relative", "dir/up", "root/etc/passwd", "proc/etc/passwd", "fd", "loop", "loop/x"):
        with pytest.raises((InvalidPath, WrongFileType, FileMissing)):
            get(files, path)
    for path in ("outdir/new", "root/tmp/new", "proc/tmp/new", "loop/new"):
        with pytest.raises((InvalidPath, WrongFileType, FileMissing)):
            put(files, path)
        with pytest.raises((InvalidPath, WrongFileType, FileMissing)):
            files.delete(path_parts(path), new_id())
    for path in ("outdir", "root", "proc"):
        with pytest.raises((InvalidPath, WrongFileType)):
            files.list_directory(path_parts(path))
    assert list(outside.iterdir()) == []
    assert secret.read_text() == "top-secret"


async def test_link_is_replaced_and_deleted_itself_never_its_target(
    files: LocalFiles, home: Home, directory: Path
) -> None:
    secret = directory / "target"
    secret.write_text("kept")
    (home.workspace / "link").symlink_to(secret)
    put(files, "link", b"new")
    assert not (home.workspace / "link").is_symlink()
    (home.workspace / "other").symlink_to(directory)
    files.delete(("other",), new_id())
    assert secret.read_text() == "kept"


async def test_link_inside_the_workspace_is_followed_where_the_kernel_can_hold_it(home: Home) -> None:
    files = LocalFiles(home, file_bytes=MIB, opener=beneath.openat2)
    put(files, "real/a.txt", b"a")
    (home.workspace / "alias").symlink_to("real")
    assert get(files, "alias/a.txt") == b"a"
    put(files, "alias/b.txt", b"b")
    assert get(files, "real/b.txt") == b"b"


@pytest.mark.parametrize("kind", ["fifo", "socket", "device", "directory"])
async def test_what_is_no_file_is_refused_at_once(files: LocalFiles, home: Home, kind: str) -> None:
    """Opening a pipe would wait for a writer, opening a device may do anything."""
    path = home.workspace / "thing"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises((WrongFileType, InvalidPath)):
        get(files, "thing")


async def test_directory_swapped_for_a_link_meanwhile_leads_nowhere(
    files: LocalFiles, home: Home, directory: Path
) -> None:
    """Somebody flips `d` between a directory and a link out, as fast as they can."""
    outside = directory / f"outside-{new_id()}"
    outside.mkdir()
    (outside / "a.txt").write_text("top-secret")
    workspace = home.workspace
    (workspace / "real").mkdir()
    (workspace / "real" / "a.txt").write_text("mine")
    stop = threading.Event()

    def flip() -> None:
        while not stop.is_set():
            for target in ("real", str(outside)):
                with suppress(OSError):
                    os.symlink(target, workspace / "next")
                    os.rename(workspace / "next", workspace / "d")

    flipping = threading.Thread(target=flip)
    flipping.start()
    seen, written = set(), 0
    try:
        for _ in range(1500):
            with suppress(MeshError):
                seen.add(get(files, "d/a.txt"))
            with suppress(MeshError):
                put(files, "d/b.txt")
                written += 1
            with suppress(MeshError):
                files.delete(("d", "b.txt"), new_id())
    finally:
        stop.set()
        flipping.join()
    assert seen <= {b"mine"}
    assert {path.name for path in outside.iterdir()} == {"a.txt"}


async def test_tree_that_is_swapped_for_links_is_deleted_without_following(home: Home, directory: Path) -> None:
    files = LocalFiles(home, file_bytes=MIB)
    outside = directory / f"outside-{new_id()}"
    outside.mkdir(mode=0o711)
    (outside / "a.txt").write_text("kept")
    for round_ in range(20):
        tree = home.workspace / "tree"
        tree.mkdir()
        for number in range(20):
            (tree / f"d{number}").mkdir()
        stop = threading.Event()

        def swap(tree: Path = tree, stop: threading.Event = stop, round_: int = round_) -> None:
            number = 0
            while not stop.is_set():
                number = (number + 1) % 20
                for place in (tree, home.trash / f"t{round_}.purge"):
                    with suppress(OSError):
                        os.rename(place / f"d{number}", place / f"away{number}")
                        os.symlink(outside, place / f"d{number}")

        swapping = threading.Thread(target=swap)
        swapping.start()
        with suppress(OSError):
            files.delete(("tree",), f"t{round_}")
        stop.set()
        swapping.join()
    assert (outside / "a.txt").read_text() == "kept"
    assert outside.stat().st_mode & 0o777 == 0o711


async def test_file_is_there_whole_or_not_at_all(home: Home) -> None:
    files = LocalFiles(home, file_bytes=MIB)
    versions = [bytes([letter]) * 200_000 for letter in b"ab"]
    put(files, "f", versions[0])
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for version in versions:
                put(files, "f", version)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        seen = {get(files, "f") for _ in range(300)}
    finally:
        stop.set()
        writing.join()
    assert seen <= set(versions)


async def test_file_belongs_to_the_sandbox_and_commands_can_change_it(service: Service) -> None:
    project = service.projects.make()
    await service.write(project, "dir/run.sh", b"#!/bin/sh\necho ran\n", permissions="755")
    ran = await service.run(project, "dir/run.sh && echo more >> dir/run.sh && stat -c '%a %u' dir dir/run.sh")
    assert ran.stdout == b"ran\n755 1000\n755 1000\n"


async def test_setuid_bits_are_never_set(service: Service) -> None:
    project = service.projects.make()
    refused = await refusal(service.write(project, "f", b"", permissions="4755"))
    assert refused.reason == "INVALID_ARGUMENT"
    assert "permissions" in refused.violations[0].field


async def test_upload_of_thirty_megabytes_arrives_in_pieces(service: Service) -> None:
    project = service.projects.make()
    pieces = [os.urandom(MIB) for _ in range(30)]
    target = pb.UploadTarget(project_id=project, path="in/big.bin")
    answer = await upload(service.user(), target, pieces)
    assert (answer.path, answer.created, answer.renamed) == ("/workspace/in/big.bin", True, False)
    assert (answer.original_filename, answer.final_filename) == ("big.bin", "big.bin")
    assert answer.sandbox_created
    assert await service.read(project, "in/big.bin") == b"".join(pieces)


async def test_upload_never_overwrites(service: Service) -> None:
    sandbox = await service.sandbox(service.projects.make())
    target = pb.UploadTarget(sandbox_id=sandbox, path="report.tar.gz")
    answers = await asyncio.gather(*(upload(service.user(), target, [bytes([n])]) for n in range(4)))
    assert sorted(answer.final_filename for answer in answers) == [
        "report.tar.gz",
        "report.tar_1.gz",
        "report.tar_2.gz",
        "report.tar_3.gz",
    ]
    assert [answer.renamed for answer in sorted(answers, key=lambda answer: answer.final_filename)] == [
        False, True, True, True,
    ]  # fmt: skip
    assert {answer.original_filename for answer in answers} == {"report.tar.gz"}


async def test_upload_that_is_cut_leaves_nothing(service: Service, directory: Path) -> None:
    project = service.projects.make()
    sandbox = await service.sandbox(project)

    async def parts() -> object:
        yield pb.UploadFileRequest(target=pb.UploadTarget(sandbox_id=sandbox, path="cut"))
        yield pb.UploadFileRequest(data=b"x" * MIB)
        raise RuntimeError("the client went away")

    with pytest.raises((MeshError, RuntimeError, asyncio.CancelledError)):
        await service.user().UploadFile(parts())
    home = directory / "sandbox" / "homes" / sandbox
    while list((home / "staging").iterdir()):
        await service.sandbox(project)
    assert (await service.run(project, "ls -A")).stdout == b""


async def test_upload_past_the_limits_is_refused(service: Service) -> None:
    project = service.projects.make()
    target = pb.UploadTarget(project_id=project, path="big")
    too_large = await refusal(upload(service.user(), target, (bytes(MIB) for _ in range(41))))
    assert (too_large.reason, too_large.params) == ("FILE_TOO_LARGE", {"limit_bytes": 40 * MIB})
    await upload(service.user(), target, (bytes([1]) * MIB for _ in range(39)))
    full = await refusal(upload(service.user(), target, (bytes([1]) * MIB for _ in range(20))))
    assert (full.reason, full.params) == ("QUOTA_EXCEEDED", {"limit_bytes": 48 * MIB})


async def test_upload_must_begin_with_its_target(service: Service) -> None:
    async def parts() -> object:
        yield pb.UploadFileRequest(data=b"x")

    refused = await refusal(service.user().UploadFile(parts()))
    assert (refused.http_status, refused.violations[0].field) == (400, "target")

    async def nothing() -> object:
        return
        yield

    refused = await refusal(service.user().UploadFile(nothing()))
    assert (refused.http_status, refused.violations[0].field) == (400, "target")


async def test_listing_says_what_is_there(service: Service) -> None:
    project = service.projects.make(public=True)
    sandbox = await service.sandbox(project)
    await service.write(project, "b.txt", b"12345", permissions="600")
    await service.run(project, "mkdir a; ln -s /etc/passwd c; printf x > $'bad\\377name'")
    for caller in ("user", "other", "anonymous"):
        answer = await service.user(caller).ListFiles(pb.ListFilesRequest(sandbox_id=sandbox, path="/workspace"))
        listed = [(each.name, each.path, each.is_dir, each.permissions) for each in answer.files]
        assert listed == [
            ("a", "/workspace/a", True, "drwxr-xr-x"),
            ("b.txt", "/workspace/b.txt", False, "-rw-------"),
            ("bad\ufffdname", "/workspace/bad\ufffdname", False, "-rw-r--r--"),
            ("c", "/workspace/c", False, "lrwxrwxrwx"),
        ]
        assert answer.files[1].size == 5
        assert not answer.truncated


async def test_user_writes_reads_and_deletes(service: Service) -> None:
    sandbox = await service.sandbox(service.projects.make())
    user = service.user()
    text = "žluťoučký\nkůň"
    wrote = await user.WriteFile(pb.WriteFileRequest(sandbox_id=sandbox, path="a/b.txt", content=text))
    assert (wrote.status, wrote.updated, wrote.path) == ("success", True, "/workspace/a/b.txt")
    parts = [part async for part in user.ReadFile(pb.ReadFileRequest(sandbox_id=sandbox, path="/workspace/a/b.txt"))]
    assert b"".join(part.data for part in parts).decode() == text
    assert parts[0].content_type == "application/octet-stream"
    gone = await user.DeleteFile(pb.DeleteFileRequest(sandbox_id=sandbox, path="a"))
    assert (gone.status, gone.deleted, gone.path) == ("success", True, "/workspace/a")
    again = await refusal(user.DeleteFile(pb.DeleteFileRequest(sandbox_id=sandbox, path="a")))
    assert again.reason == "FILE_NOT_FOUND"


async def test_empty_file_is_read_as_one_empty_piece(service: Service) -> None:
    project = service.projects.make()
    sandbox = await service.sandbox(project)
    await service.write(project, "empty", b"")
    request = pb.ReadFileRequest(sandbox_id=sandbox, path="empty")
    parts = [part async for part in service.user().ReadFile(request)]
    assert [part.data for part in parts] == [b""]
    internal = pb.ReadProjectFileRequest(project_id=project, account_id=OWNER, path="empty")
    assert [part.size async for part in service.tools.ReadProjectFile(internal)] == [0]


async def test_workspace_itself_is_not_deleted(service: Service) -> None:
    sandbox = await service.sandbox(service.projects.make())
    for path in ("/workspace", ".", "/workspace/./"):
        request = pb.DeleteFileRequest(sandbox_id=sandbox, path=path)
        assert (await refusal(service.user().DeleteFile(request))).reason == "INVALID_PATH"


async def test_tree_of_any_depth_is_deleted(service: Service) -> None:
    project = service.projects.make()
    await service.run(project, "i=0; while [ $i -lt 125 ]; do mkdir d; cd d; i=$((i+1)); done; chmod 000 ../d")
    request = pb.ChangeProjectFileRequest(project_id=project, account_id=OWNER, path="d", delete=pb.FileDelete())
    await service.tools.ChangeProjectFile(request)
    assert (await service.run(project, "ls -A")).stdout == b""
