"""Params, parts, output to read and errors elsewhere: what a run from an editor has besides its stream."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.lsp.test_runs import ABLE, ended, errors_in, run, told

Connect = Callable[..., Awaitable[Any]]

DECLARES = """\
/**
 * Greets.
 * @param {string} name Whom.
 * @param {integer} [times=2] How often.
 * @param {"hello" | "bye"} [word="hello"]
 */
console.log(`${params.word} ${params.name} `.repeat(params.times));
"""
PARTS = """\
console.log("dear");
const one = echoStep.startStream("😀 one");
const name = "two";
const two = echoStep.startStream(name);
await two.done();
"""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEPPETTO_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("GEPPETTO_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.fixture
async def client(connect: Connect, workspace: Path) -> Any:
    client = await connect()
    (workspace / "geppetto.toml").write_text("[runs]\nat_once = 1\n", "utf-8")
    window = {"workDoneProgress": True, "showDocument": {"support": True}}
    await client.initialize(workspace, capabilities={**ABLE, "window": window})
    return client


def printed(events: list[dict[str, Any]]) -> str:
    return "\n".join(event["text"] for event in events if event["kind"] == "console")


async def refused(client: Any, method: str, params: Any) -> str:
    """The message of the error that must come."""
    answer = await client.answer(client.begin(method, params))
    assert answer["error"]["code"] == -32602, answer
    return str(answer["error"]["message"])


async def test_params_and_parts(client: Any, workspace: Path) -> None:
    uri = (workspace / "greet.geppetto.js").as_uri()
    client.open(uri, DECLARES)
    declared = await client.ask("geppetto/params", {"uri": uri})
    assert declared["description"] == "Greets."
    assert [
        (each["name"], each["type"], each["required"], each["default"]) for each in declared["params"]
    ] == [
        ("name", "string", True, None),
        ("times", "integer", False, 2),
        ("word", "string", False, "hello"),
    ]
    assert declared["params"][0]["description"] == "Whom."
    assert declared["params"][2]["choices"] == ["hello", "bye"]
    # What a user types is text; it is read as what is declared.
    events = await ended(client, await run(client, uri=uri, params={"name": "Ada", "times": "3"}))
    assert printed(events) == "hello Ada hello Ada hello Ada "
    command = {"command": "geppetto.run", "arguments": [uri]}
    assert "name is missing (string: Whom.)" in await refused(client, "workspace/executeCommand", command)
    wrong = {"uri": uri, "params": {"name": "Ada", "times": "often", "word": "what"}}
    message = await refused(client, "geppetto/run", wrong)
    assert 'times should be a whole number, not "often"' in message
    assert 'word should be "hello" or "bye", not "what"' in message
    assert await client.ask("geppetto/params", {"text": "1;"}) == {"description": "", "params": []}
    assert "twice" in await refused(client, "geppetto/params", {"text": "/** @param a\n * @param a */ 1;"})
    assert "a uri or a text" in await refused(client, "geppetto/params", {})

    uri = (workspace / "parts.geppetto.js").as_uri()
    client.open(uri, PARTS)
    place = {"line": 3, "character": 8}
    events = await ended(client, await run(client, uri=uri, range={"start": place, "end": place}))
    steps = [event["place"]["line"] for event in events if event["kind"] == "step"]
    assert steps == [4] and printed(events) == "" and events[-1]["outcome"] == "ok"
    span = {"start": {"line": 0, "character": 0}, "end": {"line": 2, "character": 0}}
    events = await ended(client, await run(client, uri=uri, range=span))
    assert printed(events) == "dear" and events[-1]["steps"] == 1
    empty = {"line": 5, "character": 0}
    message = await refused(client, "geppetto/run", {"uri": uri, "range": {"start": empty, "end": empty}})
    assert "no statement here" in message
    # As the workspace's settings say, one at a time.
    one, two = await run(client, text="setInterval(() => {}, 1000);"), await run(client, text="1;")
    await client.until(lambda: bool(told(client, two)))
    assert told(client, two)[0]["kind"] == "queued"
    await client.ask("geppetto/cancelRun", {"runId": one})
    assert (await ended(client, two))[-1]["outcome"] == "ok"


async def test_output_to_read_and_errors_where_they_are(client: Any, workspace: Path, tmp_path: Path) -> None:
    helper = workspace / "helper.js"
    helper.write_text("export function help(text) {\n  throw new RangeError(text);\n}\n", "utf-8")
    uri = (workspace / "main.geppetto.js").as_uri()
    client.open(
        uri,
        'import { help } from "./helper.js";\nconsole.log("begin");\n'
        'await echoStep.startStream("one two").done();\nhelp("no");\n',
    )
    run_id = await run(client, uri=uri)
    assert (await ended(client, run_id))[-1]["outcome"] == "error"

    def there() -> list[dict[str, Any]]:
        pushed = [
            each["diagnostics"]
            for each in client.told_of("textDocument/publishDiagnostics")
            if each["uri"] == helper.as_uri()
        ]
        return pushed[-1] if pushed else []

    await client.until(lambda: bool(there()))
    [problem] = there()
    assert problem["message"] == "RangeError: no"
    assert problem["range"] == {"start": {"line": 1, "character": 8}, "end": {"line": 1, "character": 11}}
    [here] = await errors_in(client, uri)
    assert here["message"] == "RangeError: no" and here["range"]["start"]["line"] == 3
    client.change(uri, 2, (3, 0, 3, 0, " "))
    await client.until(lambda: there() == [])

    path = str(workspace / "main.geppetto.js")  # as good as the URI
    shown = await client.ask(
        "workspace/executeCommand", {"command": "geppetto.showOutput", "arguments": [path]}
    )
    assert shown["runId"] == run_id
    lines = shown["text"].splitlines()
    assert lines[0] == "begin" and lines[1].startswith("▸ echoStep (") and lines[2] == "one two"
    assert lines[3].startswith("RangeError: no (") and lines[-1].startswith("— error after ")
    await client.until(lambda: bool(client.told_of("window/showDocument")))
    [request] = client.told_of("window/showDocument")
    file = Path(unquote(urlsplit(request["uri"]).path))
    assert file.read_text("utf-8") == shown["text"]
    assert await client.leave() == 0
    assert not file.exists() and not list(tmp_path.glob("geppetto-output-*"))


async def test_commands_take_paths_as_they_are(client: Any, workspace: Path) -> None:
    """Helix has its users type commands, and knows paths alone."""
    path = workspace / "typed.geppetto.js"
    # Escaped more than needed, as some clients do: the unsaved text has to be found all the same.
    uri = path.as_uri().replace("geppetto.js", "%67eppetto.js")
    client.open(uri, 'console.log("unsaved");\nsetInterval(() => {}, 1000);\n')

    async def command(name: str) -> Any:
        return await client.ask(
            "workspace/executeCommand", {"command": f"geppetto.{name}", "arguments": [str(path)]}
        )

    run_id = (await command("run"))["runId"]
    await client.until(
        lambda: any(each["message"] == "unsaved" for each in client.told_of("window/logMessage"))
    )
    assert (await command("showOutput"))["runId"] == run_id
    assert await command("cancel") == {"cancelled": 1}
