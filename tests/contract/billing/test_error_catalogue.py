"""Every reason of the catalogue has one error, and every error stands in the catalogue."""

from __future__ import annotations

import inspect

import pytest
from mesh.billing.v1 import error_reason_pb2

from services.billing import errors
from services.kit.errors import MeshError

STATUS = {
    "INSUFFICIENT_CREDITS": 402,
    "AGENT_RUN_LIMIT_EXCEEDED": 402,
    "MODEL_ACCESS_DENIED": 402,
    "UNKNOWN_MODEL_PRICE": 409,
    "IDEMPOTENCY_CONFLICT": 409,
    "NO_OPEN_HOLD": 409,
}
PREFIX = "ERROR_REASON_"
VALUES = error_reason_pb2.ErrorReason.DESCRIPTOR.values


def own_errors() -> dict[str, type[MeshError]]:
    """By reason."""
    classes = (found for _, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, MeshError))
    return {error.reason: error for error in classes if error.__module__ == errors.__name__}


def test_the_catalogue_and_the_errors_are_the_same_set() -> None:
    reasons = {value.name.removeprefix(PREFIX) for value in VALUES} - {"UNSPECIFIED"}
    assert set(own_errors()) == reasons == set(STATUS)


@pytest.mark.parametrize("reason", STATUS)
def test_a_reason_has_its_http_status(reason: str) -> None:
    assert own_errors()[reason].http_status == STATUS[reason]
