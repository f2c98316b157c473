"""The packaged extension in VS Code, with the server that it carries."""

from __future__ import annotations

import os
import re
import signal
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.vscode.editor import Editor
from tests.vscode.workbench import Workbench

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

TALKED = "Once upon a time there was a piece of wood."


def test_no_runs_in_restricted_mode_but_the_language(restricted: Editor) -> None:
    editor = restricted  # until a later test trusts its workspace
    editor.open("complete.geppetto.js")
    editor.goto(2)
    editor.type("conversation.addM")
    editor.suggested("addMessage")
    editor.press("Escape")
    editor.command("Geppetto: Run Script")
    editor.until("the reason", lambda: "Scripts do not run in Restricted Mode" in editor.messages())
    editor.screenshot("restricted")
    assert editor.inline() == []
    editor.tidy()


def test_the_bundled_server_is_installed_once_whatever_was_left_half(
    editor: Editor, workbench: Workbench
) -> None:
    editor.open("complete.geppetto.js")
    editor.until("the server", lambda: "Connected to server" in workbench.log())
    installed = [path for path in workbench.servers.iterdir() if path.is_dir()]
    assert len(installed) == 1 and (installed[0] / "pyvenv.cfg").is_file()
    assert f"{installed[0]}/bin/python -I -m geppetto lsp (bundled)" in workbench.log()


# --- language


def test_a_member_is_completed_once_and_inserted(editor: Editor) -> None:
    editor.open("complete.geppetto.js")
    editor.goto(1)
    editor.press("End", "Enter")
    editor.type("conversation.addM")
    assert editor.suggested("addMessage").count("addMessage") == 1  # the built-in TypeScript adds nothing
    editor.screenshot_of_editors("completion", 220)
    editor.press("Enter")
    editor.until("the text", lambda: "conversation.addMessage\n" in editor.lines() + "\n")


def test_a_wrong_role_is_squiggled_and_mended(editor: Editor) -> None:
    editor.open("role.geppetto.js")
    editor.until("one problem", lambda: editor.problems() == (1, 0))
    assert editor.page.locator(".squiggly-error").count() == 1
    editor.goto(2, 26)
    editor.press("Control+.")
    fix = editor.page.locator(".action-widget .monaco-list-row", has_text='Change it to "user"')
    fix.wait_for()
    editor.screenshot_of_editors("quick-fix", 180)
    fix.click()
    editor.until("the mended text", lambda: 'addMessage("user", "Hello")' in editor.lines())
    editor.until("no problem", lambda: editor.problems() == (0, 0))


def test_an_error_of_types_is_told_once(editor: Editor) -> None:
    editor.open("types.geppetto.js")
    editor.until("one problem", lambda: editor.problems() == (1, 0))
    editor.goto(2, 10)
    shown = editor.hover()
    assert shown.count("does not exist on type") == 1
    assert "Geppetto (JavaScript)" in editor.status()


def test_hover_documents_the_api_and_its_definition_is_in_the_typings(editor: Editor) -> None:
    editor.open("story.geppetto.js")
    editor.goto(3, 25)
    shown = editor.hover()
    assert "Runs the step and returns its stream at once" in shown
    assert shown.count("startStream(input:") == 1
    editor.press("Escape", "F12")
    editor.until("the typings", lambda: editor.active() == "geppetto.d.ts")
    editor.until("the method", lambda: "startStream(input: In" in editor.lines())


# --- runs


def test_a_run_streams_into_the_text_and_the_output(editor: Editor) -> None:
    editor.open("story.geppetto.js")
    editor.watch()
    editor.lens("Run")
    editor.until("half of the story", lambda: any("costly wood" in text for text in editor.inline()))
    editor.until("the output", lambda: TALKED in editor.output())
    assert "The end" not in editor.output()
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


def test_two_runs_at_once(editor: Editor) -> None:
    editor.open("endless.geppetto.js")
    editor.command("Geppetto: Run Script")
    editor.until("the first", lambda: len(editor.streaming()) == 1)
    editor.command("View: Split Editor Right")
    editor.open("story.geppetto.js")
    editor.command("Geppetto: Run Script")
    editor.until("both", lambda: len(editor.streaming()) == 2)
    editor.screenshot("two-runs")
    editor.until("the end of the second", lambda: any("60 tokens" in text for text in editor.inline()))
    editor.until("the first to go on", lambda: len(editor.streaming()) == 1)
    editor.command("Geppetto: Cancel Run")
    editor.until("the end of the first", lambda: any("cancelled" in text for text in editor.inline()))


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


def test_a_flood_leaves_the_editor_usable(editor: Editor, capsys: pytest.CaptureFixture[str]) -> None:
    editor.open("flood.geppetto.js")
    editor.goto(4)
    editor.watch()
    editor.command("Geppetto: Run Script")
    editor.until("the flood", lambda: any("d" in text for text in editor.inline()))
    typed = ""
    latencies: list[float] = []
    while not typed or (editor.streaming() and len(latencies) < 40):
        typed += str(len(latencies) % 10)
        latencies.append(editor.typing_latency(typed[-1], typed))
    editor.until("the end", lambda: any("20,000 tokens" in text for text in editor.inline()))
    states = [state for state in editor.seen() if state]
    assert 3 <= len(states) < 20_000 / 50  # drawn at a bounded rate, not once for each delta
    assert typed and typed in editor.lines()
    worst, middle = max(latencies), sorted(latencies)[len(latencies) // 2]
    with capsys.disabled():
        print(
            f"\ntyping in a flood: {middle:.0f} ms a key (median), {worst:.0f} ms at worst, {len(typed)} keys"
        )


# --- when something is wrong


def test_a_killed_server_is_started_again(editor: Editor, workbench: Workbench) -> None:
    editor.open("complete.geppetto.js")
    before = editor.until("the server", lambda: workbench.find("lsp"))
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    editor.until("another one", lambda: set(workbench.find("lsp")) - set(before))
    editor.goto(1)
    editor.press("End", "Enter")
    editor.type("conversation.addM")
    assert editor.suggested("addMessage").count("addMessage") == 1


def test_a_server_that_is_not_there_is_told_and_a_way_out(editor: Editor, workbench: Workbench) -> None:
    editor.open("complete.geppetto.js")
    editor.until("the server", lambda: workbench.find("lsp"))
    editor.settings(geppetto_server_path="/nowhere/geppetto")
    told = editor.until("the message", lambda: re.search(r"(?s).*/nowhere/geppetto.*", editor.messages()))
    assert "geppetto.server.path" in told[0] and "Retry" in told[0] and "Show Log" in told[0]
    editor.screenshot("no-server")
    editor.settings()
    editor.until("the server", lambda: workbench.find("lsp"))
    editor.open("complete.geppetto.js")
    editor.until("an answer", lambda: editor.texts(".codelens-decoration a"))


def test_nothing_is_left_running(window: Editor, workbench: Workbench) -> None:
    window.page.close()
    assert workbench.members()
    workbench.stop()
    deadline = time.monotonic() + 60
    while (left := workbench.members()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left, [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in left]
