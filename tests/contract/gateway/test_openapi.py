"""The REST surface as it is written down: a valid OpenAPI document of every public binding, and of nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from services.gateway.envoy.surface import Rpc, load_surface
from services.gateway.openapi.contract import Contract
from services.gateway.openapi.document import DESCRIPTORS, load_document
from services.gateway.openapi.page import PAGE, load_assets
from services.gateway.policies import load_rules

DOCUMENT = load_document()
SURFACE = load_surface(DESCRIPTORS.read_bytes(), load_rules())
CONTRACT = Contract(DESCRIPTORS.read_bytes())
BOUND = [rpc for rpc in SURFACE.rpcs if rpc.bindings]
OPERATIONS = {(verb, path): told for path, verbs in DOCUMENT["paths"].items() for verb, told in verbs.items()}


def operation(verb: str, path: str) -> dict[str, Any]:
    return dict(OPERATIONS[verb, path])


def parameters(verb: str, path: str) -> dict[str, dict[str, Any]]:
    return {told["name"]: told for told in operation(verb, path).get("parameters", [])}


def test_the_document_is_valid_openapi() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_every_public_binding_is_in_it_and_nothing_else() -> None:
    routed = {(verb.lower(), path) for rpc in SURFACE.rpcs for verb, path in rpc.bindings}
    assert set(OPERATIONS) == routed


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [told["operationId"] for told in OPERATIONS.values()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("rpc", [rpc for rpc in BOUND if rpc.raw_out], ids=lambda rpc: rpc.method)
def test_an_rpc_with_raw_bodies_says_what_is_in_them(rpc: Rpc) -> None:
    raw = CONTRACT.raw(rpc.method)
    assert raw is not None, "say it with (mesh.rest.v1.raw)"
    assert raw.response or raw.response_type
    takes_a_body = any(verb in ("POST", "PUT", "PATCH") for verb, _ in rpc.bindings)
    body = any(field.name == "body" for field in CONTRACT.messages[rpc_input(rpc)].field)
    assert bool(raw.request) == (takes_a_body and body)


def rpc_input(rpc: Rpc) -> str:
    return CONTRACT.methods[rpc.method].input_type.lstrip(".")


@pytest.mark.parametrize("rpc", BOUND, ids=lambda rpc: rpc.method)
def test_who_may_call_is_what_the_policy_says(rpc: Rpc) -> None:
    for verb, path in rpc.bindings:
        security = operation(verb.lower(), path)["security"]
        assert ({} in security) == rpc.rule.anonymous
        assert ({"token": []} in security) == rpc.token_in_query
        assert {"bearer": []} in security


@pytest.mark.parametrize("key", OPERATIONS, ids=" ".join)
def test_every_refusal_has_the_one_shape(key: tuple[str, str]) -> None:
    responses = OPERATIONS[key]["responses"]
    assert {"200", "401", "503"} <= responses.keys()
    for status, told in responses.items():
        if status != "200":
            assert told["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}
            assert ("Retry-After" in told["headers"]) == (status in ("429", "503"))


def test_rules_beside_the_fields_are_in_the_schemas() -> None:
    asked = parameters("get", "/v1/threads/search")
    assert asked["q"]["required"]
    assert asked["q"]["schema"]["minLength"] == 1
    assert (asked["limit"]["schema"]["minimum"], asked["limit"]["schema"]["maximum"]) == (1, 50)
    assert "required" not in asked["limit"]
    assert parameters("get", "/v1/threads/{thread_id}")["thread_id"]["schema"]["format"] == "uuid"


def test_what_an_empty_message_is_refused_for_is_required() -> None:
    sent = operation("post", "/v1/project/{project_id}/files/upload-started")["requestBody"]
    schema = sent["content"]["application/json"]["schema"]
    assert sent["required"]
    assert schema["required"] == ["file_count"]
    assert schema["properties"].keys() == {"file_count"}


def test_a_field_that_the_path_excludes_is_not_asked_for() -> None:
    assert parameters("get", "/v1/sandboxes/{sandbox_id}/files").keys() == {"sandbox_id", "path"}
    assert parameters("get", "/v1/sandbox/{project_id}/files").keys() == {"project_id", "path"}


def test_answers_of_the_transcoder_leave_out_what_is_not_set() -> None:
    status = DOCUMENT["components"]["schemas"]["agent.GetRunStatusResponse"]
    assert status["properties"].keys() == {"status", "error"}
    assert status["required"] == ["status"]


def test_why_a_call_fails_is_told_by_status() -> None:
    started = operation("post", "/v1/agent/start")["responses"]
    assert "`INSUFFICIENT_CREDITS`" in started["402"]["description"]
    assert "`THREAD_BUSY`" in started["409"]["description"]
    assert "`THREAD_NOT_FOUND`" in started["404"]["description"]


def test_streams_forms_and_bytes_have_their_media_types() -> None:
    assert operation("get", "/v1/agent-run/{agent_run_id}/stream")["responses"]["200"]["content"].keys() == {
        "text/event-stream"
    }
    upload = operation("post", "/v1/sandboxes/{sandbox_id}/files")["requestBody"]["content"]
    assert upload["multipart/form-data"]["schema"]["properties"]["file"]["format"] == "binary"
    read = operation("get", "/v1/sandboxes/{sandbox_id}/files/content")["responses"]["200"]["content"]
    assert read.keys() == {"application/octet-stream"}


def test_nothing_internal_is_named() -> None:
    internal = [method for method, rule in load_rules().items() if rule.exposure == "internal"]
    assert internal
    told = {told["x-grpc-method"] for told in OPERATIONS.values()}
    assert not told & set(internal)


def test_the_page_asks_for_nothing_that_is_not_shipped() -> None:
    assets = load_assets()
    assert b"http" not in PAGE
    for name in assets:
        assert f'"docs/{name}"'.encode() in PAGE
