"""Completion that only Geppetto can give: models, providers, profiles, tools, images, snippets."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from geppetto.lsp.features.snippets import SNIPPETS
from geppetto.steps.chat.offered import keep_offer

from tests.lsp.conftest import SERVER, RawClient

pytestmark = pytest.mark.asyncio(loop_scope="module")

ABLE: dict[str, Any] = {
    "textDocument": {
        "diagnostic": {},
        "completion": {
            "completionItem": {"snippetSupport": True, "documentationFormat": ["markdown"]},
            "completionList": {"itemDefaults": ["commitCharacters", "editRange"]},
        },
    }
}
SETTINGS = """\
[chat]
provider = "openai"
model = "house-model"

[profiles.lab.chat]
provider = "claude"

[profiles.night-shift.chat]
provider = "ollama"

[prices."qwen-9"]
input = 1
output = 2

[tools]
look_up = "my_tools:look_up"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("completion")
    (folder / "geppetto.toml").write_text(SETTINGS)
    keep_offer("openai", None, ["gpt-5", "gpt-new"], folder / "cache" / "models.json")
    keep_offer("claude", "http://127.0.0.1:9", ["not-here"], folder / "cache" / "models.json")
    return folder


async def started(folder: Path, capabilities: dict[str, Any]) -> RawClient:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GEPPETTO_")}
    env = {
        **kept,
        "TMPDIR": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "GEPPETTO_CACHE_DIR": str(folder / "cache"),
    }
    pipe = asyncio.subprocess.PIPE
    client = RawClient(
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", SERVER, stdin=pipe, stdout=pipe, stderr=pipe, limit=2**26, env=env
        )
    )
    await client.initialize(folder, capabilities=capabilities)
    return client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(folder: Path) -> AsyncIterator[RawClient]:
    client = await started(folder, ABLE)
    yield client
    assert await client.leave() == 0
    assert not client.stderr, client.stderr


async def complete(
    client: RawClient, folder: Path, marked: str, name: str = "a.geppetto.js", **context: Any
) -> list[dict[str, Any]]:
    """The items at the mark |."""
    before, _, after = marked.partition("|")
    lines = before.split("\n")
    uri = (folder / name).as_uri()
    client.open(uri, before + after)
    asked = {
        "textDocument": {"uri": uri},
        "position": {"line": len(lines) - 1, "character": len(lines[-1].encode("utf-16-le")) // 2},
        "context": context or {"triggerKind": 1},
    }
    result = await client.ask("textDocument/completion", asked)
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    items: list[dict[str, Any]] = (result or {"items": []})["items"]
    labels = [item["label"] for item in items]
    assert len(labels) == len(set(labels)), "nothing twice"
    return items


def labels(items: list[dict[str, Any]]) -> list[str]:
    return [item["label"] for item in sorted(items, key=lambda item: item["sortText"])]


NEW = "new ChatStepFactory().newStep({ %s });"
MODELS = [
    NEW % 'model: "|"',
    NEW % 'temperature: 1, "model": params.model ?? `|`',
    'chatStep.startStream("hi", {\n  provider: "openai",\n  model: "|"\n});',
    "await echoStep.startStream(\"😀\").done(); chatStep.startStream('hi', { model: 'g|pt' });",
    NEW % 'provider: "", model: "|"',
    'if (true) {\n  const chat = new ChatStepFactory().newStep({ model: "|',
    '/** @type {ChatOptions} */\nconst options = { model: "|" };',
]


@pytest.mark.parametrize("text", MODELS)
async def test_models(client: RawClient, folder: Path, text: str) -> None:
    items = await complete(client, folder, text)
    listed = labels(items)
    assert listed[:3] == ["house-model", "gpt-5", "gpt-new"], (
        "those of the provider first, its own words first"
    )
    assert "qwen-9" in listed and "not-here" not in listed
    assert ("claude-opus-5" in listed) is ('provider: "openai"' not in text)


async def test_what_is_replaced(client: RawClient, folder: Path) -> None:
    def span(item: dict[str, Any]) -> tuple[int, int]:
        place = item["textEdit"]["range"]
        return place["start"]["character"], place["end"]["character"]

    [first, *_] = await complete(client, folder, 'chatStep.startStream("😀", { model: "gp|t-4" });')
    assert span(first) == (37, 42)
    [first, *_] = await complete(client, folder, 'chatStep.startStream("😀", { model: "gp|')
    assert span(first) == (37, 39)
    assert first["data"] == "geppetto"
    assert await client.ask("completionItem/resolve", first) == first


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (NEW % 'provider: "|"', ["claude", "echo", "ollama", "openai", "scripted"]),
        (NEW % 'profile: "|"', ["lab", "night-shift"]),
        (NEW % 'profile: "lab", model: "c|"', ["claude-fable-5-1"]),
    ],
)
async def test_providers_and_profiles(
    client: RawClient, folder: Path, text: str, expected: list[str]
) -> None:
    listed = labels(await complete(client, folder, text))
    assert [name for name in listed if name in expected] == expected or set(listed) == set(expected)
    assert listed[0] in expected or "model" in text


TOOLS = """\
defineTool({ name: "weather", description: "", handler: () => 1 });
const clock = defineTool({ description: "", name: "clock", handler: () => 1 });
"""


async def test_tools(client: RawClient, folder: Path) -> None:
    for place in ('tools: ["|"]', 'tools: [\n  "|"\n]', "tools: [clock, '|'"):
        assert labels(await complete(client, folder, TOOLS + NEW % place)) == ["weather", "clock", "look_up"]
    assert labels(await complete(client, folder, TOOLS + NEW % 'tools: ["clock", "|", "look_up"]')) == [
        "weather",
        "look_up",
    ]
    own = "function defineTool(/** @type {any} */ x) { return x; }\n"
    assert labels(await complete(client, folder, own + TOOLS + NEW % 'tools: ["|"]')) == ["look_up"]


@pytest.mark.parametrize(
    "text",
    [
        'class ChatStepFactory { newStep(o) { return o; } }\nnew ChatStepFactory().newStep({ model: "|" });',
        'const car = { model: "|" };\ncar;',
        'defineTool({ name: "x", description: "", parameters: { properties: { model: { type: "|" } } }, handler() {} });',
        '// chatStep.startStream("x", { model: "|" });',
        NEW % 'model: "|"'.replace("model", "stop"),
        NEW % 'tools: "|"',
        NEW % 'model: ["|"]',
        "const text = `{ model: '|' }`;\ntext;",
        'const tools = ["|"];\ntools;',
    ],
)
async def test_nothing_for_look_alikes(client: RawClient, folder: Path, text: str) -> None:
    items = await complete(client, folder, text)
    assert not [item for item in items if item.get("data") == "geppetto"]


async def test_settings_that_change(client: RawClient, folder: Path) -> None:
    settings = folder / "geppetto.toml"
    try:
        settings.write_text("[profiles.day.chat]\n")
        changes = [{"uri": settings.as_uri(), "type": 2}]
        client.notify("workspace/didChangeWatchedFiles", {"changes": changes})
        assert labels(await complete(client, folder, NEW % 'profile: "|"')) == ["day"]
        keep_offer("ollama", "http://127.0.0.1:11434/v1", ["tiny"], folder / "cache" / "models.json")
        listed = labels(await complete(client, folder, NEW % 'provider: "ollama", model: "|"'))
        assert listed == ["tiny"]
        settings.write_text("[profiles")
        client.notify("workspace/didChangeWatchedFiles", {"changes": changes})
        await complete(client, folder, NEW % 'profile: "|"')
    finally:
        settings.write_text(SETTINGS)
        client.notify("workspace/didChangeWatchedFiles", {"changes": changes})


# Snippets


def snippets_in(items: list[dict[str, Any]]) -> list[str]:
    return [item["label"] for item in items if item["kind"] == 15]


ALL = [snippet.label for snippet in SNIPPETS]
WITHOUT_AWAIT = [snippet.label for snippet in SNIPPETS if not snippet.awaits]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("|", ALL),
        ("st|", ALL),
        ("console.log(1);\n  str|\nconsole.log(2);", ALL),
        ("if (true) {\n  st|\n}", ALL),
        ("async function f() {\n  st|\n}\nf();", ALL),
        ("function f() {\n  st|\n}\nf();", WITHOUT_AWAIT),
        ("switch (params.x) {\n  case 1:\n    st|\n}", ALL),
        ('const x = "😀";\nst|', ALL),
        ("if (true) {\n  st|", ALL),
        ("const a =\n  st|", []),
        ("const a = {\n  st|\n};", []),
        ("class A {\n  st|\n}", []),
        ("chatStep.\n  st|", []),
        ("console.log(\n  st|\n);", []),
        ("/*\nst|\n*/", []),
        ("`\nst|\n`;", []),
        ("// st|", []),
        ("let x; x = st|", []),
        ("st| = 1", []),
    ],
)
async def test_snippets_where_a_statement_begins(
    client: RawClient, folder: Path, text: str, expected: list[str]
) -> None:
    assert snippets_in(await complete(client, folder, text)) == expected


async def test_no_snippets_after_a_trigger_character(client: RawClient, folder: Path) -> None:
    context = {"triggerKind": 2, "triggerCharacter": " "}
    assert snippets_in(await complete(client, folder, "  |", **context)) == []


async def test_snippets_for_clients_of_all_kinds(client: RawClient, folder: Path) -> None:
    def tool(items: list[dict[str, Any]]) -> dict[str, Any]:
        return next(item for item in items if item["label"] == "tool")

    text = "if (true) {\n  too|\n}"
    item = tool(await complete(client, folder, text))
    assert item["insertTextFormat"] == 2 and "${1:count_letters}" in item["textEdit"]["newText"]
    assert item["documentation"]["kind"] == "markdown" and "${" not in item["documentation"]["value"]
    assert item["textEdit"]["range"] == {
        "start": {"line": 1, "character": 2},
        "end": {"line": 1, "character": 5},
    }
    assert await client.ask("completionItem/resolve", item) == item
    plain = await started(folder, {"textDocument": {"diagnostic": {}}})
    item = tool(await complete(plain, folder, text))
    new = item["textEdit"]["newText"]
    assert item["insertTextFormat"] == 1 and "$" not in new and new.endswith("\n  });")
    assert isinstance(item["documentation"], str)
    assert await plain.leave() == 0


async def test_snippets_are_good_scripts(tmp_path: Path) -> None:
    """As they are, they pass every check, in JavaScript and in TypeScript, and run."""
    page = (Path(__file__).parents[2] / "docs" / "editors.md").read_text("utf-8")
    assert all(f"| `{snippet.label}` |" in page for snippet in SNIPPETS)
    blocks = "\n".join(f"{{\n{snippet.plain}\n}}" for snippet in SNIPPETS)
    for name in ("all.geppetto.js", "all.geppetto.ts"):
        (tmp_path / name).write_text(blocks + "\nconsole.log('all');\n")
    env = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    for command in (["check", "--fail-on", "hint"], ["run", "all.geppetto.js"], ["run", "all.geppetto.ts"]):
        done = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "geppetto", *command, cwd=tmp_path, env=env,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(100):
            output, _ = await done.communicate()
        assert done.returncode == 0, output.decode()
        assert command[0] == "check" or output.endswith(b"all\n")
