"""What the compiler takes long for can be stopped, and it never outlives who started it."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest
from geppetto.runtime.engine import RuntimeEngine
from geppetto.runtime.limits import Limits
from geppetto.runtime.script import Script

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the compiler is replaced by a shell script")

SECONDS = 30


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A compiler that never ends, and writes its process id to the file that is returned."""
    compiler, pid = tmp_path / "tsc", tmp_path / "pid"
    compiler.write_text(f"#!/bin/sh\necho $$ > {pid}.new && mv {pid}.new {pid}\nexec sleep 600\n")
    compiler.chmod(0o755)
    monkeypatch.setattr("geppetto.resources.tsc_path", lambda: compiler)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "main.ts").write_text("const n: number = 1;")
    return pid


async def started(pid: Path) -> psutil.Process:
    async with asyncio.timeout(SECONDS):
        while not pid.exists():
            await asyncio.sleep(0.01)
    return psutil.Process(int(pid.read_text()))


async def test_an_interrupt_stops_the_compiler(slow: Path) -> None:
    async with asyncio.timeout(SECONDS), RuntimeEngine(root=slow.parent) as engine:
        running = asyncio.create_task(engine.run(Script(slow.parent / "main.ts")))
        compiler = await started(slow)
        engine.interrupt()
        assert (await running).kind == "cancelled"
        assert not compiler.is_running()


async def test_the_time_limit_holds_for_the_compiler(slow: Path) -> None:
    async with (
        asyncio.timeout(SECONDS),
        RuntimeEngine(root=slow.parent, limits=Limits(wall_seconds=0.2)) as engine,
    ):
        outcome = await engine.run(Script(slow.parent / "main.ts"))
        assert (outcome.kind, [error.code for error in outcome.errors]) == ("limit", ["limit.wall"])


async def test_cancelling_the_caller_stops_the_compiler(slow: Path) -> None:
    async with asyncio.timeout(SECONDS), RuntimeEngine(root=slow.parent) as engine:
        running = asyncio.create_task(engine.run(Script(slow.parent / "main.ts")))
        compiler = await started(slow)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert not compiler.is_running()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel sees to it on Linux alone")
async def test_the_compiler_ends_with_a_process_that_is_killed(slow: Path) -> None:
    program = f"""
import asyncio, geppetto.resources
from pathlib import Path
from geppetto.runtime.modules import load_program
from geppetto.runtime.script import Script
geppetto.resources.tsc_path = lambda: Path({str(slow.parent / "tsc")!r})
asyncio.run(load_program(Script(Path({str(slow.parent / "main.ts")!r})), Path({str(slow.parent)!r})))
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    compiler = await started(slow)
    os.kill(process.pid, signal.SIGKILL)
    async with asyncio.timeout(SECONDS):
        await process.wait()
        while compiler.is_running() and compiler.status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(0.01)
