"""Which parts a mesh has, and what each is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from services.cli.config import Settings
from services.cli.errors import CliError
from services.cli.layout import DataDir
from services.cli.parts import Part
from services.cli.plan import Plan, user_secret

TOLD = {
    "database_url": SecretStr("postgresql://db/mesh"),
    "redis_url": SecretStr("redis://cache"),
    "supabase_url": None,
    "supabase_jwt_secret": SecretStr("s" * 32),
    "env_mode": "local",
    "mesh_workers": 1,
    "use_stateless_pipeline": True,
}

LIMIT = "MESH_MEMORY_LIMIT_MIB"


def settings(**given: Any) -> Settings:
    return Settings(**{**TOLD, **given})


def planned(root: Path, told: Settings, memory_mib: int = 16_384, memory_limit: str | None = None) -> dict[str, Part]:
    inherited = {"PATH": "/bin", "OPENAI_API_KEY": "k"} | ({LIMIT: memory_limit} if memory_limit else {})
    plan = Plan(told, DataDir(root), inherited, memory_mib)
    ports = {name: 20_000 + number for number, name in enumerate(plan.port_names())}
    return {part.name: part for part in plan.parts(ports)}


def test_a_worker_is_a_process_of_its_own(tmp_path: Path) -> None:
    parts = planned(tmp_path, settings(mesh_workers=3))

    assert [name for name in parts if name.startswith("agent")] == [
        "agent-api",
        *(f"agent-worker-{n}" for n in (1, 2, 3)),
    ]
    assert parts["agent-worker-1"].argv[-3:] == ("-m", "services.agent", "worker")


def test_without_the_stateless_pipeline_one_process_is_the_whole_agent(tmp_path: Path) -> None:
    parts = planned(tmp_path, settings(use_stateless_pipeline=False, mesh_workers=3))

    assert [part.argv[-1] for name, part in parts.items() if name.startswith("agent")] == ["all"]


def test_storage_given_by_url_is_not_started(tmp_path: Path) -> None:
    parts = planned(tmp_path, settings())

    assert not {"postgres", "redis"} & parts.keys()
    assert {part.needs for name, part in parts.items() if name != "envoy"} == {frozenset()}


def test_storage_without_url_is_started_first_and_every_service_is_told_where(tmp_path: Path) -> None:
    parts = planned(tmp_path, settings(database_url=None, redis_url=None))

    assert list(parts)[:2] == ["postgres", "redis"]
    assert parts["threads"].needs == {"postgres", "redis"}
    assert parts["threads"].env["DATABASE_URL"].startswith("postgresql://postgres@/postgres?host=/")
    assert parts["threads"].env["REDIS_URL"].startswith("unix:///")


def test_neighbours_are_told_where_each_service_listens(tmp_path: Path) -> None:
    parts = planned(tmp_path, settings())

    for name, target in (("threads", "THREADS"), ("agent-api", "AGENT"), ("edge", "EDGE"), ("sandbox", "SANDBOX")):
        both = [one.env["MESH_LISTEN"] for one in (parts[name], parts[name].twin) if one]
        assert parts["tools"].env[f"MESH_{target}_URL"] == ",".join(both)
    listens = [part.env["MESH_LISTEN"] for part in parts.values() if "MESH_LISTEN" in part.env]
    assert len(set(listens)) == len(listens) == 7


def test_every_part_but_storage_may_run_twice_at_addresses_of_its_own(tmp_path: Path) -> None:
    parts = planned(tmp_path, settings(database_url=None, redis_url=None))

    twins = {name: part.twin for name, part in parts.items() if part.twin}
    assert parts.keys() - twins.keys() == {"postgres", "redis"}
    everybody = [*parts.values(), *twins.values()]
    for variable, where in (("MESH_LISTEN", 14), ("MESH_METRICS_PORT", 14), ("MESH_ENVOY_ADMIN_PORT", 2)):
        addresses = [part.env[variable] for part in everybody if variable in part.env]
        assert len(set(addresses)) == len(addresses) == where
    assert len({part.probe for part in everybody}) == len(everybody)


def test_services_inherit_provider_keys_and_storage_inherits_nothing(tmp_path: Path) -> None:
    parts = planned(tmp_path, settings(database_url=None, redis_url=None))

    assert parts["agent-worker-1"].env["OPENAI_API_KEY"] == "k"
    for name in ("postgres", "redis"):
        assert "OPENAI_API_KEY" not in parts[name].env
        assert "SUPABASE_JWT_SECRET" not in parts[name].env


def limits(parts: dict[str, Part]) -> set[str | None]:
    """What the Python processes of services are told to stay below."""
    return {part.env.get(LIMIT) for part in parts.values() if "MESH_LISTEN" in part.env}


@pytest.mark.parametrize(("workers", "memory_mib", "share"), [(1, 16_384, 2340), (9, 16_384, 1092), (9, 4096, 512)])
def test_each_process_is_told_its_share_of_the_memory(
    tmp_path: Path, workers: int, memory_mib: int, share: int
) -> None:
    assert limits(planned(tmp_path, settings(mesh_workers=workers), memory_mib)) == {str(share)}


def test_a_memory_limit_that_was_given_is_passed_on_as_it_is(tmp_path: Path) -> None:
    assert limits(planned(tmp_path, settings(mesh_memory_limit_mib=700), memory_limit="700")) == {"700"}
    # From `.env`, which each process reads for itself.
    assert limits(planned(tmp_path, settings(mesh_memory_limit_mib=700))) == {None}


def test_callers_stop_before_the_called(tmp_path: Path) -> None:
    layers = {name: part.layer for name, part in planned(tmp_path, settings(database_url=None, redis_url=None)).items()}

    order = sorted(layers, key=lambda name: -layers[name])
    assert order[:2] == ["envoy", "edge"]
    assert set(order[-2:]) == {"postgres", "redis"}


def test_only_local_mode_makes_its_own_secret(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    data.create()
    assert len(user_secret(settings(supabase_jwt_secret=None), data)) >= 32

    with pytest.raises(CliError, match="SUPABASE_JWT_SECRET or SUPABASE_URL"):
        user_secret(settings(supabase_jwt_secret=None, env_mode="production"), data)


def test_only_local_mode_keeps_its_data_in_a_postgres_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(CliError, match="ENV_MODE=production needs DATABASE_URL"):
        planned(tmp_path, settings(env_mode="production", database_url=None))


def test_a_folder_that_can_not_be_written_names_the_variable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CliError, match=r"no data can be kept in .*/file .*set MESH_DATA_DIR"):
        DataDir(tmp_path / "file").create()
