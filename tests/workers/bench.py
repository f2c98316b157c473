"""What the tests of workers work with: quick runs, and processes that end with the tests."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from geppetto import __version__
from geppetto.json_value import JsonObject
from geppetto.runs.conduct import Patience
from geppetto.runs.handle import RunHandle
from geppetto.runs.protocol import EndEvent, RunEvent, RunRequest
from geppetto.runs.supervisor import RunsOptions
from geppetto.workers.mapping.run import Mapping

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent
SECONDS = 60.0
"""For whatever a test waits for: much longer than it takes, on a machine that does other things too."""
QUICK = RunsOptions(
    at_once=4,
    warm=0,
    patience=Patience(polite=0.3, terminate=0.3, leave=0.3),
    command=(sys.executable, "-S", "-E", str(FOLDER / "quick_child.py"), __version__),
)


def quick_request(**params: Any) -> RunRequest:
    return RunRequest(path="quick.geppetto.js", text="quick()", root="/", params=params)


def mapping(concurrency: int) -> Mapping:
    def params(given: JsonObject) -> JsonObject:
        return given

    return Mapping(quick_request(), params, concurrency)


def write_inputs(path: Path, count: int, **params: Any) -> Path:
    path.write_text("".join(json.dumps({"n": number, **params}) + "\n" for number in range(1, count + 1)))
    return path


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


class Program:
    """A Python program of the tests, or the command, in a process of its own."""

    def __init__(self, *arguments: object, cwd: Path = ROOT) -> None:
        # Ctrl-C is ignored by what a shell starts in the background, and by all its children.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.process = subprocess.Popen(
            [*map(str, arguments)],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        signal.signal(signal.SIGINT, before)

    async def first_line(self) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(SECONDS):
            return (await asyncio.to_thread(self.process.stdout.readline)).strip()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def finish(self) -> tuple[int, str, str]:
        """Its exit code and what it wrote since."""
        out, err = await asyncio.to_thread(self.process.communicate, timeout=SECONDS)
        return self.process.returncode, out, err

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@asynccontextmanager
async def programs() -> AsyncIterator[Callable[..., Program]]:
    """Starts programs of this folder by name, and kills what is left at the end."""
    started: list[Program] = []

    def start(name: str, *arguments: object, cwd: Path = ROOT) -> Program:
        command = (
            (Path(sys.executable).with_name("geppetto"),)
            if name == "geppetto"
            else (sys.executable, FOLDER / f"{name}.py")
        )
        started.append(Program(*command, *arguments, cwd=cwd))
        return started[-1]

    try:
        yield start
    finally:
        for program in started:
            program.kill()


async def read(run: RunHandle) -> list[RunEvent]:
    """All events of a run. Exactly one is an end event, and it is the last."""
    async with asyncio.timeout(SECONDS):
        events = [event async for event in run.events()]
    assert [isinstance(event, EndEvent) for event in events].index(True) == len(events) - 1
    return events


async def seen(run: RunHandle, *kinds: str) -> RunEvent:
    """The next event of one of these kinds; what follows can be read afterwards."""
    events = run.events()
    async with asyncio.timeout(SECONDS):
        async for event in events:
            if event.kind in kinds:
                await events.aclose()
                return event
    raise AssertionError(f"the run ended without {kinds}")
