"""What can go wrong for the person at the terminal: a sentence that says what to do, and an exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class CliError(Exception):
    """Ends the command with its message on stderr, without a traceback."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotRunningError(CliError):
    """The command needs a running mesh and there is none."""

    exit_code = 3


class PortTakenError(CliError):
    """The public port belongs to somebody else."""


class PartFailedError(CliError):
    """A part keeps dying."""

    def __init__(self, part: str, message: str) -> None:
        super().__init__(message)
        self.part = part


@contextmanager
def single_failure() -> Iterator[None]:
    """Around a task group: what failed first comes out as itself."""
    try:
        yield
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
