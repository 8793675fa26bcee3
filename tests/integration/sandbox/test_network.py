"""Network, where the operator asks for it: the host's, with all that is in it."""

from __future__ import annotations

import socket
from contextlib import closing
from dataclasses import replace

from tests.integration.sandbox.world import CONFIG, LEVELS, open_world


async def test_network_that_is_asked_for_is_the_hosts() -> None:
    async with open_world(LEVELS[-1], replace(CONFIG, network=True)) as world:
        with closing(socket.socket()) as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            port = listener.getsockname()[1]
            _, said = await world.python(
                f"import socket; socket.create_connection(('127.0.0.1', {port})); print('met')"
            )
        assert said == "met\n"
