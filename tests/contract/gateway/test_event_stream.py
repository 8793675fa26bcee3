"""Every kind of event becomes exactly one frame that the web client's parser accepts."""

from __future__ import annotations

import orjson
import pytest
from google.protobuf.message import Message
from jsonschema import ValidationError
from mesh.agent.v1 import events_pb2

from services.gateway.edge.codec.frames import EPOCH_SPAN, PING, FrameEncoder
from tests.contract.gateway.frame_schemas import FRAMES, check_frame
from tests.contract.gateway.sample_events import MESSAGE, RUN, SAMPLES, THREAD, event

CASES = [
    pytest.param(kind, said, id=f"{kind}-{i}") for kind, all_said in SAMPLES.items() for i, said in enumerate(all_said)
]


def encoded(*events: events_pb2.RunEvent) -> str:
    encoder = FrameEncoder(RUN)
    encoder.belongs_to(THREAD)
    return b"".join(encoder.encode(events)).decode()


def test_every_kind_of_event_has_a_sample_and_a_schema() -> None:
    kinds = {field.name for field in events_pb2.RunEvent.DESCRIPTOR.oneofs_by_name["event"].fields}
    assert kinds == set(SAMPLES) == set(FRAMES)


@pytest.mark.parametrize(("kind", "said"), CASES)
def test_the_frame_has_exactly_the_keys_of_its_kind(kind: str, said: Message) -> None:
    check_frame(kind, encoded(event(kind, said)))


@pytest.mark.parametrize(("kind", "said"), CASES)
def test_a_frame_is_compact_and_never_looks_like_another_frame_s_end(kind: str, said: Message) -> None:
    raw = encoded(event(kind, said))
    data = raw.split("\n")[1].removeprefix("data: ")
    assert orjson.dumps(orjson.loads(data)).decode() == data
    assert '"status": "completed"' not in raw


def test_a_schema_refuses_a_key_that_the_client_does_not_know() -> None:
    raw = encoded(event("thinking", events_pb2.Thinking(message="x"))).replace('"message"', '"massage"')
    with pytest.raises(ValidationError):
        check_frame("thinking", raw)


def test_text_survives_both_encodings() -> None:
    said = SAMPLES["text_chunk"][0]
    told = check_frame("text_chunk", encoded(event("text_chunk", said)))
    assert orjson.loads(told["content"])["content"] == said.text  # type: ignore[attr-defined]


def test_one_event_is_one_frame_with_its_own_id() -> None:
    chunk = events_pb2.TextChunk(text="a")
    raw = encoded(*(event("text_chunk", chunk, n=n) for n in (1, 2, 3)))
    assert [frame.split("\n")[0] for frame in raw.split("\n\n")[:-1]] == ["id: 1-1", "id: 1-2", "id: 1-3"]


def test_sequence_grows_within_an_epoch_and_over_epochs() -> None:
    chunk = events_pb2.TextChunk(text="a")
    events = [event("text_chunk", chunk, epoch=e, n=n) for e, n in ((1, 1), (1, 9_999_999), (2, 1), (11, 3))]
    told = [check_frame("text_chunk", raw + "\n\n") for raw in encoded(*events).split("\n\n")[:-1]]
    sequences = [frame["sequence"] for frame in told]
    assert sequences == sorted(set(sequences))
    assert sequences[2] == 2 * EPOCH_SPAN + 1


def test_a_failed_run_ends_with_status_error_and_its_code() -> None:
    told = check_frame("run_ended", encoded(event("run_ended", SAMPLES["run_ended"][2])))
    assert (told["status"], told["error_code"]) == ("error", "INTERNAL_ERROR")


@pytest.mark.parametrize("number", [0, 1])
def test_completed_and_stopped_runs_end_with_their_own_word(number: int) -> None:
    said = SAMPLES["run_ended"][number]
    told = check_frame("run_ended", encoded(event("run_ended", said)))
    assert told["status"] == said.status  # type: ignore[attr-defined]


def test_arguments_and_output_stay_the_json_that_they_were() -> None:
    told = check_frame("assistant_complete", encoded(event("assistant_complete", SAMPLES["assistant_complete"][1])))
    metadata = orjson.loads(told["metadata"])
    assert metadata["tool_calls"][0]["arguments"] == {"path": "a.txt", "n": 12345678901}
    assert orjson.loads(told["content"])["content"] is None
    completed = check_frame("tool_completed", encoded(event("tool_completed", SAMPLES["tool_completed"][0])))
    assert orjson.loads(completed["metadata"])["result"] == {"success": True, "output": {"a": 1}, "error": None}
    assert completed["message_id"] == MESSAGE


def test_times_are_of_the_event() -> None:
    chunk = events_pb2.TextChunk(text="a")
    events = [event("text_chunk", chunk, n=n, at_ms=at) for n, at in ((1, 1_700_000_000_042), (2, 1_700_000_060_000))]
    first, second = (check_frame("text_chunk", raw + "\n\n") for raw in encoded(*events).split("\n\n")[:-1])
    assert first["created_at"] == "2023-11-14T22:13:20.042+00:00"
    assert second["created_at"] == "2023-11-14T22:14:20.000+00:00"


def test_a_kind_from_a_newer_agent_has_no_frame() -> None:
    assert encoded(events_pb2.RunEvent(epoch=1, n=1)) == ""


def test_a_ping_has_no_id() -> None:
    assert PING == b'data: {"type":"ping"}\n\n'
