"""Snippets for common patterns, where a statement may begin."""

from __future__ import annotations

import re
from dataclasses import dataclass

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.store import Document
from geppetto.lsp.documents.text import Position, Range
from geppetto.lsp.lint.tree import can_await, tree_of
from geppetto.lsp.params import capability, range_json

_SNIPPET = 15
_PLAIN, _WITH_PLACEHOLDERS = 1, 2
_ADJUST_INDENTATION = 2
_BLOCKS = ("program", "statement_block", "switch_case", "switch_default")
_WORD = re.compile(r"[ \t]*(?P<word>[\w$]*)")
_PLACEHOLDER = re.compile(r"\$\{\d+:((?:[^{}\\]|\\.)*)\}|\$\d+")
_NAME = "geppettoStatement"


@dataclass(frozen=True, slots=True)
class Snippet:
    """A pattern.

    Attributes:
        body: in the protocol's snippet syntax, indented by two spaces.
        awaits: whether `await` has to be allowed where it stands.
    """

    label: str
    detail: str
    body: str
    awaits: bool = True

    @property
    def plain(self) -> str:
        """With the placeholders' own texts."""
        text = _PLACEHOLDER.sub(lambda match: match[1] or "", self.body)
        return re.sub(r"\\([$}\\])", r"\1", text).rstrip()


SNIPPETS = (
    Snippet(
        "ask",
        "Ask a model, wait for its answer",
        "const ${1:answer} = await chatStep.startStream(${2:\"Who carved Pinocchio?\"}).finalText();\n"
        "console.log(${1:answer});\n$0",
    ),
    Snippet(
        "stream",
        "Go through the events of an answer",
        "for await (const event of chatStep.startStream(${1:\"Who carved Pinocchio?\"})) {\n"
        '  if (event.type === "partial") console.log(event.delta);\n'
        '  if (event.type === "error") console.error(event.error);\n'
        "}\n$0",
    ),
    Snippet(
        "streamon",
        "Start a stream with handlers",
        "chatStep\n"
        "  .startStream(${1:\"Who carved Pinocchio?\"})\n"
        '  .on("partial", (event) => console.log(event.delta))\n'
        '  .on("final", (event) => console.log(event.meta.usage))\n'
        '  .on("error", (event) => console.error(event.error));\n$0',
        awaits=False,
    ),
    Snippet(
        "streamcancel",
        "Cancel a stream as soon as it has said enough",
        "const ${1:stream} = chatStep.startStream(${2:\"Tell me a long story.\"});\n"
        "for await (const event of ${1:stream}) {\n"
        '  if (event.type === "partial" && event.completion.length > ${3:200}) await ${1:stream}.cancel();\n'
        "}\n"
        "console.log(${1:stream}.state, ${1:stream}.text);\n$0",
    ),
    Snippet(
        "streamtimeout",
        "Give a stream a time limit",
        "const ${1:stream} = chatStep.startStream(${2:\"Tell me a long story.\"}, {\n"
        "  signal: AbortSignal.timeout(${3:10_000}),\n"
        "});\n"
        "console.log(await ${1:stream}.finalText());\n$0",
    ),
    Snippet(
        "streamall",
        "Ask several questions at once",
        "const ${1:questions} = [${2:\"Who carved Pinocchio?\", \"Who swallowed him?\"}];\n"
        "const ${3:answers} = await Promise.all(${1:questions}.map((each) => chatStep.startStream(each).finalText()));\n"
        "console.log(${3:answers});\n$0",
    ),
    Snippet(
        "trystream",
        "Catch the error of a stream",
        "try {\n"
        "  console.log(await chatStep.startStream(${1:\"Who carved Pinocchio?\"}).finalText());\n"
        "} catch (error) {\n"
        "  console.error(error);\n"
        "}\n$0",
    ),
    Snippet(
        "conversation",
        "A conversation, and the model's answer to it",
        "const ${1:conversation} = new Conversation();\n"
        '${1:conversation}.addMessage("system", "${2:You are brief.}");\n'
        '${1:conversation}.addMessage("user", "${3:Who carved Pinocchio?}");\n'
        "const ${4:answer} = await chatStep.startStream(${1:conversation}).finalText();\n"
        '${1:conversation}.addMessage("assistant", ${4:answer});\n'
        "console.log(${1:conversation}.getSinglePrompt());\n$0",
    ),
    Snippet(
        "tool",
        "A function that the model may call",
        "defineTool({\n"
        '  name: "${1:count_letters}",\n'
        '  description: "${2:How many letters a text has}",\n'
        "  parameters: {\n"
        '    type: "object",\n'
        '    properties: { ${3:text}: { type: "string" } },\n'
        '    required: ["${3:text}"],\n'
        "  },\n"
        "  handler: ({ ${3:text} }) => ${4:text.length},\n"
        "});\n$0",
        awaits=False,
    ),
    Snippet(
        "model",
        "A step for a model of one's own choice",
        "const ${1:model} = new ChatStepFactory().newStep({ ${2:temperature: 0.2} });\n"
        "console.log(await ${1:model}.startStream(${3:\"Who carved Pinocchio?\"}).finalText());\n$0",
    ),
    Snippet(
        "param",
        "A parameter of the run, with a default",
        'const ${1:name} = String(params.${1:name} ?? "${2:Pinocchio}");\nconsole.log(${1:name});\n$0',
        awaits=False,
    ),
    Snippet(
        "search",
        "Find the nearest text by embeddings",
        "const ${1:texts} = [${2:\"a whale swims\", \"a cricket sings\"}];\n"
        "const [${3:wanted}, ...${4:vectors}] = await Promise.all(\n"
        "  [${5:\"a song\"}, ...${1:texts}].map((text) => embeddings.generateEmbeddingAsync(text)),\n"
        ");\n"
        "const ${6:scores} = ${4:vectors}.map((vector) => vector.reduce((sum, value, i) => sum + value * ${3:wanted}[i], 0));\n"
        "console.log(${1:texts}[${6:scores}.indexOf(Math.max(...${6:scores}))]);\n$0",
    ),
)  # fmt: skip


def snippets(client: JsonObject, document: Document, position: Position) -> list[JsonValue]:
    """The items at a position: none but where a statement begins."""
    text = document.text
    line = text.line(position.line)
    before = text.slice(Range(Position(position.line, 0), position))
    typed = _WORD.fullmatch(before)
    if typed is None or line[len(before) :].strip() not in ("", "}", ";", "};"):
        return []
    allows = _begins_statement(document, position, typed["word"])
    if allows is None:
        return []
    start = Position(position.line, position.character - len(typed["word"].encode("utf-16-le")) // 2)
    span = range_json(Range(start, position))
    indent = before[: typed.start("word")]
    return [_item(client, each, span, indent) for each in SNIPPETS if allows or not each.awaits]


def _begins_statement(document: Document, position: Position, word: str) -> bool | None:
    """Whether `await` may stand in the statement that begins here; None if none does."""
    tree = tree_of(document)
    if tree is None:
        return None
    units = str(document.text).encode("utf-16-le", "surrogatepass")
    end = 2 * document.text.offset_at(position)
    start = end - len(word.encode("utf-16-le"))
    # With a name and an end of its own, whatever follows.
    text = (units[:start] + f"{_NAME};".encode("utf-16-le") + units[end:]).decode("utf-16-le", "replace")
    node = tree.root_of(text).descendant_for_byte_range(start, start + 2)
    statement = None if node is None else node.parent
    if node is None or node.type != "identifier" or node.end_byte - node.start_byte != 2 * len(_NAME):
        return None
    if statement is None or statement.type != "expression_statement" or statement.parent is None:
        return None
    return can_await(statement) if statement.parent.type in _BLOCKS else None


def _item(client: JsonObject, snippet: Snippet, span: JsonObject, indent: str) -> JsonObject:
    has_placeholders = capability(client, "textDocument.completion.completionItem.snippetSupport") is True
    modes = capability(client, "textDocument.completion.completionItem.insertTextModeSupport.valueSet")
    adjusts = isinstance(modes, list) and _ADJUST_INDENTATION in modes
    text = snippet.body if has_placeholders else snippet.plain
    if not has_placeholders and not adjusts:
        text = text.replace("\n", f"\n{indent}")
    item: JsonObject = {
        "label": snippet.label,
        "kind": _SNIPPET,
        "detail": snippet.detail,
        "documentation": _documentation(client, snippet),
        "sortText": f"16{snippet.label}",
        "insertTextFormat": _WITH_PLACEHOLDERS if has_placeholders else _PLAIN,
        "textEdit": {"range": span, "newText": text},
    }
    if adjusts:
        item["insertTextMode"] = _ADJUST_INDENTATION
    return item


def _documentation(client: JsonObject, snippet: Snippet) -> JsonValue:
    formats = capability(client, "textDocument.completion.completionItem.documentationFormat")
    if isinstance(formats, list) and "markdown" in formats:
        return {"kind": "markdown", "value": f"```js\n{snippet.plain}\n```"}
    return snippet.plain
