"""A map on this machine, and on one and two workers of it. Needs nats-server."""

import asyncio
import json
import os
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from geppetto.json_value import JsonObject
from geppetto.runs.protocol import RunRequest
from geppetto.runs.runner import Runner
from geppetto.runs.supervisor import RunsOptions, RunSupervisor
from geppetto.workers.client import RemoteRunner
from geppetto.workers.mapping.inputs import read_inputs
from geppetto.workers.mapping.results import Results
from geppetto.workers.mapping.run import Mapping, run_mapping

from benchmarks.harness import GEPPETTO, Bench, Row, Series, environment, need
from tests.events.brokers import NatsServer, serving

TITLE = "How many runs a second does a map do, here and on workers?"

RUNS = 16
AT_ONCE = 2
WAITING_AT_ONCE = 8
BUSY = "console.log(params.n);"
WAITING = "await new Promise((done) => setTimeout(done, 1000)); console.log(params.n);"
"""As a run that asks a model: it waits more than it works."""


def measure(bench: Bench) -> list[Row]:
    need("nats-server", "it: apt-get install nats-server")
    cost: list[float] = []

    def here() -> float:
        began = os.times()
        rate = asyncio.run(_here(BUSY, AT_ONCE))
        ended = os.times()
        cost.append((ended.user + ended.children_user + ended.system + ended.children_system
                     - began.user - began.children_user - began.system - began.children_system) / RUNS)  # fmt: skip
        return rate

    contenders = {
        f"this machine, {AT_ONCE} at once": here,
        f"one worker, {AT_ONCE} at once": lambda: asyncio.run(_workers(BUSY, 1, AT_ONCE)),
        f"two workers, {AT_ONCE} at once each": lambda: asyncio.run(_workers(BUSY, 2, AT_ONCE)),
        f"one worker, runs that wait 1 s, {WAITING_AT_ONCE} at once": lambda: asyncio.run(
            _workers(WAITING, 1, WAITING_AT_ONCE)
        ),
        f"two workers, runs that wait 1 s, {WAITING_AT_ONCE} at once each": lambda: asyncio.run(
            _workers(WAITING, 2, WAITING_AT_ONCE)
        ),
    }
    measured = bench.take_turns(contenders, rounds=min(bench.rounds, 2), warm_up=0)
    cores = os.cpu_count()
    rows = [Row(name, "runs/s", series, note=f"{cores} cores") for name, series in measured.items()]
    rows.append(
        Row("this machine, processor time", "s/run", Series(tuple(cost)), note="start of a process and V8")
    )
    return rows


async def _here(script: str, at_once: int) -> float:
    async with RunSupervisor(RunsOptions(at_once=at_once, warm=at_once)) as supervisor:
        return await _map(script, supervisor, at_once)


async def _workers(script: str, count: int, at_once: int) -> float:
    async with serving(NatsServer) as server, AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(_worker(server.url, at_once))
        async with RemoteRunner(server.url) as runner:
            return await _map(script, runner, count * at_once)


@asynccontextmanager
async def _worker(url: str, at_once: int) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *(GEPPETTO, "worker", "--bus", url, "-c", str(at_once)), env=environment(), stderr=subprocess.PIPE
    )
    try:
        assert process.stderr is not None
        await asyncio.wait_for(process.stderr.readline(), 60)  # it has said that it takes runs
        yield
    finally:
        process.kill()
        await process.wait()


async def _map(script: str, runner: Runner, at_once: int) -> float:
    def params(given: JsonObject) -> JsonObject:
        return given

    with tempfile.TemporaryDirectory() as folder:
        request = RunRequest(
            path=str(Path(folder) / "bench.geppetto.js"), text=script, root=folder, params={}
        )
        inputs = Path(folder) / "in.jsonl"
        inputs.write_text("".join(json.dumps({"n": number}) + "\n" for number in range(RUNS)))
        # The first runs make the processes of the workers ready.
        for run in [runner.start(request) for _ in range(at_once)]:
            await run.wait()
        with Results(Path(folder) / "out.jsonl") as results, inputs.open("rb") as file:
            began = time.perf_counter()
            mapping = Mapping(request, params, at_once)
            await run_mapping(mapping, read_inputs(file), runner, results, lambda _: None, lambda _: None)
            seconds = time.perf_counter() - began
        if (results.done, results.failed) != (RUNS, 0):
            raise RuntimeError(f"{results.done} of {RUNS} runs ended, {results.failed} of them not well")
    return RUNS / seconds
