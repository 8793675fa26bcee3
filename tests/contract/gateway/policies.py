"""The services' policy tables, as the gateway keeps them: `python -m tests.contract.gateway.policies` writes them.

No service imports another, and Envoy's configuration needs all tables: so each is committed beside the renderer, and a
contract test holds the copies equal to the tables.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import fields

from services.gateway.policies import FOLDER
from services.kit.policy import PolicyTable, Rule

SERVICES = ("agent", "billing", "gateway", "sandbox", "threads", "tools")


def committed_form(service: str) -> str:
    """A service's table as JSON, one RPC a line, without what every row has by default."""
    table: PolicyTable = importlib.import_module(f"services.{service}.policy").POLICY
    rows = (f"  {json.dumps(method)}: {json.dumps(_row(rule))}" for method, rule in sorted(table))
    return "{\n" + ",\n".join(rows) + "\n}\n"


def _row(rule: Rule) -> dict[str, object]:
    changed = {field.name: getattr(rule, field.name) for field in fields(Rule)}
    changed["services"] = sorted(rule.services)
    default = {field.name: getattr(Rule(), field.name) for field in fields(Rule)}
    default["services"] = []
    return {name: value for name, value in changed.items() if value != default[name]}


def main() -> None:
    for service in SERVICES:
        (FOLDER / f"{service}.json").write_text(committed_form(service))


if __name__ == "__main__":
    main()
