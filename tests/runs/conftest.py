"""Supervisors for tests, and the promise that none leaves a process behind."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from geppetto import __version__
from geppetto.runs.conduct import Patience
from geppetto.runs.handle import RunHandle
from geppetto.runs.protocol import EndEvent, RunEvent, RunRequest
from geppetto.runs.store import RecordStore
from geppetto.runs.supervisor import RunsOptions, RunSupervisor

FAKE_CHILD = Path(__file__).with_name("fake_child.py")
SECONDS = 60.0
"""For whatever a test waits for: much longer than it takes, on a machine that does other things too."""

NURSERY = "geppetto.runs.nursery"

Supervise = Callable[..., RunSupervisor]
Write = Callable[..., RunRequest]


def fake(mode: str, version: str = __version__) -> tuple[str, ...]:
    """The command of a child that misbehaves (see fake_child.py)."""
    return (sys.executable, "-S", "-E", str(FAKE_CHILD), mode, version)


IMPATIENT = Patience(ready=SECONDS, polite=0.3, terminate=0.3, late=0.3, leave=0.3)


@pytest.fixture
async def supervise(tmp_path: Path) -> AsyncIterator[Supervise]:
    """Makes supervisors: `supervise(mode)` with a fake child, `supervise()` with real ones; options by name."""
    made: list[RunSupervisor] = []

    def make(mode: str | None = None, *, version: str = __version__, **options: object) -> RunSupervisor:
        chosen = RunsOptions(warm=0)
        if mode is not None:
            # Only one that never says anything need not be waited for: the others may start slowly.
            patience = replace(IMPATIENT, ready=1.0) if mode == "says nothing" else IMPATIENT
            chosen = replace(chosen, command=fake(mode, version), patience=patience)
        supervisor = RunSupervisor(
            replace(chosen, **options),  # type: ignore[arg-type]
            RecordStore(tmp_path / "state" / "runs"),
        )
        made.append(supervisor)
        return supervisor

    yield make
    async with asyncio.timeout(SECONDS):
        for supervisor in made:
            await supervisor.close()
    await nothing_left()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a script; returns the request to run it."""

    def write(text: str, **request: object) -> RunRequest:
        path = tmp_path / "script.geppetto.js"
        path.write_text(text, encoding="utf-8")
        return RunRequest.model_validate({"path": str(path), **request})

    return write


async def nothing_left(which: Callable[[psutil.Process], bool] = lambda _: True) -> None:
    """No process that these tests started lives on, or none of some."""
    there = [process for process in psutil.Process().children(recursive=True) if which(process)]
    _, left = await asyncio.to_thread(psutil.wait_procs, there, timeout=60)
    assert not left, [process.cmdline() for process in left]


def is_for_scripts(process: psutil.Process) -> bool:
    """Whether scripts run in a process, forked or spawned; not if it has just ended."""
    try:
        command, parent = process.cmdline(), process.parent()
        if NURSERY in command:
            return parent is not None and NURSERY in parent.cmdline()
        return "geppetto.runs.host" in command
    except psutil.Error:
        return False


async def read(run: RunHandle) -> list[RunEvent]:
    """All events of a run. Exactly one is an end event, and it is the last."""
    async with asyncio.timeout(SECONDS):
        events = [event async for event in run.events()]
    assert [isinstance(event, EndEvent) for event in events].index(True) == len(events) - 1
    assert events[-1] is run.end
    assert run.state == "ended"
    return events


async def end_of(run: RunHandle) -> EndEvent:
    """How a run ended."""
    end = (await read(run))[-1]
    assert isinstance(end, EndEvent)
    return end


async def read_until(run: RunHandle, kind: str) -> list[RunEvent]:
    """The events up to the first of a kind; what follows can be read afterwards."""
    seen: list[RunEvent] = []
    events = run.events()
    async with asyncio.timeout(SECONDS):
        async for event in events:
            seen.append(event)
            if event.kind == kind:
                break
    await events.aclose()
    return seen
