"""Keys in page tokens come back as they went."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from services.kit.errors import InvalidArgument
from services.threads import codec
from services.threads.domain import MessagePage, ThreadKey, ThreadPage

moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(moments, st.uuids().map(str))
def test_a_threads_key_survives_its_token(created_at: datetime, thread_id: str) -> None:
    key = ThreadKey(created_at, thread_id)
    token = codec.encode_thread_page(ThreadPage((), 0, key)).next_page_token
    assert codec.decode_thread_key(token) == key


@given(st.integers(0, 2**31 - 1))
def test_a_position_survives_its_token(position: int) -> None:
    token = codec.encode_message_page(MessagePage((), position)).next_page_token
    assert codec.decode_position(token) == position


@given(st.text(min_size=1))
def test_any_other_text_is_refused(token: str) -> None:
    for decode in (codec.decode_thread_key, codec.decode_position):
        try:
            decode(token)
        except InvalidArgument as refused:
            assert refused.violations[0].field == "page_token"  # noqa: PT017 -- a text may also be a token by chance
