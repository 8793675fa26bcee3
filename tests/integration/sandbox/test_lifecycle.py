"""What outlives what: callers, commands, the service, sandboxes, projects."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from mesh.sandbox.v1 import sandbox_pb2 as pb
from mesh.sandbox.v1 import sandbox_pb2_grpc as rpc

from services.kit.channels import open_as
from services.kit.clock import SystemClock
from services.kit.context import Caller
from services.kit.errors import MeshError, Unavailable
from services.kit.postgres import open_database
from services.sandbox.app import local_provider
from services.sandbox.config import Settings
from services.sandbox.storage.postgres import PostgresProcesses
from services.sandbox.use_cases.keep_house import ForgetProcesses
from tests.integration.sandbox.service import OWNER, SMALL, Service, collect, new_id, running_sandbox, until
from tests.integration.sandbox.world import public_directory
from tests.support.harness import JWT_SECRET, make_settings, service_token
from tests.support.postgres import EmbeddedPostgres


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory of the test's own that every user may pass through."""
    with public_directory() as made:
        yield made


async def refusal(call: Any) -> MeshError:
    """The error that a call ends with."""
    with pytest.raises(MeshError) as refused:
        await call
    return refused.value


def commands_below(pid: int) -> list[psutil.Process]:
    """What runs below a process."""
    return psutil.Process(pid).children(recursive=True)


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs, and does not only wait to be buried."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@asynccontextmanager
async def own_process(database_url: str, place: Path) -> AsyncIterator[tuple[subprocess.Popen[bytes], Any]]:
    """The service as a process of its own, and a stub that calls as tools."""
    settings = make_settings(Settings, place, database_url=database_url)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "DATABASE_URL": database_url,
        "MESH_THREADS_URL": "127.0.0.1:1",
        "MESH_DATA_DIR": str(place),
        "MESH_KEYS_DIR": str(settings.mesh_keys_dir),
        "SUPABASE_JWT_SECRET": JWT_SECRET,
        "PYTHONDONTWRITEBYTECODE": "1",
    } | {name.upper(): str(value) for name, value in SMALL.items()}
    process = _spawn(environment)
    try:
        address = await asyncio.to_thread(_address, process)
        token = service_token(settings.mesh_keys_dir, "tools", "sandbox", Caller("service", account_id=OWNER))
        channel = open_as(address, token)
        yield process, rpc.SandboxInternalStub(channel)
        await channel.close(None)
    finally:
        process.terminate()
        await asyncio.to_thread(process.communicate, timeout=20)


def _spawn(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "services.sandbox"]
    return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def _address(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if b"server.ready" in line:
            return (
                line.split(b'"address":"')[1].split(b'"')[0].decode()
                if b'"address":"' in line
                else (line.split(b"address=")[1].split()[0].decode())
            )
    raise AssertionError("the service did not start")


async def test_killed_service_takes_its_commands_along_and_says_so_when_it_is_back(
    database_url: str, place: Path
) -> None:
    project, key = new_id(), f"{new_id()}:1:0"
    request = pb.RunProcessRequest(
        key=key, project_id=project, account_id=OWNER, command="setsid sleep 300 & echo up; sleep 300"
    )
    request.timeout.FromSeconds(600)
    async with own_process(database_url, place) as (process, stub):
        stream = stub.RunProcess(request)
        await until(stream, b"up")
        running = commands_below(process.pid)
        assert len(running) >= 3
        process.send_signal(signal.SIGKILL)
        gone, alive = await asyncio.to_thread(psutil.wait_procs, running, timeout=5)
        assert not alive, alive
        assert len(gone) == len(running)
    async with own_process(database_url, place) as (_, stub):
        found = (await stub.GetProcess(pb.GetProcessRequest(key=key))).process
        assert (found.state, found.HasField("exit_code")) == ("lost", False)
        assert "died" in found.message
        again = await collect(stub.RunProcess(request))
        assert again.stdout == b"up\n"
        assert again.end == found
        other = pb.RunProcessRequest(key=f"{key}1", project_id=project, account_id=OWNER, command="echo fresh")
        assert (await collect(stub.RunProcess(other))).stdout == b"fresh\n"


async def test_stopped_service_ends_its_commands_and_records_that(database_url: str, place: Path) -> None:
    project, key = new_id(), f"{new_id()}:1:0"
    request = pb.RunProcessRequest(key=key, project_id=project, account_id=OWNER, command="echo up; sleep 300")
    async with own_process(database_url, place) as (process, stub):
        stream = stub.RunProcess(request)
        await until(stream, b"up")
        running = commands_below(process.pid)
        process.terminate()
        said, _ = await asyncio.to_thread(process.communicate, timeout=60)
        assert process.returncode == 0, said.decode(errors="replace")
        assert [each for each in running if is_alive(each)] == []
    async with own_process(database_url, place) as (_, stub):
        found = (await stub.GetProcess(pb.GetProcessRequest(key=key))).process
        assert (found.state, found.message) == ("lost", "the sandbox service was stopped")


async def test_two_services_never_share_a_directory(database_url: str, place: Path) -> None:
    async with running_sandbox(database_url, place):
        with pytest.raises(Unavailable, match="another sandbox service"):
            async with running_sandbox(database_url, place):
                pass


async def test_a_successor_holds_calls_until_its_predecessor_has_left(database_url: str, place: Path) -> None:
    async with AsyncExitStack() as predecessor:
        old = await predecessor.enter_async_context(running_sandbox(database_url, place))
        project = old.projects.make()
        await old.run(project, "echo kept > f")
        async with running_sandbox(database_url, place, mesh_sandbox_succeeds=True) as new:
            new.projects.owners |= old.projects.owners
            reading = asyncio.create_task(new.read(project, "f"))
            done, _ = await asyncio.wait([reading], timeout=0.3)
            assert not done
            await predecessor.aclose()
            assert await reading == b"kept\n"


async def test_workspace_and_ends_outlive_the_service(database_url: str, place: Path) -> None:
    key = f"{new_id()}:1:0"
    async with running_sandbox(database_url, place) as service:
        project = service.projects.make()
        await service.run(project, "echo kept > f; echo said", key=key)
    async with running_sandbox(database_url, place) as service:
        assert await service.read(project, "f") == b"kept\n"
        again = await service.run(project, "echo kept > f; echo said", key=key)
        assert (again.stdout, again.end.state) == (b"said\n", "exited")


async def test_deleted_project_leaves_nothing_and_gets_nothing_more(database_url: str, place: Path) -> None:
    async with running_sandbox(database_url, place) as service:
        project, key = service.projects.make(), f"{new_id()}:1:0"
        stream = service.tools.RunProcess(service.request(project, "echo up; sleep 300", key=key))
        await until(stream, b"up")
        sandbox = await service.sandbox(project)
        assert (place / "sandbox" / "homes" / sandbox).exists()
        for _ in range(2):
            await service.threads.DeleteProjectSandbox(pb.DeleteProjectSandboxRequest(project_id=project))
        assert (await collect(stream)).end.state == "killed"
        assert not (place / "sandbox" / "homes" / sandbox).exists()
        assert not list((place / "sandbox" / "uids").iterdir())
        assert (await refusal(service.run(project, "true"))).reason == "SANDBOX_NOT_FOUND"
        assert (await refusal(service.sandbox(project))).reason == "SANDBOX_NOT_FOUND"
        listing = pb.ListFilesRequest(sandbox_id=sandbox, path=".")
        assert (await refusal(service.user().ListFiles(listing))).reason == "SANDBOX_NOT_FOUND"
        never = service.projects.make()
        await service.threads.DeleteProjectSandbox(pb.DeleteProjectSandboxRequest(project_id=never))
        assert (await refusal(service.run(never, "true"))).reason == "SANDBOX_NOT_FOUND"


async def test_idle_sandbox_is_stopped_and_wakes_on_use(database_url: str, place: Path) -> None:
    async with running_sandbox(database_url, place, mesh_sandbox_idle_s=0.4) as service:
        project = service.projects.make()
        await service.write(project, "f", b"kept")
        assert await status(service, project) == "LIVE"
        while await status(service, project) != "OFFLINE":
            pass
        assert (await service.run(project, "cat f")).stdout == b"kept"
        assert await status(service, project) == "LIVE"


async def test_sandbox_with_a_command_is_not_idle(database_url: str, place: Path) -> None:
    async with running_sandbox(database_url, place, mesh_sandbox_idle_s=0.2) as service:
        project = service.projects.make()
        ran = await service.run(project, "sleep 1; echo ended")
        assert ran.stdout == b"ended\n"


async def status(service: Service, project: str) -> str:
    request = pb.GetSandboxStatusRequest(project_id=project)
    return str((await service.user().GetSandboxStatus(request)).status)


async def test_old_ends_are_forgotten_with_their_output(database_url: str, place: Path) -> None:
    async with running_sandbox(database_url, place) as service:
        project, key = service.projects.make(), f"{new_id()}:1:0"
        await service.run(project, "echo said", key=key)
        sandbox = await service.sandbox(project)
        settings = service.harness.settings
    async with open_database(settings) as database, local_provider(settings) as provider:
        store = PostgresProcesses(database)
        young = ForgetProcesses(store, provider, SystemClock(), timedelta(days=1))
        assert await young.once() == 0
        old = ForgetProcesses(store, provider, SystemClock(), timedelta(0))
        while await old.once():
            pass
        assert await store.find(key) is None
        assert not list((place / "sandbox" / "homes" / sandbox / "output").iterdir())


async def test_end_of_a_command_survives_an_outage_of_postgres(private_postgres: EmbeddedPostgres, place: Path) -> None:
    async with running_sandbox(private_postgres.create_database(), place) as service:
        project, key = service.projects.make(), f"{new_id()}:1:0"
        stream = service.tools.RunProcess(
            service.request(project, "echo up; while [ ! -e go ]; do sleep 0.02; done", key=key)
        )
        await until(stream, b"up")
        sandbox = await service.sandbox(project)
        private_postgres.kill()
        (place / "sandbox" / "homes" / sandbox / "workspace" / "go").touch()
        assert (await collect(stream)).end.state == "exited"
        assert (await refusal(service.run(project, "true"))).http_status == 503
        private_postgres.start()
        while (await _state(service, key)) != "exited":
            pass


async def _state(service: Service, key: str) -> str:
    try:
        return str((await service.tools.GetProcess(pb.GetProcessRequest(key=key))).process.state)
    except Unavailable:
        return ""


REFUSING = "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n"


@pytest.fixture
def refusing_bwrap(place: Path) -> Path:
    """Bubblewrap as it answers where the kernel grants no namespaces."""
    path = place / "bwrap"
    path.write_text(REFUSING)
    path.chmod(0o755)
    return path


async def test_machine_without_namespaces_is_refused_with_what_to_do(
    database_url: str, place: Path, refusing_bwrap: Path
) -> None:
    async with running_sandbox(database_url, place, mesh_sandbox_bwrap=refusing_bwrap) as service:
        project = service.projects.make()
        refused = await refusal(service.run(project, "touch /tmp/ran"))
        assert (refused.reason, refused.http_status) == ("ISOLATION_UNAVAILABLE", 503)
        assert "user namespaces" in refused.message
        assert "ALLOW_UNSAFE_SANDBOX=1" in refused.message
        assert await status(service, project) == "FAILED"
        found = await service.user().GetSandboxStatus(pb.GetSandboxStatusRequest(project_id=project))
        assert "user namespaces" in found.error
        assert not found.unsafe


async def test_unsafe_commands_run_where_allowed_and_every_answer_says_so(
    database_url: str, place: Path, refusing_bwrap: Path
) -> None:
    allowed = {"mesh_sandbox_bwrap": refusing_bwrap, "allow_unsafe_sandbox": True}
    async with running_sandbox(database_url, place, **allowed) as service:
        project, key = service.projects.make(), f"{new_id()}:1:0"
        ran = await service.run(project, "echo x > f; cat f; (sleep 300 &) ; exit 5", key=key)
        assert (ran.stdout, ran.end.state, ran.end.exit_code, ran.end.unsafe) == (b"x\n", "exited", 5, True)
        assert (await service.tools.GetProcess(pb.GetProcessRequest(key=key))).process.unsafe
        sandbox = await service.sandbox(project)
        request = pb.ExecuteCommandRequest(sandbox_id=sandbox, command="cat f")
        answer = await service.user().ExecuteCommand(request)
        assert (answer.output, answer.unsafe) == ("x\n", True)
        found = await service.user().GetSandboxStatus(pb.GetSandboxStatusRequest(project_id=project))
        assert (found.status, found.target, found.unsafe) == ("LIVE", "none", True)
        shown = await service.user().GetProjectSandbox(pb.GetProjectSandboxRequest(project_id=project))
        assert shown.sandbox.unsafe
        timed = await service.run(project, "trap '' TERM; (setsid sleep 300 &); echo up; sleep 300", timeout_s=0.5)
        assert timed.end.state == "timed_out"


@pytest.mark.parametrize(("as_root", "remedy"), [(False, "user namespaces"), (True, "MESH_SANDBOX_UID_BASE")])
async def test_kernel_that_really_refuses_is_found_out(place: Path, as_root: bool, remedy: str) -> None:
    """In a user namespace in which no more may be made, by the kernel's own word, and that knows one user alone."""
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from tests.integration.sandbox.world import make_provider\n"
        "async def main():\n"
        f"    async with make_provider(Path({str(place / 'sandbox')!r}), as_root={as_root}) as provider:\n"
        "        print(provider.isolation.usable, provider.isolation.missing)\n"
        "asyncio.run(main())\n"
    )
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    words = ["unshare", "--user", "--map-root-user", "sh", "-c", forbid, "sh", sys.executable, "-c", program]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    answer = await asyncio.to_thread(
        subprocess.run, words, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.stdout.splitlines()[-1].startswith("False "), answer
    assert remedy in answer.stdout
