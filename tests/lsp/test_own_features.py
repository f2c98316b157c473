"""Geppetto's own layer as an editor sees it, over real stdio."""

import json
import re
import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from geppetto.lsp.documents.text import Edit, Text
from geppetto.lsp.params import as_range

Connect = Callable[[], Awaitable[Any]]
ABLE: dict[str, Any] = {
    "textDocument": {
        "diagnostic": {},
        "codeAction": {
            "codeActionLiteralSupport": {"codeActionKind": {"valueSet": []}},
            "isPreferredSupport": True,
        },
    },
    "workspace": {"configuration": True, "diagnostics": {"refreshSupport": True}},
}
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89\0\0\0\0IDAT"


async def diagnostics(client: Any, uri: str) -> list[dict[str, Any]]:
    items = (await client.ask("textDocument/diagnostic", {"textDocument": {"uri": uri}}))["items"]
    return [item for item in items if item["severity"] < 4]


async def ignorings(client: Any, uri: str, line: int) -> list[dict[str, Any]]:
    """The quick fixes in a line that ignore a finding."""
    span = {"start": {"line": line, "character": 0}, "end": {"line": line, "character": 999}}
    params = {"textDocument": {"uri": uri}, "range": span, "context": {"diagnostics": []}}
    found = await client.ask("textDocument/codeAction", params)
    return [action for action in found if action["title"].startswith("Ignore")]


async def ignoring(client: Any, uri: str, text: str, code: str) -> str:
    """The text when a finding, wherever it is, is ignored by its quick fix."""
    number = next(number for number, line in enumerate(text.splitlines()) if "chatStep" in line)
    title = f"Ignore {code} here"
    [action] = [action for action in await ignorings(client, uri, number) if action["title"] == title]
    [edit] = action["edit"]["changes"][uri]
    return str(Text(text).edited([Edit(as_range(edit["range"]), edit["newText"])])[0])


@pytest.fixture
async def client(connect: Connect, workspace: Path) -> Any:
    (workspace / "pictures").mkdir()
    (workspace / "pictures" / "cat 日.png").write_bytes(PNG)
    (workspace / "pictures" / "notes.txt").write_text("")
    (workspace / "dog.JPG").write_bytes(PNG)
    client = await connect()
    await client.initialize(workspace, capabilities=ABLE)
    return client


async def test_one_diagnostic_where_typescript_says_the_same(client: Any, workspace: Path) -> None:
    uri = (workspace / "a.geppetto.js").as_uri()
    text = 'const c = new Conversation();\nc.addMessage("human", "hi");\nchatStep.startStream("x").on("error", () => {}).on("data", () => {});\nawait doubleStep.startAsync(2);\n'
    client.open(uri, text)
    found = await diagnostics(client, uri)
    assert [item["code"] for item in found] == ["unknown-role", "unknown-event", "deprecated-call"]
    report = await client.ask("textDocument/diagnostic", {"textDocument": {"uri": uri}})
    assert not [item for item in report["items"] if item["source"] != "geppetto"]
    assert found[2]["tags"] == [2]


async def test_other_errors_of_the_line_are_still_said(client: Any, workspace: Path) -> None:
    uri = (workspace / "a.geppetto.ts").as_uri()
    text = 'import a from "lodash"; import b from "./b"; a(b, require("fs"));\nnew Conversation().addMessage("human", "😀"); isNaN("x");\n'
    client.open(uri, text, "typescript")
    report = await client.ask("textDocument/diagnostic", {"textDocument": {"uri": uri}})
    found = [(item["range"]["start"]["line"], str(item["code"])) for item in report["items"]]
    assert sorted(found) == [
        (0, "2307"),
        (0, "unsupported-import"),
        (0, "unsupported-import"),
        (1, "2345"),
        (1, "unknown-role"),
    ]


@pytest.mark.parametrize("language", ["javascript", "typescript"])
async def test_javascript_needs_no_annotations(client: Any, workspace: Path, language: str) -> None:
    uri = (workspace / f"a.geppetto.{language[0]}s").as_uri()
    text = (
        "const timer = setInterval(() => clearInterval(timer), 1);\n"
        'const counts = {};\nfor (const word of ["a", "b"]) counts[word] = (counts[word] ?? 0) + 1;\n'
        "export function fac(n) { return n < 2 ? 1 : n * fac(n - 1); }\n"
        "export const walk = (node) => node.next && walk(node.next);\n"
        'try {\n  await chatStep.startStream("x").done();\n} catch (error) {\n  console.log(error.message);\n}\n'
    )
    client.open(uri, text, language)
    assert bool(await client.pull(uri)) == (language == "typescript")


async def test_nobody_is_told_to_install_types_for_node(client: Any, workspace: Path) -> None:
    uri = (workspace / "a.geppetto.js").as_uri()
    client.open(
        uri,
        'import OpenAI from "openai";\nimport { readFileSync } from "node:fs";\nconst path = require("path");\n'
        "new OpenAI(process.env.KEY, readFileSync, path);\ndocument.title;\n",
    )
    found = await diagnostics(client, uri)
    assert [item["code"] for item in found] == ["unsupported-import"] * 3 + [2591, 2584]
    assert [item["message"] for item in found[3:]] == [
        f"Cannot find name '{name}'. Scripts run in a V8 of their own: it is no Node and no browser."
        for name in ("process", "document")
    ]


async def test_quick_fixes_and_ignoring(client: Any, workspace: Path) -> None:
    uri = (workspace / "a.geppetto.js").as_uri()
    client.open(uri, 'if (true) {\n    new Conversation().addMessage("human", "hi");\n}\n')
    span = {"start": {"line": 1, "character": 36}, "end": {"line": 1, "character": 36}}
    params = {"textDocument": {"uri": uri}, "range": span, "context": {"diagnostics": []}}
    fix, ignore = await client.ask("textDocument/codeAction", params)
    assert fix["title"] == 'Change it to "user"' and fix["isPreferred"] and fix["kind"] == "quickfix"
    assert fix["diagnostics"][0]["code"] == "unknown-role"
    [edit] = fix["edit"]["changes"][uri]
    assert edit["newText"] == "user" and edit["range"]["start"] == {"line": 1, "character": 35}
    [edit] = ignore["edit"]["changes"][uri]
    client.change(uri, 2, (1, 0, 1, 0, edit["newText"]))
    # It was ours that is silent now: TypeScript has its own say about the type.
    assert [item["source"] for item in await diagnostics(client, uri)] == ["ts"]
    params["context"] = {"diagnostics": [], "only": ["source.organizeImports"]}
    assert not [
        action
        for action in await client.ask("textDocument/codeAction", params)
        if action["kind"] == "quickfix"
    ]


async def test_what_is_ignored_stays_ignored(client: Any, workspace: Path) -> None:
    uri = (workspace / "a.geppetto.js").as_uri()
    text = 'if (true) {\n  chatStep.startAsync("hi");\n}\n'
    client.open(uri, text)
    for version, code in ((2, "deprecated-call"), (3, "floating-promise")):
        text = await ignoring(client, uri, text, code)
        client.change(uri, version, text)
    assert not [item for item in await diagnostics(client, uri) if item["source"] == "geppetto"], text
    assert text == (
        'if (true) {\n  // geppetto-ignore deprecated-call, floating-promise\n  chatStep.startAsync("hi");\n}\n'
    )


async def test_no_comment_is_written_into_a_text(client: Any, workspace: Path) -> None:
    uri = (workspace / "a.geppetto.js").as_uri()
    client.open(
        uri, 'const text = `\n  ${chatStep.startBlocking("a")} ${\n  chatStep.startBlocking("b")}`;\ntext;\n'
    )
    of_line = [[action["title"] for action in await ignorings(client, uri, line)] for line in (1, 2)]
    assert of_line == [[], ["Ignore deprecated-call here"]]


async def test_image_files_come_and_go(client: Any, workspace: Path) -> None:
    uri = (workspace / "a.geppetto.js").as_uri()
    client.open(uri, 'new Conversation().addMessageWithImage("user", "x", "new.png");\n')
    assert [item["code"] for item in await diagnostics(client, uri)] == ["image-missing"]
    (workspace / "new.png").write_bytes(PNG)
    client.notify(
        "workspace/didChangeWatchedFiles", {"changes": [{"uri": (workspace / "new.png").as_uri(), "type": 1}]}
    )
    await client.until(lambda: client.told_of("workspace/diagnostic/refresh") != [])
    assert await diagnostics(client, uri) == []


async def test_links_to_images(client: Any, workspace: Path) -> None:
    uri = (workspace / "a.geppetto.js").as_uri()
    lines = [
        "const c = new Conversation();",
        'c.addMessageWithImage("user", "😀", "pictures/cat 日.png");',
        'c.addMessageWithImage("user", "x", "https://example.org/x.png");',
        'c.addMessageWithImage("user", "x", "nowhere.png");',
        'const other = { addMessageWithImage(a, b, c) {} }; other.addMessageWithImage("", "", "dog.JPG");',
    ]
    client.open(uri, "\n".join(lines))
    links = await client.ask("textDocument/documentLink", {"textDocument": {"uri": uri}})
    assert [link["target"] for link in links] == [
        (workspace / "pictures" / "cat 日.png").as_uri(),
        "https://example.org/x.png",
    ]
    assert links[0]["range"] == {"start": {"line": 1, "character": 37}, "end": {"line": 1, "character": 55}}


@pytest.mark.parametrize(
    ("typed", "labels", "replaced"),
    [
        ("", ["dog.JPG", "pictures/"], ""),
        ("pictures/", ["cat 日.png"], ""),
        ("./pictures/ca", ["cat 日.png"], "ca"),
        ("nowhere/", [], ""),
    ],
)
async def test_image_paths_are_completed(
    client: Any, workspace: Path, typed: str, labels: list[str], replaced: str
) -> None:
    uri = (workspace / "a.geppetto.js").as_uri()
    before = f'new Conversation().addMessageWithImage("user", "x", "{typed}'
    client.open(uri, before + '");')
    position = {"line": 0, "character": len(before)}
    result = await client.ask("textDocument/completion", {"textDocument": {"uri": uri}, "position": position})
    items = result["items"] if result else []
    assert [item["label"] for item in items] == labels
    for item in items:
        assert item["textEdit"]["range"]["start"]["character"] == len(before) - len(replaced)


async def test_settings_of_the_editor(connect: Connect, workspace: Path) -> None:
    client = await connect()
    client.replies["workspace/configuration"] = [
        {"rules": {"stream-not-consumed": "off", "strem": "off"}, "filePaterns": []}
    ]
    await client.initialize(workspace, capabilities=ABLE)
    await client.until(lambda: len(client.told_of("window/showMessage")) == 2)
    complaints = " ".join(message["message"] for message in client.told_of("window/showMessage"))
    assert "filePatterns" in complaints and "strem" in complaints
    client.replies["workspace/configuration"][0]["runsAtOne"] = 2
    client.notify("workspace/didChangeConfiguration", {"settings": None})
    await client.until(lambda: len(client.told_of("window/showMessage")) > 2)
    [_, _, new] = client.told_of("window/showMessage")
    assert "did you mean runsAtOnce" in new["message"]
    uri, other = ((workspace / name).as_uri() for name in ("a.geppetto.js", "b.talk.js"))
    client.open(uri, 'chatStep.startStream("x");\n')
    client.open(other, 'chatStep.startStream("x");\n')
    assert await diagnostics(client, uri) == []
    client.replies["workspace/configuration"] = [
        {"rules": {"stream-not-consumed": "error"}, "filePatterns": ["*.talk.js"]}
    ]
    client.told.clear()
    client.notify("workspace/didChangeConfiguration", {"settings": None})
    await client.until(lambda: client.told_of("workspace/diagnostic/refresh") != [])
    assert [item["severity"] for item in await diagnostics(client, other)] == [1]
    assert await diagnostics(client, uri) == [], "its name is no script's any more"


async def test_settings_pushed_at_the_start(connect: Connect, workspace: Path) -> None:
    client = await connect()
    options = {"rules": {"stream-not-consumed": "information"}}
    await client.initialize(
        workspace, capabilities={"textDocument": {"diagnostic": {}}}, initializationOptions=options
    )
    uri = (workspace / "a.geppetto.js").as_uri()
    client.open(uri, 'chatStep.startStream("x");\n')
    assert [item["severity"] for item in await diagnostics(client, uri)] == [3]
    client.notify("workspace/didChangeConfiguration", {"settings": {"geppetto": {"rules": {}}}})
    assert [item["severity"] for item in await diagnostics(client, uri)] == [2]


async def test_settings_that_make_no_sense(connect: Connect, workspace: Path) -> None:
    client = await connect()
    await client.initialize(
        workspace, capabilities={"textDocument": {"diagnostic": {}}}, initializationOptions=5
    )
    uri = (workspace / "a.geppetto.js").as_uri()
    client.open(uri, 'chatStep.startStream("x");\n')
    wrong: list[Any] = [
        [],
        {"rules": 5},
        {"rules": {"stream-not-consumed": 5}},
        {"filePatterns": 5},
        {"filePatterns": [5, "a/b.js", "*.py"]},
    ]
    for number, value in enumerate(wrong):
        assert [item["code"] for item in await diagnostics(client, uri)] == ["stream-not-consumed"], value
        assert len(client.told_of("window/showMessage")) > number
        for settings in ({}, value):  # what was right in between is told again
            client.notify("workspace/didChangeConfiguration", {"settings": {"geppetto": settings}})
    assert [item["code"] for item in await diagnostics(client, uri)] == ["stream-not-consumed"]


async def test_the_api_is_not_renamed(client: Any, workspace: Path) -> None:
    uri = (workspace / "a.geppetto.js").as_uri()
    client.open(
        uri,
        "const talk = new Conversation();\ntalk.addMessage('user', 'x');\n"
        "chatStep.startStream(talk).on('partial', ({ delta }) => console.log(delta)).on('error', () => {});\n",
    )

    def at(line: int, character: int) -> dict[str, Any]:
        return {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}

    for line, character in ((0, 20), (1, 7), (2, 12)):
        answer = await client.answer(client.begin("textDocument/prepareRename", at(line, character)))
        assert "belongs to Geppetto's API" in answer["error"]["message"]
        asked = {**at(line, character), "newName": "other"}
        answer = await client.answer(client.begin("textDocument/rename", asked))
        assert "belongs to Geppetto's API" in answer["error"]["message"]
    for line, character, places in ((0, 8, 3), (2, 70, 2)):
        assert await client.ask("textDocument/prepareRename", at(line, character))
        edit = await client.ask("textDocument/rename", {**at(line, character), "newName": "other"})
        assert list(edit["changes"]) == [uri] and len(edit["changes"][uri]) == places


async def test_recipes_are_well_formed(connect: Connect, workspace: Path) -> None:
    """What they configure is taken without a complaint, as Helix sends it."""
    page = (Path(__file__).parents[2] / "docs" / "editors.md").read_text("utf-8")
    blocks = re.findall(r"^```(toml|json)\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    parsed = [tomllib.loads(text) if kind == "toml" else json.loads(text) for kind, text in blocks]
    [helix] = [block for block in parsed if "language-server" in block]
    client = await connect()
    options = helix["language-server"]["geppetto"]["config"]
    await client.initialize(workspace, capabilities=ABLE, initializationOptions=options)
    uri = (workspace / "a.geppetto.js").as_uri()
    client.open(uri, 'chatStep.startStream("x");\n', language=helix["language"][0]["language-id"])
    assert [item["code"] for item in await diagnostics(client, uri)] == ["stream-not-consumed"]
    assert not client.told_of("window/showMessage")
