"""Children that crash, lie, hang and overeat: each run ends once, clearly, and nothing is left running."""

from __future__ import annotations

import asyncio

import psutil
import pytest
from geppetto.errors import GeppettoError
from geppetto.runs.conduct import Patience
from geppetto.runs.handle import RunHandle
from geppetto.runs.protocol import EndEvent, NoticeEvent, RunRequest

from tests.runs.conftest import SECONDS, Supervise, end_of, nothing_left, read, read_until

REQUEST = RunRequest(path="/nowhere/script.geppetto.js")


@pytest.mark.parametrize(
    ("mode", "outcome", "code", "told"),
    [
        ("says nothing", "error", "run.start", "was not ready after 1 s"),
        ("dies at once", "error", "run.start", "no module named whatever"),
        ("prints text", "error", "run.start", "does not speak our protocol"),
        ("dies while it waits", "error", "run.start", "died before it took the script"),
        ("dies when asked", "error", "run.start", "died before it took the script"),
        ("garbage", "error", "run.protocol", "broke the protocol"),
        ("raw garbage", "error", "run.protocol", "broke the protocol"),
        ("unknown message", "error", "run.protocol", "broke the protocol"),
        ("second hello", "error", "run.protocol", "a second hello"),
        ("half a frame", "error", "run.lost", "in the middle of a frame"),
        ("half a head", "error", "run.lost", "in the middle of a frame"),
        ("leaves", "error", "run.lost", "exit code 7"),
        ("closes its pipe", "error", "run.lost", "closed its pipe"),
        ("crashes", "error", "run.crashed", "SIGSEGV"),
        ("killed in a frame", "error", "run.killed", "SIGKILL"),
        ("heap", "limit", "limit.heap", "out of memory"),
        ("eats", "limit", "limit.memory", "MiB of memory, more than it may"),
        ("late", "limit", "limit.wall", "did not end by itself"),
    ],
)
async def test_a_child_that_misbehaves(
    supervise: Supervise, mode: str, outcome: str, code: str, told: str
) -> None:
    end = await end_of(supervise(mode).start(REQUEST))
    assert (end.outcome, end.errors[0].code) == (outcome, code)
    assert told in end.errors[0].message
    await nothing_left()


async def test_another_version_is_refused_with_a_way_out(supervise: Supervise) -> None:
    end = await end_of(supervise("ends well", version="0.0.0").start(REQUEST))
    assert end.outcome == "error"
    assert "0.0.0" in end.errors[0].message
    assert "restart" in str(end.errors[0].hint)


async def test_a_command_that_does_not_exist(supervise: Supervise) -> None:
    end = await end_of(supervise(command=("/no/such/python",)).start(REQUEST))
    assert end.errors[0].code == "run.start"
    assert "/no/such/python" in end.errors[0].message


async def test_nothing_follows_the_end(supervise: Supervise) -> None:
    events = await read(supervise("goes on after the end").start(REQUEST))
    assert [event.kind for event in events] == ["started", "console", "end"]
    await nothing_left()


async def test_a_handle_takes_nothing_after_the_end() -> None:
    run = RunHandle("id", REQUEST, lambda _: None)
    run.tell(EndEvent(outcome="ok"))
    run.tell(NoticeEvent(text="too late"))
    run.tell(EndEvent(outcome="error"))
    assert [event async for event in run.events()] == [EndEvent(outcome="ok")]
    assert run.end == EndEvent(outcome="ok")


async def test_a_crash_keeps_what_was_said_and_used(supervise: Supervise) -> None:
    run = supervise("asks back").start(REQUEST)
    events = await read(run)
    assert [event.kind for event in events] == ["started", "console", "step", "delta", "end"]
    assert run.end is not None
    assert run.end.steps == 1
    assert run.end.seconds > 0


async def test_a_warm_child_that_died_is_not_used(supervise: Supervise) -> None:
    supervisor = supervise("ends well", warm=1)
    supervisor.warm_up()
    child = await started_child()
    child.kill()
    await asyncio.to_thread(child.wait, 5)
    assert (await end_of(supervisor.start(REQUEST))).outcome == "ok"


# Cancelling


async def test_a_polite_child_ends_by_itself(supervise: Supervise) -> None:
    run = supervise("waits").start(REQUEST)
    await read_until(run, "console")
    assert run.cancel()
    assert [event.kind for event in await read(run)] == ["end"]
    assert run.end is not None and run.end.outcome == "cancelled"


@pytest.mark.parametrize("mode", ["hangs", "deaf"])
async def test_a_child_that_does_not_end_is_ended_and_it_is_said(supervise: Supervise, mode: str) -> None:
    run = supervise(mode).start(REQUEST)
    while "now" not in str(await read_until(run, "console")):
        pass
    run.cancel()
    events = await read(run)
    assert [event.kind for event in events] == ["notice", "end"]
    assert run.end is not None and run.end.outcome == "cancelled"
    await nothing_left()


async def test_cancel_while_the_child_starts(supervise: Supervise) -> None:
    run = supervise("says nothing").start(REQUEST)
    await started_child()
    run.cancel()
    events = await read(run)
    assert [event.kind for event in events] == ["end"]
    assert run.end is not None and run.end.outcome == "cancelled"
    await nothing_left()


async def test_cancel_at_once(supervise: Supervise) -> None:
    run = supervise("ends well").start(REQUEST)
    run.cancel()
    assert (await end_of(run)).outcome == "cancelled"


async def test_cancel_in_the_queue_frees_the_place(supervise: Supervise) -> None:
    supervisor = supervise("waits", at_once=1)
    first, second, third = (supervisor.start(REQUEST) for _ in range(3))
    await read_until(first, "console")
    assert second.cancel()
    assert [event.kind for event in await read(second)] == ["queued", "end"]
    assert second.end is not None and second.end.outcome == "cancelled"
    assert third.state == "queued"
    first.cancel()
    await read(first)
    await read_until(third, "console")
    third.cancel()
    assert (await end_of(third)).outcome == "cancelled"


async def test_cancel_twice_and_after_the_end(supervise: Supervise) -> None:
    run = supervise("waits").start(REQUEST)
    await read_until(run, "console")
    assert run.cancel()
    assert run.cancel()
    assert (await end_of(run)).outcome == "cancelled"
    assert not run.cancel()
    done = supervise("ends well").start(REQUEST)
    assert (await end_of(done)).outcome == "ok"
    assert not done.cancel()
    assert done.end is not None and done.end.outcome == "ok"


async def test_closing_ends_everything(supervise: Supervise) -> None:
    supervisor = supervise("deaf", at_once=3, close_seconds=0.5, patience=Patience(polite=600, leave=0.5))
    runs = [supervisor.start(REQUEST) for _ in range(5)]
    for run in runs[:3]:
        await read_until(run, "console")
    async with asyncio.timeout(SECONDS):
        await supervisor.close()
    assert [(await end_of(run)).outcome for run in runs] == ["cancelled"] * 5
    await nothing_left()
    with pytest.raises(GeppettoError):
        supervisor.start(REQUEST)


async def started_child() -> psutil.Process:
    """The one child process, when it is there."""
    async with asyncio.timeout(SECONDS):
        while not (children := psutil.Process().children()):
            await asyncio.sleep(0.01)
    return children[0]
