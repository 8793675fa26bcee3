"""What is stored of a row, and what is added to it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.errors import InvalidArgument
from services.threads.domain import Draft
from services.threads.message_json import checked, user_content

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def assistant(content: object, metadata: object | None = None) -> Draft:
    return Draft("m1", "assistant", True, json.dumps(content), json.dumps(metadata or {}))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"role": "assistant", "content": "hello"}, "hello"),
        ({"role": "assistant", "content": None, "tool_calls": []}, ""),
        ({"content": [{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}]}, "ab"),
        ("plain", "plain"),
        ([], ""),
        (7, ""),
        ({"content": [1, None, {"text": 7}]}, ""),
    ],
)
def test_an_assistants_text_stands_in_its_metadata(content: object, text: str) -> None:
    (row,) = checked([assistant(content, {"thread_run_id": "r"})])
    assert json.loads(row.metadata_json) == {"thread_run_id": "r", "text_content": text}


def test_a_text_that_is_there_is_kept() -> None:
    (row,) = checked([assistant({"content": "a"}, {"text_content": "b"})])
    assert json.loads(row.metadata_json)["text_content"] == "b"


def test_other_rows_are_kept_to_the_letter() -> None:
    draft = Draft("m1", "tool", True, '{"a" : 1.0}', '{ "b":2 }')
    assert checked([draft]) == [draft]


def test_one_id_with_two_rows_is_refused_by_place() -> None:
    with pytest.raises(InvalidArgument) as refused:
        checked([assistant("a"), assistant("b")])
    assert refused.value.violations[0].field == "messages[1].message_id"


@given(st.lists(values, max_size=5))
def test_any_json_is_taken_as_content(contents: list[object]) -> None:
    drafts = [Draft(f"m{index}", "assistant", True, json.dumps(c), "{}") for index, c in enumerate(contents)]
    for draft, row in zip(drafts, checked(drafts), strict=True):
        assert row.content_json == draft.content_json
        assert isinstance(json.loads(row.metadata_json)["text_content"], str)


@given(st.text())
def test_text_that_is_no_json_is_refused_by_field(text: str) -> None:
    try:
        json.loads(text)
    except ValueError:
        with pytest.raises(InvalidArgument) as refused:
            checked([Draft("m", "user", True, text, "{}")])
        assert refused.value.violations[0].field == "messages[0].content_json"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_a_person_says_survives(text: str) -> None:
    assert json.loads(user_content(text)) == {"role": "user", "content": text}


def test_metadata_that_can_not_be_written_again_is_refused() -> None:
    deep = Draft("m1", "assistant", True, '"hello"', '{"x": ' + "[" * 300 + "]" * 300 + "}")
    with pytest.raises(InvalidArgument) as refused:
        checked([deep])
    assert refused.value.violations[0].field == "messages[0].metadata_json"
