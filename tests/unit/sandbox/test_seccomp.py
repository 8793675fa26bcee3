"""The filter's program, run by a small interpreter of the instructions it uses."""

from __future__ import annotations

import errno
import struct

import pytest

from services.sandbox.providers.local import seccomp

AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
MACHINES = [("x86_64", 0), ("aarch64", 1)]
ALLOWED = "allowed"


def decide(program: bytes, arch: int, number: int, *arguments: int) -> str:
    """What the kernel would answer: `allowed`, `killed`, or the name of the error."""
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<iIQ6Q", number, arch, 0, *padded)
    lines = [struct.unpack_from("<HBBI", program, at) for at in range(0, len(program), 8)]
    at, loaded = 0, 0
    while True:
        code, if_true, if_false, value = lines[at]
        at += 1
        if code == seccomp.LD:
            (loaded,) = struct.unpack_from("<I", data, value)
        elif code == seccomp.RET:
            return _answer(value)
        else:
            holds = {
                seccomp.JEQ: loaded == value,
                seccomp.JGE: loaded >= value,
                seccomp.JSET: bool(loaded & value),
            }[code]
            at += if_true if holds else if_false


def _answer(value: int) -> str:
    if value == seccomp.ALLOW:
        return ALLOWED
    return "killed" if value == seccomp.KILL else errno.errorcode[value & 0xFFFF]


@pytest.mark.parametrize(("machine", "column"), MACHINES)
def test_every_listed_call_is_refused_and_its_neighbours_are_not(machine: str, column: int) -> None:
    program = seccomp.program(counted_memory=True, machine=machine)
    refused = {calls[column] for calls in seccomp.REFUSED.values()}
    absent = {calls[column] for calls in seccomp.ABSENT.values()}
    by_argument = {calls[column] for calls in (seccomp.SOCKET, seccomp.PERSONALITY)}
    for number in range(600):
        wanted = "EPERM" if number in refused else "ENOSYS" if number in absent else ALLOWED
        if number not in by_argument:
            assert decide(program, AUDIT[machine], number) == wanted, number


@pytest.mark.parametrize(("machine", "column"), MACHINES)
def test_memory_that_nobody_counts_is_refused_where_no_cgroup_counts(machine: str, column: int) -> None:
    for counted, wanted in ((True, ALLOWED), (False, "EPERM")):
        program = seccomp.program(counted_memory=counted, machine=machine)
        for calls in seccomp.UNCOUNTED_MEMORY.values():
            number = calls[column]
            assert number is not None
            assert decide(program, AUDIT[machine], number) == wanted


@pytest.mark.parametrize(("machine", "column"), MACHINES)
def test_arguments_decide(machine: str, column: int) -> None:
    program, arch = seccomp.program(counted_memory=True, machine=machine), AUDIT[machine]
    thread, new_user = 0x003D0F00, 0x10000000
    assert decide(program, arch, seccomp.CLONE[column], thread) == ALLOWED
    assert decide(program, arch, seccomp.CLONE[column], new_user | 17) == "EPERM"
    for family in range(64):
        wanted = ALLOWED if family in (1, 2, 10, 16) else "EPERM"
        assert decide(program, arch, seccomp.SOCKET[column], family) == wanted
    assert decide(program, arch, seccomp.IOCTL[column], 0, 0x5413) == ALLOWED
    assert decide(program, arch, seccomp.IOCTL[column], 0, 0x5412) == "EPERM"
    assert decide(program, arch, seccomp.IOCTL[column], 0, 0x1_0000_5412) == "EPERM"  # the kernel reads 32 bits
    assert decide(program, arch, seccomp.PERSONALITY[column], 0xFFFFFFFF) == ALLOWED
    assert decide(program, arch, seccomp.PERSONALITY[column], 0x0040000) == "EPERM"


@pytest.mark.parametrize(("machine", "column"), MACHINES)
def test_foreign_calling_convention_is_the_end(machine: str, column: int) -> None:
    program = seccomp.program(counted_memory=True, machine=machine)
    assert decide(program, 0x40000003, 1) == "killed"
    if machine == "x86_64":
        assert decide(program, AUDIT[machine], 0x40000000 | 1) == "killed"


def test_unknown_machine_has_no_program() -> None:
    with pytest.raises(seccomp.UnsupportedArchitectureError, match="vax"):
        seccomp.program(counted_memory=True, machine="vax")
