"""The policy tables of all services, one JSON file each.

The gateway routes by them and may import no service, so they are copies: `python -m tests.contract.gateway.policies`
writes them, and a contract test holds them equal to each service's `policy.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

from services.kit.policy import Rule

FOLDER = Path(__file__).parent


def load_rules(folder: Path = FOLDER) -> dict[str, Rule]:
    """The committed policy tables of all services, by full method name."""
    rules: dict[str, Rule] = {}
    for file in sorted(folder.glob("*.json")):
        for method, row in json.loads(file.read_text()).items():
            rules[method] = Rule(**{**row, "services": frozenset(row.get("services", ()))})
    return rules
