"""One window of the workbench, as a person uses it: the keyboard, and what can be seen."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

from playwright.sync_api import Error, FloatRect, Locator, Page, TimeoutError

T = TypeVar("T")
PATIENCE = 60.0  # seconds: for a machine that is busy with other things
LINE = 60  # keys: all of them are to be seen

# Decorations put their text into the style of an empty span.
IN_THE_PAGE = r"""
window.inlineTexts = () => [...document.querySelectorAll('.view-line span span')]
    .map((span) => getComputedStyle(span, '::after').content)
    .filter((content) => content.startsWith('"'))
    .map((content) => content.slice(1, -1).replace(/\\(.)/g, '$1').replace(/\u00a0/g, ' '));
window.lineOf = (mark) => {
    const lines = [...document.querySelectorAll('.editor-group-container.active .view-line')]
        .sort((a, b) => parseInt(a.style.top) - parseInt(b.style.top));
    return 1 + lines.findIndex((line) => [...line.querySelectorAll('span span')]
        .some((span) => getComputedStyle(span, '::after').content.includes(mark)));
};
window.watch = () => {
    window.seen = [];
    window.began = undefined;
    window.watching ??= setInterval(() => {
        const now = inlineTexts().join('\n');
        if (window.seen.at(-1) !== now) {
            window.seen.push(now);
            window.changed = performance.now();
            if (now) window.began ??= window.changed;
        }
    }, 25);
};
// From the next key to the frame in which one more line is the text, and nothing else is in it.
window.typed = (text, seconds) => new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`${text} is not in the text`)), seconds * 1000);
    const lines = () => [...document.querySelectorAll('.editor-group-container.active .view-line')]
        .filter((line) => line.textContent === text).length;
    addEventListener('keydown', () => {
        const [pressed, before] = [performance.now(), lines()];
        const look = () => {
            if (lines() > before) resolve(performance.now() - pressed);
            else requestAnimationFrame(look);
        };
        look();
    }, { capture: true, once: true });
});
"""


class Editor:
    def __init__(self, page: Page, screenshots: Path) -> None:
        self.page = page
        page.set_default_timeout(PATIENCE * 1000)
        self._screenshots = screenshots

    # --- waiting

    def until(
        self, what: str, condition: Callable[[], T | Literal[False] | None], interval: float = 0.05
    ) -> T:
        """Waits until the condition gives something, and returns that; asks again after so many seconds."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                if found := condition():
                    return found
            except Error as error:
                # What was looked at has just been replaced.
                if not re.search("detached|not attached|context was destroyed", str(error)):
                    raise
            if time.monotonic() > deadline:
                picture = self.screenshot("in-vain")
                raise AssertionError(f"waited in vain for {what}; {picture} shows what was there instead")
            self.page.wait_for_timeout(interval * 1000)

    def screenshot(self, name: str) -> Path:
        """Keeps what is to be seen."""
        path = self._screenshots / f"{name}.png"
        self.page.screenshot(path=path)
        return path

    def screenshot_of_editors(self, name: str, height: int) -> None:
        """Keeps the upper part of the editors, in pixels."""
        box = self.page.locator(".part.editor").bounding_box()
        assert box is not None
        clip: FloatRect = {"x": box["x"], "y": box["y"], "width": box["width"], "height": height}
        self.page.screenshot(path=self._screenshots / f"{name}.png", clip=clip)

    # --- doing

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text, delay=20)

    def command(self, title: str) -> None:
        """Runs a command by its title in the command palette."""
        self._choose("F1", f">{title}", title)

    def open(self, name: str) -> None:
        """Opens a file of the workspace."""
        self._choose("Control+p", name, name)
        group = ".editor-group-container.active"
        self.page.locator(f'{group} .tab.active[data-resource-name="{name}"]').wait_for()
        self.page.locator(f"{group} .view-line").first.wait_for()

    def goto(self, line: int, column: int = 1) -> None:
        self.press("Control+g")
        self.page.locator(".quick-input-widget input").fill(f":{line}:{column}")
        self.press("Enter")
        self.until(f"line {line}", lambda: self._has_keys() and f"Ln {line}, Col {column}" in self.status())

    def mend(self, fix: str, *, screenshot: str = "") -> None:
        """Chooses a quick fix for what is wrong at the cursor; asks again if none is offered.

        Args:
            screenshot: of the upper part of the editors with the fixes, if it is wanted.
        """
        row = self.page.locator(".action-widget .monaco-list-row", has_text=fix)
        self.until("the fix", lambda: row.is_visible() or self.press("Escape", "Control+."), interval=2)
        if screenshot:
            self.screenshot_of_editors(screenshot, 180)
        row.click()

    def settings(self, **settings: object) -> None:
        """Replaces the settings of the workspace; `_` stands for a dot."""
        self.command("Preferences: Open Workspace Settings (JSON)")
        self.until("the settings", lambda: self.active() == "settings.json")
        self.page.locator(".editor-group-container.active .view-line").first.click()
        self.press("Control+a")
        self.page.keyboard.insert_text(json.dumps({key.replace("_", "."): settings[key] for key in settings}))
        self.press("Control+Shift+End", "Delete")  # the editor has closed what we closed
        self.press("Control+s")

    def lens(self, title: str) -> None:
        """Clicks on what stands above the script."""
        self.page.locator(".codelens-decoration a").get_by_text(title, exact=True).click()

    def button(self, name: str) -> None:
        """Clicks on a button above the active editor."""
        self.page.locator(f".editor-group-container.active .editor-actions a[aria-label^='{name}']").click()

    def row(self, text: str) -> Locator:
        """The first line with this text of what stands at the left: the explorer, or another view."""
        return self.page.locator(".part.sidebar .monaco-list-row", has_text=text).first

    def tooltip(self, row: Locator, text: str) -> None:
        """Rests with the mouse on a line until it tells a text."""

        def tells() -> bool:
            if text in "".join(self.texts(".workbench-hover")):
                return True
            self.page.locator(".part.editor").hover()  # what was clicked has none until the mouse comes again
            row.hover()
            return False

        self.until(f"a tooltip with {text!r}", tells, interval=2)

    def menu(self, row: Locator, title: str) -> None:
        """Chooses from the menu of a line."""
        row.click(button="right")
        line = self.page.locator(".monaco-menu .action-label", has_text=re.compile(f"^{re.escape(title)}"))
        line.hover()
        # A menu that has just come takes no clicks.
        self.until("the menu to be gone", lambda: not line.is_visible() or self.press("Enter"))

    def rename(self, name: str, new: str) -> None:
        """Gives a file of the workspace, which is in the editor, another name."""
        self.command("View: Show Explorer")
        self.row(name).click()
        self.press("F2")
        field = self.page.locator(".explorer-item-edited input")
        field.fill(new)
        field.press("Enter")
        self.until(f"the editor of {new}", lambda: self.active() == new or self.dialog())

    def answer(self, question: str, text: str) -> None:
        """Types the answer to a question."""
        self.page.locator(".quick-input-title", has_text=question).wait_for()
        self.page.locator(".quick-input-widget input").first.fill(text)
        self.press("Enter")

    def choose(self, question: str, text: str) -> None:
        """Chooses the first line with this text out of a list."""
        self.page.locator(".quick-input-title", has_text=question).wait_for()
        self.page.locator(".quick-input-list .monaco-list-row", has_text=text).first.click()

    def untitled(self, language: str, text: str) -> None:
        """Makes a text of a language that has no file yet."""
        self.command("File: New Untitled Text File")
        self.command("Change Language Mode")
        self.page.locator(".quick-input-widget input").first.fill(language)
        self.press("Enter")
        self.until("the language", lambda: language in self.status() and self._has_keys())
        self.page.keyboard.insert_text(text)

    def save_as(self, path: Path) -> None:
        """Saves the active editor's text, which has no file yet."""
        self.press("Control+s")
        self.page.locator(".quick-input-title", has_text="Save As").wait_for()
        field = self.page.locator(".quick-input-widget input").first
        # The proposal comes after the question, and a moment after that an answer is taken.
        self.until("a proposal", lambda: field.input_value().endswith(".js"))
        field.fill(str(path))
        is_saved = lambda: self.active() == path.name or self.press("Enter")  # noqa: E731
        self.until(f"the editor of {path.name}", is_saved, interval=1)

    def walkthrough(self, title: str) -> None:
        self.press("Escape", "F1")
        field = self.page.locator(".quick-input-widget input").first
        for typed in (">Welcome: Open Walkthrough...", title):
            field.fill(typed)
            self.page.locator(".quick-input-list .monaco-list-row", has_text=typed.lstrip(">")).first.click()
        self.page.locator(
            ".getting-started-category, .gettingStartedContainer", has_text=title
        ).first.wait_for()

    def trust(self) -> None:
        self.page.locator(".statusbar-item", has_text="Restricted Mode").click()
        self.page.get_by_role("button", name="Trust", exact=True).click()
        self.page.locator(".statusbar-item", has_text="Restricted Mode").wait_for(state="hidden")
        self.press("Escape")

    def tidy(self) -> None:
        """Closes all editors and messages, so that the next one finds nothing of it."""
        self.press("Escape", "Escape")
        self.command("Notifications: Clear All Notifications")
        self.command("View: Close All Editors")
        self.page.locator(".tab").first.wait_for(state="detached")
        self.page.mouse.move(640, 1)

    def typing_latencies(self, go_on: Callable[[int], object]) -> list[float]:
        """Types digits at the cursor, in an empty line: milliseconds from each key to the text that it makes.

        Args:
            go_on: asked before each key, with how many there were.
        """
        typed = ""
        latencies: list[float] = []
        while go_on(len(latencies)):
            if len(typed) == LINE:
                self.press("Enter")
                typed = ""
            typed += str(len(typed) % 10)
            self.page.evaluate("(wait) => { window.shown = typed(...wait); }", [typed, PATIENCE])
            self.press(typed[-1])
            latencies.append(self.page.evaluate("shown"))
        return latencies

    # --- seeing

    def texts(self, selector: str) -> list[str]:
        found = self.page.locator(selector).all_inner_texts()
        return [text.replace("\xa0", " ") for text in found]

    def lines(self) -> str:
        """The text of the active editor, as far as it can be seen."""
        lines = self.page.evaluate(
            """() => [...document.querySelectorAll('.editor-group-container.active .view-line')]
                .map((line) => [parseInt(line.style.top), line.innerText]).sort((a, b) => a[0] - b[0])
                .map(([, text]) => text)"""
        )
        return "\n".join(lines).replace("\xa0", " ")

    def active(self) -> str:
        """The name of the file that is being edited."""
        tab = self.page.locator(".editor-group-container.active .tab.active")
        return tab.get_attribute("data-resource-name") or "" if tab.count() else ""

    def status(self) -> str:
        return " ".join(self.texts(".statusbar-item"))

    def language_status(self) -> str:
        """What stands behind `{}` in the status bar, while it is open."""
        return " ".join(self.texts(".hover-language-status"))

    def has_picture(self, title: str) -> bool:
        """Whether a web view shows the picture with this text in its place."""
        look = "(alt) => [...document.images].some((image) => image.alt === alt && image.naturalWidth > 0)"
        return any(frame.evaluate(look, title) for frame in self.page.frames)

    def hover(self) -> str:
        """What is shown over the place of the cursor."""
        self.press("Control+k", "Control+i")
        hover = self.page.locator(".monaco-hover:not(.hidden) .hover-row")
        hover.first.wait_for()
        self.until("all of it", lambda: not self.texts(".monaco-hover:not(.hidden) .loading"))
        return "\n".join(self.texts(".monaco-hover:not(.hidden) .hover-row"))

    def inline(self) -> list[str]:
        """The texts that decorations show in all editors."""
        return self.page.evaluate("inlineTexts()")

    def line_of(self, mark: str) -> int:
        """The line of the active editor behind which a decoration with a mark stands; 0 if there is none."""
        return self.page.evaluate("lineOf", mark)

    def dialog(self) -> str:
        """What VS Code asks before anything else can be done."""
        return " ".join(self.texts(".monaco-dialog-box"))

    def streaming(self) -> list[str]:
        """Those of them that still grow."""
        return [text for text in self.inline() if text.endswith("▌")]

    def watch(self) -> None:
        """Begins to note every change of the inline texts."""
        self.page.evaluate("watch()")

    def seen(self) -> list[str]:
        """The different states of the inline texts since then."""
        return self.page.evaluate("seen")

    def watched(self) -> float:
        """Seconds from the first text to the last of these states."""
        return self.page.evaluate("(changed - began) / 1000")

    def output(self) -> str:
        """What the output panel shows."""
        return "\n".join(self.texts(".part.panel .view-line"))

    def messages(self) -> str:
        """The notifications on the screen."""
        return "\n".join(self.texts(".notifications-toasts .notification-list-item"))

    def problems(self) -> tuple[int, int]:
        """How many errors and warnings the status bar counts."""
        label = self.page.locator("#status\\.problems a").get_attribute("aria-label") or ""
        words = label.replace("Errors:", "").replace("Warnings:", "").replace(",", " ").split()
        numbers = [int(word) for word in words if word.isdigit()]
        errors = numbers[0] if "Errors" in label else 0
        return errors, numbers[-1] if "Warnings" in label else 0

    def suggestions(self) -> list[str]:
        return self.texts(".suggest-widget.visible .monaco-list-row .label-name")

    def suggested(self, label: str) -> list[str]:
        """Waits for a suggestion among others, and asks for it if the popup does not come by itself."""
        asked = time.monotonic()

        def are_there() -> list[str]:
            nonlocal asked
            found = self.suggestions()
            if label not in found and time.monotonic() - asked > 5:
                self.press("Escape", "Control+Space")
                asked = time.monotonic()
            return found if label in found else []

        return self.until(f"{label} among the suggestions", are_there)

    def _has_keys(self) -> bool:
        """Whether what is typed goes to the active editor: what asks for a line has them for a moment longer."""
        return self.page.evaluate(
            "document.activeElement?.closest('.editor-group-container.active .monaco-editor') != null"
        )

    def _choose(self, key: str, filter: str, label: str) -> None:
        field = self.page.locator(".quick-input-widget input").first
        exactly = self.page.locator(".label-name", has_text=re.compile(f"^{re.escape(label)}$"))
        row = self.page.locator(".quick-input-list .monaco-list-row").filter(has=exactly)

        def is_clicked() -> bool:
            try:
                if not field.is_visible():
                    self.press(key)
                elif field.input_value() != filter:
                    field.fill(filter, timeout=2000)
                elif row.count() > 0:
                    row.first.click(timeout=2000)
                    return True
            except TimeoutError:
                pass  # something else took the keys, and with them the list: it is asked for again
            return False

        self.press("Escape")
        self.until(f"{label!r} in the list", is_clicked)
        # It is gone, or asks for something else.
        self.until("it is chosen", lambda: not field.is_visible() or field.input_value() != filter)
