"""The live view of a run."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from geppetto.runs.protocol import (
    ConsoleEvent,
    DeltaEvent,
    EndEvent,
    GapEvent,
    RunRequest,
    StepEvent,
    StepStartedEvent,
)
from geppetto.runs.supervisor import RunSupervisor
from geppetto.tui.run_app import RunApp
from geppetto.tui.run_view import RunView

from tests.tui.conftest import screen_text, until
from tests.tui.test_plain_chat import on_terminal, read_until

SCRIPT = """
console.log("now it begins");
const first = chatStep.startStream("first");
const second = chatStep.startStream("second");
await Promise.all([first.done(), second.done()]);
"""
Scripted = Callable[..., Path]


def test_the_view_follows_a_run() -> None:
    view = RunView()
    view.take(ConsoleEvent(level="log", text="hello"))
    view.take(
        StepStartedEvent(
            step_id="s", name="chatStep", event={"type": "start", "meta": {"engine": "puppet-1"}}
        )
    )
    view.take(DeltaEvent(step_id="s", delta="Once "))
    view.take(DeltaEvent(step_id="s", delta="upon"))
    view.take(DeltaEvent(step_id="unknown", delta="nobody's"))
    view.take(
        StepEvent(
            step_id="s", event={"type": "tool-call", "tool_call": {"id": "1", "name": "look", "input": "{}"}}
        )
    )
    view.take(StepEvent(step_id="s", event={"type": "tool-result", "tool_result": {"id": "1", "result": 7}}))
    view.take(GapEvent(characters=5, events=2))
    view.take(
        StepEvent(
            step_id="s",
            event={
                "type": "final",
                "text": "Once upon",
                "meta": {"usage": {"input_tokens": 1, "output_tokens": 2}},
            },
        )
    )
    view.take(EndEvent(outcome="ok"))
    step = view.steps["s"]
    assert (step.text, step.title, step.events) == ("Once upon", "✓ chatStep puppet-1 1+2 tok", 6)
    assert [(tool.name, tool.result) for tool in step.tools.values()] == [("look", "7")]
    assert view.output == [("log", "hello"), ("notice", "… 5 characters and 2 events are left out")]
    assert (view.state, view.changed) == ("done", {"s": None})


async def test_steps_and_output_are_shown_while_they_come_and_the_run_can_be_cancelled(
    scripted: Scripted,
) -> None:
    folder = scripted(
        '  - { match: first, stream: [{ text: "The first has begun" }, { stall: true }] }\n'
        '  - { match: second, stream: [{ text: "The second is done" }] }\n'
    )
    script = folder / "two.geppetto.js"
    script.write_text(SCRIPT)
    async with RunSupervisor() as supervisor:
        app = RunApp("two", lambda: supervisor.start(RunRequest(path=str(script))))
        async with app.run_test(size=(100, 30)) as pilot:
            await until(pilot, lambda: "✓ chatStep :4" in screen_text(app), 60)
            await until(pilot, lambda: "The second is done" in screen_text(app))
            text = screen_text(app)
            frame = app.query_one("#text-frame").content_region
            assert app.query_one("#text").region.y == frame.y, "a short text stands at the top"
            assert "now it begins" in text
            assert "● chatStep :3" in text
            await pilot.press("up")
            await until(pilot, lambda: "The first has begun" in screen_text(app))
            await pilot.press("escape")
            await until(pilot, lambda: "cancelled" in screen_text(app))
            assert "■ chatStep :3" in screen_text(app)
            await pilot.press("ctrl+y")
            assert app.clipboard == "The first has begun"
            await pilot.press("q")
            await until(pilot, lambda: app.return_value is not None)
    assert app.return_value is not None
    assert app.return_value.outcome == "cancelled"


async def test_keys_are_answered_while_a_flood_of_output_comes(scripted: Scripted) -> None:
    folder = scripted(
        f'  - stream: [{{ delta: "{"x" * 1000}", repeat: 1000 }}, {{ delta: "The very end." }}]\n'
    )
    script = folder / "flood.geppetto.js"
    script.write_text(
        'const stream = chatStep.startStream("Go");\n'
        'console.log("y".repeat(1_000_000));\n'
        "for (let n = 0; n < 30_000; n++) console.log(`line ${n}`);\n"
        "await stream.finalText();\n"
        'console.log("that was all");\n'
    )
    async with RunSupervisor() as supervisor:
        app = RunApp("flood", lambda: supervisor.start(RunRequest(path=str(script))))
        async with app.run_test(size=(100, 30)) as pilot:
            await until(pilot, lambda: re.search(r"line \d", screen_text(app)) is not None)
            assert "that was all" not in screen_text(app)  # it goes on
            await pilot.press("ctrl+y")
            await until(pilot, lambda: "that was all" in screen_text(app), 120)
            await until(pilot, lambda: "The very end." in screen_text(app))
            await pilot.press("ctrl+y")
            assert app.clipboard == "x" * 1_000_000 + "The very end."
            await pilot.press("q")
            await until(pilot, lambda: app.return_value is not None)


async def test_a_models_name_is_a_name_whatever_stands_in_it(scripted: Scripted) -> None:
    folder = scripted('  - stream: [{ text: "Said." }]\n')
    yaml = folder / "model.yaml"
    yaml.write_text('model: "puppet[/b]"\n' + yaml.read_text())
    script = folder / "say.geppetto.js"
    script.write_text('await chatStep.startStream("hi").finalText();\n')
    async with RunSupervisor() as supervisor:
        app = RunApp("say", lambda: supervisor.start(RunRequest(path=str(script))))
        async with app.run_test(size=(100, 30)) as pilot:
            await until(pilot, lambda: "✓ chatStep :1 puppet[/b]" in screen_text(app))
            await pilot.press("q")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudoterminals of this kind")
def test_on_a_terminal_errors_stay_when_the_screen_is_gone(scripted: Scripted) -> None:
    folder = scripted("  - stream: []\n")
    (folder / "bad.geppetto.js").write_text('throw new Error("a knot")\n')
    with on_terminal(folder, "run", "bad.geppetto.js", "--tui") as (terminal, running):
        read_until(terminal, b"failed")
        os.write(terminal, b"q")
        said = read_until(terminal, b"\x1b[?1049l") + read_until(terminal, b"bad.geppetto.js:1")
        assert b"a knot" in said
        assert running.wait(30) == 1
