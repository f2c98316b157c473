"""Every quick fix, applied: none may leave a script that cannot be read any more."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from geppetto.lsp.documents.store import Document
from geppetto.lsp.documents.text import Edit, Text
from geppetto.lsp.lint.tree import tree_of
from geppetto.lsp.params import as_range

ROOT = Path(__file__).parents[2]
FIXES = {
    "textDocument": {
        "diagnostic": {},
        "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix"]}}},
    }
}


def scripts() -> list[str]:
    """What the pages of the rules show, and the samples."""
    pages = sorted((ROOT / "docs" / "rules").glob("*.md"))
    shown = [
        block for page in pages for block in re.findall(r"```js\n(.*?)```", page.read_text("utf-8"), re.S)
    ]
    return shown + [path.read_text("utf-8") for path in sorted((ROOT / "samples").glob("*.geppetto.js"))]


def can_be_read(uri: str, text: str) -> bool:
    tree = tree_of(Document(uri, "javascript", 1, Text(text), is_script=True))
    return tree is not None and not tree.root.has_error


def edits_of(action: dict[str, Any], uri: str) -> list[Edit]:
    """From the last to the first, so that they do not move each other."""
    edit = action.get("edit") or {}
    changes = (edit.get("changes") or {}).get(uri) or [
        each for change in edit.get("documentChanges") or [] for each in change["edits"]
    ]
    edits = [Edit(as_range(each["range"]), each["newText"]) for each in changes]
    return sorted(edits, key=lambda each: each.range.start if each.range else 0, reverse=True)  # type: ignore[arg-type,return-value]


async def test_what_a_fix_leaves_can_be_read(connect: Callable[[], Awaitable[Any]], workspace: Path) -> None:
    client = await connect()
    await client.initialize(workspace, capabilities=FIXES)
    applied = 0
    for number, text in enumerate(scripts()):
        uri = (workspace / f"{number}.geppetto.js").as_uri()
        assert can_be_read(uri, text), text
        client.open(uri, text)
        whole = {"start": {"line": 0, "character": 0}, "end": {"line": 9999, "character": 0}}
        params = {"textDocument": {"uri": uri}, "range": whole, "context": {"diagnostics": []}}
        for action in await client.ask("textDocument/codeAction", params) or []:
            if edits := edits_of(action, uri):
                fixed, _ = Text(text).edited(edits)
                assert can_be_read(uri, str(fixed)), (action["title"], str(fixed))
                applied += 1
        client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    assert applied > 10
