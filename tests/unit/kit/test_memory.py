"""The watchdog, beside limits that make this process look large or small."""

from __future__ import annotations

import psutil
import pytest
from structlog.testing import capture_logs

from services.kit.memory import MemoryWatchdog, Pressure, available_bytes


def test_a_change_of_pressure_is_told_once() -> None:
    resident_mib = psutil.Process().memory_info().rss >> 20
    watchdog = MemoryWatchdog(limit_mib=max(1, int(resident_mib * 1.02)))
    with capture_logs() as lines:
        watchdog.sample()
        watchdog.sample()
    assert [(line["log_level"], line["pressure"]) for line in lines] == [("critical", Pressure.CRITICAL)]
    watchdog.limit_bytes *= 100
    with capture_logs() as lines:
        watchdog.sample()
    assert [(line["log_level"], line["pressure"]) for line in lines] == [("info", Pressure.NORMAL)]


@pytest.mark.parametrize(
    ("share", "level", "pressure"),
    [
        (0.75, "info", Pressure.INFO),
        (0.85, "warning", Pressure.WARNING),
        (0.95, "critical", Pressure.CRITICAL),
    ],
)
def test_each_threshold_has_its_level(share: float, level: str, pressure: Pressure) -> None:
    watchdog = MemoryWatchdog()
    watchdog.limit_bytes = int(psutil.Process().memory_info().rss / share)
    with capture_logs() as lines:
        watchdog.sample()
    assert [(line["log_level"], line["pressure"]) for line in lines] == [(level, pressure)]


def test_without_a_limit_it_is_what_the_machine_gives() -> None:
    assert 2**26 < MemoryWatchdog().limit_bytes == available_bytes() <= psutil.virtual_memory().total
