"""What the parts write."""

from __future__ import annotations

import io
import threading
from pathlib import Path

from services.cli.logs import BoundedFile, LogBook
from services.cli.screen import Terminal


class FakeScreen:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def part_lines(self, part: str, lines: list[str]) -> None:
        self.lines += [(part, line) for line in lines]


def test_lines_are_put_together_from_pieces(tmp_path: Path) -> None:
    screen = FakeScreen()
    log = LogBook(lambda part: tmp_path / f"{part}.log", screen).of("threads")

    for piece in (b"one\ntw", b"o\nthr", b"ee"):
        log.write(piece)

    assert screen.lines == [("threads", "one"), ("threads", "two")]
    assert log.tail() == ("one", "two", "three")
    assert (tmp_path / "threads.log").read_text() == "one\ntwo\nthree"
    log.close()


def test_the_tail_keeps_the_last_lines_alone(tmp_path: Path) -> None:
    log = LogBook(lambda part: tmp_path / part, FakeScreen()).of("threads")

    log.write(b"".join(b"line %d\n" % number for number in range(100)))

    assert len(log.tail()) == 20
    assert log.tail()[-1] == "line 99"
    log.close()


def test_a_file_never_grows_beyond_its_limit(tmp_path: Path) -> None:
    file = BoundedFile(tmp_path / "a.log", limit=100)

    for _ in range(50):
        file.write(b"0123456789")
    file.write(b"x" * 1000)

    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes == {"a.log": 100, "a.log.1": 100}
    file.close()


class GoneTerminal(io.StringIO):
    """A terminal that was closed."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


class StandingTerminal(io.StringIO):
    """A terminal that takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def write(self, text: str) -> int:
        self.go.wait()
        return super().write(text)


def test_each_line_has_its_part_as_prefix() -> None:
    out = io.StringIO()
    terminal = Terminal(out, width=8)

    terminal.part_lines("redis", ["ready", "busy"])
    terminal.say("all is well")
    terminal.close()

    assert out.getvalue() == "redis    | ready\nredis    | busy\nmesh     | all is well\n"


def test_quiet_shows_the_meshs_own_lines_alone() -> None:
    out = io.StringIO()
    terminal = Terminal(out, width=5, quiet=True)

    terminal.part_lines("redis", ["ready"])
    terminal.say("all is well")
    terminal.close()

    assert out.getvalue() == "mesh  | all is well\n"


def test_a_terminal_that_went_away_stops_nobody() -> None:
    terminal = Terminal(GoneTerminal(), width=5)

    for _ in range(10_000):
        terminal.say("on and on")
    terminal.close()


def test_a_terminal_that_stands_still_stops_nobody_and_is_told_what_it_missed() -> None:
    out = StandingTerminal()
    terminal = Terminal(out, width=5)

    for _ in range(6_000):
        terminal.part_lines("redis", ["busy"])
    out.go.set()
    terminal.close()

    shown = out.getvalue()
    assert 4_999 <= shown.count("busy") <= 5_001
    assert "not shown here, see the log files" in shown
