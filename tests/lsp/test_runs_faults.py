"""Whatever happens to a run, or to who started it: one end, a clear word, and a server that answers meanwhile."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.lsp.conftest import SERVER
from tests.lsp.test_runs import ABLE, ENDLESS, command_of, ended, gone, run, says, told

Connect = Callable[..., Awaitable[Any]]

SECONDS = 120
FAULTY = Path(__file__).with_name("faulty_host.py")
FAULTY_SERVER = (
    "import sys, geppetto.runs.spawned as spawned, geppetto.runs.supervisor as supervisor;"
    f"supervisor.source_for = lambda _: spawned.Spawner((sys.executable, '-P', {str(FAULTY)!r})); {SERVER}"
)
LIMITS = """\
[limits]
memory_bytes = "400MiB"
heap_bytes = "48MiB"

[profiles.impatient.limits]
yield_seconds = 2

[runs]
at_once = 12
"""
TYPING = "const conversation = new Conversation();\nconversation.\n"
STREAMS = 'for await (const _ of echoStep.startStream("w ".repeat(9000), { delay: 0.05 }));\n'
SPINS = "console.log('in'); setTimeout(() => { for (;;); }, 50);\n"
WEDGED = "console.log('in'); setTimeout(async () => { for (;;) await null; }, 50);\n"
BREATHE = "await new Promise((go) => setTimeout(go, 0));"
HEAP_BOMB = "const all = []; for (;;) all.push({ some: [1, 2, 3] });\n"
BUFFER_BOMB = f"const all = []; for (;;) {{ all.push(new Uint8Array(20_000_000).fill(1)); {BREATHE} }}\n"

FAULTS = {
    # name: text, outcome, code, what the message says
    "killed": (STREAMS, "error", "run.killed", "killed from outside (SIGKILL)"),
    "deaf": ("// fault: deaf\n", "cancelled", None, ""),
    "wedged": (WEDGED, "limit", "limit.yield", "without giving"),
    "heap bomb": (HEAP_BOMB, "limit", "limit.heap", "heap"),
    "buffer bomb": (BUFFER_BOMB, "limit", "limit.memory", ""),
    "garbage": ("// fault: garbage\n", "error", "run.protocol", "broke the protocol"),
    "half a frame": ("// fault: half a frame\n", "error", "run.lost", "in the middle of a frame"),
}

PROFILES = {"wedged": "impatient"}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEPPETTO_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("GEPPETTO_CONFIG_DIR", str(tmp_path / "config"))


@pytest.fixture
async def client(connect: Connect, workspace: Path) -> AsyncIterator[Any]:
    """With a script open in which something can be completed."""
    (workspace / "geppetto.toml").write_text(LIMITS, "utf-8")
    client = await connect(FAULTY_SERVER)
    await client.initialize(workspace, capabilities=ABLE)
    client.open((workspace / "typing.geppetto.js").as_uri(), TYPING)
    yield client
    if client.process.returncode is None:
        assert await completes(client, workspace)


def processes(client: Any) -> list[psutil.Process]:
    """Those for scripts."""
    found = psutil.Process(client.process.pid).children(recursive=True)
    return [each for each in found if str(FAULTY) in command_of(each)]


async def completes(client: Any, workspace: Path) -> bool:
    place = {"line": 1, "character": 13}
    uri = (workspace / "typing.geppetto.js").as_uri()
    answer = await client.ask("textDocument/completion", {"textDocument": {"uri": uri}, "position": place})
    items = answer["items"] if isinstance(answer, dict) else answer or []
    labels = [item["label"] for item in items]
    assert "addMessage" in labels, (labels[:20], client.told_of("window/showMessage"), client.stderr)
    return True


async def test_all_that_can_go_wrong_at_once(client: Any, workspace: Path) -> None:
    names = {
        fault: await run(client, text=text, profile=PROFILES.get(fault))
        for fault, (text, *_) in FAULTS.items()
    }
    bystander = await run(client, text=ENDLESS)

    async def hurt() -> None:
        await client.until(
            lambda: any(each["kind"] == "delta" for each in told(client, names["killed"])), SECONDS
        )
        started = told(client, names["killed"])[0]
        assert started["kind"] == "started"
        os.kill(started["pid"], signal.SIGKILL)
        await says(client, names["deaf"], "begun")
        await client.ask("geppetto/cancelRun", {"runId": names["deaf"]})

    hurting = asyncio.create_task(hurt())
    answered = 0
    left = set(names.values())
    async with asyncio.timeout(SECONDS):
        while left:
            assert await completes(client, workspace)
            answered += 1
            states = (await client.ask("geppetto/listRuns"))["runs"]
            left -= {each["runId"] for each in states if each["state"] == "ended"}
    await hurting
    assert answered > 3
    for fault, (_, outcome, code, words) in FAULTS.items():
        end = (await ended(client, names[fault]))[-1]
        assert end["outcome"] == outcome, (fault, end)
        if code is not None:
            assert end["errors"][0]["code"] == code and words in end["errors"][0]["message"], (fault, end)
    assert any("did not end by itself" in each.get("text", "") for each in told(client, names["deaf"]))
    await says(client, bystander, "on")
    assert told(client, bystander)[-1]["kind"] != "end", "nobody else was hurt"


async def test_cancel_at_any_time_and_any_number_of_times(client: Any) -> None:
    async def cancelled(run_id: str) -> bool:
        return bool((await client.ask("geppetto/cancelRun", {"runId": run_id}))["cancelled"])

    at_once = [await run(client, text=ENDLESS) for _ in range(3)]
    for run_id in at_once:
        assert await cancelled(run_id)
        await cancelled(run_id)  # it may have ended by now
    for run_id in at_once:
        assert (await ended(client, run_id))[-1]["outcome"] == "cancelled"
    assert [await cancelled(run_id) for run_id in at_once] == [False] * 3
    spins = await run(client, text=SPINS)
    await says(client, spins, "in")
    assert await cancelled(spins)
    await cancelled(spins)
    assert (await ended(client, spins))[-1]["outcome"] == "cancelled"
    done = await run(client, text="console.log(1);")
    assert (await ended(client, done))[-1]["outcome"] == "ok"
    assert not await cancelled(done)
    assert [each["outcome"] for each in (await client.ask("geppetto/listRuns"))["runs"]][-1] == "ok"


async def test_a_server_that_is_killed_takes_every_process_along(
    client: Any, tmp_path: Path, workspace: Path
) -> None:
    for text in (ENDLESS, SPINS, WEDGED, "// fault: deaf\n", f"console.log('in');{STREAMS}"):
        run_id = await run(client, text=text)
        await client.until(
            lambda run_id=run_id: any(each["kind"] == "console" for each in told(client, run_id)), SECONDS
        )
    left = processes(client)
    assert len(left) >= 5 and await completes(client, workspace)
    os.kill(client.process.pid, signal.SIGKILL)
    await client.wait()
    await gone(left)
    for folder in tmp_path.glob("geppetto-*"):
        folder.rename(tmp_path / f"left-by-{folder.name}")  # a killed server cannot remove it


async def test_a_client_that_stops_reading_for_ten_seconds(
    client: Any, workspace: Path, tmp_path: Path
) -> None:
    many = "for (let i = 0; i < 100_000; i++) { console.log('one ' + i); console.warn('two ' + i); }\n"
    pipe = client.process._transport.get_pipe_transport(1)
    run_id = await run(client, text=many)
    await says(client, run_id, "one ")
    server = psutil.Process(client.process.pid)
    before = server.memory_info().rss
    pipe.pause_reading()
    record = tmp_path / "state" / "runs" / f"{run_id}.jsonl"
    await asyncio.sleep(10)
    async with asyncio.timeout(SECONDS):
        while b'"kind":"end"' not in record.read_bytes()[-4096:]:
            await asyncio.sleep(0.2)
    assert server.memory_info().rss - before < 100 * 1024 * 1024
    pipe.resume_reading()
    assert await completes(client, workspace)
    events = await ended(client, run_id)
    assert events[-1]["outcome"] == "ok"
    lines = sum(event["text"].count("\n") + 1 for event in events if event["kind"] == "console")
    assert lines + sum(event["events"] for event in events if event["kind"] == "gap") == 200_000


async def test_an_untitled_script_keeps_its_runs_when_it_is_saved(client: Any, workspace: Path) -> None:
    untitled, saved = "untitled:Untitled-1", workspace / "saved.geppetto.js"
    client.open(untitled, STREAMS)
    run_id = await run(client, uri=untitled)
    await client.until(lambda: any(each["kind"] == "delta" for each in told(client, run_id)), SECONDS)
    # VS Code opens the new one before it closes the old one.
    saved.write_text(STREAMS, "utf-8")
    client.open(saved.as_uri(), STREAMS)
    client.notify("textDocument/didClose", {"textDocument": {"uri": untitled}})
    [info] = (await client.ask("geppetto/listRuns"))["runs"]
    assert info["uri"] == saved.as_uri()


async def test_a_script_that_is_edited_renamed_closed_and_deleted(client: Any, workspace: Path) -> None:
    old, new = workspace / "old.geppetto.js", workspace / "new.geppetto.js"
    text = f"console.log('on');\n{STREAMS}"
    old.write_text(text, "utf-8")
    client.open(old.as_uri(), text)

    async def hint_lines(uri: str) -> list[int]:
        span = {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}
        found = await client.ask("textDocument/inlayHint", {"textDocument": {"uri": uri}, "range": span})
        return [hint["position"]["line"] for hint in found or []]

    run_id = await run(client, uri=old.as_uri())
    await client.until(lambda: any(each["kind"] == "delta" for each in told(client, run_id)), SECONDS)
    client.change(old.as_uri(), 2, (0, 0, 0, 0, "// edited\n"))
    assert await hint_lines(old.as_uri()) == [2]
    # Renamed: as editors tell it, the old one closes and the new one opens.
    old.rename(new)
    client.notify("textDocument/didClose", {"textDocument": {"uri": old.as_uri()}})
    client.open(new.as_uri(), f"// edited\n{text}")
    assert await hint_lines(new.as_uri()) == [2]
    [info] = (await client.ask("geppetto/listRuns"))["runs"]
    assert (info["uri"], info["state"]) == (new.as_uri(), "running")
    client.change(new.as_uri(), 2, (0, 0, 0, 0, "// again\n"))
    # Closed and opened again as it was, then deleted.
    client.notify("textDocument/didClose", {"textDocument": {"uri": new.as_uri()}})
    client.open(new.as_uri(), f"// again\n// edited\n{text}")
    assert await hint_lines(new.as_uri()) == [3]
    new.unlink()
    client.notify("textDocument/didClose", {"textDocument": {"uri": new.as_uri()}})
    seen = len(told(client, run_id))
    await client.until(lambda: len(told(client, run_id)) > seen, SECONDS)
    await client.ask("workspace/executeCommand", {"command": "geppetto.cancel", "arguments": [new.as_uri()]})
    assert (await ended(client, run_id))[-1]["outcome"] == "cancelled"
