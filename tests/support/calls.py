"""The calls of a table, made by the generated Python client; and what two clients must agree on.

`tests/e2e/node/client.js` makes the same calls in another language and says what came of them in the same form: one
outcome per row, `{code, messages, events?, status?}`, with messages in protobuf's JSON. Each row is
`{name, call, request, who?, deadline_s?, leave_at?, code?, reason?}`: a list as `request` is a stream of them,
`{name.path}` in a text is what an earlier call answered, `leave_at` cancels at the first event of that kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from mesh.agent.v1 import runs_pb2, runs_pb2_grpc
from mesh.billing.v1 import billing_pb2, billing_pb2_grpc
from mesh.sandbox.v1 import sandbox_pb2, sandbox_pb2_grpc
from mesh.threads.v1 import threads_pb2, threads_pb2_grpc

Row = Mapping[str, Any]
Outcome = dict[str, Any]

_DETAILS = error_details_pb2.DESCRIPTOR.name  # read: without the import, details would stay bytes
_GENERATED: tuple[tuple[Any, Any], ...] = (
    (runs_pb2, runs_pb2_grpc),
    (threads_pb2, threads_pb2_grpc),
    (billing_pb2, billing_pb2_grpc),
    (sandbox_pb2, sandbox_pb2_grpc),
)
_ID = re.compile(r"\b[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\b")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
_ELAPSED = frozenset({"at_ms", "seconds_until_refresh"})


def make_calls(target: str, tokens: Mapping[str, str], rows: list[Row]) -> dict[str, Outcome]:
    """What came of each row, by name. `target`: host:port; `tokens`: by who calls."""
    outcomes: dict[str, Outcome] = {}
    with grpc.insecure_channel(target, [("grpc.enable_http_proxy", 0)]) as channel:
        for row in rows:
            who = row.get("who", "owner")
            metadata = [] if who == "nobody" else [("authorization", f"Bearer {tokens[who]}")]
            outcomes[row["name"]] = _made(channel, row, metadata, outcomes)
    return outcomes


def _resolve(channel: grpc.Channel, call: str) -> tuple[Any, MethodDescriptor]:
    """The generated stub's callable and its descriptor, of `package.Service/Method`."""
    service, _, method = call.partition("/")
    name = service.rpartition(".")[2]
    for messages, stubs in _GENERATED:
        found = messages.DESCRIPTOR.services_by_name.get(name)
        if found is not None and found.full_name == service:
            return getattr(getattr(stubs, f"{name}Stub")(channel), method), found.methods_by_name[method]
    raise LookupError(f"no generated client has {call}")


def _made(channel: grpc.Channel, row: Row, metadata: list[tuple[str, str]], outcomes: Mapping[str, Outcome]) -> Outcome:
    ask, method = _resolve(channel, row["call"])
    asked = row["request"] if isinstance(row["request"], list) else [row["request"]]
    requests = [ParseDict(_filled(request, outcomes), GetMessageClass(method.input_type)()) for request in asked]
    outcome: Outcome = {"code": "OK", "messages": []}
    try:
        argument = iter(requests) if method.client_streaming else requests[0]
        answer = ask(argument, metadata=metadata, timeout=row.get("deadline_s", 60))
        for message in _taken(answer, row) if method.server_streaming else [answer]:
            outcome["messages"].append(_json(message))
    except grpc.RpcError as refused:
        outcome |= _refusal(refused)
    if outcome["messages"] and "events" in outcome["messages"][0]:
        outcome["events"] = [event for message in outcome["messages"] for event in message["events"]]
    return outcome


def _taken(stream: Any, row: Row) -> Iterator[Message]:
    """A stream's messages, left at an event of the kind that the row names."""
    for message in stream:
        yield message
        if "leave_at" in row and any(event.WhichOneof("event") == row["leave_at"] for event in message.events):
            break
    else:
        return
    stream.cancel()
    for _ in stream:  # ends with what the call was told
        pass


def _refusal(refused: Any) -> Outcome:
    told = dict(refused.trailing_metadata() or ()).get("grpc-status-details-bin")
    status = {"status": _json(status_pb2.Status.FromString(told))} if told else {}
    return {"code": refused.code().name, **status}


def _filled(value: Any, outcomes: Mapping[str, Outcome]) -> Any:
    if isinstance(value, str):
        return re.sub(r"\{([\w.]+)\}", lambda found: str(_at(outcomes, found[1])), value)
    if isinstance(value, Mapping):
        return {key: _filled(item, outcomes) for key, item in value.items()}
    return value


def _at(outcomes: Mapping[str, Outcome], path: str) -> Any:
    def step(at: Any, key: str) -> Any:
        return at[int(key) if isinstance(at, list) else key]

    return reduce(step, path.split("."), outcomes)


def _json(message: Message) -> Any:
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def comparable(outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    """Outcomes without what differs from one time to the next: ids become numbers in the order in which they appear,
    times are blank, null is absent. Of a stream that went to its end the durable events stay, and what its chunks said
    together."""
    seen: dict[str, str] = {}
    return {name: _without_chance(_of_stream(outcome), seen) for name, outcome in outcomes.items()}


def _of_stream(outcome: Outcome) -> Outcome:
    if "events" not in outcome:
        return outcome
    if outcome["code"] != "OK":
        return {"code": outcome["code"]}
    durable = [event for event in outcome["events"] if event["durable"]]
    return {"code": "OK", "durable": durable, "text": text_of(outcome)}


def text_of(outcome: Outcome) -> str:
    """What a stream's chunks say together."""
    return "".join(event["text_chunk"]["text"] for event in outcome["events"] if "text_chunk" in event)


def _without_chance(value: Any, seen: dict[str, str]) -> Any:
    if isinstance(value, str):
        return _TIME.sub("<time>", _ID.sub(lambda found: seen.setdefault(found[0], f"<{len(seen)}>"), value))
    if isinstance(value, Mapping):
        told = {key: value[key] for key in sorted(value) if value[key] is not None and key not in _ELAPSED}
        return {
            key: seen.setdefault(item, f"<{len(seen)}>") if key == "id" else _without_chance(item, seen)
            for key, item in told.items()
        }
    if isinstance(value, list):
        return [_without_chance(item, seen) for item in value]
    return value
