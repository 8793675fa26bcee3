"""A connection reads what is there, holds a fast server back, and is only used again when it is clean."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest

from services.agent.llm.connection import Connection

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
REQUEST = httpx.Request("POST", "http://h/x", content=b"{}")


class _Socket(asyncio.Transport):
    """A transport whose other side is the test."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.reading = True
        self.aborted = False
        self.lost: Callable[[Exception | None], None] = lambda _: None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def abort(self) -> None:
        self.aborted = True
        self.lost(None)


class _Pool:
    def __init__(self) -> None:
        self.idled: list[Connection] = []
        self.gone: list[Connection] = []

    def idle(self, connection: Connection) -> None:
        self.idled.append(connection)

    def lost(self, connection: Connection) -> None:
        self.gone.append(connection)


def _exchange() -> tuple[Connection, _Socket, _Pool]:
    pool, socket = _Pool(), _Socket()
    connection = Connection(pool)
    connection.connection_made(socket)
    socket.lost = connection.connection_lost
    connection.send(REQUEST, b"{}")
    return connection, socket, pool


async def _read_all(connection: Connection) -> None:
    await connection.head(1)
    while await connection.read(1):
        pass


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def test_request_is_written_whole() -> None:
    _, socket, _ = _exchange()

    assert socket.sent.startswith(b"POST /x HTTP/1.1\r\n")
    assert socket.sent.endswith(b"\r\n\r\n{}")


async def test_all_chunks_of_a_read_are_one_piece() -> None:
    connection, _, _ = _exchange()
    connection.data_received(HEAD + _chunk(b"one ") + _chunk(b"two ") + b"5\r\nth")

    assert (await connection.head(1)).status_code == 200
    assert await connection.read(1) == b"one two th"
    connection.data_received(b"ree\r\n0\r\n\r\n")
    assert await connection.read(1) == b"ree"
    assert await connection.read(1) == b""


async def test_informational_answers_are_passed_over() -> None:
    connection, _, _ = _exchange()
    connection.data_received(b"HTTP/1.1 103 Early Hints\r\n\r\n" + HEAD)

    assert (await connection.head(1)).status_code == 200


async def test_body_may_end_with_the_connection_where_nothing_else_says_its_length() -> None:
    connection, _, _ = _exchange()
    connection.data_received(b"HTTP/1.0 200 OK\r\n\r\nall")
    connection.connection_lost(None)
    await connection.head(1)

    assert await connection.read(1) == b"all"
    assert await connection.read(1) == b""


@pytest.mark.parametrize("reset", [None, ConnectionResetError("reset")])
@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 2", HEAD, HEAD + b"5\r\nab"])
async def test_message_that_breaks_off_is_an_error(begun: bytes, reset: Exception | None) -> None:
    connection, _, _ = _exchange()
    connection.data_received(begun)
    connection.connection_lost(reset)

    with pytest.raises(httpx.TransportError):
        await _read_all(connection)


async def test_reset_is_no_end_of_a_body_that_ends_with_the_connection() -> None:
    connection, _, _ = _exchange()
    connection.data_received(b"HTTP/1.0 200 OK\r\n\r\npart")
    connection.connection_lost(ConnectionResetError())
    await connection.head(1)

    assert await connection.read(1) == b"part"
    with pytest.raises(httpx.ReadError):
        await connection.read(1)


async def test_what_came_before_bad_framing_is_read_first() -> None:
    connection, _, _ = _exchange()
    connection.data_received(HEAD + _chunk(b"good") + b"no length\r\n")
    await connection.head(1)

    assert await connection.read(1) == b"good"
    with pytest.raises(httpx.RemoteProtocolError):
        await connection.read(1)


async def test_server_that_is_too_fast_is_held_back_until_it_is_read() -> None:
    connection, socket, _ = _exchange()
    connection.data_received(HEAD)
    await connection.head(1)

    for _ in range(3):
        connection.data_received(_chunk(b"x" * (1 << 19)))
    assert not socket.reading
    await connection.read(1)

    assert socket.reading


async def test_connection_is_idle_after_a_whole_message() -> None:
    connection, socket, pool = _exchange()
    connection.data_received(HEAD + b"0\r\n\r\n")
    await connection.head(1)
    await connection.read(1)

    connection.release()

    assert pool.idled == [connection]
    assert not socket.aborted


async def test_end_that_comes_late_is_drained_in_the_background() -> None:
    connection, _, pool = _exchange()
    connection.data_received(HEAD + _chunk(b"data"))
    await connection.head(1)
    await connection.read(1)

    connection.release()
    assert pool.idled == []
    connection.data_received(_chunk(b"more"))
    connection.data_received(b"0\r\n\r\n")

    assert pool.idled == [connection]


@pytest.mark.parametrize("late", [b"garbage\r\n", b"0\r\n\r\nHTTP/1.1 200"])
async def test_connection_out_of_step_is_not_used_again(late: bytes) -> None:
    connection, socket, pool = _exchange()
    connection.data_received(HEAD)
    await connection.head(1)

    connection.release()
    connection.data_received(late)

    assert socket.aborted
    assert (pool.idled, pool.gone) == ([], [connection])


async def test_idle_connection_that_speaks_unasked_is_closed() -> None:
    connection, socket, _ = _exchange()
    connection.data_received(HEAD + b"0\r\n\r\n")
    await connection.head(1)
    await connection.read(1)
    connection.release()

    connection.data_received(b"HTTP/1.1 408 Request Timeout\r\n")

    assert socket.aborted


async def test_server_that_wants_to_close_is_not_kept() -> None:
    connection, socket, pool = _exchange()
    connection.data_received(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")
    await connection.head(1)
    assert await connection.read(1) == b"ok"

    connection.release()

    assert socket.aborted
    assert pool.idled == []


async def test_silence_is_a_timeout_and_a_word_in_time_is_not() -> None:
    connection, _, _ = _exchange()
    asyncio.get_running_loop().call_later(0.02, connection.data_received, HEAD)
    await connection.head(5)

    with pytest.raises(httpx.ReadTimeout):
        await connection.read(0.01)
