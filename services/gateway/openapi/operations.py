"""One binding of one RPC as an operation: parameters, body, answer, refusals, and who may call."""

from __future__ import annotations

import re
from collections.abc import Iterator

from google.api import annotations_pb2, http_pb2
from mesh.rest.v1 import rest_pb2

from services.gateway.envoy.surface import Rpc
from services.gateway.openapi.contract import Contract, Field
from services.gateway.openapi.refusals import headers, refusals
from services.gateway.openapi.rules import Json
from services.gateway.openapi.schemas import FILE, JSON, Schemas, in_a_oneof

EVENTS = "text/event-stream"
BEARER, TOKEN = "bearer", "token"  # names of security schemes
_RAW = "google.api.HttpBody"
_WHOLE = "*"
_VERBS = ("get", "put", "post", "delete", "patch")


class Operations:
    """Describes RPCs; what they refer to is collected in `schemas`."""

    def __init__(self, contract: Contract, schemas: Schemas) -> None:
        self._contract = contract
        self._schemas = schemas

    def of(self, rpc: Rpc) -> Iterator[tuple[str, str, Json]]:
        """(path, verb, operation) of each binding."""
        http: http_pb2.HttpRule = self._contract.methods[rpc.method].options.Extensions[annotations_pb2.http]
        for number, rule in enumerate((http, *http.additional_bindings), 1):
            for verb in _VERBS:
                if path := getattr(rule, verb):
                    yield path, verb, self._operation(rpc, path, rule.body, number)

    def _operation(self, rpc: Rpc, path: str, body: str, number: int) -> Json:
        comment = self._contract.comment(rpc.method)
        service = rpc.full_service.rpartition(".")[2]
        name = f"{service}_{rpc.method.rpartition('/')[2]}"
        parameters = [*self._parameters(rpc, path, body), *self._headers(rpc)]
        sent = self._body(rpc, path, body)
        refused = refusals(
            rpc,
            self._contract.reasons(rpc.method),
            body=bool(sent),
            input_=bool(parameters or sent),
            place="{" in path,
        )
        return {
            "operationId": name if number == 1 else f"{name}_{number}",
            "tags": [rpc.service],
            "summary": comment.partition(".")[0],
            "description": comment,
            **({"parameters": parameters} if parameters else {}),
            **sent,
            "responses": {"200": self._answer(rpc), **refused},
            "security": _security(rpc),
            "x-grpc-method": rpc.method,
        }

    def _parameters(self, rpc: Rpc, path: str, body: str) -> Iterator[Json]:
        message = self._input(rpc)
        required, bound = self._contract.required(message), _bound(path)
        for field in self._contract.messages[message].field:
            if field.name in bound:
                yield self._parameter(message, field, "path", required=True)
        if body == _WHOLE:
            return
        for field in self._left(rpc, path, body):
            yield self._parameter(message, field, "query", required=field.name in required)

    def _left(self, rpc: Rpc, path: str, body: str) -> Iterator[Field]:
        """Fields that come in the query: not in the path or the body, and not excluded by one that is in the path."""
        taken = {*_bound(path), *self._excluded(rpc, path), body, *((TOKEN,) if rpc.token_in_query else ())}
        return (field for field in self._contract.messages[self._input(rpc)].field if field.name not in taken)

    def _excluded(self, rpc: Rpc, path: str) -> set[str]:
        fields, bound = self._contract.messages[self._input(rpc)].field, _bound(path)
        chosen = {field.oneof_index for field in fields if field.name in bound and in_a_oneof(field)}
        return {field.name for field in fields if in_a_oneof(field) and field.oneof_index in chosen} - bound

    def _parameter(self, message: str, field: Field, place: str, *, required: bool) -> Json:
        comment = self._contract.comment(f"{message}.{field.name}")
        return {
            "name": field.name,
            "in": place,
            **({"required": True} if required else {}),
            **({"description": comment} if comment else {}),
            "schema": self._schemas.parameter(message, field),
        }

    def _headers(self, rpc: Rpc) -> Iterator[Json]:
        raw = self._contract.raw(rpc.method)
        for header in raw.headers if raw else ():
            yield {
                "name": header.name,
                "in": "header",
                "description": header.description,
                "schema": {"type": "string", "maxLength": 200},
            }

    def _body(self, rpc: Rpc, path: str, body: str) -> Json:
        if not body:
            return {}
        message = self._input(rpc)
        if body == _WHOLE:
            without = {*_bound(path), *self._excluded(rpc, path)}
            return _request_body({JSON: self._schemas.sent(message, without)})
        field = next(field for field in self._contract.messages[message].field if field.name == body)
        name = field.type_name.lstrip(".")
        if name != _RAW:
            return _request_body({JSON: self._schemas.sent(name)})
        raw = self._contract.raw(rpc.method) or rest_pb2.Raw()
        return _request_body({kind: self._raw_body(rpc, raw, kind) for kind in raw.request_types or (JSON,)})

    def _raw_body(self, rpc: Rpc, raw: rest_pb2.Raw, kind: str) -> Json:
        if not raw.request:
            return {}
        schema = self._schemas.sent_view(self._package(rpc) + raw.request, kind)
        if raw.request_may_be_text and kind == JSON:
            return {"anyOf": [schema, {"type": "string", "minLength": 1}]}
        return schema

    def _answer(self, rpc: Rpc) -> Json:
        kind, schema, comment = JSON, self._answer_schema(rpc), ""
        raw = self._contract.raw(rpc.method)
        if rpc.raw_out and raw is not None and raw.response_type:
            kind = raw.response_type
            comment = self._contract.comment(self._package(rpc) + raw.response) if raw.response else ""
        described: Json = {"schema": schema}
        return {
            "description": comment or "What was asked for.",
            "headers": headers(),
            "content": {kind: described},
        }

    def _answer_schema(self, rpc: Rpc) -> Json:
        method = self._contract.methods[rpc.method]
        if not rpc.raw_out:
            answer = self._schemas.answer(method.output_type.lstrip("."))
            return {"type": "array", "items": answer} if rpc.streams_out else answer
        raw = self._contract.raw(rpc.method) or rest_pb2.Raw()
        kind = raw.response_type or JSON
        if kind not in (JSON, EVENTS):
            return {"type": "string"} if kind.startswith("text/") else FILE
        view = self._schemas.view(self._package(rpc) + raw.response) if raw.response else {}
        if raw.response_is_map:
            return {"type": "object", "additionalProperties": view}
        return {"type": "array", "items": view} if raw.response_is_list else view

    def _input(self, rpc: Rpc) -> str:
        return self._contract.methods[rpc.method].input_type.lstrip(".")

    def _package(self, rpc: Rpc) -> str:
        return rpc.full_service.rpartition(".")[0] + "."


def _bound(path: str) -> set[str]:
    return set(re.findall(r"\{([^}]+)\}", path))


def _request_body(contents: dict[str, Json]) -> Json:
    needed = all("required" in schema or "anyOf" in schema for schema in contents.values())
    content = {kind: {"schema": schema} for kind, schema in contents.items()}
    return {"requestBody": {**({"required": True} if needed else {}), "content": content}}


def _security(rpc: Rpc) -> list[Json]:
    schemes: list[Json] = [{BEARER: []}]
    if rpc.token_in_query:
        schemes.append({TOKEN: []})
    return [*schemes, {}] if rpc.rule.anonymous else schemes
