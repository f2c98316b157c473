"""What an engine costs in a process that has had one before."""

import asyncio
import gc
import tempfile
import time
from pathlib import Path

import psutil
from geppetto.runtime.engine import RuntimeEngine
from geppetto.runtime.script import Script
from geppetto.runtime.setup import setup_standard

from benchmarks.harness import Bench, Row, Series

TITLE = "What does one more engine cost, in time and memory?"

ENGINES = 20


def measure(bench: Bench) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Row]:
    script = folder / "hello.js"
    script.write_text('console.log("Hello, world");\n')
    starts: list[float] = []
    runs: list[float] = []
    sizes: list[float] = []
    process = psutil.Process()

    async def start() -> RuntimeEngine:
        engine = RuntimeEngine(root=folder)
        engine.add_setup_function(setup_standard(folder, env={}))
        begun = time.perf_counter()
        await engine.start()
        started = time.perf_counter()
        outcome = await engine.run(Script(script))
        if outcome.kind != "ok":
            raise RuntimeError("\n".join(error.render() for error in outcome.errors))
        starts.append((started - begun) * 1000)
        runs.append((time.perf_counter() - started) * 1000)
        return engine

    await (await start()).close()  # the first one loads V8, unless another question has
    starts.clear()
    runs.clear()
    engines: list[RuntimeEngine] = []
    for _ in range(ENGINES):
        gc.collect()
        before = process.memory_info().rss
        engines.append(await start())
        sizes.append((process.memory_info().rss - before) / 1e6)
    for engine in engines:
        await engine.close()
    return [
        Row("start of another engine", "ms", Series(tuple(starts))),
        Row("a hello script in it, to its end", "ms", Series(tuple(runs))),
        Row("memory of an engine that ran it", "MB", Series(tuple(sizes))),
    ]
