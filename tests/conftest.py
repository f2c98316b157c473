"""What holds for every test."""

import os
import time
from collections.abc import Generator, Iterator
from uuid import uuid4

import psutil
import pytest
from xdist.scheduler import LoadFileScheduling

RUN = "TESTS_RUN"
"""A variable that every process started by the tests inherits, however it was started."""
PATIENCE = 30.0
"""Seconds that a process has to end after its test."""


def opens_windows(nodeid: str) -> bool:
    """Whether a test drives a VS Code or a browser."""
    return nodeid.startswith(("tests/vscode/", "tests/web/test_browser.py"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first: the others fill the time beside it, where several run at once."""
    items.sort(key=lambda item: not opens_windows(item.nodeid))


class WholeFiles(LoadFileScheduling):
    """A file stays with one worker, since its tests share what they set up; and so do all windows, which are heavy."""

    def _split_scope(self, nodeid: str) -> str:
        return "windows" if opens_windows(nodeid) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> WholeFiles:
    return WholeFiles(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI nothing may be missing: an end-to-end test that skips itself has failed."""
    report = yield
    if report.skipped and os.environ.get("CI") and item.get_closest_marker("e2e"):
        report.outcome = "failed"
        report.longrepr = (
            f"{item.nodeid} was skipped, and CI must run it: {call.excinfo and call.excinfo.value}"
        )
    return report


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    """No process that a test has started outlives the tests."""
    os.environ[RUN] = run = uuid4().hex
    yield
    deadline = time.monotonic() + PATIENCE
    while (left := started_by(run)) and time.monotonic() < deadline:
        time.sleep(0.1)
    for process in left:
        process.kill()
    assert not left, "the tests left running:\n" + "\n".join(left.values())


def started_by(run: str) -> dict[psutil.Process, str]:
    """The processes of a run of the tests that still live, with the test that started each and its command."""
    found: dict[psutil.Process, str] = {}
    for process in psutil.process_iter():
        try:
            environment = process.environ()
            if environment.get(RUN) == run and process.status() != psutil.STATUS_ZOMBIE:
                test = environment.get("PYTEST_CURRENT_TEST", "")
                found[process] = f"{process.pid} {' '.join(process.cmdline())} of {test}"
        except psutil.Error:
            continue  # it has just ended, or is somebody else's
    return found
