"""The rules that stand beside the fields (`buf.validate`) hold before a handler runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import protovalidate

from services.kit.errors import FieldViolation, InvalidArgument
from services.kit.interceptors.chain import Call, Proceed, Undecodable


class Validation:
    """Checks the request, or each message of a request stream; violations are named by field path."""

    def __init__(self) -> None:
        self._validator = protovalidate.Validator()

    async def __call__(self, call: Call, proceed: Proceed) -> Any:
        if call.streams_in:
            call.request = self._checked(call.request)
        else:
            self._check(call.request)
        return await proceed(call)

    async def _checked(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for request in requests:
            self._check(request)
            yield request

    def _check(self, request: Any) -> None:
        if isinstance(request, Undecodable):
            raise InvalidArgument("The request is not a message of this call")
        found = self._validator.collect_violations(request)
        if found:
            raise InvalidArgument.of_all([FieldViolation(_path(v.proto), v.proto.message) for v in found])


def _path(violation: Any) -> str:
    """`messages[0].type`, `labels["a"].value`; empty for a rule over the whole message."""
    elements = violation.field.elements if violation.field else ()
    return ".".join(_element(element) for element in elements)


def _element(element: Any) -> str:
    name = str(element.field_name)
    if element.subscript is None:
        return name
    key = element.subscript.value
    return f'{name}["{key}"]' if isinstance(key, str) else f"{name}[{key}]"
