"""The system calls a sandbox may not make, as a BPF program.

A short list of refusals rather than of permissions: tools of every kind must run, and what is refused is what only an
escape, a debugger or an administrator needs. The program is generated here because a libseccomp may not be there at run
time, and so that every machine gets the same one.
"""

from __future__ import annotations

import errno
import platform
import struct
from dataclasses import dataclass

LD, JEQ, JGE, JSET, RET = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
NR, ARCH, FIRST_ARGUMENT = 0, 4, 16
X32_BIT = 0x40000000

# name: (x86_64, aarch64); None where the architecture has no such call
REFUSED: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "fanotify_init": (300, 262),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "memfd_secret": (447, 447),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "uselib": (134, None),
}
# Memory that no address-space limit counts: refused where no cgroup counts it either.
UNCOUNTED_MEMORY: dict[str, tuple[int | None, int | None]] = {"memfd_create": (319, 279), "shmget": (29, 194)}
# "There is no such call": libraries then fall back to calls whose arguments this program can see.
ABSENT: dict[str, tuple[int | None, int | None]] = {
    "clone3": (435, 435),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
}
CLONE: tuple[int, int] = (56, 220)
SOCKET: tuple[int, int] = (41, 198)
IOCTL: tuple[int, int] = (16, 29)
PERSONALITY: tuple[int, int] = (135, 92)

NEW_NAMESPACES = 0x10000000 | 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000 | 0x00000080
SOCKET_FAMILIES = (1, 2, 10, 16)  # unix, inet, inet6, netlink; no vsock, which knows no network namespace
TERMINAL_INJECTIONS = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
PERSONALITIES = (0, 0xFFFFFFFF)  # the default, and the question which it is


@dataclass(frozen=True)
class _Architecture:
    audit: int
    column: int
    has_x32: bool


_ARCHITECTURES = {
    "x86_64": _Architecture(0xC000003E, 0, has_x32=True),
    "aarch64": _Architecture(0xC00000B7, 1, has_x32=False),
}


class UnsupportedArchitectureError(RuntimeError):
    """No table of system calls for this machine."""


def program(*, counted_memory: bool, machine: str | None = None) -> bytes:
    """The program as bubblewrap's `--seccomp` reads it.

    `counted_memory`: a cgroup counts all memory. `machine` as of `uname -m`; raises `UnsupportedArchitectureError`.
    """
    name = machine or platform.machine()
    architecture = _ARCHITECTURES.get(name)
    if architecture is None:
        raise UnsupportedArchitectureError(f"no system call filter for {name!r}")
    refused = REFUSED if counted_memory else REFUSED | UNCOUNTED_MEMORY
    column = architecture.column
    parts = [
        _prologue(architecture),
        *(_answer(calls[column], errno.EPERM) for calls in refused.values()),
        *(_answer(calls[column], errno.ENOSYS) for calls in ABSENT.values()),
        _if_bits(CLONE[column], 0, NEW_NAMESPACES),
        _if_any(IOCTL[column], 1, TERMINAL_INJECTIONS),
        _unless_any(SOCKET[column], 0, SOCKET_FAMILIES),
        _unless_any(PERSONALITY[column], 0, PERSONALITIES),
        _instruction(RET, ALLOW),
    ]
    return b"".join(parts)


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)


def _prologue(architecture: _Architecture) -> bytes:
    """Kills foreign calling conventions, whose numbers mean other calls; then loads the number."""
    lines = [_instruction(LD, ARCH), _instruction(JEQ, architecture.audit, 1, 0), _instruction(RET, KILL)]
    lines.append(_instruction(LD, NR))
    if architecture.has_x32:
        lines += [_instruction(JGE, X32_BIT, 0, 1), _instruction(RET, KILL)]
    return b"".join(lines)


def _answer(number: int | None, code: int) -> bytes:
    if number is None:
        return b""
    return _instruction(JEQ, number, 0, 1) + _instruction(RET, REFUSE | code)


def _block(number: int, argument: int, tests: list[bytes], otherwise: int) -> bytes:
    """For one call: load the low half of an argument, run the tests, answer `otherwise`."""
    body = [_instruction(LD, FIRST_ARGUMENT + 8 * argument), *tests, _instruction(RET, otherwise)]
    return _instruction(JEQ, number, 0, len(b"".join(body)) // 8) + b"".join(body)


def _if_bits(number: int, argument: int, bits: int) -> bytes:
    tests = [_instruction(JSET, bits, 0, 1), _instruction(RET, REFUSE | errno.EPERM)]
    return _block(number, argument, tests, ALLOW)


def _if_any(number: int, argument: int, values: tuple[int, ...]) -> bytes:
    tests = [_instruction(JEQ, value, 0, 1) + _instruction(RET, REFUSE | errno.EPERM) for value in values]
    return _block(number, argument, tests, ALLOW)


def _unless_any(number: int, argument: int, values: tuple[int, ...]) -> bytes:
    tests = [_instruction(JEQ, value, 0, 1) + _instruction(RET, ALLOW) for value in values]
    return _block(number, argument, tests, REFUSE | errno.EPERM)
