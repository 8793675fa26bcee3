"""The one place where an exception becomes an answer, and where an unknown one is logged with its traceback."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from services.kit.errors import Internal, MeshError, Unauthenticated, Unavailable, to_wire
from services.kit.interceptors.chain import Call, Proceed
from services.kit.logging import get_logger

log = get_logger()

# What we say is unavailable is so for longer than a client's quick retries: let them not come.
_NO_RETRY = (("grpc-retry-pushback-ms", "-1"),)
_CHALLENGE = (("www-authenticate", "Bearer"),)


class Errors:
    """Maps a MeshError to its status and trailers, everything else to INTERNAL with a fixed text.

    Cancellation passes untouched, and so does gRPC's own abort.
    """

    def __init__(self, domain: str) -> None:
        self._domain = domain

    async def __call__(self, call: Call, proceed: Proceed) -> Any:
        try:
            return await proceed(call)
        except MeshError as known:
            error = known
        except grpc.aio.AbortError:
            raise
        except Exception as unknown:
            # gRPC's own words for a write to somebody who has gone; it may learn later that the call is cancelled.
            if isinstance(unknown, grpc.aio.InternalError) or call.context.cancelled():
                raise asyncio.CancelledError from None
            log.exception("rpc.failed", method=call.method, request_id=call.request_id)
            error = Internal()
        call.code, call.reason = error.code.name, error.reason
        await call.read_rest()
        return await call.context.abort(error.code, error.message, self._trailers(call, error))

    def _trailers(self, call: Call, error: MeshError) -> tuple[tuple[str, str | bytes], ...]:
        trailers = to_wire(error, domain=self._domain, request_id=call.request_id)
        if isinstance(error, Unauthenticated):
            return trailers + _CHALLENGE
        return trailers + _NO_RETRY if isinstance(error, Unavailable) else trailers
