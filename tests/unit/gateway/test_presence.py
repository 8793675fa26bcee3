from __future__ import annotations

import pytest

from services.gateway.edge.domain import Presence
from services.gateway.edge.use_cases.update_presence import UpdatePresence
from services.kit.errors import InvalidArgument
from tests.unit.gateway.fakes import ACCOUNT, THREAD, FakePresences


async def test_a_presence_is_kept_for_its_time() -> None:
    presences = FakePresences()
    answer = await UpdatePresence(presences, 120)(ACCOUNT, {"session_id": "s1", "active_thread_id": THREAD})
    assert answer == {"success": True, "session_id": "s1", "disabled": False}
    assert presences.kept == [(ACCOUNT, Presence("s1", THREAD, {"platform": "web"}), 120)]


async def test_where_presence_is_turned_off_nothing_is_kept_and_the_answer_says_so() -> None:
    presences = FakePresences()
    update = UpdatePresence(presences, 0)
    assert await update(ACCOUNT, {"session_id": "s1"}) == {"success": True, "session_id": "s1", "disabled": True}
    assert presences.kept == []
    with pytest.raises(InvalidArgument):
        await update(ACCOUNT, {})
