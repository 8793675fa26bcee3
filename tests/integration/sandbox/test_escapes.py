"""The escape set: what a command must not reach, at each level that this machine can give (X1, X3, X4, X5)."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import closing, suppress

import psutil
import pytest
import pytest_asyncio

from services.sandbox.domain import Level, ProcessState
from services.sandbox.providers.local.gauge import descendants
from services.sandbox.providers.local.trees import measure
from tests.integration.sandbox.world import LEVELS, LIMITS, MIB, World, open_world

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=LEVELS)
async def shared(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with open_world(request.param) as world:
        yield world


@pytest_asyncio.fixture(loop_scope="module")
async def world(shared: World) -> AsyncIterator[World]:
    """A box with an empty workspace."""
    shared.empty()
    yield shared
    shared.empty()


def alive(first: int) -> list[int]:
    """What runs of a command, by the host's ids."""
    found = []
    for pid in descendants(first):
        with suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
    return found


async def test_read_host_files(world: World) -> None:
    secret = world.root / "secret"
    secret.write_text("top-secret")
    secret.chmod(0o644)
    tries = [
        f"cat {secret}",
        "cat /etc/shadow",
        "cat /root/.bashrc",
        "cat /proc/1/root/etc/shadow",
        f"cat /proc/1/root{secret}",
        f"cat /proc/self/cwd/../..{secret}",
        f"ln -s {secret} link; cat link",
        "ls /home /var /root /mnt /srv /run",
        f"ls {world.root}",
    ]
    for attempt in tries:
        outcome, said = await world.run(attempt)
        assert outcome.exit_code != 0, (attempt, said)
        assert "top-secret" not in said
    _, said = await world.run("ls -A /")
    assert set(said.split()) <= {
        "bin",
        "dev",
        "etc",
        "lib",
        "lib32",
        "lib64",
        "libx32",
        "proc",
        "sbin",
        "tmp",
        "usr",
    } | {"workspace"}


async def test_host_etc_is_not_shown(world: World) -> None:
    _, said = await world.run("ls -A /etc; cat /etc/passwd")
    assert "shadow" not in said
    assert "ssh" not in said
    assert len([line for line in said.splitlines() if ":" in line]) == 3


async def test_write_to_what_is_shown_of_the_host(world: World) -> None:
    for place in ("/usr/x", "/etc/x", "/x", "/dev/x", "/bin/x", "/proc/x", "/lib/x"):
        outcome, _ = await world.run(f"echo x > {place}")
        assert outcome.exit_code != 0, place


async def test_reach_sockets(world: World) -> None:
    """Neither a UNIX socket by path or abstract name, nor a port of the host's loopback."""
    path = world.root / "host.sock"
    with (
        closing(socket.socket(socket.AF_UNIX)) as by_path,
        closing(socket.socket(socket.AF_UNIX)) as abstract,
        closing(socket.socket()) as port,
    ):
        by_path.bind(str(path))
        path.chmod(0o777)
        abstract.bind("\0mesh-test-" + str(os.getpid()))
        port.bind(("127.0.0.1", 0))
        for listener in (by_path, abstract, port):
            listener.listen()
        outcome, said = await world.python(f"""
import socket
def attempt(family, address):
    try:
        socket.socket(family, socket.SOCK_STREAM).connect(address)
        print("REACHED", address)
    except OSError as refused:
        print("refused", refused)
attempt(socket.AF_UNIX, {str(path)!r})
attempt(socket.AF_UNIX, "\\0mesh-test-{os.getpid()}")
attempt(socket.AF_INET, ("127.0.0.1", {port.getsockname()[1]}))
attempt(socket.AF_INET, ("169.254.169.254", 80))
""")
    assert outcome.exit_code == 0, said
    assert "REACHED" not in said
    assert len(said.splitlines()) == 4


async def test_families_of_sockets_that_know_no_namespace(world: World) -> None:
    _, said = await world.python("""
import socket
for family in (17, 38, 40, 31, 21):  # packet, alg, vsock, bluetooth, rds
    try:
        socket.socket(family, socket.SOCK_STREAM)
        print("MADE", family)
    except OSError as refused:
        print("refused", refused.errno)
""")
    assert said.split() == ["refused", "1"] * 5


async def test_see_host_processes(world: World) -> None:
    _, said = await world.run("echo /proc/[0-9]*; kill -0 " + str(os.getpid()) + " && echo REACHED; kill -9 -1")
    assert len(said.splitlines()[0].split()) <= 5
    assert "REACHED" not in said
    assert psutil.pid_exists(os.getpid())


async def test_service_environment_is_not_shown(world: World) -> None:
    os.environ["MESH_TEST_CANARY"] = "canary-in-the-environment"
    try:
        _, said = await world.run("env; cat /proc/*/environ | tr '\\0' '\\n'")
    finally:
        del os.environ["MESH_TEST_CANARY"]
    assert "canary" not in said
    assert "HOME=/workspace" in said


async def test_inherited_descriptors(world: World) -> None:
    _, said = await world.run("ls /proc/self/fd | wc -l; ls -l /proc/1/fd /proc/2/fd")
    assert said.splitlines()[0] == "4"  # 0, 1, 2 and the directory being read
    assert str(world.root) not in said


async def test_fork_bomb(world: World) -> None:
    _, process = await world.start("bomb() { bomb | bomb & }; bomb; sleep 60")
    running = asyncio.ensure_future(process.run(60))
    most = 0
    first = process._tree.first_pid
    for _ in range(20):
        most = max(most, len(alive(first)))
        await asyncio.sleep(0.02)
    await process.kill(ProcessState.KILLED, "enough")
    assert alive(first) == []
    assert (await running).state is ProcessState.KILLED
    assert most <= LIMITS.processes + 1
    outcome, _ = await world.run("true")
    assert outcome.exit_code == 0


async def test_memory_bomb(world: World) -> None:
    """One process is stopped at once."""
    outcome, said = await world.run("tail /dev/zero; echo status:$?")
    assert outcome.state in (ProcessState.EXITED, ProcessState.KILLED)
    assert "status:0" not in said


async def test_memory_bomb_of_many_processes(world: World) -> None:
    """Each within its own limit, all together beyond the sandbox's."""
    outcome, said = await world.python(f"""
import os, time
children = []
for _ in range(6):
    pid = os.fork()
    if pid == 0:
        block = bytearray({LIMITS.memory_bytes // 3})
        for at in range(0, len(block), 4096):
            block[at] = 1
        time.sleep(3)
        os._exit(0)
    children.append(pid)
statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
print("ALL LIVED" if not any(statuses) else "some died")
""")
    assert "ALL LIVED" not in said, outcome


@pytest.mark.parametrize(
    "program",
    [
        "import os; f = os.memfd_create('x'); size = 0\nwhile True:\n    size += os.write(f, bytes(1 << 20))",
        "import os; f = os.open('/dev/shm/x', 65)\nwhile True: os.write(f, bytes(1 << 20))",
        "import os; f = os.open('/tmp/x', 65)\nwhile True: os.write(f, bytes(1 << 20))",
        "import ctypes; c = ctypes.CDLL(None); c.shmat.restype = ctypes.c_void_p\n"
        "for i in range(999):\n"
        "    s = c.shmget(0, 1 << 23, 0o1600); assert s >= 0; p = c.shmat(s, 0, 0); ctypes.memset(p, 1, 1 << 23)",
    ],
    ids=["memfd", "shm", "tmp", "sysv"],
)
async def test_memory_bomb_in_a_file_system(world: World, program: str) -> None:
    outcome, _ = await world.python(program)
    assert outcome.exit_code != 0


async def test_disk_fill(world: World) -> None:
    outcome, said = await world.run("for i in 1 2 3 4 5 6; do head -c 8M /dev/zero > f$i; done; sleep 30; echo LIVED")
    assert outcome.state is ProcessState.KILLED
    assert "bytes" in outcome.message
    assert "LIVED" not in said
    assert measure(world.workspace).disk_bytes <= LIMITS.disk_bytes + 64 * MIB


async def test_disk_fill_by_one_file(world: World) -> None:
    outcome, _ = await world.run("head -c 10G /dev/zero > big; sleep 30")
    assert outcome.state is ProcessState.KILLED
    assert measure(world.workspace).disk_bytes <= LIMITS.file_bytes


async def test_disk_fill_by_many_files(world: World) -> None:
    outcome, _ = await world.run(f"i=0; while [ $i -lt {LIMITS.inodes * 9} ]; do : > f$i; i=$((i+1)); done; sleep 30")
    assert outcome.state is ProcessState.KILLED
    assert "inodes" in outcome.message


async def test_disk_fill_by_a_file_without_a_name(world: World) -> None:
    outcome, _ = await world.python("""
import os, time
f = os.open("gone", os.O_RDWR | os.O_CREAT)
os.unlink("gone")
for _ in range(40):
    os.write(f, bytes(1 << 20))
time.sleep(30)
""")
    assert outcome.state is ProcessState.KILLED
    assert "bytes" in outcome.message


async def test_disk_fill_by_a_mapping_without_a_name(world: World) -> None:
    outcome, _ = await world.python("""
import mmap, os, time
f = os.open("gone", os.O_RDWR | os.O_CREAT)
os.truncate(f, 40 << 20)
m = mmap.mmap(f, 40 << 20)
os.unlink("gone"); os.close(f)
for at in range(0, 40 << 20, 4096):
    m[at] = 1
m.flush()
time.sleep(30)
""")
    assert outcome.state is ProcessState.KILLED
    assert "bytes" in outcome.message


async def test_disk_fill_by_depth(world: World) -> None:
    outcome, _ = await world.python("import os\nwhile True:\n    os.mkdir('d')\n    os.chdir('d')")
    assert outcome.state is ProcessState.KILLED
    assert measure(world.workspace).depth > 100


async def test_archive_bomb(world: World) -> None:
    """A small file that unpacks to ten gigabytes."""
    outcome, _ = await world.python("""
import gzip, shutil
with gzip.open("bomb.gz", "wb", 1) as bomb:
    for _ in range(1024):
        bomb.write(bytes(1 << 20))
for n in range(10):
    with gzip.open("bomb.gz") as bomb, open(f"out{n}", "wb") as out:
        shutil.copyfileobj(bomb, out, 1 << 20)
""")
    assert outcome.exit_code != 0
    assert measure(world.workspace).disk_bytes <= LIMITS.disk_bytes + LIMITS.file_bytes


async def test_archive_with_paths_out_of_the_workspace(world: World) -> None:
    outcome, said = await world.python("""
import io, tarfile
with tarfile.open("evil.tar", "w") as tar:
    for name in ("../../../etc/passwd", "/etc/cron.d/x", "../../usr/bin/x"):
        info = tarfile.TarInfo(name); info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))
for member in tarfile.open("evil.tar"):
    try:
        tarfile.open("evil.tar").extract(member)
        print("EXTRACTED", member.name)
    except OSError as refused:
        print("refused", refused.errno)
""")
    assert outcome.exit_code == 0, said
    assert "EXTRACTED" not in said


async def test_proc_tricks(world: World) -> None:
    for attempt in (
        "echo x > /proc/sys/kernel/core_pattern",
        "echo x > /proc/sysrq-trigger",
        "echo 1 > /proc/sys/vm/overcommit_memory",
        "echo x > /proc/sys/kernel/hostname",
        "echo 1 > /proc/sys/user/max_user_namespaces",
        "head -c 1 /proc/kcore",
        "head -c 1 /proc/kmsg",
        "head -c 1 /proc/1/mem",
        "ls /proc/1/root/root",
        "echo 0 0 1 > /proc/self/uid_map",
        "echo -1000 > /proc/self/oom_score_adj",
        "ls /sys/kernel",
    ):
        outcome, said = await world.run(attempt)
        assert outcome.exit_code != 0, (attempt, said)


async def test_nested_namespaces(world: World) -> None:
    _, said = await world.python("""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for flag in (0x10000000, 0x00020000, 0x40000000, 0x20000000, 0x08000000, 0x04000000, 0x02000000, 0x80):
    print("unshare", libc.unshare(flag), ctypes.get_errno())
    pid = libc.syscall({"x86_64": 56, "aarch64": 220}[os.uname().machine], flag | 17, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    print("clone", pid, ctypes.get_errno())
print("mount", libc.mount(b"x", b"/tmp", b"tmpfs", 0, 0), ctypes.get_errno())
print("chroot", libc.chroot(b"/tmp"), ctypes.get_errno())
""")
    lines = [line for line in said.splitlines() if line]
    assert len(lines) == 18, said
    assert all(line.split()[1:] == ["-1", "1"] for line in lines), said
    outcome, _ = await world.run("unshare --user --map-root-user true")
    assert outcome.exit_code != 0


async def test_ptrace(world: World) -> None:
    _, said = await world.python("""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
print(libc.ptrace(0, 0, 0, 0), ctypes.get_errno())
print(libc.process_vm_readv(1, 0, 0, 0, 0, 0), ctypes.get_errno())
""")
    assert said.split() == ["-1", "1", "-1", "1"]


async def test_setuid(world: World) -> None:
    """Neither a setuid program of the host's nor one of one's own gives anything."""
    _, said = await world.run(
        "su -c id root </dev/null; mount -t tmpfs x /tmp; grep -E '^(NoNewPrivs|Cap)' /proc/self/status"
    )
    assert "uid=0" not in said
    assert "NoNewPrivs:\t1" in said
    capabilities = [line.split()[1] for line in said.splitlines() if line.startswith("Cap")]
    assert set(capabilities) == {"0" * 16}
    await world.run("cp /usr/bin/id own; chmod 4755 own")
    _, said = await world.run("./own")
    assert "uid=0" not in said
    uid = (world.workspace / "own").stat().st_uid
    assert uid != 0


async def test_kernel_interfaces_for_administrators(world: World) -> None:
    _, said = await world.python("""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
calls = {
    "bpf": (321, 280), "userfaultfd": (323, 282), "perf_event_open": (298, 241), "keyctl": (250, 219),
    "add_key": (248, 217), "open_by_handle_at": (304, 265), "init_module": (175, 105), "reboot": (169, 142),
    "kexec_load": (246, 104), "swapon": (167, 224), "clone3": (435, 435), "io_uring_setup": (425, 425),
}
import os
column = ("x86_64", "aarch64").index(os.uname().machine)
for name, numbers in calls.items():
    print(name, libc.syscall(numbers[column], 0, 0, 0, 0, 0), ctypes.get_errno())
""")
    answers = {name: (result, code) for name, result, code in (line.split() for line in said.splitlines())}
    assert len(answers) == 12
    absent = {"io_uring_setup", "clone3"}
    assert all(answer == ("-1", "38" if name in absent else "1") for name, answer in answers.items()), answers


async def test_terminal_injection(world: World) -> None:
    _, said = await world.python("""
import fcntl, os
leader, follower = os.openpty()
for request in (0x5412, 0x541C):
    try:
        fcntl.ioctl(follower, request, b"x")
        print("DONE")
    except OSError as refused:
        print(refused.errno)
""")
    assert said.split() == ["1", "1"]


async def test_device_files(world: World) -> None:
    _, said = await world.run(
        "mknod disk b 8 0; mknod mem c 1 1; ls disk mem; ls /dev/sd* /dev/vd* /dev/mem /dev/kmsg /dev/kvm /dev/fuse"
        "; echo x > /dev/sda; find /dev -type b"
    )
    assert all(
        "cannot access" in line
        or "not permitted" in line
        or "denied" in line
        or "Permission" in line
        or "Read-only" in line
        for line in said.splitlines()
    ), said
    kinds = {stat.S_IFMT(path.lstat().st_mode) for path in world.workspace.iterdir()}
    assert kinds <= {stat.S_IFREG}


async def test_limits_cannot_be_raised(world: World) -> None:
    _, said = await world.python("""
import resource
for name in ("NPROC", "FSIZE", "NOFILE", "CPU", "CORE"):
    kind = getattr(resource, "RLIMIT_" + name)
    soft, hard = resource.getrlimit(kind)
    try:
        resource.setrlimit(kind, (hard + 1, hard + 1))
        print("RAISED", name)
    except (ValueError, OSError):
        print("kept", name, hard)
""")
    assert said.count("kept") == 5, said


async def test_cpu_is_shared_out_or_its_time_ends(world: World) -> None:
    """With cgroups, four spinning processes get one core; without, each has its seconds."""
    program = """
import os, time
def spin(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end: pass
pids = []
for _ in range(4):
    pid = os.fork()
    if pid == 0:
        spin(1.5); os._exit(0)
    pids.append(pid)
for pid in pids: os.waitpid(pid, 0)
used = os.times()
print((used.children_user + used.children_system) / 1.5)
"""
    outcome, said = await world.python(program)
    assert outcome.exit_code == 0
    if world.level is Level.CGROUP:
        assert float(said) < 1.35 * LIMITS.cpus
    _, limit = await world.run("ulimit -t")
    assert int(limit) == LIMITS.cpu_seconds


async def test_kill_takes_those_who_left_the_session(world: World) -> None:
    name, process = await world.start(
        "(setsid sh -c 'setsid sleep 300 & sleep 300' &) ; setsid sleep 300 & echo up; wait"
    )
    running = asyncio.ensure_future(process.run(60))
    async for chunk in world.provider.read_output(world.box, name):
        if b"up" in chunk.data:
            break
    first = process._tree.first_pid
    assert len(alive(first)) >= 3
    await process.kill(ProcessState.KILLED, "enough")
    assert alive(first) == []
    assert (await running).state is ProcessState.KILLED


async def test_what_a_command_leaves_behind_ends_with_it(world: World) -> None:
    _, process = await world.start("setsid sleep 300 & disown; nohup sleep 300 & echo done")
    first = process._tree.first_pid
    outcome = await process.run(30)
    assert outcome.exit_code == 0
    assert alive(first) == []


async def test_time_ends_a_command_that_ignores_signals(world: World) -> None:
    outcome, _ = await world.run("trap '' TERM INT HUP; while :; do sleep 1; done", 0.5)
    assert outcome.state is ProcessState.TIMED_OUT
