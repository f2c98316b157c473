"""A real browser for the tests that need one."""

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium(home: Path | None = None) -> Generator[Browser]:
    """Chromium while the context lasts, in a home of its own if one is given; skips the test where there is none."""
    found = find_chromium()
    if found is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        environment: dict[str, str | float | bool] = {**os.environ, **({"HOME": str(home)} if home else {})}
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS, env=environment)
        yield browser
        browser.close()


def find_chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("google-chrome")
