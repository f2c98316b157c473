"""Supervised runs record cassettes and play them, as the command line does."""

from __future__ import annotations

from pathlib import Path

from geppetto.runs.protocol import NoticeEvent, RunEvent, StepEvent

from tests.runs.conftest import Supervise, Write, end_of, read

MODEL = '- text: "{{user}} Pine."\n'
SCRIPT = """
const model = new ChatStepFactory().newStep({ script: "model.yaml" });
await model.startStream("Which wood?").finalText();
if (params.again !== false) await model.startStream("And else?").finalText();
"""


def texts(events: list[RunEvent]) -> list[object]:
    return [event.event["text"] for event in events if isinstance(event, StepEvent)]


async def test_recorded_and_played(supervise: Supervise, write: Write, tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_text(MODEL)
    supervisor = supervise()
    record = {"mode": "record", "path": "tapes/wood.jsonl"}
    recorded = await read(supervisor.start(write(SCRIPT, cassette=record)))
    assert texts(recorded) == ["Which wood? Pine.", "And else? Pine."]
    assert (tmp_path / "tapes" / "wood.jsonl").read_text().startswith('{"geppetto_cassette": 1}')

    (tmp_path / "model.yaml").unlink()  # now nothing else can answer
    replay = {"mode": "replay", "path": "tapes/wood.jsonl"}
    played = await read(supervisor.start(write(SCRIPT, cassette=replay)))
    assert texts(played) == texts(recorded)
    assert not [event for event in played if isinstance(event, NoticeEvent)]

    fewer = await read(supervisor.start(write(SCRIPT, cassette=replay, params={"again": False})))
    [notice] = [event for event in fewer if isinstance(event, NoticeEvent)]
    assert "1 recorded step was not asked for" in notice.text

    other = await end_of(supervisor.start(write(SCRIPT.replace("Which", "What"), cassette=replay)))
    assert other.outcome == "error"
    assert "was not recorded; it differs" in other.errors[0].message


async def test_a_cassette_that_cannot_be_used(supervise: Supervise, write: Write, tmp_path: Path) -> None:
    supervisor = supervise()
    for mode, path, told in [
        ("replay", "none.jsonl", "cannot be read"),
        ("record", ".", "cannot be written"),
    ]:
        end = await end_of(supervisor.start(write("1", cassette={"mode": mode, "path": path})))
        assert (end.outcome, told in end.errors[0].message) == ("error", True), end.errors


async def test_a_cassette_is_whole_after_a_failure(
    supervise: Supervise, write: Write, tmp_path: Path
) -> None:
    (tmp_path / "model.yaml").write_text(MODEL)
    use = {"mode": "record", "path": "tape.jsonl"}
    end = await end_of(supervise().start(write(SCRIPT + "throw new Error('late')", cassette=use)))
    assert end.outcome == "error"
    assert (tmp_path / "tape.jsonl").read_text().count('"type": "final"') == 2
