"""Schemathesis against the served document: a run of its command line, and what it found."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.fuzz.seeds import Seeds
from tests.support.mesh import CHECKOUT, RunningMesh

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "ignored_auth",
)
# What may be said of a wrong request; larger, slower and poorer ones have statuses of their own.
_REFUSED = [400, 401, 402, 403, 404, 408, 409, 413, 431]
_LIKELY = 0.7  # that a seed is taken where there is one


@dataclass(frozen=True, slots=True)
class Outcome:
    """`requests` that were sent, and a text for each failure."""

    requests: int
    failures: tuple[str, ...]
    output: str


def fuzz(mesh: RunningMesh, sub: str, seeds: Seeds, folder: Path, *arguments: str) -> Outcome:
    """Runs it as that user until the arguments say that it is enough. `folder` keeps the reports."""
    origin = mesh.url.removesuffix("/v1")
    document = httpx.get(f"{origin}/openapi.json").raise_for_status().json()
    (folder / "openapi.json").write_text(json.dumps(strict(document)))
    (folder / "schemathesis.toml").write_text(_config(document, seeds))
    report = folder / "report.json"
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(folder / "schemathesis.toml")),
        *("run", str(folder / "openapi.json"), "--url", origin, "--header", f"Authorization: Bearer {mesh.token(sub)}"),
        *("--checks", ",".join(CHECKS), "--continue-on-failure", "--no-shrink", "--request-timeout", "40"),
        *("--report", "json,ndjson", "--report-json-path", str(report)),
        *("--report-ndjson-path", str(folder / "requests.ndjson"), "--warnings", "off", *arguments),
    ]
    ran = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert report.exists(), ran.stdout + ran.stderr
    told = json.loads(report.read_text())
    failures = tuple(json.dumps(found) for found in (*told["failures"], *told["errors"]))
    return Outcome(told["test_cases"]["generated"], failures, ran.stdout)


def strict(document: dict[str, Any]) -> dict[str, Any]:
    """The document, with no keys in answers but those that it names: what is not documented is found."""
    components = document["components"]["schemas"]
    closed = {
        name: {**schema, "additionalProperties": False} if name not in ("Error", _EVENT) else schema
        for name, schema in components.items()
    }
    return {**document, "components": {**document["components"], "schemas": closed}}


_EVENT = "gateway.RestRunEvent"  # Schemathesis adds the name that an event without one has


def _config(document: dict[str, Any], seeds: Seeds) -> str:
    lines = [f'hooks = "{Path(__file__).with_name("hooks.py")}"', "max-stream-events = 50"]
    lines += ["[checks.negative_data_rejection]", f"expected-statuses = {_REFUSED}"]
    lines += ["[dictionaries]", *(f"{name} = {{ values = {json.dumps(v)} }}" for name, v in seeds.values.items())]
    lines += ["[parameters]"]
    for place, name in sorted(set(_parameters(document))):
        if name in seeds.values:
            lines.append(f'"{place}.{name}" = {{ dictionary = "{name}", probability = {_LIKELY} }}')
    return "\n".join(lines) + "\n"


def _parameters(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for path in document["paths"].values():
        for operation in path.values():
            yield from ((parameter["in"], parameter["name"]) for parameter in operation.get("parameters", ()))
