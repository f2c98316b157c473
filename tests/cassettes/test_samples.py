"""The samples with an agent and with retrieval run by cassette: recorded once, then without their models."""

import shutil
from pathlib import Path

import pytest
from geppetto.steps.cassettes.play import Player
from geppetto.steps.cassettes.record import Recorder

from tests.cassettes.conftest import Workspace

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@pytest.mark.parametrize("name", ["tools-agent", "semantic-search"])
async def test_a_sample_runs_by_cassette(workspace: Workspace, tmp_path: Path, name: str) -> None:
    shutil.copytree(SAMPLES, workspace.folder, dirs_exist_ok=True)
    script = (SAMPLES / f"{name}.geppetto.js").read_text("utf-8")
    recorder = Recorder(tmp_path / "tape.jsonl")
    recorded = await workspace.run(recorder, script)
    recorder.close()
    assert recorded.kind == "ok", recorded.errors
    for model in workspace.folder.glob("*.model.yaml"):
        model.unlink()
    player = Player(tmp_path / "tape.jsonl")
    played = await workspace.run(player, script)
    assert (played.kind, played.lines) == ("ok", recorded.lines), played.errors
    assert not player.unused
    recorded_texts = [stream[-1] for stream in recorded.streams]
    assert [stream[-1] for stream in played.streams] == recorded_texts
