"""The rendered configuration, read as Envoy's message types and by Envoy, for every way to deploy."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2

from services.gateway.config import Settings
from services.gateway.envoy.bootstrap import render
from services.gateway.envoy.check import Refused, check_by_envoy, check_types
from services.gateway.envoy.commands import command_line, envoy_binary, write
from services.gateway.envoy.surface import load_surface, path_regex
from services.gateway.policies import load_rules
from services.kit.config import ConfigError
from services.kit.policy import Rule

DESCRIPTORS = Path("protos/gen/mesh.binpb")
SERVICES = ("agent", "threads", "billing", "sandbox", "tools", "edge")
SECRET = "a-secret-of-at-least-thirty-two-characters"

DEPLOYMENTS: dict[str, dict[str, Any]] = {
    "local": {"env_mode": "local"},
    "staging": {"env_mode": "staging", "mesh_cors_preview_regex": r"https://[a-z0-9-]+\.preview\.test"},
    "production": {"env_mode": "production", "supabase_url": "https://id.example.org"},
    "keys alone": {"supabase_url": "http://127.0.0.1:9999", "supabase_jwt_secret": None},
    "names": {f"mesh_{name}_url": f"{name}.mesh.svc.cluster.local:50051" for name in SERVICES},
    "twice": {f"mesh_{name}_url": "127.0.0.1:1,127.0.0.1:2" for name in SERVICES},
    "behind a proxy": {"mesh_trusted_hops": 1, "mesh_http_host": "0.0.0.0"},
}


def settings(**given: Any) -> Settings:
    targets = {f"mesh_{name}_url": "127.0.0.1:1" for name in SERVICES}
    return Settings(**{"_env_file": None, "supabase_jwt_secret": SECRET, **targets, **given})


def manager(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]
    return dict(found["typed_config"])


def routes(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {route["name"]: route for route in manager(document)["route_config"]["virtual_hosts"][0]["routes"]}


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_it_is_made_of_envoy_s_own_messages_and_envoy_takes_it(deployment: str) -> None:
    document = render(settings(**DEPLOYMENTS[deployment]))
    assert check_types(document) > 100
    check_by_envoy(document, Path(envoy_binary()))


def test_a_service_may_be_at_several_addresses() -> None:
    clusters = {each["name"]: each for each in render(settings(**DEPLOYMENTS["twice"]))["static_resources"]["clusters"]}
    (locality,) = clusters["threads"]["load_assignment"]["endpoints"]
    sockets = [each["endpoint"]["address"]["socket_address"] for each in locality["lb_endpoints"]]
    assert [(socket["address"], socket["port_value"]) for socket in sockets] == [("127.0.0.1", 1), ("127.0.0.1", 2)]


def test_a_field_that_envoy_does_not_have_is_refused_by_name() -> None:
    document = render(settings())
    manager(document)["http_filters"][0]["typed_config"]["colour"] = "blue"
    with pytest.raises(Refused, match="colour"):
        check_types(document)


def test_a_value_of_another_type_is_refused() -> None:
    document = render(settings())
    document["static_resources"]["clusters"][1]["name"] = 5
    with pytest.raises(Refused):
        check_types(document)


def test_a_message_that_envoy_does_not_have_is_refused() -> None:
    document = render(settings())
    manager(document)["http_filters"][0]["typed_config"]["@type"] = "type.googleapis.com/envoy.extensions.filters.Nope"
    with pytest.raises(Refused, match="Nope"):
        check_types(document)


def test_what_only_envoy_can_see_is_refused_by_envoy() -> None:
    document = render(settings())
    routes(document)["GET /v1/threads"]["route"]["cluster"] = "not-there"
    with pytest.raises(Refused, match="not-there"):
        check_by_envoy(document, Path(envoy_binary()))


def test_every_public_rpc_has_its_routes_and_no_internal_one_has_any() -> None:
    named = routes(render(settings()))
    text = json.dumps(named)
    for method, rule in load_rules().items():
        if rule.exposure == "internal":
            assert method not in text
        elif not method.startswith("/mesh.gateway."):
            assert f"gRPC {method}" in named
    surface = load_surface(DESCRIPTORS.read_bytes(), load_rules())
    for rpc in surface.rpcs:
        for verb, path in rpc.bindings:
            assert named[f"{verb} {path}"]["route"]["cluster"] == rpc.cluster


def test_nobody_in_particular_gets_in_only_where_the_policy_says_so() -> None:
    named = routes(render(settings()))
    surface = load_surface(DESCRIPTORS.read_bytes(), load_rules())
    for rpc in surface.rpcs:
        for name in [f"{verb} {path}" for verb, path in rpc.bindings]:
            demand = named[name]["typed_per_filter_config"]["envoy.filters.http.jwt_authn"]["requirement_name"]
            assert demand == ("anybody" if rpc.rule.anonymous else "user"), name


def test_anonymous_access_is_for_reading_alone() -> None:
    surface = load_surface(DESCRIPTORS.read_bytes(), load_rules())
    verbs = {verb for rpc in surface.rpcs if rpc.rule.anonymous for verb, _ in rpc.bindings}
    assert verbs == {"GET"}


def test_streams_have_no_timeout_and_unary_calls_have_one() -> None:
    named = routes(render(settings()))
    assert named["GET /v1/agent-run/{agent_run_id}/stream"]["route"]["timeout"] == "0s"
    assert named["gRPC /mesh.agent.v1.AgentRuns/WatchRun"]["route"]["timeout"] == "0s"
    assert named["GET /v1/threads"]["route"]["timeout"] == "31s"


def test_only_local_mode_has_no_buckets() -> None:
    def filters(mode: str) -> set[str]:
        return {one["name"] for one in manager(render(settings(env_mode=mode)))["http_filters"]}

    assert filters("production") - filters("local") == {"envoy.filters.http.local_ratelimit", "window"}


def test_the_only_instance_of_a_service_is_never_ejected() -> None:
    clusters = {one["name"]: one for one in render(settings())["static_resources"]["clusters"]}
    for name in ("agent", "threads", "edge"):
        outliers = clusters[name]["outlier_detection"]
        assert outliers["always_eject_one_host"] is False
        assert outliers["max_ejection_percent"] < 100


# Denied by default (A1).


def test_an_rpc_without_a_row_stops_the_rendering() -> None:
    rules = load_rules()
    del rules["/mesh.threads.v1.Threads/GetThread"]
    with pytest.raises(ConfigError, match="GetThread"):
        load_surface(DESCRIPTORS.read_bytes(), rules)


def test_a_row_without_an_rpc_stops_the_rendering() -> None:
    rules = {**load_rules(), "/mesh.threads.v1.Threads/Gone": Rule(users=True)}
    with pytest.raises(ConfigError, match="Gone"):
        load_surface(DESCRIPTORS.read_bytes(), rules)


def test_a_write_for_nobody_in_particular_stops_the_rendering() -> None:
    rules = {**load_rules(), "/mesh.threads.v1.Threads/DeleteThread": Rule(users=True, anonymous=True)}
    with pytest.raises(ConfigError, match="DeleteThread"):
        load_surface(DESCRIPTORS.read_bytes(), rules)


def test_the_descriptors_inside_have_no_comments_and_all_services() -> None:
    surface = load_surface(DESCRIPTORS.read_bytes(), load_rules())
    files = descriptor_pb2.FileDescriptorSet.FromString(surface.descriptors)
    assert not any(file.HasField("source_code_info") for file in files.file)
    offered = {f"{file.package}.{service.name}" for file in files.file for service in file.service}
    assert set(surface.transcoded) <= offered


@pytest.mark.parametrize(
    ("template", "path", "matches"),
    [
        ("/v1/threads/{thread_id}", "/v1/threads/abc", True),
        ("/v1/threads/{thread_id}", "/v1/threads/abc/messages", False),
        ("/v1/threads/{thread_id}", "/v1/threads/", False),
        ("/v1/a.b/{x}/c", "/v1/a.b/1/c", True),
        ("/v1/a.b/{x}/c", "/v1/axb/1/c", False),
    ],
)
def test_a_template_s_variable_is_one_segment(template: str, path: str, matches: bool) -> None:
    assert bool(re.fullmatch(path_regex(template), path)) is matches


def test_the_document_is_written_for_its_owner_alone(tmp_path: Path) -> None:
    out = tmp_path / "envoy.json"
    write(render(settings()), out)
    assert out.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["envoy.json"]
    assert "static_resources" in json.loads(out.read_text())


def test_envoy_is_started_with_as_many_workers_as_the_settings_say() -> None:
    line = command_line(settings(mesh_envoy_concurrency=3), Path("x.json"))
    assert line[line.index("--concurrency") + 1] == "3"
    assert line[line.index("--config-path") + 1] == "x.json"
