"""threads, billing and tools as the agent meets them, in memory: servicers behind a real server, and what they did."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import grpc
from mesh.billing.v1 import billing_pb2, billing_pb2_grpc
from mesh.threads.v1 import threads_pb2, threads_pb2_grpc
from mesh.tools.v1 import tools_pb2, tools_pb2_grpc

from services.kit.context import current_caller
from services.kit.errors import NotFound, Unavailable
from tests.support.harness import FixedRoles


class ThreadNotFound(NotFound):
    """As threads says it."""

    reason = "THREAD_NOT_FOUND"


@dataclass
class FakeThreads(threads_pb2_grpc.ThreadsInternalServicer):
    """Threads and their rows, in order of insertion. `away` refuses everything, `refuse_row` what it says of a row;
    `public` threads are everybody's."""

    owners: dict[str, tuple[str, str]] = field(default_factory=dict)
    rows: dict[str, dict[str, threads_pb2.Message]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    public: set[str] = field(default_factory=set)
    away: bool = False
    refuse_row: Callable[[threads_pb2.Message], Exception | None] = lambda _: None

    async def EnsureThread(self, request: Any, context: Any) -> threads_pb2.EnsureThreadResponse:
        self._here()
        known = self.owners.get(request.thread_id)
        if (known and known[0] != request.account_id) or (not known and not request.create):
            raise ThreadNotFound("Thread not found")
        if not known:
            self.owners[request.thread_id] = (request.account_id, request.project_id or str(uuid4()))
        return threads_pb2.EnsureThreadResponse(
            thread_id=request.thread_id, project_id=self.owners[request.thread_id][1], created=not known
        )

    async def AppendMessages(self, request: Any, context: Any) -> threads_pb2.AppendMessagesResponse:
        self._here()
        if request.thread_id in self.deleted:
            return threads_pb2.AppendMessagesResponse(deleted=True)
        rows = self.rows.setdefault(request.thread_id, {})
        for message in request.messages:
            if refused := self.refuse_row(message):
                raise refused
        for message in request.messages:
            assert rows.setdefault(message.message_id, message).content_json == message.content_json
        return threads_pb2.AppendMessagesResponse()

    async def LoadContext(self, request: Any, context: Any) -> threads_pb2.LoadContextResponse:
        self._here()
        rows = [row for row in self.rows.get(request.thread_id, {}).values() if row.turn <= request.turn]
        rows.sort(key=lambda row: row.turn)
        return threads_pb2.LoadContextResponse(messages=rows)

    async def CheckAccess(self, request: Any, context: Any) -> threads_pb2.CheckAccessResponse:
        owner = self.owners.get(request.thread_id, ("", ""))[0]
        if owner and owner == request.account_id:
            return threads_pb2.CheckAccessResponse(access=threads_pb2.ACCESS_OWNER)
        shared = request.thread_id in self.public
        return threads_pb2.CheckAccessResponse(access=threads_pb2.ACCESS_READ if shared else threads_pb2.ACCESS_NONE)

    def told(self, thread_id: str, *types: str) -> list[dict[str, Any]]:
        """The content of a thread's rows of these types."""
        return [
            {**json.loads(row.content_json), "message_id": row.message_id, "metadata": json.loads(row.metadata_json)}
            for row in self.rows.get(thread_id, {}).values()
            if row.type in types
        ]

    def _here(self) -> None:
        if self.away:
            raise Unavailable("threads is away")


@dataclass
class FakeBilling(billing_pb2_grpc.BillingInternalServicer):
    """Holds and posts by key; a key that comes twice with another body fails the test. `held`: thread by run. Each plan
    allows `most_agents`.

    `block` is what a start holds, `extended` what was asked for later; `refuse` and `refuse_more` are what is said to
    either instead, `refuse_charges` to charges, and `away` to everything. `holding` waits before a hold is answered."""

    posts: dict[str, billing_pb2.Charge] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    released: set[str] = field(default_factory=set)
    extended: list[int] = field(default_factory=list)
    block: int = 10**9
    refuse: Exception | None = None
    refuse_more: Exception | None = None
    most_agents: int = 5
    refuse_charges: Exception | None = None
    holding: Callable[[str], Awaitable[None]] | None = None
    away: bool = False

    async def LookupRole(self, request: Any, context: Any) -> billing_pb2.LookupRoleResponse:
        return billing_pb2.LookupRoleResponse(role=await FixedRoles().role_of(request.user_id) or "user")

    async def GetPlanLimits(self, request: Any, context: Any) -> billing_pb2.GetPlanLimitsResponse:
        self._here()
        return billing_pb2.GetPlanLimitsResponse(limits=billing_pb2.PlanLimits(max_agents=self.most_agents))

    async def AuthorizeRun(self, request: Any, context: Any) -> billing_pb2.AuthorizeRunResponse:
        self._here()
        if self.refuse:
            raise self.refuse
        assert self.held.setdefault(request.run_id, request.thread_id) == request.thread_id
        if self.holding:
            await self.holding(request.run_id)
        return billing_pb2.AuthorizeRunResponse(
            hold_id=f"hold:{request.run_id}:0",
            held_microcredits=self.block,
            ended=request.run_id in self.released,
            price=billing_pb2.Price(
                price_version="v1", input_microcredits_per_mtok=10**6, output_microcredits_per_mtok=10**6
            ),
        )

    async def ExtendHold(self, request: Any, context: Any) -> billing_pb2.ExtendHoldResponse:
        self._here()
        if self.refuse_more:
            raise self.refuse_more
        self.extended.append(request.ordinal)
        return billing_pb2.ExtendHoldResponse(held_microcredits=request.microcredits)

    async def SettleRun(self, request: Any, context: Any) -> billing_pb2.SettleRunResponse:
        self._here()
        if request.charges and self.refuse_charges:
            raise self.refuse_charges
        for charge in request.charges:
            assert self.posts.setdefault(charge.key, charge) == charge
        if request.release:
            self.released.add(request.run_id)
        return billing_pb2.SettleRunResponse()

    def _here(self) -> None:
        if self.away:
            raise Unavailable("billing is away")


@dataclass
class FakeTools(tools_pb2_grpc.ToolsInternalServicer):
    """`echo` answers its arguments; `slow` waits for `gate`; `fail` fails; `complete`, another tool, ends a run.
    Executions belong to their key; `scopes` are those of the last token. `away` refuses to list and to execute."""

    executions: dict[str, asyncio.Task[tools_pb2.ToolResult]] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    attached: list[tuple[str, int]] = field(default_factory=list)
    forgotten: set[str] = field(default_factory=set)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    scopes: tuple[str, ...] = ()
    away: bool = False
    refused: int = 0

    async def ListTools(self, request: Any, context: Any) -> tools_pb2.ListToolsResponse:
        self._here()
        return tools_pb2.ListToolsResponse(
            tools=[
                tools_pb2.Tool(name="fake_tool", functions=[_function(name) for name in ("echo", "slow", "fail")]),
                tools_pb2.Tool(name="message_tool", functions=[_function("complete", terminating=True)]),
            ]
        )

    async def ExecuteTool(self, request: Any, context: Any) -> AsyncIterator[tools_pb2.ExecuteToolResponse]:
        self._here()
        self.attached.append((request.key, request.epoch))
        self.scopes = tuple(current_caller().scopes)
        if request.key not in self.executions:
            self.started.append(request.key)
            self.executions[request.key] = asyncio.ensure_future(self._carry_out(request))
        yield tools_pb2.ExecuteToolResponse(output=tools_pb2.ToolOutput(text="working\n"))
        result = await asyncio.shield(self.executions[request.key])
        yield tools_pb2.ExecuteToolResponse(result=result)

    async def CancelExecution(self, request: Any, context: Any) -> tools_pb2.CancelExecutionResponse:
        self.cancelled.append(request.key)
        if request.key in self.executions:
            self.executions[request.key].cancel()
        return tools_pb2.CancelExecutionResponse()

    async def ForgetThreads(self, request: Any, context: Any) -> tools_pb2.ForgetThreadsResponse:
        self._here()
        self.forgotten.update(request.thread_ids)
        return tools_pb2.ForgetThreadsResponse()

    async def _carry_out(self, request: Any) -> tools_pb2.ToolResult:
        if request.function_name == "slow":
            await self.gate.wait()
        if request.function_name not in ("echo", "slow", "complete"):
            error = f"{request.function_name} failed"
            return tools_pb2.ToolResult(success=False, output_json="null", error=error, outcome="failed")
        return tools_pb2.ToolResult(success=True, output_json=request.arguments_json, outcome="succeeded")

    def _here(self) -> None:
        if self.away:
            self.refused += 1
            raise Unavailable("tools is away")


def _function(name: str, *, terminating: bool = False) -> tools_pb2.ToolFunction:
    return tools_pb2.ToolFunction(
        name=name,
        description=name,
        parameters_json='{"type":"object"}',
        tool_class=tools_pb2.TOOL_CLASS_QUERYABLE,
        terminating=terminating,
    )


@dataclass
class Neighbours:
    """All three."""

    threads: FakeThreads = field(default_factory=FakeThreads)
    billing: FakeBilling = field(default_factory=FakeBilling)
    tools: FakeTools = field(default_factory=FakeTools)

    def register(self, name: str, server: grpc.aio.Server) -> None:
        """Registers one of them."""
        add = {
            "threads": lambda: threads_pb2_grpc.add_ThreadsInternalServicer_to_server(self.threads, server),
            "billing": lambda: billing_pb2_grpc.add_BillingInternalServicer_to_server(self.billing, server),
            "tools": lambda: tools_pb2_grpc.add_ToolsInternalServicer_to_server(self.tools, server),
        }
        add[name]()
