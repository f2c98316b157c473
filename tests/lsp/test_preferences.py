"""What the user prefers of TypeScript holds in scripts too."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lsp.conftest import RawClient

Connect = Callable[[], Awaitable[RawClient]]

ASKED: dict[str, Any] = {
    "textDocument": {"diagnostic": {}},
    "workspace": {"configuration": True, "inlayHint": {"refreshSupport": True}},
}
PUSHED: dict[str, Any] = {"textDocument": {"diagnostic": {}}}
TEXT = "function add(left, right) {\n  return left + right;\n}\nadd( 1,2 );\n"


def hints(names: str) -> dict[str, Any]:
    return {"inlayHints": {"parameterNames": {"enabled": names}}}


async def shown(client: RawClient, uri: str) -> int:
    """How many names of parameters are shown."""
    span = {"start": {"line": 0, "character": 0}, "end": {"line": 9, "character": 0}}
    return len(
        await client.ask("textDocument/inlayHint", {"textDocument": {"uri": uri}, "range": span}) or []
    )


async def test_asked_of_the_editor(connect: Connect, workspace: Path) -> None:
    uri = (workspace / "a.geppetto.js").as_uri()
    (workspace / "words.geppetto.js").write_text("export const words = 1;\n")
    client = await connect()
    # Geppetto's, TypeScript's, JavaScript's, and the one for both, which is the strongest.
    client.replies["workspace/configuration"] = [
        None,
        {**hints("none"), "preferences": {"quoteStyle": "single"}, "validate": {"enabled": False}},
        {**hints("all"), "format": {"insertSpaceAfterCommaDelimiter": False}},
        {"format": {"insertSpaceAfterOpeningAndBeforeClosingNonemptyParenthesis": True}},
    ]
    await client.initialize(workspace, capabilities=ASKED)
    client.open(uri, TEXT)
    await client.until(lambda: bool(client.told_of("workspace/inlayHint/refresh")))
    assert await shown(client, uri) == 2
    options = {"tabSize": 2, "insertSpaces": True}
    client.change(uri, 2, "add( 1, 2);\nfunction add(a, b) {\n  return a + b;\n}\n")
    formatted = await client.ask(
        "textDocument/formatting", {"textDocument": {"uri": uri}, "options": options}
    )
    places = {(edit["range"]["start"]["character"], edit["newText"]) for edit in formatted}
    assert (7, "") in places and (9, " ") in places, formatted
    client.change(uri, 3, "words;\n")
    assert await client.pull(uri) == ["Cannot find name 'words'."], "nobody silences that"
    span = {"start": {"line": 0, "character": 1}, "end": {"line": 0, "character": 1}}
    [problem] = (await client.ask("textDocument/diagnostic", {"textDocument": {"uri": uri}}))["items"]
    asked = {"textDocument": {"uri": uri}, "range": span, "context": {"diagnostics": [problem]}}
    assert "import { words } from './words.geppetto.js';" in str(
        await client.ask("textDocument/codeAction", asked)
    )
    # The backend that comes after this one knows as much.
    client.change(uri, 4, TEXT)
    await client.ask("workspace/executeCommand", {"command": "geppetto.restartTypeScript", "arguments": []})
    assert await shown(client, uri) == 2
    client.told.clear()
    client.replies["workspace/configuration"] = [None, 5, [], hints("none")]
    client.notify("workspace/didChangeConfiguration", {"settings": None})
    await client.until(lambda: bool(client.told_of("workspace/inlayHint/refresh")))
    assert await shown(client, uri) == 0


async def test_pushed_by_the_editor(connect: Connect, workspace: Path) -> None:
    uri = (workspace / "a.geppetto.js").as_uri()
    client = await connect()
    options = {"geppetto": {"rules": {"floating-promise": "off"}}, "javascript": hints("all")}
    await client.initialize(workspace, capabilities=PUSHED, initializationOptions=options)
    client.open(uri, TEXT)
    assert await shown(client, uri) == 2 and not client.told_of("window/showMessage")
    client.notify("workspace/didChangeConfiguration", {"settings": {"geppetto": {}}})
    assert await shown(client, uri) == 2, "what is not spoken of stays"
    client.notify("workspace/didChangeConfiguration", {"settings": {"typescript": 5, "javascript": {}}})
    assert await shown(client, uri) == 0
    assert await client.pull(uri) == []


async def test_npm_is_never_run(
    connect: Connect, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f'#!/bin/sh\necho "$@" >> {ran}\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(npm.parent), prepend=os.pathsep)
    (workspace / "package.json").write_text('{"dependencies": {"lodash": "4"}}')
    client = await connect()
    await client.initialize(workspace, capabilities=ASKED)
    for uri in (
        (workspace / "a.geppetto.js").as_uri(),
        (tmp_path / "loose.geppetto.js").as_uri(),
        "untitled:a",
    ):
        client.open(uri, "nothing;\n")
        assert await client.pull(uri) == ["Cannot find name 'nothing'."]
    client.replies["workspace/configuration"] = [None, hints("all"), None, None]
    client.notify("workspace/didChangeConfiguration", {"settings": None})
    await client.until(lambda: bool(client.told_of("workspace/inlayHint/refresh")))
    client.open("untitled:b", "nothing;\n")
    assert await client.pull("untitled:b") == ["Cannot find name 'nothing'."]
    assert not ran.exists(), ran.read_text()
