from __future__ import annotations

import pytest

from services.gateway.edge.codec.orders import decode_start, decode_thread_change
from services.kit.errors import InvalidArgument
from tests.unit.gateway.fakes import PROJECT, THREAD


def fields_of(refused: InvalidArgument) -> list[str]:
    return [violation.field for violation in refused.violations]


def test_all_fields_are_read() -> None:
    order = decode_start(
        {
            "prompt": "hi",
            "thread_id": THREAD,
            "project_id": PROJECT,
            "agent_id": THREAD,
            "model_name": "mock-ai",
            "optimistic": "true",
            "memory_enabled": "false",
            "mode": "docs",
            "unknown": "ignored",
        },
        "key-1",
    )
    assert (order.prompt, order.thread_id, order.project_id, order.agent_id) == ("hi", THREAD, PROJECT, THREAD)
    assert (order.model_name, order.optimistic, order.memory_enabled, order.mode) == ("mock-ai", True, False, "docs")
    assert order.idempotency_key == "key-1"


def test_message_is_another_name_of_prompt() -> None:
    assert decode_start({"message": "hi"}, None).prompt == "hi"


def test_prompt_wins_over_message() -> None:
    assert decode_start({"message": "a", "prompt": "b"}, None).prompt == "b"


@pytest.mark.parametrize("fields", [{}, {"prompt": ""}, {"prompt": "  \n"}])
def test_a_missing_prompt_is_named(fields: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument) as refused:
        decode_start(fields, None)
    assert fields_of(refused.value) == ["prompt"]


@pytest.mark.parametrize("name", ["thread_id", "project_id", "agent_id"])
@pytest.mark.parametrize("text", ["abc", "{22222222-aaaa-4222-8222-222222222222}", "22222222aaaa42228222222222222222"])
def test_an_id_that_is_no_uuid_is_named(name: str, text: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        decode_start({"prompt": "hi", name: text}, None)
    assert fields_of(refused.value) == [name]


def test_every_wrong_field_is_named_at_once() -> None:
    with pytest.raises(InvalidArgument) as refused:
        decode_start({"thread_id": "x", "agent_id": "y"}, None)
    assert fields_of(refused.value) == ["prompt", "thread_id", "agent_id"]


@pytest.mark.parametrize("name", ["optimistic", "memory_enabled"])
def test_a_flag_that_is_neither_true_nor_false_is_named(name: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        decode_start({"prompt": "hi", name: "perhaps"}, None)
    assert fields_of(refused.value) == [name]


def test_an_empty_field_counts_as_absent() -> None:
    order = decode_start({"prompt": "hi", "thread_id": "", "memory_enabled": ""}, "")
    assert (order.thread_id, order.memory_enabled, order.idempotency_key) == (None, None, None)


def test_a_thread_change_takes_title_and_visibility() -> None:
    assert decode_thread_change({"title": "New", "is_public": True}) == ("New", True)
    assert decode_thread_change({}) == (None, None)


@pytest.mark.parametrize("body", [{"title": 5}, {"is_public": "yes"}])
def test_a_thread_change_of_the_wrong_type_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument):
        decode_thread_change(body)
