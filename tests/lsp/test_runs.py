"""Scripts run from an editor, over real stdio."""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.runs.conftest import is_for_scripts

Connect = Callable[[], Awaitable[Any]]
ABLE: dict[str, Any] = {
    "textDocument": {"diagnostic": {"relatedInformation": True}, "hover": {"contentFormat": ["markdown"]}},
    "window": {"workDoneProgress": True},
    "workspace": {
        "diagnostics": {"refreshSupport": True},
        "codeLens": {"refreshSupport": True},
        "inlayHint": {"refreshSupport": True},
    },
}
STREAM = """\
console.log("begin");
const stream = echoStep.startStream("one two three");
for await (const event of stream) if (event.type === "final") console.log(event.text);
"""
ENDLESS = 'console.log("on");\nsetInterval(() => {}, 1000);\n'
FLOOD = 'while (true) { console.log("x".repeat(200)); await new Promise((go) => setTimeout(go, 0)); }\n'
MANY = """\
const text = "x".repeat(900);
for (let i = 0; i < 30_000; i++) { console.log(text); console.warn(text); }
"""
FAIL = '/* 😀 */ function fail() { throw new TypeError("bad"); }\nfail();\n'


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEPPETTO_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("GEPPETTO_CONFIG_DIR", str(tmp_path / "config"))


@pytest.fixture
async def client(connect: Connect, workspace: Path) -> Any:
    client = await connect()
    await client.initialize(workspace, capabilities=ABLE)
    return client


@pytest.fixture
def uri(workspace: Path) -> str:
    return (workspace / "a.geppetto.js").as_uri()


def told(client: Any, run_id: str) -> list[dict[str, Any]]:
    events = [each for each in client.told_of("geppetto/runEvent") if each["runId"] == run_id]
    assert [each["seq"] for each in events] == list(range(len(events)))
    return [each["event"] for each in events]


async def ended(client: Any, run_id: str) -> list[dict[str, Any]]:
    """The events of a run, up to its only end."""
    seen, is_over = 0, False

    def is_told() -> bool:
        nonlocal seen, is_over
        news, seen = client.told[seen:], len(client.told)
        events = [each["params"] for each in news if each["method"] == "geppetto/runEvent"]
        is_over = is_over or any(
            each["runId"] == run_id and each["event"]["kind"] == "end" for each in events
        )
        return is_over

    await client.until(is_told, 60)
    events = told(client, run_id)
    assert [event["kind"] for event in events].index("end") == len(events) - 1
    return events


async def says(client: Any, run_id: str, text: str) -> None:
    await client.until(lambda: any(text in event.get("text", "") for event in told(client, run_id)), 60)


async def run(client: Any, **params: Any) -> str:
    return str((await client.ask("geppetto/run", params))["runId"])


async def errors_in(client: Any, uri: str) -> list[dict[str, Any]]:
    while True:
        answer = await client.answer(client.begin("textDocument/diagnostic", {"textDocument": {"uri": uri}}))
        if answer.get("error", {}).get("code") != -32802:
            break
    return [item for item in answer["result"]["items"] if item["severity"] == 1]


def children(client: Any) -> list[psutil.Process]:
    """The processes for scripts."""
    found = psutil.Process(client.process.pid).children(recursive=True)
    return [child for child in found if is_for_scripts(child)]


def command_of(process: psutil.Process) -> list[str]:
    """Its command line; empty when it has just ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


async def gone(processes: list[psutil.Process]) -> None:
    async with asyncio.timeout(60):
        while any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in processes):
            await asyncio.sleep(0.05)


async def test_unsaved_text_streams_in_order_to_one_end(client: Any, uri: str, workspace: Path) -> None:
    (workspace / "a.geppetto.js").write_text('console.log("old");')
    client.open(uri, STREAM)
    run_id = await run(client, uri=uri)
    events = await ended(client, run_id)
    kinds = [event["kind"] for event in events]
    assert kinds[0] == "started" and kinds.index("step") < kinds.index("delta") < kinds.index("event")
    console = "\n".join(event["text"] for event in events if event["kind"] == "console")
    assert console == "begin\none two three"
    [step] = [event for event in events if event["kind"] == "step"]
    assert (step["place"]["line"], step["place"]["column"]) == (2, 25)
    assert "".join(event["delta"] for event in events if event["kind"] == "delta") == "one two three"
    assert events[-1]["outcome"] == "ok" and events[-1]["steps"] == 1

    [info] = (await client.ask("geppetto/listRuns"))["runs"]
    assert (info["runId"], info["state"], info["outcome"]) == (run_id, "ended", "ok") and info["uri"] == uri
    output = await client.ask("geppetto/runOutput", {"runId": run_id})
    assert [each["event"] for each in output["events"]] == events and output["isComplete"]

    again = await run(client, replay=run_id)
    assert [event["text"] for event in await ended(client, again) if event["kind"] == "console"] == [
        event["text"] for event in events if event["kind"] == "console"
    ]


async def test_a_text_without_a_file_gets_its_params(client: Any) -> None:
    run_id = await run(client, text="console.log(params.name);", params={"name": "Ada"})
    assert any(event.get("text") == "Ada" for event in await ended(client, run_id))
    client.open("untitled:Untitled-1", 'const n: number = 1; console.log(n + "!");', "typescript")
    run_id = await run(client, uri="untitled:Untitled-1")
    assert any(event.get("text") == "1!" for event in await ended(client, run_id))


async def test_a_run_is_recorded_and_played_by_cassette(client: Any, uri: str, workspace: Path) -> None:
    client.open(uri, 'await chatStep.startStream("hi").done();')
    tape = {"path": "tape.jsonl"}
    await ended(client, await run(client, uri=uri, cassette={"mode": "record", **tape}))
    assert '"input": "hi"' in (workspace / "tape.jsonl").read_text()
    events = await ended(client, await run(client, uri=uri, cassette={"mode": "replay", **tape}))
    assert events[-1]["outcome"] == "ok"
    assert await client.error("geppetto/run", {"uri": uri, "cassette": {"mode": "rewind", **tape}}) == -32602


async def test_what_cannot_run_is_said(client: Any, workspace: Path) -> None:
    assert await client.error("geppetto/run", {}) == -32602
    assert await client.error("geppetto/run", {"uri": (workspace / "no.geppetto.js").as_uri()}) == -32602
    assert await client.error("geppetto/run", {"uri": "untitled:none"}) == -32602
    assert await client.error("geppetto/run", {"text": "", "params": [1]}) == -32602
    deep = json.loads('{"a":' * 101 + "1" + "}" * 101)
    assert await client.error("geppetto/run", {"text": "1", "params": deep}) == -32602
    assert await client.error("geppetto/run", {"replay": "none"}) == -32803
    assert await client.error("geppetto/runOutput", {"runId": "none"}) == -32602
    assert await client.ask("geppetto/cancelRun", {"runId": "none"}) == {"cancelled": False}


async def test_two_at_once_and_each_cancelled_for_itself(client: Any, uri: str) -> None:
    client.open(uri, ENDLESS)
    one, two = await run(client, uri=uri), await run(client, uri=uri)
    await says(client, one, "on")
    await says(client, two, "on")
    assert await client.ask("geppetto/cancelRun", {"runId": one}) == {"cancelled": True}
    assert (await ended(client, one))[-1]["outcome"] == "cancelled"
    states = {each["runId"]: each["state"] for each in (await client.ask("geppetto/listRuns"))["runs"]}
    assert states == {one: "ended", two: "running"}
    assert await client.ask("geppetto/cancelRun", {"runId": one}) == {"cancelled": False}
    await client.ask("workspace/executeCommand", {"command": "geppetto.cancel", "arguments": [uri]})
    assert (await ended(client, two))[-1]["outcome"] == "cancelled"


async def test_an_error_is_a_diagnostic_until_the_next_edit(client: Any, uri: str) -> None:
    client.open(uri, FAIL)
    assert await errors_in(client, uri) == []
    client.told.clear()
    assert (await ended(client, await run(client, uri=uri)))[-1]["outcome"] == "error"
    await client.until(lambda: bool(client.told_of("workspace/diagnostic/refresh")))
    [problem] = await errors_in(client, uri)
    assert problem["message"] == "TypeError: bad" and problem["source"] == "geppetto"
    assert problem["range"]["start"] == {
        "line": 0,
        "character": FAIL.encode("utf-16-le").index("throw".encode("utf-16-le")) // 2 + 6,
    }
    [caller] = problem["relatedInformation"]
    assert caller["location"]["uri"] == uri and caller["location"]["range"]["start"]["line"] == 1
    client.change(uri, 2, (1, 0, 1, 0, " "))
    assert await errors_in(client, uri) == []


async def test_an_error_goes_with_the_next_run_and_is_pushed(
    connect: Connect, workspace: Path, uri: str
) -> None:
    client = await connect()
    await client.initialize(workspace, capabilities={})
    client.open(uri, FAIL)

    def pushed() -> list[str]:
        of_it = [each for each in client.told_of("textDocument/publishDiagnostics") if each["uri"] == uri]
        return [item["message"] for item in of_it[-1]["diagnostics"]] if of_it else ["nothing yet"]

    await client.until(lambda: pushed() == [])
    await ended(client, await run(client, uri=uri))
    await client.until(lambda: pushed() == ["TypeError: bad"])
    await ended(client, await run(client, uri=uri, text="console.log(1);"))
    await client.until(lambda: pushed() == [])


async def test_progress_begins_tells_and_cancels(client: Any, uri: str) -> None:
    client.open(uri, ENDLESS)
    answer = await client.ask("workspace/executeCommand", {"command": "geppetto.run", "arguments": [uri]})

    def values() -> list[Any]:
        return [each["value"] for each in client.told_of("$/progress")]

    await client.until(lambda: any("on ·" in value.get("message", "") for value in values()), 60)
    [created] = client.told_of("window/workDoneProgress/create")
    assert isinstance(created["token"], str)
    assert values()[0] == {"kind": "begin", "title": "Running a.geppetto.js", "cancellable": True}
    client.notify("window/workDoneProgress/cancel", {"token": created["token"]})
    await client.until(lambda: values()[-1]["kind"] == "end")
    assert values()[-1]["message"].startswith("cancelled · ")
    assert [value["kind"] for value in values()].count("end") == 1
    # Who starts a run by command may know nothing of runs: it reads the log.
    assert told(client, answer["runId"]) == []
    logged = [each["message"] for each in client.told_of("window/logMessage")]
    assert logged[0] == "on" and logged[-1].startswith("a.geppetto.js: cancelled after ")


async def test_lenses_follow_the_run(client: Any, uri: str) -> None:
    async def titles() -> list[str]:
        found = await client.ask("textDocument/codeLens", {"textDocument": {"uri": uri}})
        return [lens["command"]["title"] for lens in found]

    client.open(uri, ENDLESS)
    assert await titles() == ["Run"]
    run_id = await run(client, uri=uri)
    await client.until(lambda: bool(client.told_of("workspace/codeLens/refresh")))
    assert await titles() == ["Run", "Cancel", "Show output"]
    await says(client, run_id, "on")
    client.told.clear()
    await client.ask("workspace/executeCommand", {"command": "geppetto.cancel", "arguments": [run_id]})
    await client.until(lambda: bool(client.told_of("workspace/codeLens/refresh")))
    assert await titles() == ["Run", "Replay", "Show output", "Clear output"]
    await client.ask("workspace/executeCommand", {"command": "geppetto.clearOutput", "arguments": [uri]})
    assert await titles() == ["Run", "Replay", "Show output"]


async def test_output_stands_at_the_call_and_follows_edits(client: Any, uri: str) -> None:
    async def hints() -> list[dict[str, Any]]:
        span = {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}
        params = {"textDocument": {"uri": uri}, "range": span}
        return list(await client.ask("textDocument/inlayHint", params) or [])

    client.open(uri, STREAM)
    await ended(client, await run(client, uri=uri))
    await client.until(lambda: bool(client.told_of("workspace/inlayHint/refresh")))
    [hint] = await hints()
    assert hint["position"] == {"line": 1, "character": len(STREAM.splitlines()[1])}
    assert hint["label"].startswith("one two three · 3 tokens · ")
    client.change(uri, 2, (0, 0, 0, 0, "// 😀\n\n"), (3, 0, 3, 0, "/* 😀 */ "))
    [hint] = await hints()
    assert hint["position"]["line"] == 3
    column = 9 + STREAM.splitlines()[1].index("startStream")
    params = {"textDocument": {"uri": uri}, "position": {"line": 3, "character": column + 2}}
    hover = await client.ask("textDocument/hover", params)
    assert (
        "**echoStep** · 3 tokens" in hover["contents"]["value"]
        and "one two three" in hover["contents"]["value"]
    )
    assert "startStream" in hover["contents"]["value"], "TypeScript's hover is still there"
    client.change(uri, 3, (3, 0, 4, 0, ""))
    assert await hints() == []


async def test_profiles_of_a_script_can_be_asked_for(client: Any, workspace: Path, uri: str) -> None:
    (workspace / "geppetto.toml").write_text(
        "[profiles.fast.chat]\nmodel = 'small'\n[profiles.careful.chat]\n"
    )
    for params in ({"uri": uri}, {}):
        answer = await client.ask("geppetto/profiles", params)
        assert answer == {"profiles": ["careful", "fast"], "chosen": None}
    (workspace / "geppetto.toml").write_text("[profiles.fast.chat]\nmodell = 'small'\n")
    refused = await client.answer(client.begin("geppetto/profiles", {"uri": uri}))
    assert refused["error"]["code"] == -32803 and "modell" in refused["error"]["message"]


async def test_a_client_that_draws_runs_itself_gets_their_events_alone(
    connect: Connect, workspace: Path, uri: str
) -> None:
    client = await connect()
    await client.initialize(workspace, capabilities={**ABLE, "experimental": {"geppettoRuns": True}})
    client.open(uri, STREAM)
    answer = await client.ask("workspace/executeCommand", {"command": "geppetto.run", "arguments": [uri]})
    await ended(client, answer["runId"])
    span = {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}
    hints = await client.ask("textDocument/inlayHint", {"textDocument": {"uri": uri}, "range": span})
    assert "one two three" not in str(hints)
    drawn = ("workspace/inlayHint/refresh", "window/workDoneProgress/create", "window/logMessage")
    assert [method for method in drawn if client.told_of(method)] == []


async def test_the_server_answers_while_a_run_floods(client: Any, uri: str) -> None:
    client.open(uri, "const conversation = new Conversation();\nconversation.\n")
    run_id = await run(client, text=FLOOD)
    await says(client, run_id, "xxx")
    position = {"textDocument": {"uri": uri}, "position": {"line": 1, "character": 13}}
    for _ in range(5):
        answer = await client.ask("textDocument/completion", position)
        items = answer["items"] if isinstance(answer, dict) else answer
        assert any(item["label"] == "addMessage" for item in items)
    await client.ask("geppetto/cancelRun", {"runId": run_id})
    await ended(client, run_id)


async def test_no_child_survives_a_killed_server(client: Any, uri: str, tmp_path: Path) -> None:
    client.open(uri, ENDLESS)
    await says(client, await run(client, uri=uri), "on")
    left = psutil.Process(client.process.pid).children(recursive=True)
    assert children(client)
    os.kill(client.process.pid, signal.SIGKILL)
    await client.wait()
    await gone(left)
    for folder in tmp_path.glob("geppetto-lsp-*"):
        folder.rename(tmp_path / f"left-by-{folder.name}")  # a killed server cannot remove it


async def test_no_child_survives_a_server_that_leaves(client: Any, uri: str) -> None:
    client.open(uri, ENDLESS)
    run_id = await run(client, uri=uri)
    await says(client, run_id, "on")
    left = psutil.Process(client.process.pid).children(recursive=True)
    assert children(client) and await client.leave() == 0
    await gone(left)


async def test_a_process_is_ready_once_lenses_are_shown(client: Any, uri: str) -> None:
    client.open(uri, STREAM)
    assert children(client) == []
    await client.ask("textDocument/codeLens", {"textDocument": {"uri": uri}})
    async with asyncio.timeout(30):
        while not children(client):
            await asyncio.sleep(0.05)


async def test_a_client_that_does_not_read_stops_no_run(client: Any, tmp_path: Path) -> None:
    pipe = client.process._transport.get_pipe_transport(1)
    started = client.begin("geppetto/run", {"text": MANY})
    run_id = (await client.answer(started))["result"]["runId"]
    await says(client, run_id, "xxx")
    server = psutil.Process(client.process.pid)
    before = server.memory_info().rss
    pipe.pause_reading()
    record = tmp_path / "state" / "runs" / f"{run_id}.jsonl"
    async with asyncio.timeout(60):
        while not record.exists() or b'"kind":"end"' not in record.read_bytes()[-4096:]:
            await asyncio.sleep(0.2)
    assert server.memory_info().rss - before < 40 * 1024 * 1024
    pipe.resume_reading()
    events = await ended(client, run_id)
    assert events[-1]["outcome"] == "ok"
    gaps = [event for event in events if event["kind"] == "gap"]
    characters = sum(len(event["text"]) for event in events if event["kind"] == "console")
    assert gaps and characters < 54_000_000 and await client.ask("geppetto/listRuns")


async def test_thirty_at_once(client: Any) -> None:
    text = 'for await (const event of echoStep.startStream("a b")) if (event.type === "final") console.log(event.text);'
    names = [await run(client, text=text) for _ in range(30)]
    for name in names:
        events = await ended(client, name)
        assert events[-1]["outcome"] == "ok" and any(event.get("text") == "a b" for event in events)
    assert len((await client.ask("geppetto/listRuns"))["runs"]) == 16, "the others are forgotten"


async def test_a_script_that_goes_away_runs_on(client: Any, uri: str, workspace: Path) -> None:
    client.open(uri, f"{ENDLESS}setTimeout(() => {{ throw new Error('late'); }}, 300);\n")
    (workspace / "a.geppetto.js").write_text("")
    run_id = await run(client, uri=uri)
    client.change(uri, 2, (0, 0, 0, 0, "// moved\n"))
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    (workspace / "a.geppetto.js").unlink()
    events = await ended(client, run_id)
    assert events[-1]["outcome"] == "error" and events[-1]["errors"][0]["place"]["line"] == 3
    client.open(uri, "")
    assert await errors_in(client, uri) == [], "of another text"


async def test_an_error_is_where_the_text_has_moved_to(client: Any, uri: str) -> None:
    client.open(uri, "console.log('on');\nsetTimeout(() => { throw new Error('late'); }, 1500);\n")
    run_id = await run(client, uri=uri)
    await says(client, run_id, "on")
    client.change(uri, 2, (1, 0, 1, 0, "// moved\n\n"))
    await ended(client, run_id)
    [problem] = await errors_in(client, uri)
    assert problem["message"] == "Error: late (in a timer)" and problem["range"]["start"]["line"] == 3


async def test_those_beyond_the_bound_wait_and_say_so(connect: Connect, workspace: Path) -> None:
    client = await connect()
    await client.initialize(workspace, capabilities=ABLE, initializationOptions={"runsAtOnce": 1})
    one = await run(client, text=ENDLESS)
    two, three = await run(client, text=STREAM), await run(client, text=STREAM)
    await client.until(lambda: told(client, three) == [{"kind": "queued", "ahead": 1}])
    states = [each["state"] for each in (await client.ask("geppetto/listRuns"))["runs"]]
    assert states == ["running", "queued", "queued"]
    for _ in range(2):
        await client.ask("geppetto/cancelRun", {"runId": two})
    assert [event["kind"] for event in await ended(client, two)] == ["queued", "end"]
    await client.ask("geppetto/cancelRun", {"runId": one})
    assert (await ended(client, one))[-1]["outcome"] == "cancelled"
    assert (await ended(client, three))[-1]["outcome"] == "ok"
