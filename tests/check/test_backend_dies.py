"""A TypeScript server that dies in the middle: nothing is left out silently."""

import asyncio
from pathlib import Path

import pytest
from geppetto.lsp.check.checker import Checker, CheckFailed
from geppetto.lsp.lint.project import ProjectSettings
from geppetto.lsp.typescript.backend import Patience
from geppetto.lsp.typescript.process import TypeScriptProcess

from tests.check.conftest import BAD_ROLE, Write

PATTERNS = ("*.geppetto.js",)


@pytest.fixture
def paths(write: Write) -> list[Path]:
    return [write(f"s{number}.geppetto.js", BAD_ROLE) for number in range(40)]


class Spawner:
    """Starts servers, and kills the current one when told."""

    def __init__(self) -> None:
        self.started: list[TypeScriptProcess] = []

    def __call__(self) -> TypeScriptProcess:
        self.started.append(TypeScriptProcess())
        return self.started[-1]


async def test_one_death_changes_nothing(paths: list[Path]) -> None:
    spawner, notices, checked = Spawner(), list[str](), 0

    def on_checked() -> None:
        nonlocal checked
        checked += 1
        if checked == 5:
            spawner.started[-1].kill()

    async with asyncio.timeout(60):
        checker = Checker(
            ProjectSettings({}),
            PATTERNS,
            spawn=spawner,
            on_checked=on_checked,
            on_notice=notices.append,
        )
        report = await checker.check(paths)
    assert len(spawner.started) == 2 and len(notices) == 1
    assert [problem.path for problem in report.problems] == sorted(paths)
    assert {problem.code for problem in report.problems} == {"unknown-role"}


async def test_a_server_that_dies_again_and_again_is_told(paths: list[Path]) -> None:
    spawner = Spawner()

    def on_checked() -> None:
        spawner.started[-1].kill()

    async with asyncio.timeout(60):
        checker = Checker(
            ProjectSettings({}), PATTERNS, spawn=spawner, on_checked=on_checked, patience=Patience(deaths=2)
        )
        with pytest.raises(CheckFailed, match=r"died") as raised:
            await checker.check(paths)
    assert raised.value.hint
    assert all(process.wait(5) is not None for process in spawner.started)


async def test_a_server_that_cannot_be_started_is_told(paths: list[Path], tmp_path: Path) -> None:
    def spawn() -> TypeScriptProcess:
        raise OSError("no such compiler")

    async with asyncio.timeout(60):
        checker = Checker(ProjectSettings({}), PATTERNS, spawn=spawn)
        with pytest.raises(CheckFailed, match="no such compiler"):
            await checker.check(paths)
