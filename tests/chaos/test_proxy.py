"""A wire does what its mode says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.chaos.proxy import Address, Mode, Wire

Ends = tuple[Wire, asyncio.StreamReader, asyncio.StreamWriter, list[bytes]]


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    """A wire to a server that writes down and echoes, and a client's connection through it."""
    heard: list[bytes] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            heard.append(data)
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    wire = await Wire("a", "b", Address("127.0.0.1", server.sockets[0].getsockname()[1])).open()
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.ports[0])
    yield wire, reader, writer, heard
    writer.close()
    await wire.close()
    server.close()


async def said(ends: Ends, words: bytes) -> bytes:
    """What comes back."""
    ends[2].write(words)
    return await asyncio.wait_for(ends[1].readexactly(len(words)), 5)


async def test_a_wire_passes(ends: Ends) -> None:
    assert await said(ends, b"hello") == b"hello"


async def test_a_cut_wire_resets_what_is_open_and_refuses_what_is_new(ends: Ends) -> None:
    await said(ends, b"hello")
    ends[0].set("cut")
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await said(ends, b"more")
    reader, _ = await asyncio.open_connection("127.0.0.1", ends[0].ports[0])
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)


async def test_a_stalled_wire_delivers_later(ends: Ends) -> None:
    await said(ends, b"hello")
    ends[0].set("stall")
    waiting = asyncio.create_task(said(ends, b"more"))
    done, _ = await asyncio.wait([waiting], timeout=0.2)
    assert not done
    assert ends[3] == [b"hello"]
    ends[0].set("pass")
    assert await waiting == b"more"


async def test_a_half_open_wire_delivers_one_way_and_is_cut_when_mended(ends: Ends) -> None:
    await said(ends, b"hello")
    ends[0].set("half")
    waiting = asyncio.create_task(said(ends, b"more"))
    async with asyncio.timeout(5):
        while ends[3] != [b"hello", b"more"]:
            await asyncio.sleep(0.01)
    assert not waiting.done()
    ends[0].set("pass")
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await waiting


async def test_a_slow_wire_delivers_all(ends: Ends) -> None:
    ends[0].set("slow")
    assert await said(ends, b"x" * 2000) == b"x" * 2000


@pytest.mark.parametrize("mode", ["cut", "stall", "half", "slow"])
async def test_a_bent_wire_counts_what_it_did_to_traffic(ends: Ends, mode: Mode) -> None:
    await said(ends, b"hello")
    async with ends[0].bent(mode):
        ends[2].write(b"more")
        async with asyncio.timeout(5):
            while not ends[0].harm:
                await asyncio.sleep(0.01)
    harm = ends[0].harm
    ends[2].write(b"even more")
    await asyncio.wait([asyncio.create_task(ends[1].read(100))], timeout=5)
    assert ends[0].harm == harm


@pytest.mark.parametrize("mode", ["stall", "half", "slow"])
async def test_a_bent_wire_by_which_nothing_passes_did_nothing(ends: Ends, mode: Mode) -> None:
    await said(ends, b"hello")
    async with ends[0].bent(mode):
        pass
    assert ends[0].harm == 0


async def test_a_connection_that_the_server_itself_refuses_is_not_counted(ends: Ends) -> None:
    gone = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = gone.sockets[0].getsockname()[1]
    gone.close()
    await gone.wait_closed()
    wire = await Wire("a", "b", Address("127.0.0.1", port)).open()
    async with wire.bent("cut"):
        reader, _ = await asyncio.open_connection("127.0.0.1", wire.ports[0])
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
    assert wire.harm == 0
    await wire.close()


async def test_a_wire_is_in_one_mode_at_a_time(ends: Ends) -> None:
    second = asyncio.Event()

    async def stalled() -> None:
        async with ends[0].bent("stall"):
            second.set()
            assert ends[0].harm == 0

    async with ends[0].bent("half"):
        waiting = asyncio.create_task(stalled())
        assert await said_to(ends, b"hello") == [b"hello"]
        assert not second.is_set()
    await waiting
    assert second.is_set()


async def said_to(ends: Ends, words: bytes) -> list[bytes]:
    """What the server hears."""
    ends[2].write(words)
    async with asyncio.timeout(5):
        while not ends[3]:
            await asyncio.sleep(0.01)
    return ends[3]
