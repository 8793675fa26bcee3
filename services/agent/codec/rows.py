"""What a run owes to threads and billing, as serialized requests.

Repeated fields of serialized messages merge by concatenation: several requests of one run, joined, are one request.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from uuid import UUID

from mesh.billing.v1 import billing_pb2
from mesh.threads.v1 import threads_pb2

from services.agent.domain.rows import Charge, MessageRow
from services.agent.domain.run import Run


def encode_messages(run: Run, rows: Iterable[MessageRow]) -> bytes:
    """A serialized threads.AppendMessagesRequest."""
    return threads_pb2.AppendMessagesRequest(
        thread_id=str(run.thread_id),
        account_id=str(run.account_id),
        messages=[_message(run, row) for row in rows],
    ).SerializeToString()


def _message(run: Run, row: MessageRow) -> threads_pb2.Message:
    by_agent = row.type != "user"
    return threads_pb2.Message(
        message_id=str(row.message_id),
        type=row.type,
        is_llm_message=row.is_llm_message,
        content_json=json.dumps(row.content, ensure_ascii=False, separators=(",", ":")),
        metadata_json=json.dumps(row.metadata, ensure_ascii=False, separators=(",", ":")),
        agent_id=str(run.agent_id) if by_agent else "",
        agent_version_id=str(run.agent_version_id) if by_agent else "",
        run_id=str(run.run_id),
        turn=run.turn,
    )


def encode_charges(
    account_id: UUID, run_id: UUID, thread_id: UUID, charges: Iterable[Charge], *, release: bool
) -> bytes:
    """A serialized billing.SettleRunRequest; `release` voids what is left of the run's holds."""
    return billing_pb2.SettleRunRequest(
        account_id=str(account_id),
        run_id=str(run_id),
        thread_id=str(thread_id),
        charges=[_charge(charge) for charge in charges],
        release=release,
    ).SerializeToString()


def _charge(charge: Charge) -> billing_pb2.Charge:
    return billing_pb2.Charge(
        key=charge.key,
        step_no=charge.step_no,
        price_version=charge.price_version,
        model=charge.model,
        prompt_tokens=charge.prompt_tokens,
        completion_tokens=charge.completion_tokens,
        cached_read_tokens=charge.cached_read_tokens,
        cache_write_tokens=charge.cache_write_tokens,
        estimated=charge.estimated,
        wasted=charge.wasted,
        message_id=str(charge.message_id),
    )
