"""What may be routed: the descriptor set joined with the policy tables.

Denied by default: an RPC without a row stops the rendering, an internal one has no route.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2

from services.kit.config import ConfigError
from services.kit.policy import Rule

_EDGE_PACKAGE = "gateway"
_VERBS = ("get", "put", "post", "delete", "patch")
_BYTES = ".google.api.HttpBody"


@dataclass(frozen=True, slots=True)
class Rpc:
    """A method of ours. `service` is the package's short name (`threads`), which is also the name of its cluster."""

    method: str
    service: str
    rule: Rule
    streams_in: bool
    streams_out: bool
    raw_out: bool
    token_in_query: bool
    """Takes `?token=`, as its request says."""
    bindings: tuple[tuple[str, str], ...]
    """(HTTP verb, path template) pairs."""

    @property
    def full_service(self) -> str:
        return self.method.strip("/").rpartition("/")[0]

    @property
    def cluster(self) -> str:
        return "edge" if self.service == _EDGE_PACKAGE else self.service


@dataclass(frozen=True, slots=True)
class Surface:
    """Everything public, and the descriptors that the transcoder needs for it."""

    rpcs: tuple[Rpc, ...]
    descriptors: bytes

    @property
    def clusters(self) -> tuple[str, ...]:
        return tuple(sorted({rpc.cluster for rpc in self.rpcs}))

    @property
    def transcoded(self) -> tuple[str, ...]:
        """Full names of the services with REST bindings."""
        return tuple(sorted({rpc.full_service for rpc in self.rpcs if rpc.bindings}))


def load_surface(descriptor_set: bytes, rules: Mapping[str, Rule]) -> Surface:
    """The public RPCs; ConfigError for an RPC without a row or a row without an RPC."""
    files = descriptor_pb2.FileDescriptorSet.FromString(descriptor_set)
    found = [rpc for file in files.file if file.package.startswith("mesh.") for rpc in _rpcs(file, rules)]
    missing = [rpc.method for rpc in found if rpc.rule is _NO_RULE]
    unknown = sorted(rules.keys() - {rpc.method for rpc in found})
    if missing or unknown:
        raise ConfigError(f"policies and protos differ: RPCs without a row {missing}, rows without an RPC {unknown}")
    public = tuple(rpc for rpc in found if rpc.rule.exposure == "public")
    return Surface(tuple(map(_deny_anonymous_writes, public)), _slim(files))


_NO_RULE = Rule(exposure="internal")


def _rpcs(file: descriptor_pb2.FileDescriptorProto, rules: Mapping[str, Rule]) -> Iterable[Rpc]:
    with_token = {
        f".{file.package}.{message.name}"
        for message in file.message_type
        if any(field.name == "token" for field in message.field)
    }
    for service in file.service:
        for method in service.method:
            name = f"/{file.package}.{service.name}/{method.name}"
            yield Rpc(
                method=name,
                service=file.package.split(".")[1],
                rule=rules.get(name, _NO_RULE),
                streams_in=method.client_streaming,
                streams_out=method.server_streaming,
                raw_out=method.output_type == _BYTES,
                token_in_query=method.input_type in with_token,
                bindings=tuple(_bindings(method)),
            )


def _bindings(method: descriptor_pb2.MethodDescriptorProto) -> Iterable[tuple[str, str]]:
    http: http_pb2.HttpRule = method.options.Extensions[annotations_pb2.http]
    for rule in (http, *http.additional_bindings):
        for verb in _VERBS:
            if path := getattr(rule, verb):
                yield verb.upper(), path


def _deny_anonymous_writes(rpc: Rpc) -> Rpc:
    if rpc.rule.anonymous and any(verb != "GET" for verb, _ in rpc.bindings):
        raise ConfigError(f"{rpc.method}: nobody in particular may read, never write")
    return rpc


def _slim(files: descriptor_pb2.FileDescriptorSet) -> bytes:
    """The set without comments and without validation: what the transcoder does not read."""
    kept = descriptor_pb2.FileDescriptorSet.FromString(files.SerializeToString())
    for file in kept.file:
        file.ClearField("source_code_info")
    return kept.SerializeToString(deterministic=True)


def path_regex(template: str) -> str:
    """RE2 for a path template: `{thread_id}` is one segment."""
    return "".join("[^/]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]+\})", template))
