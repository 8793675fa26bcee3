"""The escape set once more, by a service that is not root. Where the tests themselves are not root, they did that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from services.sandbox.providers.local.binary import Become, reachable_by_all
from tests.integration.sandbox import test_escapes

NOBODY = 65534


def shared_python() -> str | None:
    """An interpreter of this version that every user can run."""
    names = (sys.executable, shutil.which(f"python3.{sys.version_info.minor}", path="/usr/local/bin:/usr/bin"))
    return next((name for name in names if name and reachable_by_all(Path(name))), None)


if os.geteuid() == 0 and shared_python() is not None:

    def test_escape_set_holds_for_a_service_that_is_not_root() -> None:
        python = shared_python()
        assert python is not None
        test = Path(test_escapes.__file__)
        options = ["-q", "-p", "no:cacheprovider", "--confcutdir", str(test.parent)]
        answer = subprocess.run(
            [*Become().words(NOBODY), python, "-m", "pytest", *options, str(test)],
            env={
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "HOME": "/tmp",
                "PYTHONPATH": os.pathsep.join(sys.path),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-1000:]
        assert " passed" in answer.stdout or "[100%]" in answer.stdout
