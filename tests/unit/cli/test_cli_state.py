"""The data directory: state, lock, layout, secrets."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from services.cli.errors import CliError
from services.cli.identity import ProcessId
from services.cli.keyring import developer_id, jwt_secret
from services.cli.layout import DataDir, default_root, private_folder
from services.cli.state import MeshState, PartState, PartStatus, Phase, load, lock, save


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    state = MeshState(
        supervisor=ProcessId(10, 20), phase=Phase.READY, url="http://a", since=1.5, ports={"threads": 20_001}
    ).with_part("threads", PartStatus("grpc://a:1", PartState.HEALTHY, ProcessId(11, 21), 2.5, 3))

    save(tmp_path / "state.json", state)

    assert load(tmp_path / "state.json") == state


def test_a_missing_or_damaged_state_is_an_empty_one(tmp_path: Path) -> None:
    damaged = tmp_path / "state.json"
    damaged.write_text('{"supervisor": {"pid": 1')

    assert load(damaged) == load(tmp_path / "none") == MeshState()


def test_a_process_with_the_same_pid_and_another_start_is_somebody_else() -> None:
    own = ProcessId.of(os.getpid())
    assert own is not None

    assert own.alive()
    assert not ProcessId(own.pid, own.started + 1).alive()
    assert not MeshState(supervisor=ProcessId(own.pid, own.started - 1)).alive()


def test_one_holds_the_lock_and_then_the_next(tmp_path: Path) -> None:
    with lock(tmp_path / "mesh.lock") as first, lock(tmp_path / "mesh.lock") as second:
        assert (first, second) == (True, False)
    with lock(tmp_path / "mesh.lock") as third:
        assert third


def test_root_gets_a_place_of_its_own_for_each_checkout() -> None:
    first, second = (default_root(Path(folder), 0) for folder in ("/srv/a/mesh", "/srv/b/mesh"))

    assert first != second
    assert first.parent == Path("/var/lib/mesh")
    assert default_root(Path("/home/me/mesh"), 1000) == Path("/home/me/mesh/.mesh")


def test_sockets_move_to_the_temporary_folder_when_the_path_is_too_long(tmp_path: Path) -> None:
    short, long = DataDir(Path("/srv/mesh")), DataDir(Path("/srv") / ("deep" * 30))

    assert short.socket_dir("pg") == Path("/srv/mesh/run/pg")
    assert len(bytes(long.socket_dir("pg") / ".s.PGSQL.5432.lock")) < 108


def test_secrets_are_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    secret, developer = jwt_secret(tmp_path), developer_id(tmp_path)

    assert (jwt_secret(tmp_path), developer_id(tmp_path)) == (secret, developer)
    assert len(secret) >= 32
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "sockets").symlink_to(elsewhere)

    with pytest.raises(CliError, match="belongs to somebody else"):
        private_folder(tmp_path / "sockets")
    assert stat.S_IMODE(private_folder(tmp_path / "own").stat().st_mode) == 0o700
