"""The words of a text, as they are stored and as they are asked for: letters and digits, without case and accents.

Both sides are folded here, so that a search does not depend on the database's locale, and nothing of what a person
types has a meaning of its own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

MOST_CHARACTERS = 100_000
"""Of a text: what stands behind is not found."""
MOST_ASKED = 20
"""Words of a question; the others are ignored."""
SNIPPET = 160
"""Characters shown around the first word that was found."""
_LONGEST = 100
_WORD = re.compile(r"[^\W_]+")
_SPACE = re.compile(r"\s+")


def folded(text: str) -> str:
    """Without case and accents. Most texts keep their length."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", "".join(c for c in plain if not unicodedata.combining(c)))


def words(text: str) -> list[str]:
    """The words, in order."""
    return [word[:_LONGEST] for word in _WORD.findall(folded(text[:MOST_CHARACTERS])[:MOST_CHARACTERS])]


def asked(question: str) -> list[str]:
    """The words of a question; the last one may be the beginning of a longer word."""
    return words(question)[:MOST_ASKED]


def tsquery(wanted: Sequence[str]) -> str:
    """All of the words. They are letters and digits, so they need no more than quotes."""
    return " & ".join(f"'{word}'" for word in wanted) + ":*"


def snippet(text: str, wanted: Sequence[str]) -> str:
    """What stands around the first of the words, on one line."""
    text = text[:MOST_CHARACTERS]
    *whole, last = wanted
    choices = [*(rf"{word}(?![^\W_])" for word in whole), last]
    found = re.search(rf"(?<![^\W_])(?:{'|'.join(choices)})", folded(text))
    start = max((found.start() if found else 0) - SNIPPET // 2, 0)
    end = min(start + SNIPPET, len(text))
    shown = _SPACE.sub(" ", text[start:end]).strip()
    return f"{'…' if start else ''}{shown}{'…' if end < len(text) else ''}"
