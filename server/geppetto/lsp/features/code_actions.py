"""Code actions: TypeScript's, and the fixes of our own findings."""

from collections.abc import Awaitable, Iterator

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.store import Document
from geppetto.lsp.documents.text import Position, Range
from geppetto.lsp.features.findings import diagnostic_json, edit_of, findings_in
from geppetto.lsp.features.passthrough import CODE_ACTION, pass_on
from geppetto.lsp.lint.findings import Finding, Fix
from geppetto.lsp.lint.fixes import range_of
from geppetto.lsp.lint.suppression import suppressing
from geppetto.lsp.lint.tree import tree_of
from geppetto.lsp.params import as_range, capability
from geppetto.lsp.protocol import Answer
from geppetto.lsp.server import GeppettoServer

_QUICK_FIX = "quickfix"


def register(server: GeppettoServer) -> None:
    def handle(params: JsonObject) -> Answer:
        document = server.script_in(params)
        if document is None:
            return None
        span = document.text.clamp_range(as_range(params.get("range")))
        theirs = pass_on(server, CODE_ACTION, params, document)
        return _both(server, document, span, theirs, wants_fixes=_wants_fixes(server, params))

    server.on(CODE_ACTION.method, handle)


def _wants_fixes(server: GeppettoServer, params: JsonObject) -> bool:
    if not isinstance(capability(server.client, "textDocument.codeAction.codeActionLiteralSupport"), dict):
        return False
    only = capability(params, "context.only")
    return not isinstance(only, list) or _QUICK_FIX in only or "" in only


async def _both(
    server: GeppettoServer,
    document: Document,
    span: Range,
    theirs: Awaitable[JsonValue],
    *,
    wants_fixes: bool,
) -> JsonValue:
    answer = await theirs
    actions: list[JsonValue] = list(answer) if isinstance(answer, list) else []
    if not wants_fixes:
        return actions
    own: list[JsonValue] = [
        action
        for finding in await findings_in(server, document)
        if _touches(range_of(document.text, finding), span)
        for action in _actions(server, document, finding)
    ]
    return own + actions


def _actions(server: GeppettoServer, document: Document, finding: Finding) -> Iterator[JsonObject]:
    diagnostic = diagnostic_json(document, finding)
    for number, fix in enumerate((*finding.fixes, *_ignoring(document, finding))):
        action: JsonObject = {
            "title": fix.title,
            "kind": _QUICK_FIX,
            "diagnostics": [diagnostic],
            "edit": edit_of(document, fix),
        }
        if (
            number == 0
            and finding.fixes
            and capability(server.client, "textDocument.codeAction.isPreferredSupport")
        ):
            action["isPreferred"] = True
        yield action


def _ignoring(document: Document, finding: Finding) -> Iterator[Fix]:
    """A comment above the line, unless that is in the middle of a text."""
    line = document.text.position_at(finding.start).line
    tree = tree_of(document)
    if tree is not None and not tree.is_in_text(document.text.offset_at(Position(line, 0))):
        replacement = suppressing(document.text, line, finding.rule.code)
        yield Fix(f"Ignore {finding.rule.code} here", (replacement,))


def _touches(one: Range, other: Range) -> bool:
    return one.start <= other.end and other.start <= one.end
