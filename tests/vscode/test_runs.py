"""Running scripts in VS Code, with the packaged extension and the server that it carries."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from statistics import median, quantiles

import pytest

from tests.vscode.conftest import SCREENSHOTS
from tests.vscode.editor import LINE, Editor
from tests.vscode.workbench import Workbench

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

TALKED = "Once upon a time there was a piece of wood."


def test_a_run_streams_into_the_text_and_the_output(editor: Editor) -> None:
    editor.open("story.geppetto.js")
    editor.watch()
    editor.lens("Run")
    editor.until("half of the story", lambda: any("costly wood" in text for text in editor.inline()))
    editor.until("the output", lambda: TALKED in editor.output())
    assert "The end" not in editor.output()
    assert "Once upon" not in editor.lines()  # the server's inlay hints would be there
    editor.screenshot("streaming")
    editor.until("the end", lambda: "The end, after 277 characters." in editor.output())
    editor.until("the numbers", lambda: any("60 tokens" in text for text in editor.inline()))
    editor.screenshot("run")
    streamed = [state.removesuffix(" ▌") for state in editor.seen() if state.endswith(" ▌")]
    growing = [state for state in streamed if not state.startswith("…")]
    assert len(growing) >= 3 and len(streamed) >= 6
    assert all(later.startswith(earlier) for earlier, later in pairwise(growing))
    assert editor.output().count(TALKED) == 1
    editor.goto(3, 25)
    assert editor.hover().count(TALKED) == 1  # the whole answer, from the extension alone
    editor.lens("Clear output")
    editor.until("nothing in the text", lambda: not editor.inline())


def test_cancel_stops_and_keeps_what_was_said(editor: Editor) -> None:
    editor.open("endless.geppetto.js")
    editor.lens("Run")
    editor.until("some text", lambda: any("and so on and so on" in text for text in editor.inline()))
    editor.lens("Cancel")
    editor.until("the end", lambda: "cancelled" in editor.output())
    kept = editor.until("what was said", lambda: [text for text in editor.inline() if "▌" not in text])
    assert "and so on and so on" in kept[0] and "cancelled" in kept[0]
    assert "and so on and so on" in editor.output()
    editor.until("no lens to cancel", lambda: "Cancel" not in editor.texts(".codelens-decoration a"))
    editor.screenshot("cancelled")


def test_a_long_run_tells_how_far_it_is_and_can_be_cancelled_there(editor: Editor) -> None:
    editor.settings(geppetto_run_notifyAfter=1)
    editor.open("endless.geppetto.js")
    editor.press("Control+Alt+Enter")
    told = editor.until("the message", lambda: "tokens" in editor.messages() and editor.messages())
    assert "endless.geppetto.js" in told and "and so on" in told
    editor.until(
        "the status", lambda: "endless.geppetto.js · ~" in editor.status() and " tokens · " in editor.status()
    )
    editor.screenshot("long-run")
    editor.page.locator(".notifications-toasts").get_by_role("button", name="Cancel").click()
    editor.until("the end", lambda: any("cancelled" in text for text in editor.inline()))
    editor.until("no message", lambda: "endless" not in editor.messages())
    editor.settings()


def test_two_runs_at_once(editor: Editor) -> None:
    editor.open("endless.geppetto.js")
    editor.command("Geppetto: Run Script")
    editor.until("the first", lambda: len(editor.streaming()) == 1)
    editor.command("View: Split Editor Right")
    editor.open("ceaseless.geppetto.js")
    editor.command("Geppetto: Run Script")
    editor.until("both", lambda: len(editor.streaming()) == 2)
    editor.screenshot("two-runs")
    editor.command("Geppetto: Cancel Run")  # of the script in the editor
    editor.until("the end of the second", lambda: any("cancelled" in text for text in editor.inline()))
    editor.until("the first to go on", lambda: len(editor.streaming()) == 1)
    editor.open("endless.geppetto.js")
    editor.button("Cancel")
    editor.until("the end of the first", lambda: not editor.streaming())


def test_a_renamed_script_keeps_its_run(editor: Editor) -> None:
    editor.open("endless.geppetto.js")
    editor.command("Geppetto: Run Script")
    editor.until("the text", lambda: len(editor.streaming()) == 1)
    line = editor.line_of("▌")
    editor.goto(1)
    editor.press("Enter", "Control+s")
    editor.rename("endless.geppetto.js", "forever.geppetto.js")
    assert "refactoring" not in editor.dialog()
    editor.until("the text at its call", lambda: editor.line_of("▌") == line + 1)
    editor.lens("Cancel")
    editor.until("the end", lambda: any("cancelled" in text for text in editor.inline()))
    editor.goto(1)
    editor.press("Control+Shift+k", "Control+s")
    editor.rename("forever.geppetto.js", "endless.geppetto.js")


def test_the_runs_of_an_untitled_script_are_those_of_the_file_that_it_is_saved_as(
    editor: Editor, workbench: Workbench
) -> None:
    editor.settings(files_insertFinalNewline=True)
    editor.untitled("Geppetto (JavaScript)", 'await chatStep.startStream("Untitled words").finalText();')
    editor.command("Geppetto: Run Script")
    editor.until("the text", lambda: any("Untitled words" in text for text in editor.inline()))
    editor.save_as(workbench.home / "workspace" / "fresh.geppetto.js")
    editor.until("the text in the file", lambda: editor.line_of("Untitled words") == 1)
    editor.goto(1)
    editor.press("Enter")
    editor.until("the text at its call", lambda: editor.line_of("Untitled words") == 2)
    editor.press("Control+z", "Control+s")
    editor.settings()


def test_thirty_streams_at_once_are_kept_apart(editor: Editor) -> None:
    editor.open("many.geppetto.js")
    editor.command("Geppetto: Run Script")
    editor.until("the end", lambda: "Answers: 30" in editor.output())
    (shown,) = editor.until("the numbers", lambda: [text for text in editor.inline() if "30 times" in text])
    assert "30 says שלום and Ciao" in shown
    editor.command("View: Toggle Maximized Panel")
    editor.until("all of it", lambda: "Puppet 1 " in editor.output())
    said = [line for line in editor.output().splitlines() if line.startswith("Puppet")]
    answers = sorted(f"Puppet {i} says שלום and Ciao 👋 and goes home." for i in range(1, 31))
    assert sorted(said) == answers
    editor.command("View: Toggle Maximized Panel")


def test_an_error_of_a_run_is_shown_at_its_place(editor: Editor) -> None:
    editor.open("fails.geppetto.js")
    editor.until("the lens", lambda: "Run" in editor.texts(".codelens-decoration a"))
    assert editor.problems() == (0, 0)
    editor.command("Geppetto: Run Script")
    editor.until("the problem", lambda: editor.problems() == (1, 0))
    editor.until("the squiggle", lambda: editor.page.locator(".squiggly-error").count() == 1)
    editor.until("the story", lambda: "is not valid JSON" in editor.output())
    editor.screenshot("failed")
    editor.goto(3, 7)
    assert "Pinocchio" in editor.hover()


def test_a_selection_runs_with_what_it_needs(editor: Editor) -> None:
    editor.open("parts.geppetto.js")
    editor.goto(3)
    editor.press("Shift+End", "Control+Shift+Enter")
    editor.until("the output", lambda: "first un bastone" in editor.output() and "── ok" in editor.output())
    assert "parts.geppetto.js · line 3" in editor.output() and "second" not in editor.output()
    editor.screenshot("selection")


# --- what is asked for before, and what can be done after


def test_params_are_asked_for_and_runs_are_looked_at_afterwards(editor: Editor) -> None:
    editor.command("View: Show Explorer")
    editor.menu(editor.row("greet.geppetto.js"), "Run Script with Params")
    editor.answer("greet.geppetto.js: name", "Pinocchio")
    editor.until("the first run", lambda: "That were 16 characters." in editor.output())
    assert 'greet.geppetto.js · {"name":"Pinocchio"}' in editor.output()

    editor.open("greet.geppetto.js")
    editor.button("Run Script")
    editor.answer("greet.geppetto.js: name", "Lucignolo")
    editor.until("the second run", lambda: "Lucignolo" in editor.output() and "── ok" in editor.output())
    editor.command("Geppetto: Run Last Script Again")  # without asking
    editor.until("the third run", lambda: len(runs(editor, "greet")) == 3)
    editor.until("its end", lambda: all("ok ·" in run for run in runs(editor, "greet")))
    editor.until("its name", lambda: "Lucignolo" in editor.output())

    editor.row("line 6").click()
    editor.until("the place of the step", lambda: "Ln 6, Col" in editor.status())
    editor.tooltip(editor.row("line 6"), "Hello Lucignolo!")
    editor.menu(editor.row("greet"), "Replay Run")
    editor.until("the replay", lambda: "greet.geppetto.js · replay" in editor.output())
    editor.until("its answer", lambda: "Hello Lucignolo!" in editor.output())
    editor.screenshot("runs-view")

    editor.command("Geppetto: Copy Output of Run")
    copied = editor.until("the copy", lambda: editor.page.evaluate("navigator.clipboard.readText()"))
    assert "Hello Lucignolo!\nThat were 16 characters.\n── ok · " in copied.replace("\r\n", "\n")

    editor.command("Geppetto: Compare Runs…")
    editor.choose("Compare a run", "Lucignolo")
    editor.choose("Compare with", "Pinocchio")
    editor.page.locator(
        ".monaco-diff-editor .editor.modified .view-line", has_text="Hello Lucignolo!"
    ).wait_for()
    editor.page.locator(
        ".monaco-diff-editor .editor.original .view-line", has_text="Hello Pinocchio!"
    ).wait_for()
    editor.screenshot("compared")

    editor.command("Geppetto: Open Run as JSON")
    editor.until("the document", lambda: editor.active().endswith(".json"))
    editor.until("its text", lambda: '"outcome": "ok"' in editor.lines())
    editor.screenshot("json")

    editor.open("greet.geppetto.js")
    editor.until("the text", editor.inline)
    editor.command("Geppetto: Clear All Output")
    editor.until("nothing in the text", lambda: editor.inline() == [])
    editor.until("nothing in the output", lambda: "Lucignolo" not in editor.output())
    editor.command("Geppetto: Remove Ended Runs from View")
    editor.until("an empty view", lambda: runs(editor, "") == [])


def runs(editor: Editor, name: str) -> list[str]:
    """The lines of the Runs view that are of runs of a script; brings the view to the front."""
    if not editor.page.locator(".sidebar .title-label", has_text="Geppetto: Runs").is_visible():
        editor.command("Geppetto: Focus on Runs View")
    rows = editor.texts(".part.sidebar .monaco-list-row[aria-level='1']")
    return [" ".join(row.split()) for row in rows if name in row]


def test_a_profile_is_chosen_and_runs_use_it(editor: Editor, workbench: Workbench) -> None:
    editor.open("greet.geppetto.js")
    editor.command("Geppetto: Select Profile…")
    editor.choose("Geppetto: Profile", "brief")
    settings = workbench.home / "workspace/.vscode/settings.json"
    editor.until("the setting", lambda: settings.exists() and '"brief"' in settings.read_text())
    editor.command("Geppetto: Run Script")
    editor.answer("greet.geppetto.js: name", "Geppetto")
    editor.until("the profile", lambda: "greet.geppetto.js · profile brief" in editor.output())
    editor.until("the answer", lambda: "Hello Geppetto!" in editor.output())
    editor.settings()


# --- looks


def test_icons_and_colours_in_every_kind_of_theme(editor: Editor) -> None:
    """What they look like is in the screenshots."""
    editor.open("many.geppetto.js")
    editor.command("Geppetto: Run Script")
    editor.until("the end", lambda: "Answers: 30" in editor.output())
    editor.until("the run in the view", lambda: runs(editor, "many"))
    kinds = {
        "Default Dark Modern": "vs-dark",
        "Default High Contrast": "hc-black",
        "Default Light Modern": "vs",
    }
    for theme, kind in kinds.items():
        editor.settings(workbench_colorTheme=theme)
        editor.page.locator(f".monaco-workbench.{kind}").wait_for()
        editor.open("many.geppetto.js")
        editor.until("the numbers", lambda: [text for text in editor.inline() if "30 times" in text])
        editor.screenshot(f"theme-{kind}")
    editor.settings()


MOST_KEYS = 600  # more would push the script off the screen


def test_a_flood_leaves_the_editor_usable(editor: Editor, capsys: pytest.CaptureFixture[str]) -> None:
    editor.command("Geppetto: Focus on Runs View")  # all that draws is on the screen
    editor.open("flood.geppetto.js")
    editor.goto(4)
    quiet = editor.typing_latencies(lambda keys: keys < 30)
    editor.press("End", "Enter")
    editor.watch()
    editor.command("Geppetto: Run Script")
    editor.until("the flood", editor.streaming)
    # A text behind a call that is being replaced is not there for a moment: the status tells of the end.
    flooded = editor.typing_latencies(lambda keys: keys < MOST_KEYS and "ok · " not in editor.status())
    editor.until("the output", lambda: "Rain: " in editor.output())
    states = [state for state in editor.seen() if state]
    assert (
        3 <= len(states) <= editor.watched() / 0.1 + 10
    )  # drawn ten times a second, not once for each delta
    assert len(flooded) > 1
    typed = "".join(str(i % LINE % 10) for i in range(len(flooded)))
    assert typed in editor.lines().replace("\n", "")
    report = {
        "deltas": 20_000,
        "drawings": len(states),
        "seconds": round(editor.watched(), 1),
        "load": round(os.getloadavg()[0], 1),
        "processors": os.cpu_count(),
        "keys": len(flooded),
        "ms_a_key": spread(flooded),
        "keys_without": len(quiet),
        "ms_a_key_without": spread(quiet),
    }
    (SCREENSHOTS.parent / "typing-in-a-flood.json").write_text(json.dumps(report, indent=2))
    with capsys.disabled():
        print(f"\ntyping in a flood: {json.dumps(report)}")


def spread(values: list[float]) -> dict[str, int]:
    p95 = quantiles(values, n=20, method="inclusive")[-1]
    return {"median": round(median(values)), "p95": round(p95), "worst": round(max(values))}
