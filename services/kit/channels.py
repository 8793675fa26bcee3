"""Channels to neighbours: what every call to another service carries, and how its failure comes back.

A channel is given to generated stubs as it is. Its multi-callables add credentials, request id and trace context, never
outlive the RPC they serve, raise the neighbour's own MeshError, and are not sent while the neighbour's circuit breaker
is open. They are no gRPC client interceptors, because those cost a task per call.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, TypeVar

import grpc

from services.kit.auth import KeyRing, TokenMint
from services.kit.circuit_breaker import CircuitBreaker
from services.kit.clock import Clock, SystemClock
from services.kit.config import MeshSettings
from services.kit.context import CallContext, current_call
from services.kit.errors import (
    DeadlineExceeded,
    Internal,
    MeshError,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
    from_rpc,
)
from services.kit.health import ACCEPTING
from services.kit.logging import get_logger

log = get_logger()

DEFAULT_TIMEOUT_S = 10.0
_FAIR_TIMEOUT_S = 1.0

_Metadata = tuple[tuple[str, str], ...]
_ErrorMap = Callable[[grpc.aio.AioRpcError], MeshError]
_RequestT = TypeVar("_RequestT")


@asynccontextmanager
async def open_channels(settings: MeshSettings, clock: Clock | None = None) -> AsyncIterator[Channels]:
    """The channels of one process; leaving closes them all."""
    async with AsyncExitStack() as stack:
        yield Channels(settings, stack, clock or SystemClock())


def open_as(address: str, bearer: str, *, clock: Clock | None = None) -> grpc.aio.Channel:
    """A channel for somebody outside the mesh (a command line, a test) with a token of their own; empty for none."""
    clock = clock or SystemClock()
    never = CircuitBreaker(address, clock, failing=lambda _: False)
    return _MeshChannel(grpc.aio.insecure_channel(address), _Outgoing(_Fixed(bearer), clock, never))


class HastyDeadline(DeadlineExceeded):
    """The caller gave less than a second: that says nothing about the neighbour."""


def is_away(error: BaseException) -> bool:
    """Whether a neighbour could not be reached or did not answer in a fair time; its own refusals have a domain."""
    return (
        isinstance(error, Unavailable | DeadlineExceeded) and not error.domain and not isinstance(error, HastyDeadline)
    )


class Channels:
    """Opens channels by the neighbour's name."""

    def __init__(self, settings: MeshSettings, stack: AsyncExitStack, clock: Clock) -> None:
        self._settings = settings
        self._stack = stack
        self._clock = clock
        self._mint: TokenMint | None = None
        self._open: dict[str, list[grpc.aio.Channel]] = {}
        self.breakers: dict[str, CircuitBreaker] = {}
        """One for each neighbour, by its name, and those that channels were given for themselves."""

    def open(
        self, target: str, *, idempotent: Iterable[str] = (), forward: bool = False, breaker: str | None = None
    ) -> grpc.aio.Channel:
        """A channel to a service.

        `idempotent` names the RPCs (full method names) that gRPC may repeat while the neighbour is away. `forward`
        passes the caller's own bearer on; otherwise each call carries a service token for that target. `breaker` names
        a circuit breaker of its own, for calls that are to be made although others failed.
        """
        addresses = self._settings.target(target)
        options = _options(self._settings, idempotent, has_choice=len(addresses) > 1)
        channel = grpc.aio.insecure_channel(_dialled(addresses), options=options)
        self._stack.push_async_callback(channel.close, 0.5)
        passport = _Forwarded() if forward else _OwnToken(target, self._token_mint())
        self._open.setdefault(target, []).append(channel)
        return _MeshChannel(channel, _Outgoing(passport, self._clock, self._breaker(target, breaker or target)))

    def _breaker(self, target: str, name: str) -> CircuitBreaker:
        if name not in self.breakers:
            self.breakers[name] = CircuitBreaker(
                name, self._clock, is_away, back=lambda cause: self._is_reconnected(target, cause)
            )
        return self.breakers[name]

    def _is_reconnected(self, target: str, cause: BaseException) -> bool:
        """gRPC dials a lost neighbour every second by itself: once it is through, nothing is gained by waiting."""
        return isinstance(cause, Unavailable) and any(
            channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY for channel in self._open[target]
        )

    def _token_mint(self) -> TokenMint:
        if self._mint is None:
            service = self._settings.service
            key = KeyRing(self._settings.mesh_keys_dir, self._clock).private(service)
            self._mint = TokenMint(service, key, self._clock)
        return self._mint


def _dialled(addresses: Sequence[str]) -> str:
    return addresses[0] if len(addresses) == 1 else f"ipv4:{','.join(addresses)}"


def _options(settings: MeshSettings, idempotent: Iterable[str], *, has_choice: bool) -> list[tuple[str, Any]]:
    limit = settings.mesh_max_message_bytes
    config = _service_config(idempotent) | (_CHOICE if has_choice else {})
    return [
        ("grpc.service_config", json.dumps(config)),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 5_000),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 1_000),
        ("grpc.max_reconnect_backoff_ms", 1_000),
        ("grpc.max_send_message_length", limit),
        ("grpc.max_receive_message_length", limit),
        ("grpc.use_local_subchannel_pool", 1),
        # Windows stay at 64 KiB: grown by what passes, they would hold megabytes for each stream that is not read.
        ("grpc.http2.bdp_probe", 0),
    ]


_CHOICE: Final[dict[str, Any]] = {
    "loadBalancingConfig": [{"round_robin": {}}],
    # Of several, a call goes to one that has not said that it leaves: what reached it while it ends would be lost.
    "healthCheckConfig": {"serviceName": ACCEPTING},
}


def _service_config(idempotent: Iterable[str]) -> dict[str, Any]:
    names = [dict(zip(("service", "method"), method.lstrip("/").split("/"), strict=True)) for method in idempotent]
    policy = {
        "maxAttempts": 4,
        "initialBackoff": "0.1s",
        "maxBackoff": "1s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    return {"methodConfig": [{"name": names, "retryPolicy": policy}] if names else []}


class _OwnToken:
    """Calls as this service, on behalf of the account and run of the moment."""

    def __init__(self, target: str, mint: TokenMint) -> None:
        self._target = target
        self._mint = mint

    def bearer(self, call: CallContext) -> str:
        return self._mint.token(self._target, call.caller)

    def error(self, failed: grpc.aio.AioRpcError) -> MeshError:
        error = from_rpc(failed)
        # Our own token was refused: a fault of ours, not of the person whose request we serve. Nothing was done yet.
        if isinstance(error, Unauthenticated):
            log.error("channel.not_believed", target=self._target, look_at="clocks and keys of both services")
            return Unavailable(domain=error.domain)
        if error.reason == PermissionDenied.reason:
            log.error("channel.refused", target=self._target, reason=error.reason)
            return Internal()
        return error


class _Forwarded:
    """Calls as whoever called us."""

    def bearer(self, call: CallContext) -> str:
        return call.caller.token

    def error(self, failed: grpc.aio.AioRpcError) -> MeshError:
        return from_rpc(failed)


class _Fixed(_Forwarded):
    """Calls as one and the same."""

    def __init__(self, bearer: str) -> None:
        self._bearer = bearer

    def bearer(self, call: CallContext) -> str:  # noqa: ARG002 -- whatever the moment
        return self._bearer


class _Outgoing:
    """What a call takes along."""

    def __init__(self, passport: _OwnToken | _Forwarded, clock: Clock, breaker: CircuitBreaker) -> None:
        self._passport = passport
        self._clock = clock
        self.breaker = breaker
        self.error: _ErrorMap = passport.error

    def metadata(self, extra: Any) -> _Metadata:
        call = current_call()
        bearer = self._passport.bearer(call)
        found = [("authorization", f"Bearer {bearer}")] if bearer else []
        if call.request_id:
            found.append(("x-request-id", call.request_id))
        if call.traceparent:
            found.append(("traceparent", call.traceparent))
        return (*found, *(extra or ()))

    def timeout(self, given: float | None) -> float | None:
        """The shorter of what is asked and what is left of the RPC under way; DeadlineExceeded when nothing is."""
        deadline = current_call().deadline
        if deadline is None:
            return given
        left = deadline - self._clock.monotonic()
        if left <= 0:
            raise DeadlineExceeded
        return left if given is None else min(given, left)


class _MeshChannel(grpc.aio.Channel):
    """A grpc.aio channel whose calls carry the mesh's metadata and raise the mesh's errors."""

    def __init__(self, channel: grpc.aio.Channel, outgoing: _Outgoing) -> None:
        self._channel = channel
        self._outgoing = outgoing

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        return _UnaryCall(self._channel.unary_unary(*args, **kwargs), self._outgoing)

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        return _UnaryCall(self._channel.stream_unary(*args, **kwargs), self._outgoing)

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        return _StreamCall(self._channel.unary_stream(*args, **kwargs), self._outgoing)

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        return _StreamCall(self._channel.stream_stream(*args, **kwargs), self._outgoing)

    async def __aenter__(self) -> grpc.aio.Channel:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._channel.channel_ready()


class _UnaryCall:
    """Awaited, it gives the one response. Takes a message, or an async iterator of messages."""

    def __init__(self, inner: Callable[..., Any], outgoing: _Outgoing) -> None:
        self._inner = inner
        self._outgoing = outgoing

    async def __call__(
        self,
        request: _RequestT | AsyncIterable[_RequestT],
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] | None = None,
        wait_for_ready: bool | None = None,
    ) -> Any:
        outgoing = self._outgoing
        given = outgoing.timeout(timeout)
        limit = DEFAULT_TIMEOUT_S if given is None else given
        with outgoing.breaker.calling():
            try:
                return await self._inner(
                    request,
                    timeout=limit,
                    metadata=outgoing.metadata(metadata),
                    wait_for_ready=wait_for_ready,
                )
            except grpc.aio.AioRpcError as failed:
                error = outgoing.error(failed)
                if isinstance(error, DeadlineExceeded) and limit < _FAIR_TIMEOUT_S:
                    raise HastyDeadline from None
                raise error from None


class _StreamCall:
    """Called, it gives an async iterator over the responses; without `timeout` it lasts as long as it is read."""

    def __init__(self, inner: Callable[..., Any], outgoing: _Outgoing) -> None:
        self._inner = inner
        self._outgoing = outgoing

    def __call__(
        self,
        request: _RequestT | AsyncIterable[_RequestT],
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] | None = None,
        wait_for_ready: bool | None = None,
    ) -> Responses:
        self._outgoing.breaker.admit()
        call = self._inner(
            request,
            timeout=self._outgoing.timeout(timeout),
            metadata=self._outgoing.metadata(metadata),
            wait_for_ready=wait_for_ready,
        )
        return Responses(call, self._outgoing)


class Responses:
    """The responses of a streaming call. The first tells whether the neighbour is there."""

    def __init__(self, call: Any, outgoing: _Outgoing) -> None:
        self._call = call
        self._outgoing = outgoing
        self._messages = call.__aiter__()
        self._is_settled = False

    def __aiter__(self) -> Responses:
        return self

    async def __anext__(self) -> Any:
        try:
            message = await self._messages.__anext__()
        except grpc.aio.AioRpcError as failed:
            raise self._failed(failed) from None
        except asyncio.CancelledError:
            self._call.cancel()  # gRPC does not, where it comes in the moment in which the request was sent
            raise
        self._settle(None)
        return message

    async def initial_metadata(self) -> dict[str, str]:
        """What the server sent before its first message."""
        try:
            return dict(await self._call.initial_metadata() or ())
        except grpc.aio.AioRpcError as failed:
            raise self._failed(failed) from None

    def cancel(self) -> None:
        """Ends the call at the server."""
        self._call.cancel()

    def _failed(self, failed: grpc.aio.AioRpcError) -> MeshError:
        error = self._outgoing.error(failed)
        # How long a stream lasts is its caller's affair: a deadline says nothing.
        self._settle(error if isinstance(error, Unavailable) else None)
        return error

    def _settle(self, error: MeshError | None) -> None:
        if not self._is_settled:
            self._is_settled = True
            self._outgoing.breaker.settle(error)
