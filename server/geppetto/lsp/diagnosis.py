"""What is wrong with a script: TypeScript's diagnostics that apply, and Geppetto's own. For editors and for CI."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.store import Document
from geppetto.lsp.lint.check import BackendDefinitions, check
from geppetto.lsp.lint.findings import Finding
from geppetto.lsp.lint.models import KnownNames
from geppetto.lsp.lint.rules import Severity
from geppetto.lsp.params import capability
from geppetto.lsp.typescript.backend import Backend

_UNTYPED_JAVASCRIPT = frozenset({7005, 7006, 7010, 7011, 7019, 7031, 7034, 7044, 7045, 7050, 7051})
"""Variables and parameters without a type. JavaScript has no place to write one."""

_BESIDE_THE_POINT = frozenset({80001, 80005, 80006})
"""Suggestions to turn a script into something else: into an ES module, for instance."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Nothing that is said twice: where a finding says it better, TypeScript's diagnostic is left out.

    Attributes:
        typescript: as the protocol has them.
    """

    findings: list[Finding]
    typescript: list[JsonObject]


async def diagnose(
    backend: Backend,
    document: Document,
    severities: Mapping[str, Severity | None],
    known_names: Callable[[], Awaitable[KnownNames]],
    *,
    is_strict: bool = False,
) -> Diagnosis:
    """Looks at a document, which the TypeScript server has to know: as one that is open, or as a project's file.

    Args:
        is_strict: if the TypeScript server goes away in the middle, there is no half a diagnosis.

    Raises:
        Unavailable: the TypeScript server cannot answer.
    """
    # First the look at the syntax, in its thread: the question to TypeScript may take this one's processor.
    checking = asyncio.ensure_future(
        check(document, BackendDefinitions(backend, is_strict=is_strict), severities, known_names)
    )
    asked = asyncio.ensure_future(
        backend.request("textDocument/diagnostic", {"textDocument": {"uri": document.uri}})
    )
    try:
        answer, findings = await asyncio.gather(asked, checking)
    finally:
        asked.cancel()
        checking.cancel()
    items = answer.get("items") if isinstance(answer, dict) else None
    said_better = {
        (code, document.text.position_at(finding.start).line)
        for finding in findings
        for code in finding.replaces
    }
    theirs = [
        item
        for item in (items if isinstance(items, list) else [])
        if isinstance(item, dict) and _applies(item, document) and _code_and_line(item) not in said_better
    ]
    return Diagnosis(findings, theirs)


def _code_and_line(diagnostic: JsonObject) -> tuple[JsonValue, JsonValue]:
    return diagnostic.get("code"), capability(diagnostic, "range.start.line")


def _applies(diagnostic: JsonObject, document: Document) -> bool:
    code = diagnostic.get("code")
    if code in _BESIDE_THE_POINT:
        return False
    return document.is_typescript or code not in _UNTYPED_JAVASCRIPT
