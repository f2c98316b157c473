"""What is left behind by all this: nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import find_chromium
from tests.vscode import guard
from tests.vscode.editor import PATIENCE
from tests.vscode.workbench import INSTALLED, ROOT, Workbench

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

# What tests do; then somebody kills them.
TESTS = """
import sys
from pathlib import Path
from tests.browser import chromium
from tests.vscode.workbench import Workbench

home = Path(sys.argv[1])
workbench = Workbench(home)
workbench.start()
with chromium() as browser:
    page = browser.new_page()
    page.goto(workbench.url(home))
    page.locator("#status\\.problems").wait_for(timeout=60_000)
    print("ready", flush=True)
    page.wait_for_timeout(600_000)
"""


def test_nothing_is_left_running(browser: Browser, workbench: Workbench) -> None:
    """Every window that other tests have used, the servers and the runs in it end with these two."""
    assert workbench.members()
    browser.close()
    workbench.stop()
    assert command_lines(workbench.home) == ""


@pytest.fixture
def home() -> Generator[Path]:
    """Of a short name, as sockets are in it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        yield Path(home)


def test_nothing_outlives_tests_that_are_killed(home: Path) -> None:
    if not (INSTALLED / ".installed").is_file() or not find_chromium():
        pytest.skip("needs the workbench and Chromium: run `make vscode-workbench`")
    tests = subprocess.Popen(
        [sys.executable, "-c", TESTS, str(home)],
        cwd=ROOT,
        env={**os.environ, "HOME": str(home), "TMPDIR": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert tests.stdout is not None and tests.stdout.readline() == "ready\n"
        running = command_lines(home)
        assert all(name in running for name in ("code-server", "chromium", "guard.py", "playwright")), running
    finally:
        tests.kill()
        tests.wait()
    deadline = time.monotonic() + PATIENCE
    while (left := command_lines(home)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == ""


def command_lines(home: Path) -> str:
    """Those of the processes that have this home."""
    lines: list[str] = []
    for pid in guard.members(home):
        try:
            lines.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # It has gone.
    return "\n".join(lines)
