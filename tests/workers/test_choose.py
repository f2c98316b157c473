"""Which bus does the runs, and who may say so."""

from __future__ import annotations

from pathlib import Path

import pytest
from geppetto.errors import GeppettoError
from geppetto.runs.supervisor import RunSupervisor
from geppetto.settings.errors import SettingsError
from geppetto.settings.load import load_settings
from geppetto.workers.choose import chosen_bus, open_runner

THERE = "nats://ada:secret@bus.example.com:4222"


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "geppetto.toml").write_text('[bus]\nurl = "nats://localhost:1"\n')
    assert chosen_bus(tmp_path, env={}) == "nats://localhost:1"
    assert chosen_bus(tmp_path, env={"GEPPETTO_BUS": "redis://there"}) == "redis://there"
    assert chosen_bus(tmp_path, "nats://x", env={"GEPPETTO_BUS": "redis://there"}) == "nats://x"
    assert chosen_bus(tmp_path, "none", env={"GEPPETTO_BUS": "redis://there"}) is None
    assert isinstance(open_runner(None), RunSupervisor)


def test_a_workspace_sends_scripts_to_no_other_machine(tmp_path: Path) -> None:
    (tmp_path / "geppetto.toml").write_text(f'[bus]\nurl = "{THERE}"\n')
    with pytest.raises(
        GeppettoError, match=r"bus at bus\.example\.com, and a workspace cannot decide"
    ) as refused:
        chosen_bus(tmp_path, env={})
    assert "secret" not in f"{refused.value} {refused.value.hint}"
    assert chosen_bus(tmp_path, env={"GEPPETTO_BUS": THERE}) == THERE
    (tmp_path / "geppetto.toml").unlink()
    (tmp_path / ".env").write_text(f"GEPPETTO_BUS={THERE}\n")
    with pytest.raises(GeppettoError, match="a workspace cannot decide"):
        chosen_bus(tmp_path, env={})


def test_a_password_is_shown_nowhere_and_a_wrong_address_is_told(tmp_path: Path) -> None:
    shown = load_settings(tmp_path, env={"GEPPETTO_BUS": THERE}).rows()
    assert all("secret" not in row.value for row in shown)
    with pytest.raises(SettingsError, match="nats://localhost:4222"):
        load_settings(tmp_path, env={"GEPPETTO_BUS": "http://bus"})
