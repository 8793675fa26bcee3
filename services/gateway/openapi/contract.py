"""The descriptor set, indexed: messages, methods, comments, and why a call may fail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import protovalidate
from buf.validate import validate_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from mesh.rest.v1 import rest_pb2

_MESSAGES, _ENUMS, _SERVICES = 4, 5, 6
_FIELDS, _NESTED, _VALUES, _METHODS = 2, 3, 2, 2
_PREFIX = "ERROR_REASON_"
_STATUS_OF_CODE = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "FAILED_PRECONDITION": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}

# Extensions have no type that the stubs agree on.
RULES: Any = validate_pb2.field
ABSENT: Any = rest_pb2.absent
_RAW: Any = rest_pb2.raw

Field = descriptor_pb2.FieldDescriptorProto
Message = descriptor_pb2.DescriptorProto


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a call failed, as an `error_code`; `meaning` is a sentence."""

    name: str
    status: int
    meaning: str


class Contract:
    """Names are full and without a leading dot: `mesh.threads.v1.Thread`, and for a field `….Thread.name`."""

    def __init__(self, descriptor_set: bytes) -> None:
        files = descriptor_pb2.FileDescriptorSet.FromString(descriptor_set)
        self.messages: dict[str, Message] = {}
        self.enums: dict[str, list[str]] = {}
        self.methods: dict[str, descriptor_pb2.MethodDescriptorProto] = {}
        self._comments: dict[str, str] = {}
        self._reasons: dict[str, dict[str, Reason]] = {}
        self._pool = descriptor_pool.DescriptorPool()
        self._validator = protovalidate.Validator()
        for file in files.file:
            self._pool.Add(file)
            self._index(file)

    def comment(self, name: str) -> str:
        """What stands before it; empty for nothing."""
        return self._comments.get(name, "")

    def required(self, message: str) -> frozenset[str]:
        """Fields without which the message is refused: those that the rules name when nothing is set."""
        empty = message_factory.GetMessageClass(self._pool.FindMessageTypeByName(message))()
        found = self._validator.collect_violations(empty)
        return frozenset(v.proto.field.elements[0].field_name for v in found if v.proto.field is not None)

    def raw(self, method: str) -> rest_pb2.Raw | None:
        """What a method's raw bodies hold; None where it does not say."""
        options = self.methods[method].options
        return options.Extensions[_RAW] if options.HasExtension(_RAW) else None

    def reasons(self, method: str) -> tuple[Reason, ...]:
        """Why this method may fail, as its comment says: reasons, and other methods that it fails as."""
        return tuple(dict.fromkeys(self._failures(method, set())))

    def _failures(self, method: str, seen: set[str]) -> Iterator[Reason]:
        if method in seen:
            return
        seen.add(method)
        service, _, _ = method.strip("/").rpartition("/")
        package = service.rpartition(".")[0]
        _, _, told = self.comment(method).partition("Fails ")
        for word in re.findall(r"[A-Z]\w*(?:\.[A-Z]\w*)?", told):
            if reason := self._reason(package, word):
                yield reason
            elif other := self._method(service, word):
                yield from self._failures(other, seen)

    def _reason(self, package: str, name: str) -> Reason | None:
        every = (self._reasons.get(package, {}), *self._reasons.values())
        return next((reasons[name] for reasons in every if name in reasons), None)

    def _method(self, service: str, word: str) -> str | None:
        if "." not in word:
            word = f"{service.rpartition('.')[2]}.{word}"
        ending = f".{word.replace('.', '/')}"
        return next((method for method in self.methods if method.endswith(ending)), None)

    def _index(self, file: descriptor_pb2.FileDescriptorProto) -> None:
        said = {tuple(place.path): _plain(place.leading_comments) for place in file.source_code_info.location}
        package = f"{file.package}." if file.package else ""
        for number, message in enumerate(file.message_type):
            self._index_message(f"{package}{message.name}", message, (_MESSAGES, number), said)
        for number, enum in enumerate(file.enum_type):
            self.enums[f"{package}{enum.name}"] = [value.name for value in enum.value]
            if enum.name == "ErrorReason":
                self._reasons[file.package] = dict(_reasons(enum, (_ENUMS, number), said))
        for number, service in enumerate(file.service):
            name = f"{package}{service.name}"
            self._comments[name] = said.get((_SERVICES, number), "")
            for index, method in enumerate(service.method):
                full = f"/{name}/{method.name}"
                self.methods[full] = method
                self._comments[full] = said.get((_SERVICES, number, _METHODS, index), "")

    def _index_message(
        self, name: str, message: Message, path: tuple[int, ...], said: dict[tuple[int, ...], str]
    ) -> None:
        self.messages[name] = message
        self._comments[name] = said.get(path, "")
        for index, field in enumerate(message.field):
            self._comments[f"{name}.{field.name}"] = said.get((*path, _FIELDS, index), "")
        for index, nested in enumerate(message.nested_type):
            self._index_message(f"{name}.{nested.name}", nested, (*path, _NESTED, index), said)
        for enum in message.enum_type:
            self.enums[f"{name}.{enum.name}"] = [value.name for value in enum.value]


def _reasons(
    enum: descriptor_pb2.EnumDescriptorProto, path: tuple[int, ...], said: dict[tuple[int, ...], str]
) -> Iterator[tuple[str, Reason]]:
    for index, value in enumerate(enum.value):
        comment = said.get((*path, _VALUES, index), "")
        code = next((code for code in _STATUS_OF_CODE if re.search(rf"\b{code}\b", comment)), None)
        if code is None:
            continue  # never sent
        explicit = re.search(r"\bHTTP (\d{3})\b", comment)
        status = int(explicit[1]) if explicit else _STATUS_OF_CODE[code]
        name = value.name.removeprefix(_PREFIX)
        yield name, Reason(name, status, comment.partition(f" {code}")[0])


def _plain(comment: str) -> str:
    """Without what is meant for tools; lines joined where they were only broken."""
    lines = [line.strip() for line in comment.splitlines() if not line.strip().startswith("buf:lint")]
    text = "\n".join(lines).strip()
    return re.sub(r"(?<!\n)\n(?!\n|- )", " ", text)
