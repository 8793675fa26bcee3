"""`python -m tests.chaos.process <folder> <service> [role]`: a service as in production, with fault points."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from tests.chaos.orders import OrderBook
from tests.chaos.points import Points


def main() -> None:
    """Wraps the ports of the service, gives tools its fake tool, and runs the service's own main."""
    folder, service, *role = sys.argv[1:]
    points = Points(OrderBook(Path(folder)))
    points.install(service)
    if service == "tools":
        from tests.chaos import tools  # the others need not load it

        tools.install(points, Path(folder))
    sys.argv = [f"services.{service}", *role]
    runpy.run_module(f"services.{service}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
