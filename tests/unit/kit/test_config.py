"""What is read from outside, what is refused, and what is shown of it."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field

from services.kit.config import ConfigError, MeshSettings, check_config, load_settings


class Settings(MeshSettings):
    """A service's."""

    service: ClassVar[str] = "threads"
    required: ClassVar[tuple[str, ...]] = ("database_url",)

    patience: int = 3
    """Seconds to wait; more is calmer."""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without a `.env`, and an environment with what is required."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:hunter2@h/d")
    return tmp_path


def test_the_mode_is_read_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENV_MODE", "STAGING")
    assert load_settings(Settings).env_mode == "staging"


def test_the_services_own_variable_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATIENCE", "4")
    monkeypatch.setenv("MESH_THREADS_PATIENCE", "5")
    assert load_settings(Settings).patience == 5


def test_the_environment_wins_over_the_file(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / ".env").write_text("PATIENCE=7\nMESH_DRAIN_S=2\nSOMETHING_ELSE=1\n")
    monkeypatch.setenv("PATIENCE", "8")
    settings = load_settings(Settings)
    assert (settings.patience, settings.mesh_drain_s) == (8, 2.0)


def test_an_empty_value_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATIENCE", "")
    assert load_settings(Settings).patience == 3


def test_a_malformed_value_names_variable_and_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATIENCE", "hunter2")
    with pytest.raises(ConfigError, match=r"PATIENCE is not usable: .*Seconds to wait") as refused:
        load_settings(Settings)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "value"), [("DATABASE_URL", "mysql://hunter2@h/d"), ("REDIS_URL", "http://hunter2")]
)
def test_a_url_of_something_else_is_refused_before_it_is_used(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=rf"{variable} is not usable: it must begin with ") as refused:
        load_settings(Settings)
    assert "hunter2" not in str(refused.value)


def test_what_has_to_be_json_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class WithTable(Settings):
        table: dict[str, int] = Field(default_factory=dict)
        """What costs how much."""

    monkeypatch.setenv("TABLE", "nonsense")
    with pytest.raises(ConfigError, match=r"^TABLE is not usable: it must be JSON\. What costs how much\.$"):
        load_settings(WithTable)


def test_every_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATIENCE", "x")
    monkeypatch.setenv("ENV_MODE", "prod")
    with pytest.raises(ConfigError) as refused:
        load_settings(Settings)
    assert "PATIENCE" in str(refused.value)
    assert "ENV_MODE" in str(refused.value)


def test_what_is_required_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL")
    with pytest.raises(ConfigError, match="DATABASE_URL is not set"):
        load_settings(Settings)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings(Settings).patience = 9


def test_every_field_says_what_it_means() -> None:
    assert [name for name, field in MeshSettings.model_fields.items() if not field.description] == []


def test_the_configuration_is_shown_with_origins_and_without_secrets(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / ".env").write_text("MESH_THREADS_PATIENCE=7\n")
    monkeypatch.setenv("SUPABASE_JWT_SECRET", "hunter2")
    shown = io.StringIO()
    check_config(load_settings(Settings), shown)
    lines = shown.getvalue().splitlines()
    assert "PATIENCE = 7  (.env, MESH_THREADS_PATIENCE)" in lines
    assert "SUPABASE_JWT_SECRET = ********  (environment, SUPABASE_JWT_SECRET)" in lines
    assert "ENV_MODE = local  (default)" in lines
    assert "hunter2" not in shown.getvalue()
    assert len(lines) == len(Settings.model_fields)


def test_a_missing_neighbour_names_its_variable() -> None:
    with pytest.raises(ConfigError, match="MESH_BILLING_URL"):
        load_settings(Settings).target("billing")


def test_a_wrong_configuration_ends_the_process_with_two_and_no_trace(elsewhere: Path) -> None:
    program = "from services.kit import config, lifecycle; lifecycle.run(config.MeshSettings, None)"
    root = Path(__file__).resolve().parents[3]
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={"ENV_MODE": "moon", "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "ENV_MODE is not usable" in ended.stderr
    assert "Traceback" not in ended.stderr
