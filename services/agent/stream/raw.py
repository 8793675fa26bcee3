"""Lets one RPC of a generated servicer answer ready-made bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import grpc

Handlers = Mapping[str, "grpc.RpcMethodHandler[Any, Any]"]


class AnsweringBytes:
    """A server as generated `add_..._to_server` functions see it: the named server-streaming RPCs yield bytes.

    `add_AgentRunsServicer_to_server(servicer, AnsweringBytes(server, "WatchRun"))`
    """

    def __init__(self, server: grpc.aio.Server, *methods: str) -> None:
        self._server = server
        self._methods = methods

    def add_registered_method_handlers(self, service_name: str, method_handlers: Handlers) -> None:
        """Passes the handlers on, those of the named RPCs without a serializer."""
        handlers = {name: self._adapted(name, handler) for name, handler in method_handlers.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service_name, handlers),))
        self._server.add_registered_method_handlers(service_name, handlers)  # type: ignore[attr-defined]

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler[Any, Any]]) -> None:
        """Nothing to do: generated code hands over the same handlers by name."""

    def _adapted(self, name: str, handler: grpc.RpcMethodHandler[Any, Any]) -> grpc.RpcMethodHandler[Any, Any]:
        if name not in self._methods:
            return handler
        behaviour = handler.unary_stream
        assert behaviour is not None
        return grpc.unary_stream_rpc_method_handler(behaviour, handler.request_deserializer)
