"""What tools counts on of a sandbox service, through its own client: the fake is admitted by the same suite."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from services.kit.channels import open_channels
from services.kit.errors import AlreadyExists, MeshError
from services.sandbox.app import build as build_sandbox
from services.sandbox.config import Settings as SandboxSettings
from services.tools.clients.sandbox import IDEMPOTENT, SandboxClient
from services.tools.config import Settings
from services.tools.ports import Command, Place, Presence, ProcessEnd, ProcessOutput
from tests.fakes.sandbox.servicer import serve_sandbox
from tests.support.harness import ServiceHarness, make_settings


@pytest.fixture(params=["fake", "real"])
async def client(request: pytest.FixtureRequest, tmp_path: Path, database_url: str) -> AsyncIterator[SandboxClient]:
    async with AsyncExitStack() as stack:
        if request.param == "fake":
            _, address = await stack.enter_async_context(serve_sandbox(tmp_path))
        else:
            address = await _serve_real(stack, tmp_path, database_url)
        settings = make_settings(Settings, tmp_path, database_url=database_url, mesh_sandbox_url=address)
        channels = await stack.enter_async_context(open_channels(settings))
        yield SandboxClient(channels.open("sandbox", idempotent=IDEMPOTENT), patience_s=5)


async def _serve_real(stack: AsyncExitStack, directory: Path, database_url: str) -> str:
    """The sandbox service itself. On a machine that can not isolate, it runs commands unconfined."""
    settings = make_settings(
        SandboxSettings,
        directory,
        database_url=database_url,
        mesh_threads_url="127.0.0.1:1",
        allow_unsafe_sandbox=True,
        mesh_drain_s=0.2,
    )
    return (await stack.enter_async_context(ServiceHarness(settings, build_sandbox))).address


@pytest.fixture
def place() -> Place:
    return Place(str(uuid.uuid4()), str(uuid.uuid4()))


def command(place: Place, text: str, *, cwd: str = "", timeout_s: float = 30) -> Command:
    return Command(f"{uuid.uuid4()}:1:0", place, text, cwd, timeout_s)


@dataclass
class Watched:
    stdout: bytes = b""
    stderr: bytes = b""
    end: ProcessEnd | None = None


async def watch(client: SandboxClient, wanted: Command) -> Watched:
    seen = Watched()
    async for part in client.run(wanted):
        assert seen.end is None, "nothing follows the end"
        if isinstance(part, ProcessEnd):
            seen.end = part
        elif part.stream == "stdout":
            seen.stdout += part.data
        else:
            seen.stderr += part.data
    return seen


async def begin(client: SandboxClient, wanted: Command) -> AsyncIterator[ProcessOutput | ProcessEnd]:
    """Starts a command and waits for its first output."""
    parts = aiter(client.run(wanted))
    assert isinstance(await anext(parts), ProcessOutput)
    return parts


async def test_command_streams_both_outputs_and_its_code(client: SandboxClient, place: Place) -> None:
    seen = await watch(client, command(place, "echo out; echo err >&2; exit 7"))
    assert (seen.stdout, seen.stderr) == (b"out\n", b"err\n")
    assert seen.end is not None
    assert (seen.end.state, seen.end.exit_code) == ("exited", 7)


async def test_key_runs_once_and_is_replayed_whole_to_everybody(client: SandboxClient, place: Place) -> None:
    wanted = command(place, "echo x >> log; echo one; sleep 0.2; echo two")
    seen = await asyncio.gather(*(watch(client, wanted) for _ in range(5)))
    late = await watch(client, wanted)
    assert all(each == late for each in seen)
    assert late.stdout == b"one\ntwo\n"
    assert (await client.read_file(place, "log", 100)).data == b"x\n"


async def test_key_with_another_command_is_a_conflict(client: SandboxClient, place: Place) -> None:
    wanted = command(place, "true")
    await watch(client, wanted)
    with pytest.raises(AlreadyExists) as refused:
        await watch(client, replace(wanted, command="false"))
    assert refused.value.reason == "PROCESS_CONFLICT"


async def test_who_stops_watching_does_not_stop_the_command(client: SandboxClient, place: Place) -> None:
    wanted = command(place, "echo begun; while [ ! -e go ]; do sleep 0.02; done; echo ended")
    watching = asyncio.create_task(watch(client, wanted))
    await begin(client, wanted)
    watching.cancel()
    await client.write_file(place, "go", b"", "", Presence.ANY)
    assert (await watch(client, wanted)).stdout == b"begun\nended\n"


async def test_killed_tree_is_empty_when_kill_answers(client: SandboxClient, place: Place) -> None:
    text = "(echo x > alive; echo begun; while true; do echo x >> alive; sleep 0.01; done) & wait"
    wanted = command(place, text)
    await begin(client, wanted)
    await client.kill(wanted.key)
    size = await _size(client, place, "alive")
    seen = await watch(client, wanted)
    assert seen.end is not None
    assert seen.end.state == "killed"
    assert await _size(client, place, "alive") == size
    await client.kill(wanted.key)


async def test_what_a_command_leaves_behind_ends_with_it(client: SandboxClient, place: Place) -> None:
    seen = await watch(client, command(place, "(sleep 0.3; touch late) >/dev/null 2>&1 & echo done"))
    assert seen.stdout == b"done\n"
    await watch(client, command(place, "sleep 0.6"))
    with pytest.raises(MeshError) as missing:
        await client.read_file(place, "late", 10)
    assert missing.value.reason == "FILE_NOT_FOUND"


async def test_command_past_its_time_is_killed_and_told_so(client: SandboxClient, place: Place) -> None:
    seen = await watch(client, command(place, "echo begun; sleep 60", timeout_s=2))
    assert seen.stdout == b"begun\n"
    assert seen.end is not None
    assert seen.end.state == "timed_out"


async def test_where_nothing_was_announced_nothing_is_pending(client: SandboxClient, place: Place) -> None:
    assert await client.pending_uploads(place) == 0


async def test_kill_of_an_unknown_key_is_none(client: SandboxClient) -> None:
    await client.kill(f"{uuid.uuid4()}:1:0")


async def test_command_reads_nothing_and_runs_where_it_is_told(client: SandboxClient, place: Place) -> None:
    await client.write_file(place, "data/a.txt", b"a", "", Presence.ANY)
    seen = await watch(client, command(place, "cat; ls", cwd="data"))
    assert seen.stdout == b"a.txt\n"


@pytest.mark.parametrize("cwd", ["nowhere", "../up"])
async def test_directory_that_is_not_there_is_refused(client: SandboxClient, place: Place, cwd: str) -> None:
    with pytest.raises(MeshError) as refused:
        await watch(client, command(place, "true", cwd=cwd))
    assert refused.value.reason in {"FILE_NOT_FOUND", "INVALID_PATH"}


async def test_file_is_written_whole_with_its_permissions(client: SandboxClient, place: Place) -> None:
    content = bytes(range(256)) * 1000
    assert await client.write_file(place, "a/b.bin", content, "755", Presence.ANY) == "/workspace/a/b.bin"
    there = await client.read_file(place, "/workspace/a/b.bin", 1 << 20)
    assert (there.data, there.size) == (content, len(content))
    beginning = await client.read_file(place, "a/b.bin", 100)
    assert (beginning.data, beginning.size) == (content[:100], len(content))
    seen = await watch(client, command(place, "stat -c %a a/b.bin"))
    assert seen.stdout == b"755\n"


async def test_file_keeps_its_permissions_unless_told_others(client: SandboxClient, place: Place) -> None:
    for permissions, expected in (("", b"644\n"), ("750", b"750\n"), ("", b"750\n")):
        await client.write_file(place, "a.sh", b"#!", permissions, Presence.ANY)
        assert (await watch(client, command(place, "stat -c %a a.sh"))).stdout == expected


async def test_presence_is_demanded(client: SandboxClient, place: Place) -> None:
    with pytest.raises(MeshError) as missing:
        await client.write_file(place, "a.txt", b"a", "", Presence.MUST_EXIST)
    assert missing.value.reason == "FILE_NOT_FOUND"
    await client.write_file(place, "a.txt", b"a", "", Presence.MUST_NOT_EXIST)
    with pytest.raises(MeshError) as there:
        await client.write_file(place, "a.txt", b"b", "", Presence.MUST_NOT_EXIST)
    assert there.value.reason == "WRONG_FILE_TYPE"
    await client.write_file(place, "a.txt", b"c", "", Presence.MUST_EXIST)
    assert (await client.read_file(place, "a.txt", 10)).data == b"c"


async def test_deleted_file_is_gone(client: SandboxClient, place: Place) -> None:
    await client.write_file(place, "a.txt", b"a", "", Presence.ANY)
    assert await client.delete_file(place, "a.txt") == "/workspace/a.txt"
    for refused in (client.delete_file(place, "a.txt"), client.read_file(place, "a.txt", 10)):
        with pytest.raises(MeshError) as missing:
            await refused
        assert missing.value.reason == "FILE_NOT_FOUND"


@pytest.mark.parametrize("path", ["../a", "/etc/passwd", "a/../../b", "a\0b"])
async def test_path_out_of_the_workspace_is_refused(client: SandboxClient, place: Place, path: str) -> None:
    for refused in (client.read_file(place, path, 10), client.write_file(place, path, b"", "", Presence.ANY)):
        with pytest.raises(MeshError) as invalid:
            await refused
        assert invalid.value.reason == "INVALID_PATH"


async def test_directory_is_no_file(client: SandboxClient, place: Place) -> None:
    await client.write_file(place, "dir/a.txt", b"a", "", Presence.ANY)
    with pytest.raises(MeshError) as refused:
        await client.read_file(place, "dir", 10)
    assert refused.value.reason == "WRONG_FILE_TYPE"


async def _size(client: SandboxClient, place: Place, path: str) -> int:
    return (await client.read_file(place, path, 1)).size
