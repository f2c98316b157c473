"""The rules that the house keeps by itself."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from geppetto import __version__

ROOT = Path(__file__).resolve().parents[2]

_spec = importlib.util.spec_from_file_location("lock_files", ROOT / "tests" / "house" / "lock_files.py")
assert _spec is not None and _spec.loader is not None
lock_files = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(lock_files)


def test_a_lock_file_with_a_host_is_found(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    lock = tmp_path / "package-lock.json"
    lock.write_text(
        json.dumps(
            {"packages": {"node_modules/a": {"version": "1.0.0"}, "b": {"resolved": "b", "link": True}}}
        )
    )
    assert lock_files.main(tmp_path) == 0
    lock.write_text(json.dumps({"packages": {"node_modules/a": {"resolved": "https://somewhere/a.tgz"}}}))
    assert lock_files.main(tmp_path) == 1


SKIPPING = """
import pytest

@pytest.mark.e2e
def test_needs_a_tool():
    pytest.skip("no such tool")

def test_may_be_skipped():
    pytest.skip("not here")
"""


def run_tests(folder: Path, tests: str, **env: str) -> str:
    """What pytest prints of some tests, with the conftest.py of this house, whose patience is shorter there."""
    conftest = (
        (ROOT / "tests" / "conftest.py").read_text("utf-8").replace("PATIENCE = 30.0", "PATIENCE = 0.5")
    )
    (folder / "test_it.py").write_text(tests)
    (folder / "conftest.py").write_text(conftest)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = e2e: end to end\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, **env},
        timeout=100,
    )
    return done.stdout


@pytest.mark.parametrize(("ci", "outcome"), [("", "2 skipped"), ("true", "1 failed, 1 skipped")])
def test_in_ci_an_end_to_end_test_may_not_skip_itself(tmp_path: Path, ci: str, outcome: str) -> None:
    said = run_tests(tmp_path, SKIPPING, CI=ci)
    assert outcome in said.splitlines()[-1], said


LEAVING = """
import subprocess, sys

def test_goes_and_leaves():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
"""


def test_a_process_that_outlives_the_tests_fails_the_run(tmp_path: Path) -> None:
    said = run_tests(tmp_path, LEAVING)
    assert "1 passed, 1 error" in said.splitlines()[-1], said
    assert "time.sleep(600) of test_it.py::test_goes_and_leaves" in said


def test_the_changelog_and_the_version_know_each_other() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## Unreleased" in changelog or f"## {__version__}" in changelog


def test_make_help_lists_every_command_of_the_readme() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for command in ("run", "test", "lint", "build", "bench", "clean", "setup"):
        assert f"make {command} " in done.stdout


def test_every_page_that_is_linked_exists() -> None:
    import re

    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
