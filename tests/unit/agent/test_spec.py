"""A run's spec outlives versions: while they are replaced, each reads what the other wrote."""

from __future__ import annotations

import json
from uuid import UUID

from services.agent.domain.run import ALL_TOOLS, Price, RunSpec
from services.agent.storage.postgres.rows import decode_spec, encode_spec
from tests.unit.agent.records import claim

OLDEST = """
{"prompt": "Hi", "prompt_message_id": "00000000-0000-0000-0000-00000000005e", "model": "mock-ai", "max_steps": 25,
 "price": {"version": "v1", "input_rate": 1, "output_rate": 2, "cached_rate": 3, "cache_write_rate": 4}, "held": 1000}
"""
"""The least that a spec has ever had."""


def test_a_spec_is_read_as_it_was_written() -> None:
    spec = claim(scopes=("tools:web", "tools:files"), fresh_thread=True, system_prompt="Be brief.").spec
    assert decode_spec(encode_spec(spec)) == spec


def test_what_a_spec_from_the_past_lacks_has_its_default() -> None:
    assert decode_spec(OLDEST) == RunSpec("Hi", UUID(int=0x5E), "mock-ai", 25, Price("v1", 1, 2, 3, 4), 1000)
    assert decode_spec(OLDEST).scopes == (ALL_TOOLS,)


def test_what_a_spec_from_the_future_has_beside_is_left_out() -> None:
    spec = claim().spec
    values = json.loads(encode_spec(spec)) | {"budget": {"tokens": 5}, "effort": "high"}
    values["price"]["image_rate"] = 7
    assert decode_spec(json.dumps(values)) == spec
