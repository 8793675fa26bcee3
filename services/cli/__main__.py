"""`mesh`, also as `python -m services.cli`: what goes wrong is told in a sentence, with an exit code."""

from __future__ import annotations

import sys

from services.kit.config import ConfigError

from .app import app
from .errors import CliError

_WRONG_CONFIGURATION = 2


def main() -> None:
    """Run the command line and exit."""
    try:
        app()
    except CliError as failure:
        _fail(failure.message, failure.exit_code)
    except ConfigError as wrong:
        _fail(str(wrong), _WRONG_CONFIGURATION)
    except OSError as refused:
        _fail(f"{refused.strerror}: {refused.filename}" if refused.filename else str(refused), 1)


def _fail(message: str, code: int) -> None:
    sys.stderr.write(f"mesh: {message}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
