"""What the documents say of the code: links, paths, commands, variables, routes and messages that exist."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from services.cli.app import app
from services.gateway.openapi.document import load_document
from tests.contract.settings_page import PAGE, SERVICES, page, settings_of

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("services/**/*.md"))
    if ".venv" not in path.parts
)
_ANYTHING = "\x00"  # what a placeholder of an f-string may become
_VARIABLE = re.compile(r"(?:MESH|OPENAI|ANTHROPIC|SUPABASE|ENV|DATABASE|REDIS)_[A-Z0-9_]+")

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def spans(text: str) -> list[str]:
    """What stands between backticks, outside of blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def commands(text: str) -> list[str]:
    """Lines of blocks, and spans: wherever a command may be written."""
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    return [*spans(text), *(line for block in blocks for line in block.splitlines())]


def section(title: str) -> str:
    """A section of the README."""
    text = (ROOT / "README.md").read_text()
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, title
    return found[1]


def first_cells(table: str) -> Iterator[str]:
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    return (row.split(" | ")[0].removeprefix("| ") for row in rows[1:])


@cache
def messages() -> tuple[str, ...]:
    """Every text in the services' code, with a mark where a value is put in; the Makefile too."""
    found = [(ROOT / "Makefile").read_text()]
    for path in (ROOT / "services").rglob("*.py"):
        found += (_template(node) for node in ast.walk(ast.parse(path.read_text())) if _is_text(node))
    return tuple(found)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _template(node: ast.AST) -> str:
    pieces: list[Any] = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(str(piece.value) if isinstance(piece, ast.Constant) else _ANYTHING for piece in pieces)


@each_document
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text())
    inside = (link for link in links if "://" not in link)
    assert [link for link in inside if not (path.parent / link).exists()] == []


@each_document
def test_commands_can_be_given(path: Path) -> None:
    said = commands(path.read_text())
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    made = {word for text in said for word in re.findall(r"^(?:[A-Z_]+=\S+ )*make ([a-z-]+)", text)}
    asked = {word for text in said for word in re.findall(r"^(?:\$ )?(?:\.venv/bin/)?mesh ([a-z]+)", text)}
    modules = {word for text in said for word in re.findall(r"\bpython3? -m ((?:services|tests)[\w.]+)(?!\.?<)", text)}
    missing = {module for module in modules if importlib.util.find_spec(module.rstrip(".")) is None}
    assert (made - targets, asked - known, missing) == (set(), set(), set())


@each_document
def test_files_exist(path: Path) -> None:
    """A file is said from the root of the repository, from where the document stands, or by the end of its path."""
    shaped = re.compile(r"(?:services|tests|docs|protos|deploy|bench)/[\w./-]+|[\w./-]+\.(?:py|md|sql|csv|proto)")
    said = [text for text in spans(path.read_text()) if shaped.fullmatch(text)]
    assert [text for text in said if not (ROOT / text).exists() and not _ends_a_path(text.removeprefix("./"))] == []


@cache
def _files() -> str:
    inside = (path for folder in ("services", "tests", "docs", "protos") for path in (ROOT / folder).rglob("*.*"))
    return "".join(f"/{path.relative_to(ROOT)}\n" for path in inside)


def _ends_a_path(text: str) -> bool:
    return f"/{text}\n" in _files()


@each_document
def test_variables_are_read_by_somebody(path: Path) -> None:
    known = {name.upper() for service in SERVICES for name in settings_of(service).model_fields}
    own = re.compile(rf"MESH_(?:{'|'.join(SERVICES).upper()})_(?:{'|'.join(known)})")
    said = set(_VARIABLE.findall(" ".join(commands(path.read_text()))))
    assert {name for name in said - known if not own.fullmatch(name) and not name.endswith("_")} == set()


@each_document
def test_calls_and_classes_exist(path: Path) -> None:
    said = (text.rpartition(".")[2] for text in spans(path.read_text()))
    names = {name for name in said if re.fullmatch(r"(?:[A-Z][a-z]+){2,}", name)}
    assert names - _names() == set()


@cache
def _names() -> set[str]:
    python = (file for folder in ("services", "tests/support") for file in (ROOT / folder).rglob("*.py"))
    protos = (ROOT / "protos" / "mesh").rglob("*.proto")
    return {name for file in (*python, *protos) for name in re.findall(r"\w+", file.read_text())}


def test_the_page_of_settings_is_current() -> None:
    assert PAGE.read_text() == page(), "write it anew: python -m tests.contract.settings_page"


def test_every_route_has_its_row_and_every_row_a_route() -> None:
    rows = section("What works now")
    patterns = {text: _expression(text) for text in spans(rows) if text.startswith("/")}
    routes = set(load_document()["paths"])
    assert {route for route in routes if not any(known.fullmatch(route) for known in patterns.values())} == set()
    assert {text for text, known in patterns.items() if not any(map(known.fullmatch, routes))} == set()


def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*"))


@pytest.mark.parametrize("cell", list(first_cells(section("When something is wrong"))))
def test_what_one_may_see_is_what_the_code_says(cell: str) -> None:
    (said,) = spans(cell)
    wanted = re.compile(".*".join(re.escape(piece) for piece in said.split("…")), re.DOTALL)
    assert any(wanted.search(message) for message in messages())


def test_the_recording_ends_as_the_demo_does_today() -> None:
    last = [line for line in (ROOT / "docs" / "demo.txt").read_text().splitlines() if line.startswith("the demo is")]
    assert [message for message in messages() if message == last[0]] != []
