"""Geppetto's own findings in the protocol's terms."""

import asyncio
import logging
from collections.abc import Awaitable
from pathlib import Path

from geppetto.errors import GeppettoError
from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.store import Document
from geppetto.lsp.documents.uris import path_of
from geppetto.lsp.lint.check import BackendDefinitions, Severities, check
from geppetto.lsp.lint.findings import Finding, Fix
from geppetto.lsp.lint.fixes import edits_of, range_of
from geppetto.lsp.lint.models import KnownNames
from geppetto.lsp.lint.project import Lint
from geppetto.lsp.params import range_json
from geppetto.lsp.server import WARNING, GeppettoServer

logger = logging.getLogger(__name__)

SOURCE = "geppetto"
_TAGS = {"code-after-done": 1, "deprecated-call": 2}
"""Of the protocol: unnecessary, which is shown faded, and deprecated, which is shown struck out."""


def findings_in(server: GeppettoServer, document: Document) -> Awaitable[list[Finding]]:
    return check(
        document,
        BackendDefinitions(server.backend),
        lambda: severities_of(server, document),
        lambda: names_of(server, document),
    )


async def severities_of(server: GeppettoServer, document: Document) -> Severities:
    """By rule: what the editor says, and where it says nothing, what the settings of the script's folder say."""
    path = path_of(document.uri)
    project = Lint() if path is None else await lint_of(server, Path(path).parent)
    return {**project.severities, **server.settings.severities}


async def lint_of(server: GeppettoServer, folder: Path) -> Lint:
    """The settings of a folder. If they are wrong, the user is told once, and the defaults hold."""
    known = server.project.known(folder)
    if known is not None:
        return known
    try:
        # Reading settings takes imports that nobody who has none should wait for.
        return await asyncio.to_thread(server.project.of, folder)
    except GeppettoError as error:
        if server.project.settle(folder, str(error)):
            server.show(WARNING, str(error))
        return Lint()


async def names_of(server: GeppettoServer, document: Document) -> KnownNames:
    """The models and profiles that a script can name, as far as its settings are right."""
    path = path_of(document.uri)
    try:
        # Reading settings takes imports and files.
        return await asyncio.to_thread(server.project.names_of, Path(path).parent if path else Path.home())
    except GeppettoError as error:
        logger.info("%s", error)  # The user is told where the severities are read.
        return KnownNames()


def diagnostic_json(document: Document, finding: Finding) -> JsonObject:
    rule = finding.rule
    diagnostic: JsonObject = {
        "range": range_json(range_of(document.text, finding)),
        "severity": int(finding.severity or rule.severity),
        "code": rule.code,
        "source": SOURCE,
        "message": finding.message,
    }
    if (tag := _TAGS.get(rule.code)) is not None:
        diagnostic["tags"] = [tag]
    return diagnostic


def edit_of(document: Document, fix: Fix) -> JsonObject:
    """A workspace edit that applies a fix."""
    edits: list[JsonValue] = [
        {"range": range_json(edit.range), "newText": edit.text}
        for edit in edits_of(document.text, fix)
        if edit.range is not None
    ]
    return {"changes": {document.uri: edits}}
