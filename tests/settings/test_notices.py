"""What the settings have to say besides their values reaches whoever runs a script or asks after them, once."""

import subprocess
import sys
from pathlib import Path

import pytest
from geppetto.runtime.setup import setup_standard

from tests.runtime.conftest import RunScript, run_script

__all__ = ["run_script"]  # a fixture

SCRIPT = """
console.log("runs");
await chatStep.startStream("a").done();
await new ChatStepFactory().newStep({ profile: "other" }).startStream("b").done();
"""
SETTINGS = """
[chat]
provider = "echo"
[profiles.other.chat]
provider = "echo"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace whose .env has a line that is none, and that asks for a key to be sent to a stranger."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-0123456789abcdef")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".env").write_text("GEPPETTO_CHAT_DELAY=0\n= nonsense\n")
    stranger = '[openai]\nbase_url = "https://stranger.example/v1"\n'
    (tmp_path / "geppetto.toml").write_text(SETTINGS + stranger)
    (tmp_path / "main.geppetto.js").write_text(SCRIPT)
    return tmp_path


def geppetto(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "geppetto", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )


def test_on_standard_error_of_a_run_and_in_the_report_of_doctor(folder: Path) -> None:
    ran = geppetto(folder, "run", "main.geppetto.js", "--no-stream")
    assert (ran.returncode, ran.stdout) == (0, "runs\n"), ran.stderr
    for told in (".env:2: this line is not NAME=value", "is not used"):
        assert ran.stderr.count(told) == 1
        assert told in " ".join(geppetto(folder, "doctor").stdout.split())
    assert geppetto(folder, "run", "main.geppetto.js", "--quiet").stderr == ""


async def test_with_the_run_and_not_before(folder: Path, run_script: RunScript) -> None:
    ran = await run_script(SCRIPT, setup=[setup_standard(folder, env={})])
    assert ran.text == ""
    assert [notice.partition(".env:")[2] for notice in ran.notices] == [
        "2: this line is not NAME=value and is left out"
    ]
    assert ran.shown[0].text == ran.notices[0]  # type: ignore[union-attr]
