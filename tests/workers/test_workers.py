"""Workers behind a real bus: what must hold when they, the bus or the submitter die."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from geppetto.runs.protocol import ConsoleEvent, EndEvent, NoticeEvent, RunEvent, RunRequest
from geppetto.workers.client import RemoteRunner
from geppetto.workers.line import LinePatience
from geppetto.workers.mapping.inputs import read_inputs
from geppetto.workers.mapping.results import Line, Results
from geppetto.workers.mapping.run import run_mapping
from geppetto.workers.wire import QUEUE
from geppetto.workers.worker import Worker, WorkerOptions, open_bus

from tests.events.brokers import NatsServer, RedisServer, Server, serving
from tests.workers.bench import (
    QUICK,
    SECONDS,
    Program,
    lines_of,
    mapping,
    programs,
    quick_request,
    read,
    seen,
    write_inputs,
)

pytestmark = [pytest.mark.timeout(150), pytest.mark.e2e]

CLAIM_AFTER = 1.5


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Program]]:
    async with programs() as start:
        yield start


@pytest.fixture
async def nats() -> AsyncIterator[Server]:
    async with serving(NatsServer) as server:
        yield server


@asynccontextmanager
async def worker_here(server: Server, **options: object) -> AsyncIterator[Worker]:
    """A worker in this process, drained at the end."""
    bus = await open_bus(server.url, claim_after=CLAIM_AFTER)
    worker = Worker(bus, WorkerOptions(warm=0, runs=QUICK, **options))  # type: ignore[arg-type]
    working = asyncio.create_task(worker.run())
    try:
        yield worker
        worker.drain()
        async with asyncio.timeout(SECONDS):
            await working
    finally:
        working.cancel()
        await asyncio.wait({working})
        await bus.close()


def notices(events: list[RunEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, NoticeEvent)]


def console(events: list[RunEvent]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, ConsoleEvent))


@pytest.mark.parametrize(("kind", "count"), [(NatsServer, 200), (RedisServer, 60)])
async def test_a_worker_that_is_killed_among_many_runs_costs_none_and_doubles_none(
    kind: type[Server], count: int, start: Callable[..., Program], tmp_path: Path
) -> None:
    inputs = write_inputs(tmp_path / "in.jsonl", count)
    async with serving(kind) as server:
        victim, other = (start("quick_worker", server.url, CLAIM_AFTER, 5) for _ in range(2))
        assert await victim.first_line() != await other.first_line()

        def kill(line: Line) -> None:
            if results.done == count // 3:
                victim.send(signal.SIGKILL)

        said: list[str] = []
        with Results(tmp_path / "out.jsonl") as results, inputs.open("rb") as file:
            async with RemoteRunner(server.url) as runner, asyncio.timeout(120):
                await run_mapping(mapping(16), read_inputs(file), runner, results, kill, said.append)
    lines = lines_of(tmp_path / "out.jsonl")
    assert sorted(line["line"] for line in lines) == list(range(1, count + 1))
    assert {line["outcome"] for line in lines} == {"ok"}
    assert all(json.loads(line["output"]) == {"n": line["line"]} for line in lines)
    assert any("was lost; the run goes to" in each for each in said), said


async def test_a_bus_that_restarts_in_the_middle_of_a_stream_leaves_no_hole_in_it(
    nats: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async with worker_here(nats), RemoteRunner(nats.url) as runner:
        run = runner.start(quick_request(lines=60, pause=0.05))
        await seen(run, "console")
        with caplog.at_level(logging.WARNING, "geppetto"):
            await nats.restart(signal.SIGKILL)
            events = await read(run)
    assert run.end is not None and run.end.outcome == "ok"
    heard = console(events).splitlines()
    assert heard[-59:] == [f"line {number}" for number in range(1, 60)]
    assert "is lost" in caplog.text and "again after" in caplog.text


async def test_a_run_that_workers_die_of_is_tried_twice_then_given_up_and_its_submitter_told(
    nats: Server, start: Callable[..., Program], tmp_path: Path
) -> None:
    async with RemoteRunner(nats.url) as runner:
        run = runner.start(quick_request(wait_for=str(tmp_path / "never")))
        for _ in range(2):
            worker = start("quick_worker", nats.url, CLAIM_AFTER, 5)
            await worker.first_line()
            await seen(run, "started")
            worker.send(signal.SIGKILL)
        async with worker_here(nats) as last:
            events = await read(run)
            assert run.end is not None
            assert [error.code for error in run.end.errors] == ["run.workers-lost"]
            [letter] = last._dead_letters  # pyright: ignore[reportPrivateUsage]
            assert (letter.topic, letter.attempts) == (QUEUE, 2)
            assert any("was lost" in text for text in notices(events))
            assert (await read(runner.start(quick_request())))[-1].kind == "end"


async def test_a_worker_that_is_told_to_end_puts_back_what_it_cannot_finish(
    nats: Server, start: Callable[..., Program], tmp_path: Path
) -> None:
    go = tmp_path / "go"
    async with RemoteRunner(nats.url) as runner:
        leaving = start("quick_worker", nats.url, 60, 0.2)
        await leaving.first_line()
        run = runner.start(quick_request(wait_for=str(go)))
        await seen(run, "started")
        leaving.send(signal.SIGTERM)
        assert (await leaving.finish())[0] == 0
        async with worker_here(nats):  # would have to wait a minute if the run had not been put back
            assert "ends; the run waits for another" in getattr(await seen(run, "notice"), "text", "")
            await seen(run, "started")
            go.touch()
            await read(run)
    assert run.end is not None and run.end.outcome == "ok"


async def test_cancelling_reaches_the_worker_and_a_run_that_waits_never_begins(
    nats: Server, tmp_path: Path
) -> None:
    never = str(tmp_path / "never")
    async with worker_here(nats, concurrency=1) as worker, RemoteRunner(nats.url) as runner:
        running = runner.start(quick_request(wait_for=never))
        await seen(running, "started")
        waiting = runner.start(quick_request(lines=1))
        for run in (waiting, running):
            assert run.cancel()
            await read(run)
            assert run.end == EndEvent(outcome="cancelled", seconds=run.end.seconds if run.end else 0)
        # The worker is free again, and has not done what was cancelled while it waited.
        await read(runner.start(quick_request()))
    assert worker.done == 2


async def test_a_run_whose_submitter_is_gone_is_not_done(nats: Server, tmp_path: Path) -> None:
    never = str(tmp_path / "never")
    patience = LinePatience(beat=0.1, silence=0.5)
    gone = RemoteRunner(nats.url)
    begun, queued = (gone.start(quick_request(wait_for=never)) for _ in range(2))
    async with (
        worker_here(nats, concurrency=1, answer_seconds=0.5, patience=patience) as worker,
        RemoteRunner(nats.url) as runner,
    ):
        await asyncio.wait(
            [asyncio.create_task(seen(run, "started")) for run in (begun, queued)],
            return_when=asyncio.FIRST_COMPLETED,
        )
        assert gone._bus is not None  # pyright: ignore[reportPrivateUsage]
        await gone._bus.close()  # pyright: ignore[reportPrivateUsage]
        # Neither holds the worker's only place for ever.
        await read(runner.start(quick_request()))
    assert worker.done >= 1
    await gone.close()


async def test_runs_over_the_bus_look_like_runs_here(
    nats: Server, start: Callable[..., Program], tmp_path: Path
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    here = tmp_path / "here" / "sub"
    here.mkdir(parents=True)
    (here.parent / ".git").mkdir()
    (here / "lib.geppetto.ts").write_text(
        "export const shout = (text: string): string => text.toUpperCase();\n"
    )
    (here / "model.yaml").write_text("- text: from the model\n")
    (here / "main.geppetto.ts").write_text(
        'import { shout } from "./lib.geppetto";\n'
        'const model = new ChatStepFactory().newStep({ script: "model.yaml" });\n'
        'console.log(shout(await model.startStream("?").finalText()), params.who);\n'
        'console.error("aside");\n'
        'throw new RangeError("at the end");\n'
    )
    # The worker stands elsewhere: whatever it needs comes over the bus.
    worker = start("geppetto", "worker", "--bus", nats.url, "-c", "1", cwd=there)
    command = ("geppetto", "run", "sub/main.geppetto.ts", "-p", "who=Ada", "--no-stream")
    local = await start(*command, cwd=here.parent).finish()
    remote = await start(*command, "--bus", nats.url, cwd=here.parent).finish()
    assert local == remote
    assert local[0] == 1 and local[1] == "FROM THE MODEL Ada\n"
    assert "sub/main.geppetto.ts:5:7" in local[2]

    (here / "long.geppetto.js").write_text(
        'console.log("begun"); await new Promise((done) => setTimeout(done, 1e6));'
    )
    long = start("geppetto", "run", "long.geppetto.js", "--bus", nats.url, cwd=here)
    assert await long.first_line() == "begun"
    long.send(signal.SIGINT)
    assert (await long.finish())[0] == 130

    worker.send(signal.SIGTERM)
    code, _, said = await worker.finish()
    assert code == 0, said
    assert "has ended after 2 runs" in said


async def test_a_bus_that_cannot_be_reached_is_told_in_time(
    start: Callable[..., Program], tmp_path: Path
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"nats://127.0.0.1:{probe.getsockname()[1]}"
    began = time.monotonic()
    async with RemoteRunner(url, timeout=1) as runner:
        run = runner.start(RunRequest(path="x.geppetto.js", text="1", root="/"))
        await read(run)
    assert time.monotonic() - began < 1 + 20
    assert run.end is not None and [error.code for error in run.end.errors] == ["run.bus"]
    (tmp_path / "a.geppetto.js").write_text("console.log(1)")
    write_inputs(tmp_path / "in.jsonl", 3)
    submitting = start("geppetto", "run", "a.geppetto.js", "--bus", url, cwd=tmp_path)
    mapping_ = start(
        "geppetto", "map", "a.geppetto.js", "in.jsonl", "-o", "out.jsonl", "--bus", url, cwd=tmp_path
    )
    working = start("geppetto", "worker", "--bus", url, cwd=tmp_path)
    for program in (submitting, mapping_, working):
        code, out, err = await program.finish()
        assert (code, out) == (1, "")
        assert "cannot be used: nothing listens there" in err and "Hint: " in err and "Traceback" not in err
    assert lines_of(tmp_path / "out.jsonl") == []
