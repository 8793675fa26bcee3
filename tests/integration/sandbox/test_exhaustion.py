"""When there is no room for one more sandbox on the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.sandbox.domain import ProcessSpec
from services.sandbox.errors import SandboxNotFound
from services.sandbox.providers.local.homes import Homes, UidsExhaustedError
from tests.integration.sandbox.service import new_id
from tests.integration.sandbox.world import LEVELS, open_world, public_directory


def test_uids_are_never_shared_and_come_back_when_a_sandbox_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "chown", lambda *_: None)  # who is not root gives nothing away
    homes = Homes(tmp_path, uid_base=5000, uid_count=8, as_root=True)
    homes.open(new_id)
    for name in range(8):
        homes.make(f"box-{name}")
    assert {path.name for path in (tmp_path / "uids").iterdir()} == {str(uid) for uid in range(5000, 5008)}
    with pytest.raises(UidsExhaustedError):
        homes.make("one-more")
    homes.remove("box-3")
    homes.make("one-more")
    homes.close()


async def test_command_in_a_sandbox_that_is_gone_is_refused() -> None:
    async with open_world(LEVELS[-1]) as world:
        await world.provider.delete("box")
        with pytest.raises(SandboxNotFound, match="Sandbox not found"):
            await world.provider.start_process("box", "p", ProcessSpec("true", ()))
        await world.provider.start("box")
        assert (await world.run("echo back"))[1] == "back\n"


def test_directory_in_use_is_refused() -> None:
    with public_directory() as root:
        first, second = (Homes(root, uid_base=5000, uid_count=8, as_root=False) for _ in range(2))
        first.open(new_id)
        with pytest.raises(BlockingIOError):
            second.open(new_id)
        first.close()
        second.open(new_id)
        second.close()
