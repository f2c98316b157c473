"""All findings of a script: syntax suspects, types confirm."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from geppetto.json_value import JsonValue
from geppetto.lsp.documents.store import Document
from geppetto.lsp.documents.uris import path_of
from geppetto.lsp.lint import endings, images, models, names, stream_errors, streams
from geppetto.lsp.lint.findings import Finding
from geppetto.lsp.lint.models import KnownNames
from geppetto.lsp.lint.rules import UNKNOWN_MODEL, Severity
from geppetto.lsp.lint.suppression import is_suppressed
from geppetto.lsp.lint.tree import Tree, tree_of
from geppetto.lsp.params import position_json
from geppetto.lsp.typescript.backend import Backend, Unavailable

_MAX_FINDINGS = 200


class Definitions(Protocol):
    """Tells whether a name in a script belongs to Geppetto's API."""

    async def is_api(self, document: Document, offset: int) -> bool: ...


class BackendDefinitions:
    """Asks the TypeScript server where the name is defined.

    Args:
        is_strict: `Unavailable` is raised. Otherwise no name is the API's while the TypeScript server is away.
    """

    def __init__(self, backend: Backend, *, is_strict: bool = False) -> None:
        self._backend = backend
        self._is_strict = is_strict
        self._typings = {str(path) for path in backend.shadow.typings}

    async def is_api(self, document: Document, offset: int) -> bool:
        position = position_json(document.text.position_at(offset))
        asked: JsonValue = {"textDocument": {"uri": document.uri}, "position": position}
        try:
            answer = await self._backend.request("textDocument/definition", asked)
        except Unavailable:
            if self._is_strict:
                raise
            return False
        places = answer if isinstance(answer, list) else [answer]
        return any(self._is_in_typings(place) for place in places)

    def _is_in_typings(self, place: JsonValue) -> bool:
        if not isinstance(place, dict):
            return False
        uri = place.get("targetUri", place.get("uri"))
        return isinstance(uri, str) and path_of(uri) in self._typings


async def _nothing_known() -> KnownNames:
    return KnownNames()


async def check(
    document: Document,
    definitions: Definitions,
    severities: Mapping[str, Severity | None],
    known_names: Callable[[], Awaitable[KnownNames]] = _nothing_known,
) -> list[Finding]:
    """The findings in a document, in order, without those that a comment or the settings switch off.

    Args:
        severities: by code, where the settings say something; None is off.
        known_names: asked only if the script names a model.
    """
    tree = tree_of(document)
    if tree is None:
        return []
    found = _suspects(tree, _folder_of(document))
    if severities.get(UNKNOWN_MODEL.code, UNKNOWN_MODEL.severity) is not None and any(
        models.model_places(tree)
    ):
        found += models.check(tree, await known_names())
    suspected = [
        replace(finding, severity=severities.get(finding.rule.code))
        for finding in found
        if severities.get(finding.rule.code, finding.rule.severity) is not None
        and not is_suppressed(document.text, document.text.position_at(finding.start).line, finding.rule.code)
    ][:_MAX_FINDINGS]
    probes = sorted({finding.probe for finding in suspected})
    confirmed = await asyncio.gather(*(definitions.is_api(document, probe) for probe in probes))
    is_api = dict(zip(probes, confirmed, strict=True))
    return sorted(
        (finding for finding in suspected if is_api[finding.probe]), key=lambda finding: finding.start
    )


def _suspects(tree: Tree, folder: Path | None) -> list[Finding]:
    return [
        *images.check(tree, folder),
        *names.check(tree),
        *streams.check(tree),
        *stream_errors.check(tree),
        *endings.check(tree),
    ]


def _folder_of(document: Document) -> Path | None:
    path = path_of(document.uri)
    return Path(path).parent if path else None
