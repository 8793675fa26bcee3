"""The same calls by two generated clients, Python's and Node's, through Envoy's port: both are told the same.

`calls.json` is the table of calls, with the code and the reason that each must end with.
"""

from __future__ import annotations

import base64
import json
from typing import Any
from uuid import uuid4

import pytest

from tests.support.calls import Outcome, Row, comparable, make_calls, text_of
from tests.support.mesh import CHECKOUT, RunningMesh
from tests.support.node import node_client

pytestmark = [pytest.mark.xdist_group("mesh"), pytest.mark.timeout(600)]  # the first time npm installs

ROWS: list[Row] = json.loads((CHECKOUT / "tests/e2e/calls.json").read_text())
Outcomes = dict[str, Outcome]


def tokens(mesh: RunningMesh) -> dict[str, str]:
    """Of people who are new: each client has a whole account to itself."""
    owner = mesh.token()
    return {"owner": owner, "stranger": mesh.token(str(uuid4())), "forger": owner[:-6] + "AAAAAA"}


@pytest.fixture(scope="module")
def python(mesh: RunningMesh) -> Outcomes:
    return make_calls(mesh.grpc, tokens(mesh), ROWS)


@pytest.fixture(scope="module")
def node(mesh: RunningMesh) -> Outcomes:
    asked = {"target": mesh.grpc, "tokens": tokens(mesh), "rows": ROWS}
    told: Outcomes = json.loads(node_client().run("client.js", json.dumps(asked)))
    return told


@pytest.fixture(params=["python", "node"])
def told(request: pytest.FixtureRequest) -> Outcomes:
    """What one client was told, by row."""
    outcomes: Outcomes = request.getfixturevalue(request.param)
    return outcomes


def details(outcome: Outcome, kind: str) -> dict[str, Any]:
    """The one detail of that type in a decoded google.rpc.Status."""
    (found,) = [part for part in outcome["status"]["details"] if part["@type"].endswith(f"/google.rpc.{kind}")]
    return dict(found)


def test_every_call_ends_as_the_table_says(told: Outcomes) -> None:
    expected = {row["name"]: row.get("code", "OK") for row in ROWS}
    assert {name: outcome["code"] for name, outcome in told.items()} == expected
    for row in ROWS:
        if "reason" in row:
            assert details(told[row["name"]], "ErrorInfo")["reason"] == row["reason"]


def test_a_stream_tells_a_run_from_its_start_to_its_end(told: Outcomes) -> None:
    events = told["watched"]["events"]
    assert text_of(told["watched"]) == "Let me look, für dich.Done 🙂."
    (result,) = [event["tool_completed"] for event in events if "tool_completed" in event]
    assert "from the sandbox" in result["output_json"]
    assert events[-1]["run_ended"]["status"] == told["run"]["messages"][0]["run"]["status"] == "completed"


def test_a_stream_goes_on_after_a_cursor(told: Outcomes) -> None:
    watched, resumed = (
        {(event["epoch"], event["n"]): event for event in told[name]["events"] if event["durable"]}
        for name in ("watched", "resumed")
    )
    cursor = told["watched"]["events"][4]
    after = {key: event for key, event in watched.items() if key > (cursor["epoch"], cursor["n"])}
    assert len(after) < len(watched)
    assert resumed == after


def test_what_was_told_is_stored(told: Outcomes) -> None:
    stored = {row["message_id"]: row["type"] for row in told["messages"]["messages"][0]["messages"]}
    for event in told["watched"]["events"]:
        for kind, row_type in (("assistant_complete", "assistant"), ("tool_completed", "tool")):
            if kind in event:
                assert stored[event[kind]["message_id"]] == row_type
    used = [record["credits_used"] for record in told["usage"]["messages"][0]["usage_records"]]
    assert used
    assert all(amount > 0 for amount in used)


def test_a_viewer_who_leaves_stops_nothing_and_a_stop_does(told: Outcomes) -> None:
    assert told["still_running"]["messages"] == [{"status": "running"}]
    assert told["stopped"]["messages"] == [{"status": "stopped"}]
    assert told["watched_stop"]["events"][-1]["run_ended"]["reason"] == "user"


def test_files_come_back_as_they_went(told: Outcomes) -> None:
    text, data = (
        b"".join(base64.b64decode(part["data"]) for part in told[name]["messages"])
        for name in ("read_text", "read_bytes")
    )
    assert text.decode() == "sechs mal sieben: 42 €\n"
    assert data == b"\x00\x01\x02\xfd\xfe\xff"
    (executed,) = told["executed"]["messages"]
    assert executed["output"] == "sechs mal sieben: 42 €\n6\n"
    assert executed["exit_code"] == 3


def test_a_malformed_request_names_its_fields(told: Outcomes) -> None:
    violations = details(told["malformed"], "BadRequest")["field_violations"]
    assert {violation["field"] for violation in violations} == {"thread_id", "prompt", "max_steps"}


def test_both_languages_are_told_the_same(python: Outcomes, node: Outcomes) -> None:
    assert comparable(node) == comparable(python)
