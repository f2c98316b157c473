"""Nobody outlives whom they belong to: children end when their supervisor does, however it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from geppetto.runs.frames import json_frame, read_message
from geppetto.runs.spawned import HOST_COMMAND

from tests.runs.conftest import SECONDS, is_for_scripts, nothing_left

SUPERVISOR = """
import asyncio, sys
from geppetto.runs.protocol import RunRequest
from geppetto.runs.supervisor import RunsOptions, RunSupervisor

async def main():
    supervisor = RunSupervisor(RunsOptions(warm=1))
    runs = [supervisor.start(RunRequest(path=f"/script{n}.js", text=text)) for n, text in enumerate(sys.argv[1:])]
    for run in runs:
        async for event in run.events():
            if event.kind == "console":
                break
    while not len(supervisor._pool):
        await asyncio.sleep(0.02)
    print("ready", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""

SCRIPTS = [
    "console.log('in'); await new Promise(settle => setTimeout(settle, 600_000));",
    "console.log('in'); setTimeout(() => { for (;;); }, 50);",
    "console.log('in'); setTimeout(async () => { for (;;) await null; }, 50);",
    "console.log('in'); for await (const _ of echoStep.startStream('w '.repeat(9000), { delay: 0.05 }));",
]


async def test_no_child_survives_a_supervisor_that_is_killed() -> None:
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SUPERVISOR, *SCRIPTS, stdout=subprocess.PIPE
    )
    assert supervisor.stdout is not None
    async with asyncio.timeout(SECONDS):
        assert await supervisor.stdout.readline() == b"ready\n"
    children = psutil.Process(supervisor.pid).children(recursive=True)
    assert len([child for child in children if is_for_scripts(child)]) == len(SCRIPTS) + 1
    supervisor.kill()
    await supervisor.wait()
    _, left = await asyncio.to_thread(psutil.wait_procs, children, timeout=60)
    for process in left:
        process.kill()
    assert not left


@pytest.mark.parametrize("text", SCRIPTS, ids=["waits", "spins", "wedged", "streams"])
async def test_a_child_ends_when_its_pipe_does(text: str, tmp_path: Path) -> None:
    """What sees to it where the kernel does not."""
    child = await asyncio.create_subprocess_exec(
        *HOST_COMMAND, str(os.getpid()), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None and child.stdout is not None
    async with asyncio.timeout(SECONDS):
        assert (await read_message(child.stdout) or {})["kind"] == "hello"
        child.stdin.write(
            json_frame({"kind": "run", "request": {"path": str(tmp_path / "s.js"), "text": text}})
        )
        while (message := await read_message(child.stdout)) is not None and message["kind"] != "console":
            continue
        child.stdin.close()
        await child.wait()
    await nothing_left()


async def test_a_warm_child_ends_when_its_pipe_does() -> None:
    child = await asyncio.create_subprocess_exec(
        *HOST_COMMAND, str(os.getpid()), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None and child.stdout is not None
    async with asyncio.timeout(SECONDS):
        await read_message(child.stdout)
        child.stdin.close()
        assert await child.wait() == 0


async def test_a_child_whose_supervisor_is_gone_already_does_not_start() -> None:
    child = await asyncio.create_subprocess_exec(
        *HOST_COMMAND, "1", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    async with asyncio.timeout(SECONDS):
        assert await child.communicate(b"") == (b"", None)


async def test_ctrl_c_in_the_terminal_is_the_supervisors_alone() -> None:
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SUPERVISOR, SCRIPTS[0], stdout=subprocess.PIPE, start_new_session=True
    )
    assert supervisor.stdout is not None
    async with asyncio.timeout(SECONDS):
        await supervisor.stdout.readline()
    children = psutil.Process(supervisor.pid).children(recursive=True)
    assert all(os.getpgid(child.pid) != supervisor.pid for child in children)
    os.killpg(supervisor.pid, signal.SIGINT)
    async with asyncio.timeout(SECONDS):
        await supervisor.wait()
    _, left = await asyncio.to_thread(psutil.wait_procs, children, timeout=60)
    assert not left


def test_the_current_folder_is_no_place_to_import_from(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('imported from the workspace')")
    child = subprocess.run(
        [*HOST_COMMAND, str(os.getpid())],
        cwd=tmp_path,
        input=b"",
        capture_output=True,
        timeout=60,
    )
    assert child.returncode == 0, child.stderr
    assert json.loads(child.stdout[4:])["kind"] == "hello"
