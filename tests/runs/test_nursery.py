"""Processes that are forked: each alone with its run, however many there are and whoever dies."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import combinations
from pathlib import Path

import psutil
import pytest
from geppetto.runs import forked
from geppetto.runs.forked import Nursery
from geppetto.runs.handle import RunHandle
from geppetto.runs.protocol import ConsoleEvent, RunRequest, StartedEvent
from geppetto.runs.supervisor import RunSupervisor

from tests.runs.conftest import (
    NURSERY,
    SECONDS,
    Supervise,
    Write,
    end_of,
    is_for_scripts,
    nothing_left,
    read,
    read_until,
)
from tests.waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")

WAITS = "console.log('in'); await new Promise(settle => setTimeout(settle, 600_000));"
TALKING = Path(__file__).with_name("talking_nursery.py")
LISTING = Path(__file__).with_name("listing_nursery.py")


async def started(run: RunHandle) -> psutil.Process:
    """The process of a run whose script has begun."""
    events = await read_until(run, "console")
    first = events[0]
    assert isinstance(first, StartedEvent)
    return psutil.Process(first.pid)


def nurseries() -> list[psutil.Process]:
    return [process for process in psutil.Process().children() if NURSERY in process.cmdline()]


async def warm(supervisor: RunSupervisor) -> int:
    """The id of the one process that waits."""
    async with asyncio.timeout(SECONDS):
        while not len(supervisor._pool):
            await asyncio.sleep(0.02)
    (child,) = supervisor._pool._warm
    return child.pid


async def test_all_runs_come_from_one_nursery_that_starts_nothing_itself(
    supervise: Supervise, write: Write
) -> None:
    supervisor = supervise()
    request = write(WAITS)
    processes = [await started(supervisor.start(request)) for _ in range(3)]
    (nursery,) = nurseries()
    assert [process.ppid() for process in processes] == [nursery.pid] * 3
    assert len({process.pid for process in processes}) == 3
    assert nursery.num_threads() == 1, "V8 would have more, and they would be missing in its processes"
    assert all(process.num_threads() > 1 for process in processes)
    assert all(os.getsid(process.pid) == process.pid for process in processes)


async def test_no_run_holds_what_is_anothers(supervise: Supervise, write: Write) -> None:
    """Neither pipes, whose end would not be seen then, nor sockets."""
    supervisor = supervise(at_once=20)
    request = write(WAITS)
    runs = [supervisor.start(request) for _ in range(20)]
    processes = [await started(run) for run in runs]
    (nursery,) = nurseries()

    def held(process: psutil.Process) -> set[str]:
        folder = Path(f"/proc/{process.pid}/fd")
        links = [os.readlink(entry) for entry in folder.iterdir()]
        return {link for link in links if link.startswith(("pipe:", "socket:"))}

    for one, other in combinations([nursery, *processes], 2):
        assert not held(one) & held(other)
    for run in runs:
        run.cancel()
    for run in runs:
        assert (await end_of(run)).outcome == "cancelled"
    # To the supervisor, standard error, and two ends for signals; it may be asking just now which SDKs are wanted.
    await until(lambda: len(held(nursery)) == 4)
    await gone_from(nursery)


async def gone_from(nursery: psutil.Process) -> None:
    """Not even zombies are left."""
    async with asyncio.timeout(SECONDS):
        while nursery.children():
            await asyncio.sleep(0.02)


async def test_fifty_runs_at_once(supervise: Supervise, write: Write) -> None:
    supervisor = supervise(at_once=50, warm=2)
    request = write("console.log(params.n, Math.random()); await new Promise(go => setTimeout(go, 300));")
    runs = [supervisor.start(request.model_copy(update={"params": {"n": number}})) for number in range(50)]
    said = await asyncio.gather(*map(read, runs))
    assert all(run.end is not None and run.end.outcome == "ok" for run in runs)
    lines = [event.text.split() for events in said for event in events if isinstance(event, ConsoleEvent)]
    assert [int(number) for number, _ in lines] == list(range(50))
    assert len({drawn for _, drawn in lines}) == 50
    (nursery,) = nurseries()
    async with asyncio.timeout(SECONDS):
        while len(supervisor._pool) < 2 or len(nursery.children()) > 2:
            await asyncio.sleep(0.02)


async def test_a_run_imports_nothing_itself(
    supervise: Supervise, write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What it needs on the usual way; each would do so again."""
    monkeypatch.setattr(forked, "NURSERY_COMMAND", (sys.executable, str(LISTING)))
    monkeypatch.setenv("LATE_IMPORTS", str(tmp_path / "late"))
    text = """
        console.log({ an: "object" });
        const conversation = new Conversation();
        conversation.addMessage("user", "hello");
        for await (const event of echoStep.startStream("a b")) console.log(event.type);
        await chatStep.startStream(conversation).finalText();
        await new Promise((go) => setTimeout(go, 1));
    """
    supervisor = supervise()
    assert (await end_of(supervisor.start(write(text)))).outcome == "ok"
    await supervisor.close()
    assert json.loads((tmp_path / "late").read_text()) == []


async def test_nothing_of_a_run_is_in_another_or_in_the_nursery(supervise: Supervise, write: Write) -> None:
    supervisor = supervise(warm=1)
    before = await started(supervisor.start(write(WAITS)))
    marker = os.urandom(16).hex()
    request = write(
        "globalThis.seen = params.secret; console.log(params.secret); "
        "await new Promise(settle => setTimeout(settle, 600_000));",
        params={"secret": marker},
    )
    owner = await started(supervisor.start(request))
    after = await started(supervisor.start(write("console.log(typeof seen);" + WAITS)))
    waiting = psutil.Process(await warm(supervisor))
    (nursery,) = nurseries()
    assert is_in_memory(marker, owner)
    for other in (before, after, waiting, nursery):
        assert not is_in_memory(marker, other)


def is_in_memory(marker: str, process: psutil.Process) -> bool:
    texts = (marker.encode(), marker.encode("utf-16-le"))
    with open(f"/proc/{process.pid}/maps") as maps, open(f"/proc/{process.pid}/mem", "rb", 0) as memory:
        for line in maps:
            found = re.match(r"(\w+)-(\w+) rw", line)
            if found is None:
                continue
            at, end = (int(group, 16) for group in found.groups())
            with suppress(OSError):  # reserved, and nothing is there
                memory.seek(at)
                data = memory.read(end - at)
                if any(text in data for text in texts):
                    return True
    return False


@asynccontextmanager
async def talking() -> AsyncIterator[Nursery]:
    nursery = await Nursery.open(lambda: None)
    try:
        async with asyncio.timeout(SECONDS):
            yield nursery
    finally:
        await nursery.close()
        await nothing_left()


async def test_chance_is_each_processs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forked, "NURSERY_COMMAND", (sys.executable, str(TALKING)))
    async with talking() as nursery:
        said: list[dict[str, object]] = []
        for _ in range(4):
            process = await nursery.fork()
            mine, kept = json.loads(await process.stdout.read())
            await process.ended.wait()
            assert await process.exit_code() == 7
            assert mine["pid"] == process.pid
            assert kept == {"session": True, "descriptors": ["0", "1", "2"]}
            process.close()
            said.append(mine)
        for what in said[0]:
            assert len({each[what] for each in said}) == 4, what


# Whoever dies


def has_ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE  # whoever inherited it takes its time
    except psutil.NoSuchProcess:
        return True


async def test_a_nursery_that_died_is_replaced_before_the_next_run(
    supervise: Supervise, write: Write
) -> None:
    supervisor = supervise(warm=1)
    supervisor.warm_up()
    before = await warm(supervisor)
    (nursery,) = nurseries()
    warmed = psutil.Process(before)
    nursery.kill()
    await until(lambda: has_ended(warmed))
    end = await read(supervisor.start(write("console.log(1)")))
    assert end[-1].kind == "end" and supervisor.runs == ()
    assert isinstance(end[0], StartedEvent) and end[0].pid != before
    (another,) = nurseries()
    assert another.pid != nursery.pid


async def test_runs_of_a_nursery_that_is_killed_end_with_a_word(supervise: Supervise, write: Write) -> None:
    supervisor = supervise()
    run = supervisor.start(write(WAITS))
    process = await started(run)
    (nursery,) = nurseries()
    nursery.kill()
    end = await end_of(run)
    assert (end.outcome, end.errors[0].code) == ("error", "run.killed")
    assert has_ended(process)
    assert (await end_of(supervisor.start(write("console.log(1)")))).outcome == "ok"


async def test_two_supervisors_have_nothing_to_do_with_each_other(supervise: Supervise, write: Write) -> None:
    one, other = supervise(), supervise()
    request = write(WAITS)
    runs = [one.start(request), other.start(request)]
    processes = [await started(run) for run in runs]
    assert len(nurseries()) == 2
    psutil.Process(processes[0].ppid()).kill()
    assert (await end_of(runs[0])).errors[0].code == "run.killed"
    await asyncio.sleep(0.2)
    assert processes[1].is_running() and runs[1].state == "running"
    await other.close()
    assert (await end_of(runs[1])).outcome == "cancelled"


@pytest.mark.parametrize(
    ("number", "code", "told"),
    [
        (signal.SIGSEGV, "run.crashed", "SIGSEGV"),
        (signal.SIGKILL, "run.killed", "SIGKILL"),
        (signal.SIGTERM, "run.lost", "exit code 143"),
    ],
)
async def test_how_a_process_ended_is_told(
    supervise: Supervise, write: Write, number: int, code: str, told: str
) -> None:
    run = supervise().start(write(WAITS))
    (await started(run)).send_signal(number)
    end = await end_of(run)
    assert (end.errors[0].code, end.outcome) == (code, "error")
    assert told in end.errors[0].message


async def test_how_it_ended_is_told_late_by_a_nursery_that_is_busy(
    supervise: Supervise, write: Write
) -> None:
    run = supervise().start(write(WAITS))
    process = await started(run)
    (nursery,) = nurseries()
    nursery.suspend()
    process.send_signal(signal.SIGSEGV)
    await asyncio.sleep(1.5)  # longer than a process may take to end
    assert run.end is None
    nursery.resume()
    assert (await end_of(run)).errors[0].code == "run.crashed"


async def test_cancelled_while_the_nursery_starts(supervise: Supervise, write: Write) -> None:
    supervisor = supervise()
    run = supervisor.start(write(WAITS))
    async with asyncio.timeout(SECONDS):
        while not nurseries():
            await asyncio.sleep(0.01)
    run.cancel()
    assert (await end_of(run)).outcome == "cancelled"
    assert (await end_of(supervisor.start(write("console.log(1)")))).outcome == "ok"
    (nursery,) = nurseries()
    await gone_from(nursery)


# Where nothing can be forked


def nursery_of(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import sys; sys.exit('no such module')", "no such module"),
        ("import time; time.sleep(600)", "it does not answer"),
        (
            "import sys, threading, time; threading.Thread(target=time.sleep, args=(600,), daemon=True).start();"
            "from geppetto.runs.nursery import main; main(sys.argv[1:])",
            "it has 2 threads",
        ),
    ],
    ids=["does not start", "does not answer", "cannot be forked"],
)
async def test_runs_are_spawned_then(
    supervise: Supervise,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    code: str,
    told: str,
) -> None:
    monkeypatch.setattr(forked, "NURSERY_COMMAND", nursery_of(code))
    if "answer" in told:
        monkeypatch.setattr(forked, "_STARTING_SECONDS", 0.5)
    supervisor = supervise()
    run = supervisor.start(write(WAITS))
    process = await started(run)
    assert process.ppid() == os.getpid() and is_for_scripts(process)
    assert told in caplog.text
    run.cancel()
    assert (await end_of(run)).outcome == "cancelled"
    assert (await end_of(supervisor.start(write("console.log(1)")))).outcome == "ok"


async def test_a_nursery_that_never_lives_is_given_up(
    supervise: Supervise, write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log = tmp_path / "started"
    code = f"open({str(log)!r}, 'a').write('x')"
    monkeypatch.setattr(forked, "NURSERY_COMMAND", nursery_of(code))
    supervisor = supervise()
    for _ in range(3):
        assert (await end_of(supervisor.start(write("console.log(1)")))).outcome == "ok"
    assert log.read_text() == "xxx"


async def test_a_command_of_ones_own_is_spawned(supervise: Supervise) -> None:
    supervisor = supervise("waits")
    run = supervisor.start(RunRequest(path="/nowhere/script.geppetto.js"))
    process = await started(run)
    assert process.ppid() == os.getpid()
    assert nurseries() == []
    run.cancel()
    await read(run)
