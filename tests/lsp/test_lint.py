"""The rules, on snippets: ⟦…⟧ marks what must be found, and nothing else may be. Types come from a real backend."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from geppetto.lsp.documents.store import Document, Documents
from geppetto.lsp.documents.text import Edit, Position, Text
from geppetto.lsp.lint.check import BackendDefinitions, Severities, check
from geppetto.lsp.lint.findings import Finding, Fix
from geppetto.lsp.lint.models import Chosen, KnownNames
from geppetto.lsp.lint.resolution import GLOBALS, METHODS, Resolution
from geppetto.lsp.lint.rules import RULES, Severity
from geppetto.lsp.lint.tree import Tree, forget_tree, tree_of
from geppetto.lsp.typescript.backend import Backend
from geppetto.lsp.typescript.shadow import Shadow
from geppetto.resources import typings_path

pytestmark = pytest.mark.asyncio(loop_scope="module")

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89\0\0\0\0IDAT"

OFFERED = {
    "openai": frozenset({"gpt-5", "gpt-5-mini", "gpt-4o-2024-08-06"}),
    "ollama": frozenset({"qwen3:latest"}),
}
MODELS = KnownNames(
    {
        None: Chosen("openai", OFFERED),
        "local": Chosen("ollama", OFFERED),
        "claude": Chosen("claude", OFFERED),
    },
    {"": ("my-model",), "claude": ("claude-opus-5",)},
)


async def known_names() -> KnownNames:
    return MODELS


class Linter:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.documents = Documents()
        shadow = Shadow([typings_path()], self.documents.patterns)
        shadow.add_folder(str(folder))
        ignore = lambda *_: None  # noqa: E731
        self.backend = Backend(
            self.documents, shadow, on_restarted=ignore, on_failed=ignore, on_refresh=ignore
        )
        self.backend.start({})
        self.count = 0

    async def __call__(
        self, text: str, name: str | None = None, **severities: Severity | None
    ) -> tuple[Document, list[Finding]]:
        self.count += 1
        uri = (self.folder / (name or f"{self.count}.geppetto.js")).as_uri()
        document = self.documents.open(uri, "typescript" if uri.endswith("ts") else "javascript", 1, text)
        self.backend.open(document)

        async def chosen() -> Severities:
            return severities

        try:
            return document, await check(document, BackendDefinitions(self.backend), chosen, known_names)
        finally:
            self.backend.close_document(uri)
            self.documents.close(uri)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def linter(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Linter]:
    folder = tmp_path_factory.mktemp("lint é")
    (folder / "pictures").mkdir()
    (folder / "pictures" / "cat 日.png").write_bytes(PNG)
    (folder / "text.png").write_text("no picture")
    (folder / "picture.bmp").write_bytes(b"BM")
    with open(folder / "huge.png", "wb") as file:
        file.write(PNG)
        file.truncate(21 * 1024 * 1024)
    linter = Linter(folder)
    yield linter
    await linter.backend.close()


FOUND = {
    "image-missing": [
        'new Conversation().addMessageWithImage("user", "hi", ⟦"nowhere.png"⟧);',
        'const c = new Conversation();\nc.AddMessageWithImage("user", "😀", ⟦`nowhere.png`⟧);',
    ],
    "image-unsupported": [
        'new Conversation().addMessageWithImage("user", "hi", ⟦"text.png"⟧);',
        'new Conversation().addMessageWithImage("user", "hi", ⟦"picture.bmp"⟧);',
        'new Conversation().addMessageWithImage("user", "hi", ⟦"pictures"⟧);',
        'new Conversation().addMessageWithImage("user", "hi", ⟦"ftp://example.org/x.png"⟧);',
    ],
    "image-too-large": ['new Conversation().addMessageWithImage("user", "hi", ⟦"huge.png"⟧);'],
    "unknown-role": [
        'new Conversation().addMessage(⟦"human"⟧, "hi");',
        'const c = new Conversation();\nc.addMessage("user", "x");\nc.AddMessage(⟦"System"⟧, "😀");',
        "new Conversation().addMessage(⟦''⟧, 'hi');",
    ],
    "unknown-event": [
        'chatStep.startStream("hi").on(⟦"finl"⟧, () => {}).on("error", () => {});',
        'chatStep.startStream("hi").on("error", () => {}).once(⟦"data"⟧, () => {});',
    ],
    "deprecated-call": [
        "await doubleStep.⟦startAsync⟧(21);",
        "const [x] = doubleStep.⟦startBlocking⟧(21);\nx;",
        "doubleStep.⟦startWithCallbacks⟧(21, {});",
    ],
    "unknown-model": [
        'const chat = new ChatStepFactory().newStep({ model: ⟦"gtp-5"⟧ });\nchat;',
        'const factory = new ChatStepFactory();\nfactory.newStep({ temperature: 1, "model": ⟦`gpt5`⟧ });',
        'const factory = new ChatStepFactory(params);\nfactory.newStep({ provider: "openai", model: ⟦"qwen3"⟧ });',
        'new ChatStepFactory({ model: ⟦"gpt-5-mimi"⟧ });',
        'await chatStep.startStream("hi", { model: ⟦"gpt-55"⟧ }).finalText();',
        'new ChatStepFactory().newStep({ model: ⟦"qwen4"⟧, profile: "local" });',
        'new ChatStepFactory().newStep({ model: ⟦"claude-opus-5"⟧, provider: "openai" });',
    ],
    "stream-not-consumed": [
        'function f() {\n  const stream = chatStep.⟦startStream⟧("x");\n}\nconst stream = f();\nstream;',
        'chatStep.⟦startStream⟧("hi");',
        'const stream = chatStep.⟦startStream⟧("hi");',
        'chatStep.⟦startStream⟧("hi", { temperature: 1 });',
        'const chat = new ChatStepFactory().newStep();\nchat.⟦startStream⟧("hi");',
    ],
    "error-not-observed": [
        'chatStep.⟦startStream⟧("hi").on("partial", () => {}).once("final", () => {});',
        'const stream = chatStep.⟦startStream⟧("hi");\nstream.on("final", () => {});\nsetTimeout(() => stream.cancel(), 10);',
        'chatStep.⟦startStream⟧("hi", { onPartial() {}, onFinal: () => {} });',
    ],
    "floating-promise": [
        'chatStep.startStream("hi").⟦finalText⟧();',
        "const c = new Conversation();\nc.⟦addAnswer⟧(chatStep.startStream(c));",
        'embeddings.⟦generateEmbeddingAsync⟧("hi");',
    ],
    "embedding-in-loop": [
        'for (const text of ["a", "b"]) {\n  await embeddings.⟦generateEmbeddingAsync⟧(text);\n}',
        'let i = 0;\nwhile (i++ < 3) console.log(await embeddings.⟦generateEmbeddingAsync⟧("x"));',
    ],
    "cancel-misuse": [
        'const stream = chatStep.startStream("hi");\nsetTimeout(stream.⟦cancel⟧, 10);\nawait stream.done();',
        'const stream = chatStep.startStream("hi");\nconst options = { stop: stream.⟦cancel⟧ };\noptions;',
        'const stream = chatStep.startStream("hi");\nconst stop = stream.⟦cancel⟧;\nstop;',
        'const stream = chatStep.startStream("hi");\nstream.on("partial", () => {\n  stream.⟦cancel⟧;\n}).on("error", () => {});',
        'const stream = chatStep.startStream("hi");\nawait stream.done();\nconsole.log("😀");\nstream.⟦cancel⟧();',
        'const stream = chatStep.startStream("hi");\nconst text = await stream.finalText();\nawait stream.⟦cancel⟧();\ntext;',
        'const stream = chatStep.startStream("hi");\nfor await (const event of stream) console.log(event.type);\nstream.⟦cancel⟧();',
        'const stream = chatStep.startStream("hi").on("error", () => {});\nstream.⟦cancel⟧();\nconsole.log(stream.state);',
        'const stream = chatStep.startStream("hi").on("error", () => {});\nstream.⟦cancel⟧();\ndone();',
    ],
    "unsupported-import": [
        'import OpenAI from ⟦"openai"⟧;\nnew OpenAI();',
        'import unused from ⟦"openai"⟧;',
        'import ⟦"/polyfill.js"⟧;',
        'import { chatStep as step } from ⟦"geppetto"⟧;\nstep;',
        "import * as fs from ⟦'node:fs'⟧;\nfs;",
        'const path = require(⟦"path"⟧);\npath;',
        'const late = await import(⟦"https://example.org/x.js"⟧);\nlate;',
        'if (params.x) import(⟦"😀"⟧);',
        'export * from ⟦"lodash"⟧;',
        'export { a } from ⟦"lodash/b"⟧;',
    ],
    "code-after-done": [
        'done();\n⟦console.log("too late");⟧',
        'if (params.x) {\n  console.log("😀");\n  done(new Error("x"));\n  // nobody\n  ⟦await Promise.resolve();\n  console.log("late");⟧\n}',
        "const f = () => {\n  done();\n  function later() {}\n  ⟦later();⟧\n};\nf();",
        "switch (params.x) {\n  case 1:\n    done();\n    ⟦console.log(1);⟧\n    break;\n}",
        "done();\n⟦done();\nconsole.log(2);⟧",
    ],
}

CLEAN = [
    'new Conversation().addMessageWithImage("user", "hi", "pictures/cat 日.png");',
    'new Conversation().addMessageWithImage("user", "hi", "https://example.org/nowhere.png");',
    'const name = params.name ?? "";\nnew Conversation().addMessageWithImage("user", "hi", `${name}.png`);',
    'new Conversation().addMessage("tool", "hi");',
    'chatStep.startStream("hi").on("tool-call", () => {}).off("tool-call", () => {}).on("error", () => {});',
    'const stream = chatStep.startStream("hi").on("final", () => {});\nawait stream.done();',
    'const stream = chatStep.startStream("hi").on("final", () => {});\nfor await (const event of stream) event;',
    'const stream = chatStep.startStream("hi").on("final", () => {});\nconsole.log(stream);',
    'const stream = chatStep.startStream("hi").on("final", () => {});\nstream.once("error", () => {});',
    'chatStep.startStream("hi", { onFinal() {}, onError() {} });',
    'const text = await chatStep.startStream("hi").on("partial", () => {}).finalText();\ntext;',
    'const type = params.type === "a" ? "final" : "error";\nchatStep.startStream("hi").on(type, () => {});',
    'chatStep.startStream("hi", { onFinal() {}, onError() {} });\nconst o = {};\nchatStep.startStream("hi", o);',
    'chatStep.startStream("hi", { ...params });',
    'chatStep.startStream("hi", { "onFinal": () => {}, \'onError\': () => {} });',
    'export const stream = chatStep.startStream("hi");',
    'export const stream = chatStep.startStream("hi").on("final", () => {});',
    'for await (const event of chatStep.startStream("hi")) console.log(event.type);',
    'const stream = chatStep.startStream("hi");\nstream.on("final", () => {}).on("error", () => {});',
    'await chatStep.startStream("hi").finalText();',
    'const text = chatStep.startStream("hi").finalText();\nawait text;',
    'const all = ["a"].map((text) => embeddings.generateEmbeddingAsync(text));\nawait Promise.all(all);',
    'new ChatStepFactory().newStep({ model: "gpt-5" });',
    'new ChatStepFactory().newStep({ model: "gpt-5-2025-01-01" });',
    'new ChatStepFactory().newStep({ model: "gpt-4o" });',
    'new ChatStepFactory().newStep({ model: "ft:gpt-5:me" });',
    'new ChatStepFactory().newStep({ model: "my-model" });',
    'new ChatStepFactory().newStep({ model: "claude-opus-5" });',
    'new ChatStepFactory().newStep({ model: "qwen3", profile: "local" });',
    'new ChatStepFactory().newStep({ model: "anything", provider: "claude" });',
    'new ChatStepFactory().newStep({ model: "anything", provider: "echo" });',
    'new ChatStepFactory().newStep({ model: "anything", profile: "claude" });',
    'new ChatStepFactory().newStep({ model: "anything", profile: "nowhere" });',
    'new ChatStepFactory().newStep({ model: "anything", script: "x.yaml" });',
    'new ChatStepFactory().newStep({ model: "anything", ...{} });',
    'new ChatStepFactory({ provider: "claude" }).newStep({ model: "anything" });',
    'const f = new ChatStepFactory({ provider: "claude" });\nf.newStep({ model: "anything" });',
    'function f(/** @type {ChatStep} */ step) {\n  return step.startStream("x", { model: "anything" });\n}\nf;',
    "const model = String(params.model);\nnew ChatStepFactory().newStep({ model });",
    'const stream = chatStep.startStream("hi");\nsetTimeout(() => stream.cancel(), 10);\nawait stream.done();',
    'const stream = chatStep.startStream("hi");\nconst stop = stream.cancel.bind(stream);\nstop();',
    'const stream = chatStep.startStream("hi").on("error", () => {});\nawait stream.cancel();\nconsole.log(stream.state);',
    'const stream = chatStep.startStream("hi").on("error", () => {});\nstream.cancel();\nawait null;\nconsole.log(stream.state);',
    'const stream = chatStep.startStream("hi").on("error", () => {});\nstream.cancel();\nsetTimeout(() => console.log(stream.state), 10);',
    'const stream = chatStep.startStream("hi").on("error", () => {});\nstream.cancel();\nconsole.log(stream.text);',
    'const stream = chatStep.startStream("hi");\nfor await (const event of stream) if (event.type === "partial") break;\nstream.cancel();',
    'const stream = chatStep.startStream("hi");\nif (params.wait) await stream.done();\nstream.cancel();',
    'let stream = chatStep.startStream("hi");\nawait stream.done();\nstream = chatStep.startStream("ho").on("error", () => {});\nstream.cancel();',
    'import lib from "./lib.js";\nlib;\nimport("../lib.js");\nconst { x } = require("./x.json");\nx;',
    'const required = { require(name) {} };\nrequired.require("fs");\nconst name = String(params.x);\nimport(name);',
    "done();",
    "if (params.x) done();\nconsole.log(1);",
    "if (params.x) {\n  done();\n}\nconsole.log(1);",
    "function f() {\n  done();\n  return;\n}\nf();",
    "done();\nfunction f() {}\nclass C {}\n// the end",
    'for (const x of ["a"]) {\n  const f = async () => await embeddings.generateEmbeddingAsync(x);\n  f;\n}',
]

CLEAN_TYPESCRIPT = [
    "done();\ndeclare const later: number;\nabstract class Named {\n  abstract name: string;\n}\ninterface Aged {}",
]

LOOK_ALIKES = [
    'class Conversation { addMessage(role, text) {} addMessageWithImage(a, b, c) {} }\nnew Conversation().addMessage("boss", "x");\nnew Conversation().addMessageWithImage("x", "y", "nowhere.png");',
    'const emitter = { on(name, handler) {} };\nemitter.on("data", () => {});',
    'const player = { startStream(name) {}, startAsync() {}, done() {}, finalText() {} };\nplayer.startStream("x");\nplayer.startAsync();\nplayer.done();\nplayer.finalText();',
    'function f(anything) { anything.on("data"); anything.startStream("x"); }\nf;',
    "const embeddings = { async generateEmbeddingAsync() {} };\nembeddings.generateEmbeddingAsync();",
    'class ChatStepFactory { newStep(options) { return options; } }\nnew ChatStepFactory().newStep({ model: "gtp-5" });',
    'const factory = { newStep(options) { return options; } };\nfactory.newStep({ model: "gtp-5", provider: "openai" });',
    'const chatStep = { startStream(text, options) { return [text, options]; } };\nchatStep.startStream("x", { model: "gtp-5" });',
    "const order = { cancel() {} };\nsetTimeout(order.cancel, 10);",
    "const shop = { startStream() { return { async done() {}, cancel() {}, state: 1 }; } };\nconst order = shop.startStream();\nawait order.done();\norder.cancel();",
    'function done() {}\ndone();\nconsole.log("here");',
    '// new Conversation().addMessage("boss", "x")\n"chatStep.startStream(1)";',
]


def marked(document: Document, findings: list[Finding]) -> str:
    """The text with what was found marked."""
    text = document.text
    places = sorted(
        {(finding.start, "⟦") for finding in findings} | {(finding.end, "⟧") for finding in findings},
        reverse=True,
    )
    units = str(text).encode("utf-16-le")
    for offset, mark in places:
        units = units[: 2 * offset] + mark.encode("utf-16-le") + units[2 * offset :]
    return units.decode("utf-16-le")


@pytest.mark.parametrize(
    ("code", "snippet"), [(code, snippet) for code, snippets in FOUND.items() for snippet in snippets]
)
async def test_found(linter: Linter, code: str, snippet: str) -> None:
    document, findings = await linter(snippet.replace("⟦", "").replace("⟧", ""))
    assert [finding.rule.code for finding in findings] == [code]
    assert marked(document, findings) == snippet
    assert findings[0].message


@pytest.mark.parametrize(
    ("snippet", "count"),
    [
        ('import type A from "a";\nlet a: A;', 0),
        ('import { type A, B as C } from "a";\nimport * as b from "b";\nlet a: A | C | b.D | typeof b;', 0),
        ('import { A } from "a";\nexport type { A };', 0),
        ('import unused from "a";\nimport unused_ = require("b");', 0),
        ('export { type A } from "a";\nexport {} from "b";', 0),
        ('export type { A } from "a";\ntype B = typeof import("b");\nlet c: import("c").C;', 0),
        ('import { A } from "a";\nnew A();', 1),
        ('import { type A, B } from "a";\nlet a: A;\nexport { B };', 1),
        ('import "a";', 1),
        ('import a = require("a");\na;', 1),
        ('const a = await import("a");\nimport("b").then(console.log);\nrequire("c");', 3),
    ],
)
async def test_imports_of_types(linter: Linter, snippet: str, count: int) -> None:
    """They are gone when the script runs."""
    document, findings = await linter(snippet, "types.geppetto.ts")
    assert [finding.rule.code for finding in findings] == ["unsupported-import"] * count, marked(
        document, findings
    )


SHADOWED = [
    'function f(chatStep) { chatStep.startStream("x"); }\nf;',
    'const f = (conversation) => conversation.addMessage("x", "y");\nf;',
    'try { throw 1; } catch (embeddings) { embeddings.generateEmbeddingAsync("x"); }',
    'const { chatStep } = params;\nchatStep.startStream("x");',
    'const { a: chatStep } = params;\nchatStep.startStream("x");',
    'let c = new Conversation();\nc = params;\nc.addMessage("x", "y");',
    'const c = new Conversation();\n{\n  const c = { addMessage() {} };\n  c.addMessage("x");\n}\nc.addMessage("x", "y");',
    '/** @type {any} */\nconst c = new Conversation();\nc.addMessage("x", "y");',
    'const ch\\u0061tStep = params;\nchatStep.startStream("x");',
    "for (const chatStep of [params]) chatStep.startStream(1);",
    "const a = a.on();\na.on();\nconst b = c.on(), c = b.on();\nb.on(1);",
    "chatStep.addMessage(1);\nembeddings.startStream(1);",
    "class done {}\ndone();",
    'enum chatStep { startStream }\nchatStep.startStream("x");',
]


TOGETHER = [
    'const stream = chatStep.startStream("x");',
    "stream;",
    'stream.on("final", console.log);',
    "stream.cancel();",
    "await stream.done();",
    "done();",
    "const chatStep = params;",
    'chatStep.startStream("x", { model: "gpt-5x", provider: "openai" });',
    "// 😀stream",
]
"""Right or wrong by what else there is."""


async def as_they_are() -> Severities:
    return {}


class AnyName:
    """Takes every name for the API's."""

    async def is_api(self, document: Document, offset: int) -> bool:
        return True


@pytest.mark.parametrize("seed", range(8))
async def test_what_was_found_before_makes_no_difference(seed: int, linter: Linter) -> None:
    """A script that is edited has the findings of one that is read for the first time."""
    chance = random.Random(seed)
    snippets = [text.replace("⟦", "").replace("⟧", "") for texts in FOUND.values() for text in texts]
    snippets += [*CLEAN, *LOOK_ALIKES, *SHADOWED]
    snippets = [each for each in snippets if not tree_for(each).root.has_error]
    lines: list[str] = []
    uri = (linter.folder / "edited.geppetto.js").as_uri()
    document = linter.documents.open(uri, "javascript", 1, "")
    found = 0
    for _ in range(150):
        at = chance.randrange(len(lines) + 1)
        if chance.random() < 0.48 and lines:
            del lines[chance.randrange(len(lines))]
        else:
            snippet = chance.choice(chance.choice([snippets, TOGETHER]))
            if chance.random() < 0.4:
                snippet = f"async function f{at}() {{\n{snippet}\n}}"
            lines.insert(at, snippet)
        document = replace(document, text=Text("\n".join(lines)), revision=document.revision + 1)
        anew = replace(document, uri=uri.replace("edited", f"{seed}-{document.revision}"))
        if chance.random() < 0.3:
            tree_of(document)  # somebody else has read it, and nobody looks for what is wrong
            continue
        before, after = [await check(each, AnyName(), as_they_are, known_names) for each in (document, anew)]
        assert [said(each) for each in before] == [said(each) for each in after], document.text
        found += len(before)
    forget_tree(uri)
    linter.documents.close(uri)
    assert found > 100


def said(finding: Finding) -> tuple[str, int, int, str, tuple[Fix, ...]]:
    return finding.rule.code, finding.start, finding.end, finding.message, finding.fixes


async def test_only_what_changed_is_looked_at_again(linter: Linter) -> None:
    blocks = [
        f"async function f{n}(question) {{\n"
        "  const stream = chatStep.startStream(question);\n"
        "  return stream.finalText();\n"
        "}"
        for n in range(20)
    ]
    uri = (linter.folder / "long.geppetto.js").as_uri()
    document = linter.documents.open(uri, "javascript", 1, "\n".join(blocks))
    assert await check(document, AnyName(), as_they_are) == []
    blocks[3] = blocks[3].replace("return stream", "return await stream")
    document, _ = linter.documents.change(uri, 2, [Edit(None, "\n".join(blocks))]) or (document, [])
    tree = tree_of(document)
    assert tree is not None
    assert [part.text_of(part.root) for part in tree.unsettled()] == [blocks[3]]
    assert await check(document, AnyName(), as_they_are) == []
    assert list(tree.unsettled()) == []
    forget_tree(uri)
    linter.documents.close(uri)


def tree_for(text: str) -> Tree:
    return Tree(text, is_typescript=False)


async def surely_api(linter: Linter, text: str) -> tuple[int, int]:
    """Of the names in a script how many are the API's beyond doubt, and how many more only TypeScript knows to be.

    No doubt is one that TypeScript does not share.
    """
    uri = (linter.folder / "sure.geppetto.js").as_uri()
    document = linter.documents.open(uri, "javascript", 1, text)
    linter.backend.open(document)
    tree = tree_of(document)
    assert tree is not None
    resolution, definitions = Resolution(tree), BackendDefinitions(linter.backend)
    words = {*GLOBALS, *(method for methods in METHODS.values() for method in methods)}
    places = {node.start_byte // 2 for word in words for node in tree.mentions_of(word)}
    answers = {place: await definitions.is_api(document, place) for place in sorted(places)}
    sure = {place for place in places if resolution.is_surely_api(place)}
    linter.backend.close_document(uri)
    linter.documents.close(uri)
    assert all(answers[place] for place in sure), text
    return len(sure), sum(answers.values()) - len(sure)


async def test_what_needs_no_question(linter: Linter) -> None:
    """TypeScript agrees wherever it is not asked, and it is seldom asked."""
    snippets = [text.replace("⟦", "").replace("⟧", "") for texts in FOUND.values() for text in texts]
    samples = Path(__file__).parents[2] / "samples"
    scripts = [path.read_text("utf-8") for path in samples.rglob("*.geppetto.js")]
    counts = [await surely_api(linter, text) for text in [*snippets, *CLEAN, *scripts]]
    sure, asked = (sum(each) for each in zip(*counts, strict=True))
    assert sure > 5 * asked
    for text in [*LOOK_ALIKES, *SHADOWED]:
        await surely_api(linter, text)


async def test_the_api_that_rules_look_at(linter: Linter) -> None:
    values = {
        "Step": "chatStep",
        "Stream": 'chatStep.startStream("x")',
        "Conversation": "new Conversation()",
        "ChatStepFactory": "new ChatStepFactory()",
        "Embeddings": "embeddings",
    }
    lines = [f"({values[type_]}).{method};" for type_, methods in METHODS.items() for method in methods]
    lines += [f"const c{n} = {line.replace('(', '', 1).replace(')', '', 1)}" for n, line in enumerate(lines)]
    lines += [f"{name};" for name in GLOBALS]
    sure, _ = await surely_api(linter, "\n".join(lines))
    assert sure >= len(lines) // 2


async def test_every_rule_has_a_snippet_and_a_page() -> None:
    assert {*FOUND, "script-name"} == set(RULES)
    pages = Path(__file__).parents[2] / "docs" / "rules"
    assert {page.stem for page in pages.glob("*.md")} - {"README"} == set(RULES)
    for rule in RULES.values():
        assert rule.summary in (pages / f"{rule.code}.md").read_text("utf-8")
        assert f"({rule.code}.md)" in (pages / "README.md").read_text("utf-8")


@pytest.mark.parametrize("snippet", CLEAN + LOOK_ALIKES)
async def test_left_alone(linter: Linter, snippet: str) -> None:
    document, findings = await linter(snippet)
    assert marked(document, findings) == snippet


@pytest.mark.parametrize("snippet", CLEAN_TYPESCRIPT)
async def test_left_alone_in_typescript(linter: Linter, snippet: str) -> None:
    document, findings = await linter(snippet, "a.geppetto.ts")
    assert marked(document, findings) == snippet


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('new Conversation().addMessage("human", "hi");', 'new Conversation().addMessage("user", "hi");'),
        (
            'chatStep.startStream("😀").on("error", () => {}).on("data", () => {});',
            'chatStep.startStream("😀").on("error", () => {}).on("partial", () => {});',
        ),
        (
            'chatStep.startStream("a").on("final", () => {});',
            'chatStep.startStream("a").on("final", () => {}).on("error", (event) => console.error(event.error));',
        ),
        ("await doubleStep.startAsync(21);", "await doubleStep.startStream(21).done();"),
        ("doubleStep.startBlocking(21);", "await doubleStep.startStream(21).done();"),
        (
            'const [x] = await chatStep.startAsync("a");\nx;',
            'const x = await chatStep.startStream("a").finalText();\nx;',
        ),
        (
            'const [x] = chatStep.startBlocking("a");\nx;',
            'const x = await chatStep.startStream("a").finalText();\nx;',
        ),
        (
            'const f = new ChatStepFactory();\nf.newStep({ model: "gtp-5" });',
            'const f = new ChatStepFactory();\nf.newStep({ model: "gpt-5" });',
        ),
        (
            'const s = chatStep.startStream("hi");\nsetTimeout(s.cancel, 10);\nawait s.done();',
            'const s = chatStep.startStream("hi");\nsetTimeout(() => s.cancel(), 10);\nawait s.done();',
        ),
        (
            'const s = chatStep.startStream("hi");\nawait s.done();\nawait s.cancel();',
            'const s = chatStep.startStream("hi");\nawait s.done();',
        ),
        (
            'const s = chatStep.startStream("hi").on("error", () => {});\ns.cancel();\ndone();',
            'const s = chatStep.startStream("hi").on("error", () => {});\nawait s.cancel();\ndone();',
        ),
        ("if (params.x) {\n  done();\n  console.log(1);\n}", "if (params.x) {\n  done();\n}"),
        (
            "doubleStep.startWithCallbacks(21, { onResult: (x) => console.log(x), onError(e) { console.error(e.message, e.code); } });",
            "doubleStep.startStream(21, { onFinal: ({ result: x }) => console.log(x), onError(e) { console.error(e.error, e.code); } });",
        ),
        (
            'const show = console.log;\nchatStep.startWithCallbacks(\n  "hi",\n  { onResult: show, onError: () => {}, onCancel: show },\n  { temperature: 1, },\n);',
            'const show = console.log;\nchatStep.startStream(\n  "hi",\n  { temperature: 1, onFinal: (event) => show(event.result), onError: () => {}, onInterrupt: () => show() },\n);',
        ),
        (
            "if (true) {\n  const stop = doubleStep.startWithCallbacks(21, { onError() {}, onDone() { console.log(1); } }, params);\n  setTimeout(stop, 10);\n  stop();\n}",
            'if (true) {\n  const onDone = () => { console.log(1); };\n  const stream = doubleStep.startStream(21, { ...params, onError() {} }).on("final", onDone).on("error", onDone).on("interrupt", onDone);\n  setTimeout(() => void stream.cancel(), 10);\n  stream.cancel();\n}',
        ),
        ('// 😀\nimport { step } from "geppetto";\nconsole.log(1);', "// 😀\nconsole.log(1);"),
        ('import "geppetto"; console.log(1);', " console.log(1);"),
        ('chatStep.startStream("hi");', 'await chatStep.startStream("hi").finalText();'),
        ('chatStep.startStream("hi").finalText();', 'await chatStep.startStream("hi").finalText();'),
    ],
)
async def test_fixed(linter: Linter, before: str, after: str) -> None:
    document, [finding] = await linter(before)
    fixed = applied(document, finding.fixes[0])
    assert fixed == after
    again, findings = await linter(fixed)
    assert not findings, marked(again, findings)


@pytest.mark.parametrize(
    "snippet",
    [
        "function f() { doubleStep.startBlocking(21); }\nf();",
        "const all = doubleStep.startBlocking(21);\nall;",
        "const [x] = doubleStep.startBlocking(21);\nx;",
        'const [, x] = await chatStep.startAsync("a");\nx;',
        'chatStep.startWithCallbacks("hi", { onCancel() {} }, { temperature: 1 // hot\n});',
        'chatStep.startWithCallbacks("hi", { onCancel() {} }, { temperature: 1, /* hot */ });',
        "const callbacks = {};\ndoubleStep.startWithCallbacks(21, callbacks);",
        "doubleStep.startWithCallbacks(21, { onError: (error) => console.error(error) });",
        "doubleStep.startWithCallbacks(21, { onError: (error) => console.error(error.stack) });",
        "const stop = doubleStep.startWithCallbacks(21, {});\nconst all = [stop];\nall;",
        "const onDone = 1;\nonDone;\ndoubleStep.startWithCallbacks(21, { onDone: () => {} });",
        'new Conversation().addMessage("zzzzzzzz", "hi");',
        'function f() { chatStep.startStream("hi"); }\nf();',
    ],
)
async def test_not_fixed_where_it_would_change_what_happens(linter: Linter, snippet: str) -> None:
    _, [finding] = await linter(snippet)
    assert not finding.fixes


@pytest.mark.parametrize(
    "snippet",
    [
        'const [x]: string[] = chatStep.startBlocking("a");\nx;',
        "export doubleStep.startBlocking(21);",
        'namespace N {\n  chatStep.startStream("a");\n}',
    ],
)
async def test_not_fixed_where_typescript_could_not_read_it(linter: Linter, snippet: str) -> None:
    _, [finding] = await linter(snippet, "a.geppetto.ts")
    assert not finding.fixes


def applied(document: Document, fix: Fix) -> str:
    units = str(document.text).encode("utf-16-le")
    for each in sorted(fix.replacements, key=lambda each: (each.start, each.end), reverse=True):
        units = units[: 2 * each.start] + each.text.encode("utf-16-le") + units[2 * each.end :]
    return units.decode("utf-16-le")


@pytest.mark.parametrize(
    ("snippet", "count"),
    [
        ('chatStep.startStream("hi"); // geppetto-ignore stream-not-consumed', 0),
        ('// geppetto-ignore stream-not-consumed\nchatStep.startStream("hi");', 0),
        ('// geppetto-ignore\nchatStep.startStream("hi");', 0),
        ('// geppetto-ignore floating-promise, stream-not-consumed\nchatStep.startStream("hi");', 0),
        ('// geppetto-ignore floating-promise\nchatStep.startStream("hi");', 1),
        ('// geppetto-ignore stream-not-consumed\n\nchatStep.startStream("hi");', 1),
        ('params; // geppetto-ignore stream-not-consumed\nchatStep.startStream("hi");', 1),
    ],
)
async def test_suppressed(linter: Linter, snippet: str, count: int) -> None:
    assert len((await linter(snippet))[1]) == count


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("report.d.geppetto.ts", True),
        ("a.b.d.geppetto.ts", True),
        ("report.geppetto.ts", False),
        ("report.d.geppetto.js", False),
        ("d.geppetto.ts", False),
    ],
)
async def test_names_of_scripts(linter: Linter, name: str, found: bool) -> None:
    text = "const 😀 = 1;\nchatStep.startStream(1);"
    document, findings = await linter(text, name=name)
    codes = [finding.rule.code for finding in findings if finding.rule.code == "script-name"]
    assert codes == ["script-name"] * found
    if found:
        assert "Call it" in findings[0].message
        assert marked(document, findings[:1]).startswith("⟦const 😀 = 1;⟧\n")
    ignored = await linter(f"// geppetto-ignore script-name\n{text}", name=name)
    off = await linter(text, name=name, **{"script-name": None})
    assert not [each for _, kept in (off, ignored) for each in kept if each.rule.code == "script-name"]


async def test_severities(linter: Linter) -> None:
    assert (await linter('chatStep.startStream("hi");', **{"stream-not-consumed": None}))[1] == []


async def test_a_long_script_in_pieces(linter: Linter) -> None:
    """Half-typed code never raises."""
    snippet = "\n".join(text for texts in FOUND.values() for text in texts).replace("⟦", "").replace("⟧", "")
    for end in range(0, len(snippet), 37):
        await asyncio.wait_for(linter(snippet[:end]), 60)
    document, findings = await linter(snippet)
    assert len(findings) > 10
    assert document.text.position_at(findings[0].start) >= Position(0, 0)
