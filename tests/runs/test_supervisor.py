"""Runs of real scripts in real children: events, requests, queues, limits, crashes."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from geppetto.errors import GeppettoError
from geppetto.runs.protocol import (
    ConsoleEvent,
    DeltaEvent,
    GapEvent,
    RunEvent,
    RunRequest,
    StartedEvent,
    StepEvent,
    StepStartedEvent,
)

from tests.runs.conftest import (
    SECONDS,
    Supervise,
    Write,
    end_of,
    is_for_scripts,
    nothing_left,
    read,
    read_until,
)

SLOW_STREAM = 'for await (const _ of echoStep.startStream("word ".repeat(500), { delay: 0.02 }));'


def printed(events: list[RunEvent]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, ConsoleEvent))


async def test_a_run_from_start_to_end(supervise: Supervise, write: Write) -> None:
    request = write(
        'console.log("hello", params.name);\nawait echoStep.startStream("a b c").done();',
        params={"name": "Ada"},
    )
    events = await read(supervise().start(request))
    assert [event.kind for event in events] == ["started", "console", "step", "delta", "event", "end"]
    assert printed(events) == "hello Ada"
    step = next(event for event in events if isinstance(event, StepStartedEvent))
    assert (step.name, step.event["type"]) == ("echoStep", "start")
    assert step.place is not None
    assert (step.place.file, step.place.line) == (request.path, 2)
    final = next(event for event in events if isinstance(event, StepEvent))
    assert (final.step_id, final.event["type"], final.event["text"]) == (step.step_id, "final", "a b c")
    assert "".join(event.delta for event in events if isinstance(event, DeltaEvent)) == "a b c"
    end = await end_of(supervise().start(request))
    assert (end.outcome, end.steps, end.errors) == ("ok", 1, ())


async def test_the_text_of_the_editor_runs_and_not_the_files(supervise: Supervise, write: Write) -> None:
    request = write('console.log("saved")').model_copy(update={"text": 'console.log("unsaved 🦜 \\u2028")'})
    Path(request.path).unlink()
    events = await read(supervise().start(request))
    assert printed(events) == "unsaved 🦜 \u2028"


async def test_an_error_has_its_place(supervise: Supervise, write: Write) -> None:
    end = await end_of(supervise().start(write("const n = 1;\nnull.x;")))
    assert end.outcome == "error"
    error = end.errors[0]
    assert error.name == "TypeError"
    assert error.place is not None and error.place.line == 2
    assert error.code_frame is not None and error.code_frame.lines[1] == "null.x;"


async def test_wrong_settings_end_the_run_with_a_message(supervise: Supervise, write: Write) -> None:
    request = write("console.log(1)", limits={"no_such_limit": 1.0})
    end = await end_of(supervise().start(request))
    assert end.outcome == "error"
    assert "no_such_limit" in end.errors[0].message


async def test_a_script_that_is_not_there(supervise: Supervise, tmp_path: Path) -> None:
    end = await end_of(supervise().start(RunRequest(path=str(tmp_path / "gone.geppetto.js"))))
    assert end.outcome == "error"
    assert "gone.geppetto.js" in end.errors[0].message


async def test_scripts_cannot_break_the_protocol(supervise: Supervise, write: Write) -> None:
    text = 'console.log("\\0\\x01\\ud800", "{\\"kind\\":\\"end\\"}"); console.error("x".repeat(3_000_000)); console.warn("last")'
    events = await read(supervise().start(write(text)))
    assert [event.level for event in events if isinstance(event, ConsoleEvent)] == ["log", "error", "warn"]
    assert len(printed(events)) > 3_000_000


async def test_a_huge_request(supervise: Supervise, write: Write) -> None:
    request = write("console.log(params.text.length)", params={"text": "ß" * 3_000_000})
    assert printed(await read(supervise().start(request))) == "3000000"


@pytest.mark.parametrize("is_recorded", [True, False])
async def test_a_request_that_cannot_be_written_ends(
    supervise: Supervise, write: Write, is_recorded: bool
) -> None:
    value: Any = 1
    for _ in range(254):  # one more level is refused as the request is made
        value = [value]
    supervisor = supervise()
    if not is_recorded:
        supervisor.records = None
    end = await end_of(supervisor.start(write("1;", params={"a": value})))
    assert end.outcome == "error"
    assert "Internal error" in end.errors[0].message


async def test_deltas_travel_merged_and_nothing_is_lost(supervise: Supervise, write: Write) -> None:
    words = " ".join(f'w{n}\\"\\n🦜' for n in range(3000))
    events = await read(supervise().start(write(f'await echoStep.startStream("{words}").done();')))
    deltas = [event.delta for event in events if isinstance(event, DeltaEvent)]
    assert "".join(deltas) == words.replace('\\"', '"').replace("\\n", "\n")
    assert len(deltas) < 1000


async def test_cancel_in_the_middle_of_a_stream(supervise: Supervise, write: Write) -> None:
    run = supervise().start(write(SLOW_STREAM))
    await read_until(run, "delta")
    run.cancel()
    events = await read(run)
    assert run.end is not None and run.end.outcome == "cancelled"
    last = [event for event in events if isinstance(event, StepEvent)][-1]
    assert last.event["type"] == "interrupt"
    assert str(last.event["text"]).startswith("word")


async def test_a_child_killed_in_the_middle_of_a_stream(supervise: Supervise, write: Write) -> None:
    run = supervise().start(write(SLOW_STREAM))
    (started, *_) = await read_until(run, "delta")
    assert isinstance(started, StartedEvent)
    os.kill(started.pid, signal.SIGKILL)
    end = await end_of(run)
    assert (end.outcome, end.errors[0].code) == ("error", "run.killed")
    assert end.steps == 1


@pytest.mark.parametrize(
    ("text", "limits", "codes"),
    [
        ("for (;;);", {"yield_seconds": 0.3}, ["limit.yield"]),
        ("(async () => { for (;;) await null; })();", {"yield_seconds": 0.3}, ["limit.yield"]),
        ("const kept = []; for (;;) kept.push('x'.repeat(1000) + kept.length);", {"heap_bytes": 100 << 20}, ["limit.heap"]),
        (
            "const kept = []; for (;;) kept.push(new Uint8Array(50_000_000).fill(1));",
            {"memory_bytes": 400 << 20},
            [None, "limit.memory", "limit.heap"],  # V8 may tell the script, or may give up
        ),
        ("setTimeout(() => {}, 60_000);", {"wall_seconds": 0.2}, ["limit.wall"]),
    ],
    ids=["spin", "microtasks", "heap", "buffers", "time"],
)  # fmt: skip
async def test_limits(
    supervise: Supervise, write: Write, text: str, limits: dict[str, float], codes: list[str | None]
) -> None:
    end = await end_of(supervise().start(write(text, limits=limits)))
    assert end.outcome != "ok"
    assert end.errors[0].code in codes, end
    if end.errors[0].code is None:
        assert "Array buffer allocation failed" in end.errors[0].message
    await nothing_left(is_for_scripts)


async def test_cancelling_a_wedged_script(supervise: Supervise, write: Write) -> None:
    run = supervise().start(write("console.log('in'); (async () => { for (;;) await null; })();"))
    await read_until(run, "started")
    await asyncio.sleep(0.3)
    run.cancel()
    assert (await end_of(run)).outcome == "cancelled"
    await nothing_left(is_for_scripts)


async def test_a_child_is_warm_for_the_next_run(supervise: Supervise, write: Write) -> None:
    supervisor = supervise(warm=2)
    supervisor.warm_up()
    async with asyncio.timeout(SECONDS):
        while len(supervisor._pool) < 2:  # type: ignore[reportPrivateUsage]
            await asyncio.sleep(0.02)
    warm = {process.pid for process in psutil.Process().children(recursive=True) if is_for_scripts(process)}
    assert len(warm) == 2
    started = (await read(supervisor.start(write("console.log(1)"))))[0]
    assert isinstance(started, StartedEvent) and started.pid in warm


async def test_two_scripts_at_once(supervise: Supervise, write: Write) -> None:
    supervisor = supervise()
    request = write(
        "for (let i = 0; i < 3; i++) { console.log(params.name); await new Promise(r => setTimeout(r, 50)); }"
    )
    runs = [supervisor.start(request.model_copy(update={"params": {"name": name}})) for name in "ab"]
    assert [run.id for run in supervisor.runs] == [run.id for run in runs]
    assert supervisor.run(runs[0].id) is runs[0]
    for run, name in zip(runs, "ab", strict=True):
        assert printed(await read(run)).split("\n") == [name] * 3
    assert supervisor.runs == ()


async def test_more_runs_than_may_go_on_wait_in_order(supervise: Supervise) -> None:
    supervisor = supervise("ends well", at_once=3)
    runs = [
        supervisor.start(RunRequest(path="/script.js", params={"name": str(number)})) for number in range(30)
    ]
    assert [run.state for run in runs] == ["running"] * 3 + ["queued"] * 27
    overtaken: set[int] = set()
    most = 0

    async def watch(number: int) -> list[RunEvent]:
        nonlocal most
        events: list[RunEvent] = []
        async for event in runs[number].events():
            events.append(event)
            states = [run.state for run in runs]
            most = max(most, states.count("running"))
            if event.kind != "queued":
                overtaken.update(before for before in range(number) if states[before] == "queued")
        return events

    all_events = await asyncio.gather(*map(watch, range(30)))
    assert all(run.end is not None and run.end.outcome == "ok" for run in runs)
    assert [printed(events) for events in all_events] == [f"begun\n{number}" for number in range(30)]
    waited = [[event.ahead for event in events if event.kind == "queued"] for events in all_events]
    assert waited == [[]] * 3 + [[number] for number in range(27)]
    assert not overtaken
    assert most <= 3


# Readers


async def test_a_reader_that_comes_late_gets_everything_merged(supervise: Supervise) -> None:
    run = supervise("floods").start(RunRequest(path="/script.js"))
    async with asyncio.timeout(SECONDS):
        await run.wait()
    events = await read(run)
    assert len(events) < 20
    words: dict[str, str] = {}
    for event in events:
        if isinstance(event, DeltaEvent):
            words[event.step_id] = words.get(event.step_id, "") + event.delta
    for stream in range(7):
        expected = "".join(f"token {number} " for number in range(stream, 200_000, 7))
        assert words[f"s{stream}"] == expected


async def test_an_absent_reader_costs_a_bounded_amount_of_memory(supervise: Supervise) -> None:
    before = psutil.Process().memory_info().rss
    run = supervise("floods without mercy").start(RunRequest(path="/script.js"))
    async with asyncio.timeout(SECONDS):
        await run.wait()
    assert psutil.Process().memory_info().rss - before < 100 << 20
    events = await read(run)
    gaps = [event for event in events if isinstance(event, GapEvent)]
    lost = sum(gap.events for gap in gaps)
    lines = printed(events).count("\n") + 1
    finals = sum(isinstance(event, StepEvent) for event in events)
    assert lost > 0
    assert lines > 5000
    assert finals > 5000


async def test_events_have_one_reader(supervise: Supervise) -> None:
    run = supervise("waits").start(RunRequest(path="/script.js"))
    first = run.events()
    await anext(first)
    with pytest.raises(GeppettoError):
        await anext(run.events())
    await first.aclose()
    run.cancel()
    await read(run)


async def test_the_event_loop_stays_free_while_a_script_floods(supervise: Supervise, write: Write) -> None:
    run = supervise().start(write("for (let i = 0; i < 200_000; i++) console.log('line', i);"))
    worst = 0.0
    while run.end is None:
        before = time.monotonic()
        await asyncio.sleep(0.005)
        worst = max(worst, time.monotonic() - before)
    assert (await end_of(run)).outcome == "ok"
    assert worst < 1.0
