"""Engines and steps to measure with, in this process."""

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from geppetto.events.router import EventRouter
from geppetto.json_value import JsonValue
from geppetto.runtime.engine import RuntimeEngine
from geppetto.runtime.garbage import collect_seldom
from geppetto.runtime.limits import Limits
from geppetto.runtime.output import ConsoleLine, Output
from geppetto.runtime.script import Script
from geppetto.runtime.setup import create_step_object
from geppetto.steps.run import StepRun
from geppetto.steps.step import Step

DELTA = "token "


class Talk(Step[int, str]):
    """Says `token ` as often as it is told."""

    type = "talk"
    input_type = "number"
    output_type = "string"

    async def run(self, run: StepRun, input: int) -> str:
        for _ in range(input):
            await run.partial(DELTA)
        return run.text


@dataclass(frozen=True)
class Timed:
    """A script that ran well: seconds, processor seconds, and what its last console line said as JSON."""

    seconds: float
    cpu_seconds: float
    said: JsonValue


async def run_script(warm_up: str, text: str, router: EventRouter | None = None) -> Timed:
    """Runs two scripts in one engine with the step `talk`, and times the second."""
    collect_seldom()  # as the processes do that run scripts
    printed: list[str] = []

    def output(shown: Output) -> None:
        if isinstance(shown, ConsoleLine):
            printed.append(shown.text)

    def setup(engine: RuntimeEngine) -> None:
        create_step_object(engine, "talk", Talk(), lambda value: int(cast(float, value)))

    with tempfile.TemporaryDirectory() as folder:
        limits = Limits(wall_seconds=300, output_bytes=None)
        engine = RuntimeEngine(router, root=Path(folder), limits=limits, output=output)
        engine.add_setup_function(setup)
        async with engine:
            seconds = cpu_seconds = 0.0
            for source in (warm_up, text):
                path = Path(folder) / "main.geppetto.js"
                path.write_text(source, "utf-8")
                started, cpu_started = time.perf_counter(), time.process_time()
                outcome = await engine.run(Script(path))
                seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
                if outcome.kind != "ok":
                    raise RuntimeError("\n".join(error.render() for error in outcome.errors))
    return Timed(seconds, cpu_seconds, json.loads(printed[-1]))
