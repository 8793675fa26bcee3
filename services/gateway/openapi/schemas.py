"""Messages as JSON Schema, in the three forms that they have on the wire.

An *answer* is what Envoy's transcoder prints: field names as they are, fields without presence always there, others
only when they are set, 64-bit integers as text. A *view* is JSON that a service writes itself, described by a message
(`mesh.rest.v1`). What is *sent* carries the rules, and fields that may be missing may be null.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from google.protobuf import descriptor_pb2

from services.gateway.openapi.contract import ABSENT, RULES, Contract, Field, Message
from services.gateway.openapi.rules import Json, constrained

_F = descriptor_pb2.FieldDescriptorProto
_TEXT_OF_INTEGER = "^-?[0-9]+$"
_INT32 = {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1}
_UINT32 = {"type": "integer", "minimum": 0, "maximum": 2**32 - 1}
_SCALARS: dict[int, Json] = {
    _F.TYPE_STRING: {"type": "string"},
    _F.TYPE_BOOL: {"type": "boolean"},
    _F.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    _F.TYPE_DOUBLE: {"type": "number", "format": "double"},
    _F.TYPE_FLOAT: {"type": "number", "format": "float"},
    **dict.fromkeys((_F.TYPE_INT32, _F.TYPE_SINT32, _F.TYPE_SFIXED32), _INT32),
    **dict.fromkeys((_F.TYPE_UINT32, _F.TYPE_FIXED32), _UINT32),
}
_WIDE = (_F.TYPE_INT64, _F.TYPE_SINT64, _F.TYPE_SFIXED64, _F.TYPE_UINT64, _F.TYPE_FIXED64)
_WELL_KNOWN: dict[str, Json] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.ListValue": {"type": "array"},
    "google.protobuf.Value": {},
}
JSON, MULTIPART = "application/json", "multipart/form-data"
FILE: Json = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}


class Schemas:
    """Collects what is referred to in `components`, by service and message: `threads.ThreadHit`."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self.components: dict[str, Json] = {}

    def answer(self, name: str) -> Json:
        """A reference to what the transcoder prints."""
        return self._component(name, self._answer_field)

    def view(self, name: str) -> Json:
        """A reference to JSON that a message describes."""
        return self._component(name, self._view_field)

    def sent(self, name: str, without: Collection[str] = (), *, wide: Json | None = None) -> Json:
        """What is sent to us as JSON. `without`: fields that come elsewhere, and those that they exclude."""
        return self._sent(name, without, partial(self._nullable, wide=wide or {"type": ["integer", "string"]}))

    def sent_view(self, name: str, kind: str) -> Json:
        """The same of a body that a service reads itself. In a form nothing is null, and files need multipart."""
        files = {field.name for field in self._contract.messages[name].field if field.type == _F.TYPE_BYTES}
        if kind == JSON:
            return self._sent(name, files, partial(self._nullable, wide={"type": "integer"}))
        return self._sent(name, () if kind == MULTIPART else files, self._part)

    def parameter(self, message: str, field: Field) -> Json:
        """A field in path or query, without its description."""
        return _without_description(self._ruled(message, field, {"type": "integer", "format": "int64"}))

    def _component(self, name: str, render: Callable[[str, Field], Json]) -> Json:
        if name in _WELL_KNOWN:
            return _WELL_KNOWN[name]
        key = short_name(name)
        if key not in self.components:
            self.components[key] = {}  # it may hold itself
            message = self._contract.messages[name]
            present = [field.name for field in message.field if _always_there(field, render == self._view_field)]
            self.components[key] = {
                **self._described({"type": "object"}, name),
                "properties": {field.name: render(name, field) for field in message.field},
                **({"required": present} if present else {}),
            }
        return {"$ref": f"#/components/schemas/{key}"}

    def _answer_field(self, message: str, field: Field) -> Json:
        wide: Json = {"type": "string", "pattern": _TEXT_OF_INTEGER}
        return self._described(self._shape(field, self.answer, wide), f"{message}.{field.name}")

    def _view_field(self, message: str, field: Field) -> Json:
        schema = self._shape(field, self.view, {"type": "integer"})
        schema = constrained(schema, field.options.Extensions[RULES])
        return self._described(_or_null(schema) if field.proto3_optional else schema, f"{message}.{field.name}")

    def _sent(self, name: str, without: Collection[str], render: Callable[[str, Field, bool], Json]) -> Json:
        message, required = self._contract.messages[name], self._contract.required(name)
        fields = [field for field in message.field if field.name not in without]
        schema: Json = {
            **self._described({"type": "object"}, name),
            "properties": {field.name: render(name, field, field.name in required) for field in fields},
        }
        if needed := [field.name for field in fields if field.name in required]:
            schema["required"] = needed
        if choices := [names for oneof in required if (names := _members(message, oneof)) and not names & set(without)]:
            schema["anyOf"] = [{"required": [name]} for names in choices for name in sorted(names)]
        return schema

    def _nullable(self, message: str, field: Field, needed: bool, *, wide: Json) -> Json:
        schema = self._ruled(message, field, wide)
        return schema if needed or in_a_oneof(field) else _or_null(schema)

    def _part(self, message: str, field: Field, needed: bool) -> Json:  # noqa: ARG002 -- of one shape with the other
        if field.type != _F.TYPE_BYTES:
            return self._ruled(message, field, {"type": "integer"})
        many = field.label == _F.LABEL_REPEATED
        return self._described({"type": "array", "items": FILE} if many else FILE, f"{message}.{field.name}")

    def _ruled(self, message: str, field: Field, wide: Json) -> Json:
        nested = partial(self.sent, wide=wide)
        schema = constrained(self._shape(field, nested, wide), field.options.Extensions[RULES])
        return self._described(schema, f"{message}.{field.name}")

    def _shape(self, field: Field, nested: Callable[[str], Json], wide: Json) -> Json:
        entry = self._contract.messages.get(field.type_name.lstrip("."))
        if entry is not None and entry.options.map_entry:
            return {"type": "object", "additionalProperties": self._shape(entry.field[1], nested, wide)}
        schema = self._single(field, nested, wide)
        return {"type": "array", "items": schema} if field.label == _F.LABEL_REPEATED else schema

    def _single(self, field: Field, nested: Callable[[str], Json], wide: Json) -> Json:
        name = field.type_name.lstrip(".")
        if field.type == _F.TYPE_MESSAGE:
            return dict(_WELL_KNOWN[name]) if name in _WELL_KNOWN else nested(name)
        if field.type == _F.TYPE_ENUM:
            return {"type": "string", "enum": self._contract.enums[name]}
        return {**wide, "format": "int64"} if field.type in _WIDE else dict(_SCALARS[field.type])

    def _described(self, schema: Json, name: str) -> Json:
        comment = self._contract.comment(name)
        return {**schema, "description": comment} if comment else schema


def short_name(name: str) -> str:
    """`threads.Thread` for `mesh.threads.v1.Thread`."""
    _, service, _, message = name.split(".", 3)
    return f"{service}.{message}"


def _always_there(field: Field, is_view: bool) -> bool:
    if is_view:
        return not field.options.Extensions[ABSENT]
    if field.label == _F.LABEL_REPEATED:
        return True
    return field.type != _F.TYPE_MESSAGE and not field.HasField("oneof_index")


def _members(message: Message, oneof: str) -> set[str]:
    index = next((number for number, found in enumerate(message.oneof_decl) if found.name == oneof), None)
    return {field.name for field in message.field if in_a_oneof(field) and field.oneof_index == index}


def in_a_oneof(field: Field) -> bool:
    """Of a real one: every `optional` field has one of its own."""
    return field.HasField("oneof_index") and not field.proto3_optional


def _or_null(schema: Json) -> Json:
    if "enum" in schema:
        schema = {**schema, "enum": [*schema["enum"], None]}
    if "const" in schema or "anyOf" in schema or "$ref" in schema:
        kept = {name: schema[name] for name in ("description",) if name in schema}
        return {**kept, "anyOf": [_without_description(schema), {"type": "null"}]}
    if not isinstance(kind := schema.get("type"), str | list):
        return schema
    return {**schema, "type": [*([kind] if isinstance(kind, str) else kind), "null"]}


def _without_description(schema: Json) -> Json:
    return {name: value for name, value in schema.items() if name != "description"}
