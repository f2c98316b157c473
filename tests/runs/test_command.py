"""`geppetto runs` as a user calls it, on records that real runs left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from geppetto.runs.handle import RunHandle
from geppetto.runs.supervisor import RunSupervisor

from tests.runs.conftest import Supervise, Write, read

Runs = Callable[..., "subprocess.CompletedProcess[str]"]

FAILING = """console.log("hello");
console.warn("careful");
for await (const _ of echoStep.startStream("a b c"));
null.x;"""


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "geppetto", "runs", *arguments],
            cwd=tmp_path,
            env={**os.environ, "GEPPETTO_STATE_DIR": str(tmp_path / "state"), "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return call


async def recorded(supervisor: RunSupervisor, write: Write, text: str = FAILING) -> RunHandle:
    run = supervisor.start(write(text))
    await read(run)
    await supervisor.close()
    return run


async def test_list_and_show(supervise: Supervise, write: Write, runs: Runs) -> None:
    run = await recorded(supervise(), write)
    (line,) = runs("list").stdout.splitlines()
    assert line.split("\t")[0] == run.id
    assert line.split("\t")[2] == "error"
    assert line.endswith(run.request.path)
    summary = json.loads(runs("list", "--json").stdout)
    assert (summary["runId"], summary["state"]) == (run.id, "error")
    shown = runs("show", run.id[-6:])
    assert shown.returncode == 0
    assert "TypeError" in shown.stdout and "> 4 | null.x;" in shown.stdout
    lines = [json.loads(line) for line in runs("show", "--json").stdout.splitlines()]
    assert lines[0]["runId"] == run.id and lines[-1]["event"]["kind"] == "end"


async def test_a_replay_looks_as_the_run_did(supervise: Supervise, write: Write, runs: Runs) -> None:
    run = await recorded(supervise(), write)
    live = subprocess.run(
        [sys.executable, "-m", "geppetto", "run", run.request.path],
        capture_output=True,
        text=True,
        timeout=60,
    )
    replayed = runs("replay")
    assert replayed.stdout == live.stdout == "hello\na b c\n"
    assert replayed.stderr == live.stderr
    assert replayed.returncode == live.returncode == 1
    events = [json.loads(line) for line in runs("replay", "last", "--events", "jsonl").stdout.splitlines()]
    assert [event["type"] for event in events] == ["start", "partial", "final"]


async def test_a_replay_takes_its_time_if_asked(supervise: Supervise, write: Write, runs: Runs) -> None:
    await recorded(
        supervise(), write, "console.log(1); await new Promise(r => setTimeout(r, 1500)); console.log(2);"
    )
    began = time.monotonic()
    assert runs("replay", "--pace", "1").stdout == "1\n2\n"
    assert time.monotonic() - began > 1.4


async def test_rm(supervise: Supervise, write: Write, runs: Runs) -> None:
    run = await recorded(supervise(), write, "console.log(1)")
    assert runs("rm").returncode == 2
    assert runs("rm", "nope").returncode == 1
    assert runs("rm", run.id).stdout == f"removed {run.id}\n"
    assert runs("rm", "--all").returncode == 0
    nothing = runs("list")
    assert (nothing.stdout, nothing.returncode) == ("", 0)
    assert "no runs" in nothing.stderr
    assert "no record of a run 'last'" in runs("show").stderr
