"""Geppetto's own findings in the protocol's terms."""

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.store import Document
from geppetto.lsp.documents.text import Range
from geppetto.lsp.lint.check import BackendDefinitions, check
from geppetto.lsp.lint.findings import Finding, Fix
from geppetto.lsp.params import range_json
from geppetto.lsp.server import GeppettoServer

SOURCE = "geppetto"
_DEPRECATED_TAG = 2


async def findings_in(server: GeppettoServer, document: Document) -> list[Finding]:
    return await check(document, BackendDefinitions(server.backend), server.settings.severities)


def diagnostic_json(server: GeppettoServer, document: Document, finding: Finding) -> JsonObject:
    rule = finding.rule
    severity = server.settings.severities.get(rule.code) or rule.severity
    diagnostic: JsonObject = {
        "range": range_json(range_of(document, finding)),
        "severity": int(severity),
        "code": rule.code,
        "source": SOURCE,
        "message": finding.message,
    }
    if rule.code == "deprecated-call":
        diagnostic["tags"] = [_DEPRECATED_TAG]
    return diagnostic


def range_of(document: Document, finding: Finding) -> Range:
    return Range(document.text.position_at(finding.start), document.text.position_at(finding.end))


def edit_of(document: Document, fix: Fix) -> JsonObject:
    """A workspace edit that applies a fix."""
    edits: list[JsonValue] = [
        {
            "range": range_json(
                Range(document.text.position_at(each.start), document.text.position_at(each.end))
            ),
            "newText": each.text,
        }
        for each in fix.replacements
    ]
    return {"changes": {document.uri: edits}}
