"""A folder whose model is a script, and what stands on a screen."""

import html
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of the user's own: neither settings nor earlier questions."""
    folder = tmp_path / "home"
    folder.mkdir()
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(name, str(folder))
    return folder


@pytest.fixture
def scripted(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder in which a model says what the test wants."""

    def make(responses: str, **profiles: str) -> Path:
        folder = tmp_path / "work"
        folder.mkdir()
        (folder / "model.yaml").write_text(f"responses:\n{responses}", "utf-8")
        tables = "".join(
            f'[profiles.{name}.chat]\nprovider = "{provider}"\n' for name, provider in profiles.items()
        )
        (folder / "geppetto.toml").write_text(
            f'[chat]\nprovider = "scripted"\nscript = "model.yaml"\n{tables}', "utf-8"
        )
        return folder

    return make


def screen_text(app: App[Any]) -> str:
    """What stands on the screen, line by line, without blanks at the ends and empty lines."""
    lines: dict[float, list[tuple[float, str]]] = {}
    for x, y, text in re.findall(
        r'<text class="[^"]*" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>', app.export_screenshot()
    ):
        lines.setdefault(float(y), []).append((float(x), html.unescape(text).replace("\xa0", " ")))
    whole = ("".join(text for _, text in sorted(lines[y])).rstrip() for y in sorted(lines))
    return "\n".join(line for line in whole if line.strip())


async def until(pilot: "Pilot[Any]", condition: Callable[[], bool], seconds: float = 60) -> None:
    """Lets the app work until something is so."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        await pilot.pause(0.05)
    raise AssertionError("it did not come to it; on the screen:\n" + screen_text(pilot.app))
