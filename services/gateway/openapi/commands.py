"""The command about the document."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from services.gateway.openapi.document import load_document


def main(arguments: Sequence[str]) -> None:
    """Writes the document, or prints it."""
    parser = argparse.ArgumentParser(prog="python -m services.gateway openapi", description=__doc__)
    parser.add_argument("--out", type=Path, help="a file to write it to")
    out: Path | None = parser.parse_args(arguments).out
    text = json.dumps(load_document(), indent=2, ensure_ascii=False) + "\n"
    if out:
        out.write_text(text)
    else:
        sys.stdout.write(text)
