"""A session in a real Helix, by the recipe in `docs/editors.md`, typed and read in a terminal."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
OWN = ROOT / ".cache" / "helix" / "bin" / "hx"  # made by `make helix`
SCRIPT = """\
const conversation = new Conversation();
conversation.addMessage("human", "😀"); missing;
"""


class Terminal:
    """Helix in a terminal of its own."""

    def __init__(self, folder: Path, command: list[str], environment: dict[str, str]) -> None:
        self._tmux = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        self._environment = environment
        self._call("new-session", "-d", "-s", "it", "-x", "160", "-y", "40", *command)

    def press(self, *keys: str) -> None:
        self._call("send-keys", "-t", "it", *keys)

    def type(self, text: str) -> None:
        self._call("send-keys", "-t", "it", "-l", text)

    def insert(self, key: str, text: str) -> None:
        """Begins to insert with a key, and pastes: keys that come faster than a person's, older versions of Helix
        tell its servers of in the wrong order."""
        self.press(key)
        self.until(lambda screen: " INS " in screen)
        self._call("set-buffer", text)
        self._call("paste-buffer", "-p", "-t", "it")
        self.until(lambda screen: text in screen)

    def escape(self) -> None:
        """Leaves insert mode. What is typed together with Escape would make another key of it."""
        self.press("Escape")
        self.until(lambda screen: " NOR " in screen)

    def command(self, text: str) -> None:
        """In normal mode."""
        self.type(f":{text}")
        self.press("Enter")

    def screen(self) -> str:
        return self._call("capture-pane", "-p", "-t", "it")

    def until(self, condition: Callable[[str], bool], *, again: Callable[[], None] = lambda: None) -> str:
        """The screen, once it is as expected; does something again every few seconds until then."""
        end = time.monotonic() + 60
        next_try = time.monotonic() + 5
        while not condition(screen := self.screen()):
            assert time.monotonic() < end, screen
            if time.monotonic() > next_try:
                again()
                next_try = time.monotonic() + 5
            time.sleep(0.1)
        return screen

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, timeout=60)

    def _call(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._tmux, *arguments],
            cwd=self._environment["HERE"],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def helix(tmp_path: Path) -> Iterator[Terminal]:
    found = shutil.which("hx") or (str(OWN) if OWN.is_file() else None)
    if found is None or shutil.which("tmux") is None:
        pytest.skip("Helix or tmux is not installed: `make helix`, `apt-get install tmux`")
    page = (ROOT / "docs" / "editors.md").read_text("utf-8").partition("## Helix")[2]
    languages, keys = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    workspace, home, programs = (tmp_path / name for name in ("w s#é", "home", "bin"))
    for folder in (workspace, home / "helix", programs):
        folder.mkdir(parents=True)
    (workspace / "talk it.geppetto.js").write_text(SCRIPT, "utf-8")
    (home / "helix" / "languages.toml").write_text(languages, "utf-8")
    (home / "helix" / "config.toml").write_text(keys, "utf-8")
    (programs / "geppetto").write_text(f'#!/bin/sh\nexec {sys.executable} -m geppetto "$@"\n')
    (programs / "geppetto").chmod(0o755)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("GEPPETTO_", "TMUX"))},
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        **{f"XDG_{name}_HOME": str(home) for name in ("CONFIG", "CACHE", "DATA", "STATE")},
        "GEPPETTO_STATE_DIR": str(home),
        "HERE": str(workspace),
        "HOME": str(home),
        "TERM": "xterm-256color",
        "TMPDIR": str(tmp_path),
        "LC_ALL": "C.UTF-8",
    }
    terminal = Terminal(tmp_path, [found, "talk it.geppetto.js"], environment)
    try:
        yield terminal
    finally:
        terminal.close()


def test_a_session(helix: Terminal, tmp_path: Path) -> None:
    script = tmp_path / "w s#é" / "talk it.geppetto.js"

    def saved(condition: Callable[[str], bool]) -> str:
        """The script on disk, once it is as expected."""
        helix.until(lambda _: condition(script.read_text("utf-8")), again=lambda: helix.command("write"))
        return script.read_text("utf-8")

    # Diagnostics: ours with their fixes, TypeScript's at the right place behind an emoji.
    helix.until(lambda screen: "● 2" in screen)
    helix.press("]", "d")
    helix.until(lambda screen: 'There is no role "human"' in screen)
    helix.press("Space", "a")
    helix.until(lambda screen: 'Change it to "user"' in screen)
    helix.press("Enter")
    helix.until(lambda screen: 'addMessage("user", "😀")' in screen and "● 1" in screen)
    helix.command("1")
    helix.press("]", "d")
    helix.insert("c", "params")  # what it marks is replaced
    helix.escape()
    helix.until(lambda screen: '"😀"); params;' in screen)

    helix.command("1")
    helix.press("w", "l", "Space", "r")
    helix.until(lambda screen: "rename-to:" in screen)
    helix.press("C-u")
    helix.type("chat")
    helix.press("Enter")
    helix.until(lambda screen: "const chat = " in screen and "chat.addMessage" in screen)

    helix.command("2")
    helix.insert("o", "chat.addT")
    helix.until(
        lambda screen: "addToolResult" in screen and "addToolUse" in screen,
        again=lambda: helix.press("C-x"),
    )
    helix.escape()
    helix.press("x", "d")
    helix.command("1")
    helix.press("w", "l", "Space", "k")
    helix.until(lambda screen: "const chat: Conversation" in screen)

    helix.command("2")
    helix.insert("o", "if (true) {   console.log('printed')  }")
    helix.escape()
    helix.command("format")
    text = saved(lambda text: "{ console.log" in text)
    assert text.splitlines()[1:] == [
        'chat.addMessage("user", "😀"); params;',
        "if (true) { console.log('printed') }",
    ]

    if not re.search(r"25\.0[1-6]|24\.", version()):  # their keys know no %{…}
        helix.command("2")
        helix.insert("o", "console.log('unsaved'); null.x")
        helix.escape()
        helix.press("Space", "i", "r")
        shown = helix.until(
            lambda screen: "— error after" in screen, again=lambda: helix.press("Space", "i", "o")
        )
        assert "unsaved" in shown


def version() -> str:
    found = shutil.which("hx") or str(OWN)
    return subprocess.run([found, "--version"], capture_output=True, text=True, timeout=60).stdout
