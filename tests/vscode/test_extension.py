"""The packaged extension in VS Code, with the server that it carries."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from tests.vscode.editor import Editor
from tests.vscode.workbench import Workbench

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


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
    editor.until("the squiggle", lambda: editor.page.locator(".squiggly-error").count() == 1)
    editor.goto(2, 26)
    editor.mend('Change it to "user"', screenshot="quick-fix")
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


def test_a_server_in_the_environment_of_the_python_extension_and_one_that_is_too_old(
    editor: Editor, workbench: Workbench
) -> None:
    environment = Path(sys.executable).parent
    editor.settings(python_defaultInterpreterPath=sys.executable)
    started = f"Starting {environment}/geppetto lsp (python)"
    editor.until("the server of that environment", lambda: started in workbench.log())
    editor.open("role.geppetto.js")
    editor.until("an answer", lambda: editor.texts(".codelens-decoration a"))
    editor.page.locator("#status\\.languageStatus").click()
    editor.until(
        "its place", lambda: "from the environment of the Python extension" in editor.language_status()
    )
    editor.screenshot("python-environment")
    editor.press("Escape")
    assert "is version" not in editor.messages()

    old = an_environment_with_a_server_that_is_too_old(workbench.home / "old")
    editor.settings(python_defaultInterpreterPath=str(old / "python"))
    told = editor.until(
        "the message", lambda: re.search(r"The Geppetto server is version 0\.0\.9.*", editor.messages())
    )
    assert "this extension is 0." in told[0] and "pip install --upgrade geppetto" in told[0]
    editor.screenshot("too-old")
    editor.settings()
    editor.until("the bundled one again", lambda: workbench.find("lsp"))


def an_environment_with_a_server_that_is_too_old(folder: Path) -> Path:
    """The folder of its programs."""
    folder.mkdir()
    (folder / "python").symlink_to(sys.executable)
    server = folder / "geppetto"
    server.write_text(
        f"#!{sys.executable}\n"
        "import sys, geppetto\n"
        "geppetto.__version__ = '0.0.9'\n"
        "from geppetto.cli.main import main\n"
        "sys.exit(main())\n"
    )
    server.chmod(0o755)
    return folder


def test_the_report_tells_what_helps_to_help(editor: Editor) -> None:
    editor.open("types.geppetto.js")
    editor.command("Geppetto: Show Diagnostics Report")
    editor.until("the report", lambda: editor.active() == "Geppetto diagnostics report.md")
    shown = editor.until("its text", lambda: editor.lines() if "## geppetto doctor" in editor.lines() else "")
    assert "state: running" in shown and "bundled with the extension" in shown
    editor.screenshot("report")


def test_the_walkthrough_shows_pictures_and_makes_a_first_script(editor: Editor) -> None:
    editor.command("View: Toggle Primary Side Bar Visibility")  # pictures need room
    editor.walkthrough("Get started with Geppetto")
    steps = {
        "Run it": "The answer stands behind the call that asked for it, and in the output",
        "Make a first script": "A role that does not exist, and its quick fix",
    }
    for step, picture in steps.items():
        editor.page.locator(".step-title", has_text=step).click()
        editor.until("the picture", lambda: editor.has_picture(picture))  # noqa: B023 (called at once)
        editor.screenshot("walkthrough-" + step.split()[0].lower())
    editor.page.get_by_role("button", name="New Script").click()
    editor.until("the script", lambda: editor.active() == "hello.geppetto.js")
    editor.until("its text", lambda: "chatStep.startStream(" in editor.lines())
    editor.command("View: Toggle Primary Side Bar Visibility")


def test_a_server_that_is_not_there_is_told_and_a_way_out(editor: Editor, workbench: Workbench) -> None:
    editor.open("complete.geppetto.js")
    editor.until("the server", lambda: workbench.find("lsp"))
    editor.settings(geppetto_server_path="/nowhere/geppetto")
    told = editor.until("the message", lambda: re.search(r"(?s).*/nowhere/geppetto.*", editor.messages()))
    assert "geppetto.server.path" in told[0] and "Retry" in told[0] and "Show Log" in told[0]
    editor.screenshot("no-server")
    broken = workbench.home / "geppetto"
    broken.write_text("#!/bin/sh\necho 'ImportError: no strings attached' >&2\nexit 3\n")
    broken.chmod(0o755)
    editor.settings(geppetto_server_path=str(broken))
    said = "It said: ImportError: no strings attached"
    told = editor.until("what it said", lambda: re.search(f"(?s).*{said}.*", editor.messages()))
    assert "ended with exit code 3" in told[0]
    editor.screenshot("broken-server")
    editor.settings()
    editor.until("the server", lambda: workbench.find("lsp"))
    editor.open("complete.geppetto.js")
    editor.until("an answer", lambda: editor.texts(".codelens-decoration a"))
