"""The rules beside the fields (`buf.validate`) as JSON Schema.

A limit in bytes becomes one in characters, which is never stricter than what is enforced.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from buf.validate import validate_pb2

Json = dict[str, Any]

_FORMATS = {
    "uuid": "uuid",
    "email": "email",
    "hostname": "hostname",
    "ipv4": "ipv4",
    "ipv6": "ipv6",
    "uri": "uri",
    "uri_ref": "uri-reference",
}
_TEXT: dict[str, Callable[[Any], Json]] = {
    "const": lambda value: {"const": value},
    "len": lambda value: {"minLength": value, "maxLength": value},
    "min_len": lambda value: {"minLength": value},
    "max_len": lambda value: {"maxLength": value},
    "min_bytes": lambda value: {"minLength": -(-value // 4)},
    "max_bytes": lambda value: {"maxLength": value},
    "pattern": lambda value: {"pattern": value},
    "prefix": lambda value: {"pattern": f"^{re.escape(value)}"},
    "suffix": lambda value: {"pattern": f"{re.escape(value)}$"},
    "contains": lambda value: {"pattern": re.escape(value)},
    "not_contains": lambda value: {"not": {"type": "string", "pattern": _escaped(value)}},
    "in": lambda values: {"enum": list(values)},
    "not_in": lambda values: {"not": {"enum": list(values)}},
}
_NUMBER: dict[str, Callable[[Any], Json]] = {
    "const": lambda value: {"const": value},
    "lt": lambda value: {"exclusiveMaximum": value},
    "lte": lambda value: {"maximum": value},
    "gt": lambda value: {"exclusiveMinimum": value},
    "gte": lambda value: {"minimum": value},
    "in": lambda values: {"enum": list(values)},
    "not_in": lambda values: {"not": {"enum": list(values)}},
}
_LIST: dict[str, Callable[[Any], Json]] = {
    "min_items": lambda value: {"minItems": value},
    "max_items": lambda value: {"maxItems": value},
    "unique": lambda value: {"uniqueItems": value},
}
_MAP: dict[str, Callable[[Any], Json]] = {
    "min_pairs": lambda value: {"minProperties": value},
    "max_pairs": lambda value: {"maxProperties": value},
}


def constrained(schema: Json, rules: validate_pb2.FieldRules) -> Json:
    """The schema of one value with its rules; of a list with those of its items too."""
    kind = rules.WhichOneof("type")
    if kind is None:
        return schema
    given = getattr(rules, kind)
    known = {"string": _TEXT, "repeated": _LIST, "map": _MAP}.get(kind, _NUMBER)
    found = [known[field.name](value) for field, value in given.ListFields() if field.name in known]
    if kind == "string":
        found += [{"format": _FORMATS[field.name]} for field, _ in given.ListFields() if field.name in _FORMATS]
    if kind == "repeated" and given.HasField("items"):
        schema = {**schema, "items": constrained(schema["items"], given.items)}
    if kind == "map" and given.HasField("values"):
        schema = {**schema, "additionalProperties": constrained(schema["additionalProperties"], given.values)}
    return _or_nothing(_merged(schema, found), rules)


def _merged(schema: Json, found: list[Json]) -> Json:
    """One schema where no keyword comes twice, else the later ones beside it."""
    merged, beside = dict(schema), []
    for constraint in found:
        if merged.keys() & constraint.keys() - {"minimum", "maximum"}:
            beside.append(constraint)
        else:
            merged |= constraint
    return {**merged, "allOf": beside} if beside else merged


def _or_nothing(schema: Json, rules: validate_pb2.FieldRules) -> Json:
    if rules.ignore == validate_pb2.IGNORE_IF_ZERO_VALUE and schema.get("type") == "string":
        ruled = {name: keyword for name, keyword in schema.items() if name != "type"}
        return {"type": "string", "anyOf": [{"const": ""}, ruled]}
    return schema


def _escaped(text: str) -> str:
    return "".join(f"\\x{ord(letter):02x}" if ord(letter) < ord(" ") else re.escape(letter) for letter in text)
