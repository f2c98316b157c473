"""What is wrong with a script: TypeScript's diagnostics that apply, and Geppetto's own. For editors and for CI."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.store import Document
from geppetto.lsp.lint.check import BackendDefinitions, Severities, check
from geppetto.lsp.lint.findings import Finding
from geppetto.lsp.lint.models import KnownNames
from geppetto.lsp.params import as_position, capability
from geppetto.lsp.typescript.backend import Backend

_UNTYPED_JAVASCRIPT = frozenset(
    {7005, 7006, 7010, 7011, 7019, 7022, 7023, 7024, 7031, 7034, 7044, 7045, 7050, 7051, 7053}
)
"""Variables, parameters, results and members without a type. JavaScript has no place to write one."""

_UNKNOWN = 18046
"""A use of what may be anything."""

_BESIDE_THE_POINT = frozenset({80001, 80005, 80006})
"""Suggestions to turn a script into something else: into an ES module, for instance."""

_OF_ANOTHER_WORLD = frozenset({2580, 2581, 2582, 2583, 2584, 2591, 2592, 2593, 2867, 2868})
"""Names of Node, of browsers, of test runners. TypeScript asks whether their types should be installed, in vain."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Nothing that is said twice: where a finding says it better, TypeScript's diagnostic is left out.

    Attributes:
        typescript: as the protocol has them.
    """

    findings: list[Finding]
    typescript: list[JsonObject]


def diagnose(
    backend: Backend,
    document: Document,
    severities: Callable[[], Awaitable[Severities]],
    known_names: Callable[[], Awaitable[KnownNames]],
    *,
    is_strict: bool = False,
) -> Awaitable[Diagnosis]:
    """Looks at a document, which the TypeScript server has to know: as one that is open, or as a project's file.

    It is asked before this returns, about the documents as they are now. Await the result.

    Args:
        is_strict: if the TypeScript server goes away in the middle, there is no half a diagnosis.

    Raises:
        Unavailable: the TypeScript server cannot answer.
    """
    # First the look at the syntax, in its thread: the question to TypeScript may take this one's processor.
    checking = check(document, BackendDefinitions(backend, is_strict=is_strict), severities, known_names)
    asked = backend.request("textDocument/diagnostic", {"textDocument": {"uri": document.uri}})
    return _put_together(document, asked, asyncio.ensure_future(checking))


async def _put_together(
    document: Document, asked: Awaitable[JsonValue], checking: "asyncio.Future[list[Finding]]"
) -> Diagnosis:
    try:
        answer = await asked
        findings = await checking
    finally:
        checking.cancel()
    items = answer.get("items") if isinstance(answer, dict) else None
    ignored = _BESIDE_THE_POINT if document.is_typescript else _BESIDE_THE_POINT | _UNTYPED_JAVASCRIPT
    theirs = [
        _without_advice(item)
        for item in (items if isinstance(items, list) else [])
        if isinstance(item, dict)
        and item.get("code") not in ignored
        and not _is_said_better(document, item, findings)
        and not (item.get("code") == _UNKNOWN and not document.is_typescript and _is_caught(document, item))
    ]
    return Diagnosis(findings, theirs)


def _is_caught(document: Document, diagnostic: JsonObject) -> bool:
    """`catch (error)` has no place for a type in JavaScript, and everybody uses `error.message`."""
    name = re.match(r"'([\w$]+)'", str(diagnostic.get("message")))
    return name is not None and bool(
        re.search(rf"\bcatch\s*\(\s*{re.escape(name[1])}\s*\)", str(document.text))
    )


def _without_advice(diagnostic: JsonObject) -> JsonObject:
    message = diagnostic.get("message")
    if diagnostic.get("code") not in _OF_ANOTHER_WORLD or not isinstance(message, str):
        return diagnostic
    what = message.partition(". Do you need")[0]
    return {
        **diagnostic,
        "message": f"{what}. Scripts run in a V8 of their own: it is no Node and no browser.",
    }


def _is_said_better(document: Document, diagnostic: JsonObject, findings: list[Finding]) -> bool:
    code = diagnostic.get("code")
    if not any(code in finding.replaces for finding in findings):
        return False
    offset = document.text.offset_at(as_position(capability(diagnostic, "range.start")))
    return any(finding.is_said_by(code, offset) for finding in findings)
