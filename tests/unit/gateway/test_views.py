from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.gateway.edge.domain import Form
from services.gateway.edge.errors import Draining, Unhealthy
from services.gateway.edge.streams import OpenStreams
from services.gateway.edge.use_cases.create_thread import CreateThread
from services.gateway.edge.use_cases.look_after import LookAfter
from services.gateway.edge.use_cases.show_account_state import ShowAccountState
from services.gateway.edge.use_cases.show_project import ShowProject
from services.gateway.edge.use_cases.show_thread import ShowThread
from services.gateway.edge.use_cases.upload_file import UploadFile
from services.kit.errors import InvalidArgument, NotFound, Unavailable
from services.kit.redis import CacheUnavailable
from tests.unit.gateway.fakes import (
    ACCOUNT,
    PROJECT,
    RUN,
    SANDBOX,
    THREAD,
    FakeBilling,
    FakeCache,
    FakeNeighbours,
    FakeRuns,
    FakeSandboxes,
    SmallFile,
    Threads,
)


class StoppedClock:
    def now(self) -> datetime:
        return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0


async def test_a_thread_is_shown_with_its_project_sandbox_and_runs() -> None:
    view = await ShowThread(Threads(), FakeRuns(), FakeSandboxes())(THREAD)
    assert view["project"]["sandbox"] == {"id": SANDBOX}
    assert view["recent_agent_runs"] == [{"id": RUN, "status": "running"}]
    assert view["_pending"] is False


async def test_a_thread_that_one_may_not_see_shows_no_runs_either() -> None:
    with pytest.raises(NotFound) as refused:
        await ShowThread(Threads(), FakeRuns(), FakeSandboxes())(PROJECT)
    assert refused.value.reason == "THREAD_NOT_FOUND"


async def test_a_thread_is_shown_while_its_sandbox_can_not_be_asked() -> None:
    view = await ShowThread(Threads(), FakeRuns(), FakeSandboxes(Unavailable()))(THREAD)
    assert view["project"]["sandbox"] == {}


async def test_a_changed_thread_is_shown_as_it_is_then() -> None:
    threads = Threads()
    view = await ShowThread(threads, FakeRuns(), FakeSandboxes()).changed(THREAD, {"title": "New"})
    assert threads.updated == [("New", None)]
    assert view["thread_id"] == THREAD


async def test_a_project_is_shown_with_its_sandbox() -> None:
    view = await ShowProject(Threads(), FakeSandboxes())(PROJECT)
    assert view == {"project_id": PROJECT, "sandbox": {"id": SANDBOX}}


async def test_of_two_refusals_the_one_about_access_is_told() -> None:
    with pytest.raises(NotFound) as refused:
        await ShowProject(Threads(), FakeSandboxes(Unavailable()))(THREAD)
    assert refused.value.reason == "PROJECT_NOT_FOUND"


@pytest.mark.parametrize(("sent", "name"), [({}, None), ({"name": " "}, None), ({"name": "Mine"}, "Mine")])
async def test_a_thread_is_made_with_or_without_a_name(sent: dict[str, str], name: str | None) -> None:
    threads = Threads()
    assert await CreateThread(threads)(Form(sent)) == {"thread_id": THREAD, "project_id": PROJECT}
    assert threads.created == [name]


async def test_the_account_state_joins_plan_models_and_counts() -> None:
    view = await ShowAccountState(FakeBilling(), FakeRuns(), Threads())(ACCOUNT, False)
    assert set(view) == {"credits", "subscription", "models", "limits", "tier", "_cache"}
    assert view["models"] == [{"id": "mock-ai"}]
    limits = view["limits"]
    assert limits["projects"] == {"current": 2, "max": 2, "can_create": False, "tier_name": "free"}
    assert limits["threads"] == {"current": 3, "max": 10, "can_create": True, "tier_name": "free"}
    assert limits["concurrent_runs"] == {"running_count": 1, "limit": 1, "can_start": False, "tier_name": "free"}
    assert limits["ai_worker_count"] == {"current_count": 4, "limit": 5, "can_create": True, "tier_name": "free"}
    assert view["_cache"] == {"cached": False, "local_mode": True}


@pytest.mark.parametrize(
    ("form", "field"),
    [(Form({}, (("file", SmallFile("a")),)), "path"), (Form({"path": "/workspace/a"}), "file")],
)
async def test_an_upload_names_what_is_missing(form: Form, field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await UploadFile(FakeSandboxes()).to_sandbox(SANDBOX, form)
    assert refused.value.violations[0].field == field


async def test_an_upload_answers_what_the_sandbox_said() -> None:
    sandboxes = FakeSandboxes()
    form = Form({"path": "/workspace/a"}, (("file", SmallFile("a", b"content")),))
    answer = await UploadFile(sandboxes).to_project(PROJECT, form)
    assert answer == {"path": "/workspace/a", "original_filename": "a"}
    assert sandboxes.files == {"/workspace/a": b"content"}


def keeper(
    streams: OpenStreams | None = None, neighbours: FakeNeighbours | None = None, cache: FakeCache | None = None
) -> LookAfter:
    return LookAfter(
        FakeRuns(),
        neighbours or FakeNeighbours(),
        cache or FakeCache(),
        streams or OpenStreams(None),
        StoppedClock(),
        "edge-1",
    )


async def test_health_is_refused_once_the_instance_drains() -> None:
    streams = OpenStreams(None)
    assert keeper(streams).health() == {
        "status": "healthy",
        "timestamp": "2026-01-02T03:04:05+00:00",
        "instance_id": "edge-1",
    }
    await streams.end_all()
    with pytest.raises(Draining):
        keeper(streams).health()


async def test_health_of_all_names_each_part() -> None:
    told = await keeper().health_of_all()
    assert told["services"] == {"agent": "healthy", "threads": "healthy", "redis": "healthy"}


async def test_one_part_that_is_away_makes_the_whole_unhealthy_and_is_named() -> None:
    with pytest.raises(Unhealthy) as refused:
        await keeper(neighbours=FakeNeighbours({"agent": "unavailable"})).health_of_all()
    assert refused.value.params["services"] == {"agent": "unavailable", "redis": "healthy"}
    with pytest.raises(Unhealthy):
        await keeper(cache=FakeCache(CacheUnavailable())).health_of_all()


async def test_metrics_count_runs_and_streams() -> None:
    told = await keeper().metrics()
    assert (told["active_agent_runs"], told["active_redis_streams"], told["orphaned_streams"]) == (5, 5, 1)


async def test_debug_tells_about_this_instance() -> None:
    streams = OpenStreams(None)
    async with streams.seat("v", RUN, None):
        told = keeper(streams).debug()
    assert (told["active_runs_on_instance"], told["open_streams"], told["is_shutting_down"]) == (1, 1, False)


async def test_debug_of_the_cache_is_refused_while_it_is_away() -> None:
    assert (await keeper().debug_cache())["status"] == "healthy"
    with pytest.raises(CacheUnavailable):
        await keeper(cache=FakeCache(CacheUnavailable())).debug_cache()
