from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.gateway.edge.domain import Form
from services.gateway.edge.errors import BodyTooLarge, BodyTooSlow, InvalidBody, NoRoom
from services.gateway.edge.forms import Limits, json_object, read_form
from services.kit.errors import InvalidArgument

LIMITS = Limits(body=8 * 1024 * 1024, text=1024)
MULTIPART = "multipart/form-data; boundary=XX"


async def chunks(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    extra = f'; filename="{filename}"' if filename is not None else ""
    head = f'--XX\r\nContent-Disposition: form-data; name="{name}"{extra}\r\nContent-Type: text/plain\r\n\r\n'
    return head.encode() + content + b"\r\n"


def multipart(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--XX--\r\n"


async def fields_of(content_type: str, body: bytes, size: int = 7) -> dict[str, str]:
    async with read_form(content_type, chunks(body, size), LIMITS, flags=["optimistic"]) as form:
        return dict(form.fields)


async def files_of(form: Form) -> list[tuple[str, str, bytes]]:
    return [(field, file.name, b"".join([p async for p in file.pieces(1000)])) for field, file in form.files]


@pytest.mark.parametrize("size", [1, 2, 3, 17, 10_000])
async def test_a_multipart_body_may_be_cut_anywhere(size: int) -> None:
    body = multipart(
        part("prompt", "grüße".encode()), part("files", b"\r\n--X not a boundary", "a.txt"), part("mode", b"docs")
    )
    async with read_form(MULTIPART, chunks(body, size), LIMITS) as form:
        assert form.fields == {"prompt": "grüße", "mode": "docs"}
        assert await files_of(form) == [("files", "a.txt", b"\r\n--X not a boundary")]


@pytest.mark.parametrize("depth", [300, 5000])
def test_json_that_nobody_could_write_again_is_refused(depth: int) -> None:
    with pytest.raises(InvalidBody):
        json_object(b'{"x": ' + b"[" * depth + b"]" * depth + b"}")


async def test_a_large_file_comes_in_pieces_and_can_be_read_twice() -> None:
    content = bytes(range(256)) * 12_000
    async with read_form(MULTIPART, chunks(multipart(part("file", content, "b.bin")), 65_536), LIMITS) as form:
        file = form.files[0][1]
        sizes = [len(piece) async for piece in file.pieces(1024 * 1024)]
        assert sizes == [1024 * 1024, 1024 * 1024, len(content) - 2 * 1024 * 1024]
        assert b"".join([piece async for piece in file.pieces(5000)]) == content


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\\\temp\\\\x.txt", "x.txt"),
        ("a b.txt", "a b.txt"),
        ("..", "file"),
        ("", "file"),
        ("/", "file"),
    ],
)
async def test_a_file_name_is_never_a_folder(sent: str, kept: str) -> None:
    async with read_form(MULTIPART, chunks(multipart(part("file", b"x", sent)), 100), LIMITS) as form:
        assert form.files[0][1].name == kept


async def test_a_urlencoded_body_is_read() -> None:
    body = b"prompt=a+b%26c&empty=&prompt2=%C3%BC"
    assert await fields_of("application/x-www-form-urlencoded; charset=utf-8", body) == {
        "prompt": "a b&c",
        "empty": "",
        "prompt2": "ü",
    }


async def test_a_json_body_is_read_as_fields() -> None:
    body = b'{"prompt": "hi", "optimistic": true, "thread_id": null}'
    assert await fields_of("application/json", body) == {"prompt": "hi", "optimistic": "true"}


@pytest.mark.parametrize("value", [b"3", b"true", b"{}", b'["x"]'])
async def test_a_text_in_a_json_body_is_a_text(value: bytes) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await fields_of("application/json", b'{"prompt": ' + value + b"}")
    assert refused.value.violations[0].field == "prompt"


@pytest.mark.parametrize("content_type", ["", "application/json", "application/x-www-form-urlencoded", "text/plain"])
async def test_no_body_is_an_empty_form(content_type: str) -> None:
    assert await fields_of(content_type, b"") == {}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[1]"),
        ("text/plain", b"x"),
        ("application/x-www-form-urlencoded", b"a=\xff"),
        ("multipart/form-data", b"--XX--\r\n"),
        (MULTIPART, b"no boundary here"),
        (MULTIPART, part("a", b"cut off")),
        (MULTIPART, multipart(b"--XX\r\nContent-Disposition: form-data\r\n\r\nx\r\n")),
        (MULTIPART, multipart(part("a", b"\xff"))),
    ],
)
async def test_a_body_that_is_not_what_it_says_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(InvalidBody):
        await fields_of(content_type, body)


async def test_a_body_over_the_limit_is_refused_before_its_end() -> None:
    seen = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal seen
        yield part("file", b"", "x").removesuffix(b"\r\n")
        while True:
            seen += 65_536
            yield b"x" * 65_536

    with pytest.raises(BodyTooLarge):
        async with read_form(MULTIPART, endless(), LIMITS):
            pass
    assert seen <= LIMITS.body + 65_536


@pytest.mark.parametrize(
    "body", [multipart(part("prompt", b"x" * 2000)), multipart(*(part(f"f{n}", b"x" * 8) for n in range(300)))]
)
async def test_text_and_the_number_of_parts_are_bounded(body: bytes) -> None:
    with pytest.raises(BodyTooLarge):
        await fields_of(MULTIPART, body, 4096)


def test_a_json_object_is_demanded() -> None:
    assert json_object(b"  ") == {}
    assert json_object(b'{"a": 1}') == {"a": 1}
    with pytest.raises(InvalidBody):
        json_object(b'"text"')


# Bodies that do not come.


async def endless(pause_s: float, size: int) -> AsyncIterator[bytes]:
    yield part("file", b"", "x").removesuffix(b"\r\n")
    while True:
        await asyncio.sleep(pause_s)
        yield b"x" * size


@pytest.mark.parametrize("body", [endless(3600, 1), endless(0.005, 1)], ids=["stalls", "dribbles"])
async def test_a_body_that_hardly_comes_is_refused(body: AsyncIterator[bytes]) -> None:
    with pytest.raises(BodyTooSlow):
        async with read_form(MULTIPART, body, replace(LIMITS, patience_s=0.1)):
            pass


async def test_a_body_that_comes_fast_enough_may_take_its_time() -> None:
    """It takes longer than it would be waited for if nothing came."""
    hasty = replace(LIMITS, patience_s=0.05, slowest=1)

    async def slow() -> AsyncIterator[bytes]:
        for piece in (part("a", b"x" * 500), part("b", b"y"), b"--XX--\r\n"):
            await asyncio.sleep(0.04)
            yield piece

    async with read_form(MULTIPART, slow(), hasty) as form:
        assert set(form.fields) == {"a", "b"}


async def test_a_large_file_waits_in_the_folder_it_was_told(tmp_path: Path) -> None:
    away = replace(LIMITS, folder=tmp_path / "not there")
    large = multipart(part("file", b"x" * 2_000_000, "b.bin"))
    with pytest.raises(NoRoom):
        async with read_form(MULTIPART, chunks(large, 65_536), away):
            pass
    async with read_form(MULTIPART, chunks(large, 65_536), replace(LIMITS, folder=tmp_path)) as form:
        assert len((await files_of(form))[0][2]) == 2_000_000
    assert os.listdir(tmp_path) == []
