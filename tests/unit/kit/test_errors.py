"""What the one interceptor of errors makes of exceptions."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import grpc
import pytest
from structlog.testing import capture_logs

from services.kit.interceptors.chain import Call
from services.kit.interceptors.errors import Errors


async def test_a_write_to_a_caller_who_has_gone_ends_the_call_and_is_no_failure() -> None:
    async def write(_: Call) -> Any:
        raise grpc.aio.InternalError("Failed to write")

    with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        await Errors("mesh.threads")(cast(Call, None), write)
    assert not logs
