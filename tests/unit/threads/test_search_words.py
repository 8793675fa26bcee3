"""Words are letters and digits, the same on both sides; nothing that is typed has a meaning of its own."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.threads.search_words import MOST_ASKED, SNIPPET, asked, snippet, tsquery, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Größe, ÉTÉ: naïve", ["grosse", "ete", "naive"]),
        ("foo_bar-baz/qux.py", ["foo", "bar", "baz", "qux", "py"]),
        ("a & b | !c <-> 'd' \\e (f) :* \0g", ["a", "b", "c", "d", "e", "f", "g"]),
        ("数据 Москва", ["数据", "москва"]),
        (" \n\t…!", []),
    ],
)
def test_words_are_folded_letters_and_digits(text: str, found: list[str]) -> None:
    assert words(text) == found


@given(st.text(max_size=2000))
def test_a_question_is_always_quoted_words(question: str) -> None:
    wanted = asked(question)
    assert len(wanted) <= MOST_ASKED
    assert all(re.fullmatch(r"[^\W_]{1,100}", word) for word in wanted)
    if wanted:
        assert tsquery(wanted).endswith(f"'{wanted[-1]}':*")


def test_a_text_that_grows_when_it_is_folded_stays_bounded() -> None:
    assert sum(map(len, words("\ufdfa " * 100_000))) <= 100_000


def test_a_snippet_shows_what_stands_around_the_first_word() -> None:
    text = f"{'x ' * 200}the Needle\nis here {'y ' * 200}"
    shown = snippet(text, ["need"])
    assert "the Needle is here" in shown
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert len(shown) <= SNIPPET + 2


def test_only_the_last_word_of_a_question_may_be_a_beginning() -> None:
    text = f"needles {'x ' * 200} needle {'y ' * 200}"
    assert "needles" not in snippet(text, ["needle", "nothing"])
    assert "needles" in snippet(text, ["nothing", "needle"])


def test_a_short_text_is_shown_whole() -> None:
    assert snippet("just this", ["this"]) == "just this"
