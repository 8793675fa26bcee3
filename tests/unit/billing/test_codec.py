"""Protos to domain and back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from mesh.billing.v1 import billing_pb2 as pb

from services.billing import codec
from services.billing.domain.history import Entry, Listing, Page
from services.billing.domain.ledger import digest
from services.billing.domain.prices import TokenUsage
from services.kit.errors import InvalidArgument

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def entry(number: int) -> Entry:
    return Entry(number, "usage", "mock-ai", -5, 10, None, None, NOW)


def test_a_page_is_fifty_from_the_start_unless_told_otherwise() -> None:
    assert codec.decode_page(pb.ListTransactionsRequest()) == Page(50)
    assert codec.decode_page(pb.ListTransactionsRequest(limit=3, offset=9)) == Page(3, 9)
    assert codec.decode_page(pb.ListCreditUsageRequest(page_token="17")) == Page(50, 0, 17)


@pytest.mark.parametrize("token", ["x", "-1", "1.0", "9" * 30, "١٧"])
def test_a_forged_page_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidArgument):
        codec.decode_page(pb.ListTransactionsRequest(page_token=token))


def test_the_row_beyond_a_page_tells_of_another_and_is_not_shown() -> None:
    page = Page(2)
    assert page.and_one_more() == Page(3)
    answer = codec.encode_transactions(Listing.of([entry(9), entry(8), entry(7)], 7, page))
    assert [shown.id for shown in answer.transactions] == ["9", "8"]
    assert (answer.next_page_token, answer.pagination.has_more) == ("8", True)
    last = codec.encode_transactions(Listing.of([entry(9), entry(8)], 2, page))
    assert (last.next_page_token, last.pagination.has_more) == ("", False)


def test_a_charge_keeps_everything_that_it_says() -> None:
    message = pb.Charge(
        key="post:r:1",
        step_no=1,
        price_version="m@1",
        model="m",
        prompt_tokens=1,
        completion_tokens=2,
        cached_read_tokens=3,
        cache_write_tokens=4,
        estimated=True,
        wasted=True,
    )
    charge = codec.decode_charge(message)
    assert charge.usage == TokenUsage(1, 2, 3, 4)
    assert (charge.key, charge.step_no, charge.estimated, charge.wasted) == ("post:r:1", 1, True, True)
    assert charge.message_id is None


def test_a_plain_user_has_no_role_to_show() -> None:
    assert not codec.encode_role(None).HasField("role")
    assert codec.encode_role("admin").isAdmin


def test_equal_bodies_have_equal_fingerprints_and_others_do_not() -> None:
    assert digest("a", 1, TokenUsage(1)) == digest("a", 1, TokenUsage(1))
    assert digest("a", 1) != digest("a", 2)
    assert digest("ab", "c") != digest("a", "bc")
