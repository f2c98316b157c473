"""A client that sends anything at all: each request is answered soon, and the next sane one as ever."""

import json
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

Connect = Callable[..., Awaitable[Any]]

REQUESTS = """
    textDocument/completion completionItem/resolve textDocument/signatureHelp textDocument/hover
    textDocument/definition textDocument/typeDefinition textDocument/implementation textDocument/references
    textDocument/documentHighlight textDocument/documentSymbol workspace/symbol textDocument/rename
    textDocument/prepareRename workspace/willRenameFiles textDocument/codeAction textDocument/codeLens
    codeLens/resolve textDocument/documentLink textDocument/formatting textDocument/rangeFormatting
    textDocument/onTypeFormatting textDocument/foldingRange textDocument/selectionRange
    textDocument/prepareCallHierarchy callHierarchy/incomingCalls callHierarchy/outgoingCalls
    textDocument/linkedEditingRange textDocument/semanticTokens/full textDocument/semanticTokens/range
    textDocument/inlayHint textDocument/diagnostic workspace/executeCommand geppetto/params geppetto/profiles
    geppetto/cancelRun geppetto/listRuns geppetto/runOutput workspace/diagnostic codeAction/resolve
""".split()
NOTIFICATIONS = """
    textDocument/didOpen textDocument/didChange textDocument/didClose textDocument/didSave
    workspace/didChangeWatchedFiles workspace/didChangeWorkspaceFolders workspace/didChangeConfiguration
    $/cancelRequest window/workDoneProgress/cancel $/setTrace workspace/didRenameFiles initialized
""".split()
SCRIPT = """\
const conversation = new Conversation();
conversation.addMessage("human", "hi");
for await (const event of echoStep.startStream("x")) console.log(event.type);
"""
NUMBERS = [0, 1, 3, -1, 1.5, 2**31, 2**53, 10**30, 1e308]
STRINGS = ["", "x", "\ud800", "é😀", "\0", "../..", "file:///", "untitled:x", "geppetto.cancel", "a" * 5000]


class Noise:
    """Parameters that are right, or nearly, or not at all."""

    def __init__(self, seed: int, uris: list[str]) -> None:
        self.random = random.Random(seed)
        self._uris = uris

    def params(self) -> Any:
        if self.random.random() < 0.3:
            return self._anything(0)
        return self._spoilt(self._right())

    def _right(self) -> dict[str, Any]:
        """What every method finds its parameters in."""
        uri = self.random.choice(self._uris)
        place = {"line": self.random.randrange(5), "character": self.random.randrange(40)}
        span = {"start": place, "end": {"line": self.random.randrange(6), "character": 5}}
        return {
            "textDocument": {"uri": uri, "version": 3, "languageId": "javascript", "text": SCRIPT},
            "position": place,
            "positions": [place],
            "range": span,
            "context": {"diagnostics": [], "includeDeclaration": True, "triggerKind": 1},
            "options": {"tabSize": 2, "insertSpaces": True},
            "newName": "other",
            "ch": ";",
            "query": "c",
            "files": [{"oldUri": uri, "newUri": f"{uri}2"}],
            "item": {"uri": uri, "name": "x", "kind": 12, "range": span, "selectionRange": span},
            "label": "x",
            "command": self.random.choice(["geppetto.cancel", "geppetto.showOutput", "geppetto.clearOutput"]),
            "arguments": [],
            "contentChanges": [{"range": span, "text": "y"}],
            "changes": [{"uri": uri, "type": 2}],
            "settings": {"geppetto": {"rules": {}}},
            "event": {"added": [], "removed": []},
            "uri": uri,
            "runId": "x",
            "id": 3,
        }

    def _spoilt(self, value: Any) -> Any:
        if self.random.random() < 0.1:
            return self._anything(0)
        if isinstance(value, dict):
            return {key: self._spoilt(each) for key, each in value.items() if self.random.random() < 0.95}
        return [self._spoilt(each) for each in value] if isinstance(value, list) else value

    def _anything(self, depth: int) -> Any:
        kind = self.random.randrange(8 if depth < 4 else 5)
        if kind < 5:
            return self.random.choice([[None, True, [], {}], NUMBERS, STRINGS, STRINGS, self._uris][kind])
        if kind == 5:
            return self.random.choice([[None, True, [], {}]])
        size = range(self.random.randrange(4))
        if kind == 6:
            return [self._anything(depth + 1) for _ in size]
        keys = [*self._right(), "start", "end", "line", "only", "data", "kind", "rules", "token"]
        return {self.random.choice(keys): self._anything(depth + 1) for _ in size}


@pytest.mark.parametrize("seed", [1, 2])
async def test_anything_at_all(connect: Connect, workspace: Path, seed: int) -> None:
    client = await connect()
    await client.initialize(workspace)
    scripts = [workspace / name for name in ("a.geppetto.js", "b.geppetto.ts", "safe.geppetto.js")]
    for script in scripts:
        client.open(script.as_uri(), SCRIPT)
    *uris, safe = (script.as_uri() for script in scripts)
    noise = Noise(seed, [*uris, (workspace / "none.geppetto.js").as_uri()])
    for number in range(600):
        params = noise.params()
        if number % 4 == 0:
            client.notify(noise.random.choice(NOTIFICATIONS), params)
            continue
        method = noise.random.choice(REQUESTS)
        # Sooner than the server would give up to wait for an answer of the one behind it.
        answer = await client.answer(client.begin(method, params), seconds=18)
        assert "result" in answer or answer["error"]["code"] < 0, (method, json.dumps(params), answer)
    position = {"line": 0, "character": 8}
    hover = await client.ask("textDocument/hover", {"textDocument": {"uri": safe}, "position": position})
    assert "Conversation" in hover["contents"]["value"]
    assert len(await client.pull(safe)) == 1
    assert not client.told_of("window/showMessageRequest"), "the TypeScript server was given up"
    assert not [said for said in client.told_of("window/showMessage") if "TypeScript" in said["message"]]
