from __future__ import annotations

import pytest

from services.gateway.edge.codec.orders import decode_presence, decode_start, decode_thread_change
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


def test_prompt_and_message_may_say_the_same() -> None:
    assert decode_start({"message": "a", "prompt": "a"}, None).prompt == "a"
    assert decode_start({"message": "a", "prompt": " "}, None).prompt == "a"


def test_prompt_and_message_that_differ_are_refused() -> None:
    with pytest.raises(InvalidArgument) as refused:
        decode_start({"message": "a", "prompt": "b"}, None)
    assert fields_of(refused.value) == ["message"]


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


def test_a_presence_is_read() -> None:
    sent = {
        "session_id": "s1",
        "active_thread_id": THREAD,
        "platform": "ios",
        "client_timestamp": "2026-01-01T00:00:00Z",
        "device_info": {"model": "x"},
        "unknown": 1,
    }
    presence = decode_presence(sent)
    assert (presence.session_id, presence.active_thread_id) == ("s1", THREAD)
    assert presence.told == {name: sent[name] for name in ("platform", "client_timestamp", "device_info")}


def test_a_presence_needs_its_session_alone() -> None:
    presence = decode_presence({"session_id": "s1", "active_thread_id": None})
    assert (presence.active_thread_id, presence.told) == (None, {"platform": "web"})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "session_id"),
        ({"session_id": ""}, "session_id"),
        ({"session_id": 5}, "session_id"),
        ({"session_id": "x" * 129}, "session_id"),
        ({"session_id": "s", "active_thread_id": "t"}, "active_thread_id"),
        ({"session_id": "s", "platform": 1}, "platform"),
        ({"session_id": "s", "device_info": "phone"}, "device_info"),
        ({"session_id": "s", "device_info": {"x": "y" * 3000}}, "device_info"),
    ],
)
def test_a_wrong_presence_names_the_field(body: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        decode_presence(body)
    assert fields_of(refused.value) == [field]
