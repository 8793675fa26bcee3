"""`python -m tests.support.sizes`: no function above 70 lines, no file above 500, generated code excepted."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FUNCTION: Final = 70
FILE: Final = 500


def oversized(root: Path) -> Iterator[str]:
    """What is too large, one line each."""
    for folder in ("services", "tests", "protos"):
        for path in sorted((root / folder).rglob("*.py")):
            if "gen" in path.relative_to(root).parts:
                continue
            yield from _of_file(path, str(path.relative_to(root)))


def _of_file(path: Path, name: str) -> Iterator[str]:
    source = path.read_text()
    lines = source.count("\n")
    if lines > FILE:
        yield f"{name}: {lines} lines, at most {FILE}"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            length = node.end_lineno - node.lineno + 1
            if length > FUNCTION:
                yield f"{name}:{node.lineno} {node.name}: {length} lines, at most {FUNCTION}"


def main() -> None:
    """Exits 1 with a list where anything is too large."""
    found = list(oversized(ROOT))
    if found:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
