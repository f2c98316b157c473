"""VS Code without our extension: by the recipe in `docs/editors.md`, and with nothing but the typings."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.vscode.conftest import SCREENSHOTS
from tests.vscode.editor import IN_THE_PAGE, PATIENCE, Editor
from tests.vscode.workbench import ROOT, Workbench

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CLIENT = ROOT / "vscode-extension" / "node_modules"  # what `npm install` would bring
SCRIPT = """\
const conversation = new Conversation();
conversation.addMessage("human", "hi");
missing;
"""
RUN = """\
const answer: string = await echoStep.startStream("one two three").finalText();
console.log(answer.toUpperCase());
"""


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Generator[Callable[[Path], Editor]]:
    """Opens a window on a folder; `tmp_path / "extensions"` has the extensions."""
    workbench = Workbench(tmp_path)

    def show(folder: Path) -> Editor:
        (folder / "talk.geppetto.js").write_text(SCRIPT, "utf-8")
        (folder / "run.geppetto.ts").write_text(RUN, "utf-8")
        workbench.start(asks_for_trust=False)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.add_init_script(IN_THE_PAGE)
        page.goto(workbench.url(folder), timeout=PATIENCE * 1000)
        page.locator("#status\\.problems").wait_for(timeout=PATIENCE * 1000)
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        return Editor(page, SCREENSHOTS)

    try:
        yield show
    finally:
        workbench.stop()


def complete_a_member(editor: Editor) -> None:
    editor.goto(1)
    editor.press("End", "Enter")
    editor.type("conversation.addM")
    assert editor.suggested("addMessage").count("addMessage") == 1
    editor.press("Enter")
    editor.type('("user", "hi");')


def test_an_extension_of_ones_own(show: Callable[[Path], Editor], tmp_path: Path) -> None:
    page = (ROOT / "docs" / "editors.md").read_text("utf-8").partition("## VS Code without")[2]
    package, client, colours, *_ = re.findall(r"```\w+\n(.*?)```", page, re.DOTALL)
    program = tmp_path / "geppetto"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m geppetto "$@"\n')
    program.chmod(0o755)
    folder = tmp_path / "extensions" / "geppetto-0.0.1"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(package)
    (folder / "extension.js").write_text(client.replace('"geppetto", args', f'"{program}", args'))
    (folder / "colours.json").write_text(colours)
    (folder / "node_modules").symlink_to(CLIENT)
    (tmp_path / "w s#é").mkdir()

    editor = show(tmp_path / "w s#é")
    editor.open("talk.geppetto.js")
    editor.until("two problems", lambda: editor.problems() == (2, 0))
    complete_a_member(editor)
    editor.goto(3, 26)
    editor.mend('Change it to "user"')
    editor.until("one problem", lambda: editor.problems() == (1, 0))
    editor.open("run.geppetto.ts")
    editor.lens("Run")
    editor.until("the answer at its call", lambda: "one two three · 3 tokens" in editor.lines())
    editor.screenshot("without-extension")
    editor.lens("Show output")
    editor.until("the output", lambda: "ONE TWO THREE" in editor.lines() and "— ok after" in editor.lines())


def test_nothing_but_the_typings(show: Callable[[Path], Editor], tmp_path: Path) -> None:
    folder = tmp_path / "scripts"
    subprocess.run(
        [sys.executable, "-m", "geppetto", "init", "--editor", str(folder)], check=True, timeout=60
    )
    editor = show(folder)
    editor.open("talk.geppetto.js")
    editor.until("two problems", lambda: editor.problems() == (2, 0))
    complete_a_member(editor)
    editor.open("run.geppetto.ts")
    editor.until("no more problems", lambda: editor.problems() == (2, 0))
