"""The gateway routes by the same tables as the services enforce, and is let in where it calls."""

from __future__ import annotations

import pytest

from services.gateway.policies import FOLDER, load_rules
from tests.contract.gateway.policies import SERVICES, committed_form

ASKED_AS_GATEWAY = (
    "/mesh.agent.v1.AgentInternal/CountActiveRuns",
    "/mesh.agent.v1.AgentInternal/GetRunStats",
    "/mesh.agent.v1.AgentInternal/ListModels",
    "/mesh.agent.v1.AgentInternal/ListRecentRuns",
    "/mesh.billing.v1.BillingInternal/LookupRole",
    "/mesh.threads.v1.ThreadsInternal/CountThreads",
    "/mesh.threads.v1.ThreadsInternal/EnsureThread",
)


@pytest.mark.parametrize("service", SERVICES)
def test_the_committed_table_is_the_service_s_own(service: str) -> None:
    assert (FOLDER / f"{service}.json").read_text() == committed_form(service), (
        "run: python -m tests.contract.gateway.policies"
    )


def test_every_service_has_a_committed_table() -> None:
    assert {file.stem for file in FOLDER.glob("*.json")} == set(SERVICES)


@pytest.mark.parametrize("method", ASKED_AS_GATEWAY)
def test_the_edge_is_let_in_where_it_calls_as_itself(method: str) -> None:
    assert "gateway" in load_rules()[method].services
