"""A workbench with the packaged extension in it, and a browser that looks at it: once for all tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Generator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import chromium
from tests.vscode.editor import IN_THE_PAGE, PATIENCE, Editor
from tests.vscode.workbench import INSTALLED, ROOT, Workbench, packaged

SCREENSHOTS = ROOT / ".cache" / "vscode" / "screenshots"


@pytest.fixture(scope="package")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Generator[Workbench]:
    if not (INSTALLED / ".installed").is_file():
        pytest.skip("needs the workbench: run `make vscode-workbench`")
    vsix = packaged()
    home = tmp_path_factory.mktemp("vscode")
    shutil.copytree(Path(__file__).parent / "workspace", home / "workspace")
    workbench = Workbench(home)
    workbench.install(vsix, python_extension(home))
    leave_behind_an_interrupted_installation(workbench, vsix)
    workbench.start()
    try:
        yield workbench
    finally:
        workbench.stop()
        shutil.rmtree(home, ignore_errors=True)


def python_extension(folder: Path) -> Path:
    """What stands in for the Python extension, which no registry of packages has."""
    packed = folder / "python.vsix"
    extension = ROOT / "vscode-extension"
    subprocess.run(
        [
            *(extension / "node_modules" / ".bin" / "vsce", "package", "--out", packed),
            *("--no-dependencies", "--skip-license", "--allow-missing-repository"),
        ],
        cwd=extension / "tests" / "python-extension",
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=60,
    )
    return packed


def leave_behind_an_interrupted_installation(workbench: Workbench, vsix: Path) -> None:
    """A folder under the server's name in which nothing works, and an old temporary one."""
    with zipfile.ZipFile(vsix) as archive:
        identity = json.loads(archive.read("extension/server/manifest.json"))["id"]
    half = workbench.servers / identity / "bin"
    half.mkdir(parents=True)
    (half / "python").symlink_to("/nowhere/python3.0")
    old = workbench.servers / ".new-1-1"
    old.mkdir()
    os.utime(old, (0, 0))


@pytest.fixture(scope="package")
def browser(workbench: Workbench) -> Generator[Browser]:
    # At home there, so that it does not outlive the workbench either.
    with chromium(workbench.home) as browser:
        yield browser


@pytest.fixture(scope="package")
def restricted(browser: Browser, workbench: Workbench) -> Editor:
    """The window on the workspace, as long as nobody has asked for `window`: its workspace is not trusted yet."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page = browser.new_page(
        viewport={"width": 1280, "height": 800}, permissions=["clipboard-read", "clipboard-write"]
    )
    page.add_init_script(IN_THE_PAGE)
    page.goto(workbench.url(workbench.home / "workspace"), timeout=PATIENCE * 1000)
    page.locator("#status\\.problems").wait_for(timeout=PATIENCE * 1000)
    return Editor(page, SCREENSHOTS)


@pytest.fixture(scope="package")
def window(restricted: Editor) -> Editor:
    """The same window, once the workspace is trusted."""
    restricted.trust()
    return restricted


@pytest.fixture
def editor(window: Editor) -> Generator[Editor]:
    yield window
    window.tidy()
