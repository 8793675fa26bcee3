"""Output is bounded, whole where it fits, and honest where it does not."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from services.tools.domain.output import BoundedText, TextDecoder, bounded

PIECES = st.lists(st.text("abc\n", max_size=30), max_size=20)


@given(PIECES, st.integers(2, 40))
def test_kept_text_is_the_beginning_and_the_end_and_says_how_much_is_missing(pieces: list[str], limit: int) -> None:
    kept, whole = BoundedText(limit), "".join(pieces)
    for piece in pieces:
        kept.add(piece)
    half = limit // 2
    if len(whole) <= 2 * half:
        assert kept.text() == whole
        return
    expected = len(whole) - 2 * half
    assert kept.text() == f"{whole[:half]}\n[... {expected} characters left out ...]\n{whole[-half:]}"


@given(st.text("ab", max_size=100), st.integers(2, 40))
def test_text_within_bounds_is_untouched(text: str, limit: int) -> None:
    if len(text) <= limit:
        assert bounded(text, limit) == text
    else:
        assert re.search(r"\[\.\.\. \d+ characters left out", bounded(text, limit))


@given(st.text(), st.integers(1, 5))
def test_text_that_arrives_in_pieces_is_decoded_whole(text: str, size: int) -> None:
    decoder, data = TextDecoder(), text.encode()
    decoded = "".join(decoder.decode(data[i : i + size]) for i in range(0, len(data), size))
    assert decoded + decoder.decode(b"", final=True) == text.replace("\0", "�")


@given(st.binary())
def test_any_bytes_become_text_that_storage_can_hold(data: bytes) -> None:
    decoded = TextDecoder().decode(data, final=True)
    assert "\0" not in decoded
    decoded.encode()
