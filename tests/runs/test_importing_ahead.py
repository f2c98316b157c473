"""A child that waits for a run uses the time, and no run waits for that."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from geppetto.settings.models import StepSettings
from geppetto.steps.services import import_sdks, sdks_of

from tests.runs.conftest import SECONDS, Supervise, Write, end_of

SDK = """
import os, pathlib, time
folder = pathlib.Path(os.environ["SDK_FOLDER"])
with (folder / "begun").open("a") as begun:
    print(os.getpid(), file=begun)
ends = time.monotonic() + 120
while not (folder / "go").exists() and time.monotonic() < ends:
    time.sleep(0.01)
"""


@pytest.fixture
def sdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Instead of the vendor's package one whose import takes until `go` is there."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "openai.py").write_text(SDK)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "packages"))
    monkeypatch.setenv("SDK_FOLDER", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GEPPETTO_CHAT_PROVIDER", "openai")
    yield tmp_path
    (tmp_path / "go").touch()


async def test_the_sdk_that_the_settings_name_is_imported_while_a_child_waits(
    supervise: Supervise, write: Write, sdk: Path
) -> None:
    supervisor = supervise(warm=1)
    supervisor.warm_up()
    async with asyncio.timeout(SECONDS):
        while not (sdk / "begun").exists():
            await asyncio.sleep(0.02)
    # The import is going on, and this run, in the same process, is none the slower.
    end = await end_of(supervisor.start(write("await echoStep.startStream('a').done();")))
    assert (end.outcome, end.steps) == ("ok", 1)
    assert not (sdk / "go").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")
async def test_the_sdk_is_imported_once_for_all(supervise: Supervise, write: Write, sdk: Path) -> None:
    supervisor = supervise(warm=1)
    supervisor.warm_up()
    async with asyncio.timeout(SECONDS):
        while not len(supervisor._pool):  # type: ignore[reportPrivateUsage]
            await asyncio.sleep(0.02)
        (early,) = supervisor._pool._warm  # type: ignore[reportPrivateUsage]
        (sdk / "go").touch()
        while [*supervisor._pool._warm] in ([], [early]):  # type: ignore[reportPrivateUsage]
            await asyncio.sleep(0.02)
        while early in supervisor._pool._warm:  # type: ignore[reportPrivateUsage]
            await asyncio.sleep(0.02)
    # The process that waits is one that was forked later, and there is still one.
    assert len(supervisor._pool) == 1  # type: ignore[reportPrivateUsage]
    ends = [await end_of(supervisor.start(write("console.log(1)"))) for _ in range(3)]
    assert [end.outcome for end in ends] == ["ok"] * 3
    (nursery,) = psutil.Process().children()
    assert (sdk / "begun").read_text().split() == [str(nursery.pid)]


@pytest.mark.parametrize(
    ("settings", "imported"),
    [
        ({}, []),
        ({"chat": {"provider": "openai"}, "embeddings": {"provider": "ollama"}}, ["openai"]),
        ({"chat": {"provider": "claude"}, "embeddings": {"provider": "openai"}}, ["anthropic", "openai"]),
    ],
)
def test_what_is_imported(
    settings: dict[str, dict[str, str]], imported: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("openai", "anthropic"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        (tmp_path / f"{name}.py").write_text("raise ImportError('is broken')" if name == "anthropic" else "")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    asked: list[str] = []
    monkeypatch.setattr(
        "geppetto.steps.services.import_module",
        lambda name: (asked.append(name), __import__(name)),  # type: ignore[func-returns-value]
    )
    import_sdks(sdks_of(StepSettings.model_validate(settings)))  # one that is broken is no failure here
    assert asked == imported
    for name in ("openai", "anthropic"):
        with contextlib.suppress(KeyError):
            del sys.modules[name]
