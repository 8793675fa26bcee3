"""One shape for the four kinds of RPC handlers, and the nesting of interceptors around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import grpc
from google.protobuf.message import DecodeError

from services.kit.context import ANONYMOUS, NOBODY, CallContext, Caller, enter
from services.kit.policy import Rule

Context = grpc.aio.ServicerContext[Any, Any]

_REST_S = 1.0


@dataclass(slots=True)
class Call:
    """One RPC under way, from the first interceptor to the handler.

    `request` is a message, or an async iterator of messages where `streams_in`. Interceptors fill in what they find
    out; `code` and `reason` are those of the answer.
    """

    method: str
    rule: Rule
    request: Any
    context: Context
    metadata: dict[str, str]
    streams_in: bool
    streams_out: bool
    request_id: str = ""
    traceparent: str = ""
    caller: Caller = ANONYMOUS
    deadline: float | None = None
    code: str = "OK"
    reason: str = ""
    messages_in: int = 0
    messages_out: int = 0
    incoming: AsyncIterator[Any] | None = None
    """The messages themselves, where `streams_in`."""

    async def read_rest(self) -> None:
        """Lets the caller finish what it is sending, briefly: a refusal that overtakes it would be lost on its way."""
        if self.incoming is None:
            return
        with suppress(TimeoutError, grpc.RpcError):
            async with asyncio.timeout(_REST_S):
                async for _ in self.incoming:
                    self.messages_in += 1


Proceed = Callable[[Call], Awaitable[Any]]
"""The rest of the chain; resolves to the response of a unary RPC, to None after a stream's last message."""


class Interceptor(Protocol):
    """Something around an RPC: must await `proceed(call)` once or raise, and returns what it returned."""

    async def __call__(self, call: Call, proceed: Proceed) -> Any: ...


def adapt(
    handler: grpc.RpcMethodHandler[Any, Any], method: str, rule: Rule, interceptors: Sequence[Interceptor]
) -> grpc.RpcMethodHandler[Any, Any]:
    """The same handler with the interceptors around it, the first outermost."""
    streams_in, streams_out = handler.request_streaming, handler.response_streaming
    proceed: Proceed = partial(_stream_handler if streams_out else _unary_handler, _behaviour(handler))
    for interceptor in reversed(interceptors):
        proceed = partial(_around, interceptor, proceed)
    outermost = proceed

    async def serve(request: Any, context: Context) -> Any:
        metadata = dict(context.invocation_metadata() or ())
        call = Call(method, rule, request, context, metadata, streams_in, streams_out)
        if streams_in:
            call.incoming = request
            call.request = _counted(call, request)
        else:
            call.messages_in = 1
        return await outermost(call)

    return _constructor(streams_in, streams_out)(
        serve,
        request_deserializer=partial(_decoded, handler.request_deserializer),
        response_serializer=handler.response_serializer,
    )


class Undecodable:
    """Stands for a message whose bytes are none, until the caller is known and it is refused."""


def _decoded(deserialize: Callable[[bytes], Any] | None, data: bytes) -> Any:
    # gRPC itself would answer UNKNOWN, with the text of the exception, whoever calls.
    try:
        return deserialize(data) if deserialize else data
    except DecodeError:
        return Undecodable()


def _around(interceptor: Interceptor, proceed: Proceed, call: Call) -> Awaitable[Any]:
    return interceptor(call, proceed)


def _behaviour(handler: grpc.RpcMethodHandler[Any, Any]) -> Callable[..., Any]:
    found = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    assert found is not None
    return found


def _constructor(streams_in: bool, streams_out: bool) -> Callable[..., grpc.RpcMethodHandler[Any, Any]]:
    constructors: dict[tuple[bool, bool], Callable[..., grpc.RpcMethodHandler[Any, Any]]] = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    return constructors[streams_in, streams_out]


async def _counted(call: Call, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for request in requests:
        call.messages_in += 1
        yield request


def _enter(call: Call) -> None:
    enter(CallContext(call.caller, call.request_id, call.traceparent, call.deadline, _rows_of(call.caller, call.rule)))


def _rows_of(caller: Caller, rule: Rule) -> str:
    if caller.kind == "service" or rule.role:
        return ""
    return caller.account_id or NOBODY


async def _unary_handler(behaviour: Callable[..., Awaitable[Any]], call: Call) -> Any:
    _enter(call)
    response = await behaviour(call.request, call.context)
    call.messages_out = 1
    return response


async def _stream_handler(behaviour: Callable[..., Any], call: Call) -> None:
    _enter(call)
    responses = behaviour(call.request, call.context)
    if not hasattr(responses, "__aiter__"):
        await responses  # a handler that writes to the context by itself
        return
    # A call cancelled while a message is being written leaves the generator suspended: it is closed here, at once.
    async with aclosing(responses):
        async for response in responses:
            await call.context.write(response)
            call.messages_out += 1
