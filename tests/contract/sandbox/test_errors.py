"""The error catalogue and the classes say the same."""

from __future__ import annotations

import inspect

from mesh.sandbox.v1 import error_reason_pb2

from services.kit.errors import MeshError
from services.sandbox import errors

PREFIX = "ERROR_REASON_"


def test_each_reason_has_one_class_and_each_class_a_reason() -> None:
    catalogue = {name.removeprefix(PREFIX) for name in error_reason_pb2.ErrorReason.DESCRIPTOR.values_by_name} - {
        "UNSPECIFIED"
    }
    own = [
        cls for _, cls in inspect.getmembers(errors, inspect.isclass)
        if issubclass(cls, MeshError) and cls.__module__ == errors.__name__
    ]  # fmt: skip
    assert sorted(cls.reason for cls in own) == sorted(catalogue)


def test_sizes_have_their_own_status() -> None:
    assert errors.FileTooLarge.of(1).http_status == 413
    assert errors.QuotaExceeded.of("bytes", 1).http_status == 507
