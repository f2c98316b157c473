"""All findings of a script: syntax suspects, types confirm."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Protocol, TypeAlias

from geppetto.json_value import JsonValue
from geppetto.lsp.documents.store import Document
from geppetto.lsp.documents.uris import path_of
from geppetto.lsp.lint import endings, file_names, images, imports, models, names, stream_errors, streams
from geppetto.lsp.lint.findings import Finding
from geppetto.lsp.lint.models import KnownNames
from geppetto.lsp.lint.resolution import Resolution
from geppetto.lsp.lint.rules import UNKNOWN_MODEL, Severity
from geppetto.lsp.lint.suppression import is_suppressed
from geppetto.lsp.lint.tree import Part, Tree, tree_of
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


Severities: TypeAlias = "Mapping[str, Severity | None]"
"""What the settings say, by code; None is off. Rules that are not in it keep their own."""


def check(
    document: Document,
    definitions: Definitions,
    severities: Callable[[], Awaitable[Severities]],
    known_names: Callable[[], Awaitable[KnownNames]] = _nothing_known,
) -> Awaitable[list[Finding]]:
    """The findings in a document, in order, without those that a comment or the settings switch off.

    A thread begins to look before this returns. Await the result, also if it is not wanted any more.

    Args:
        known_names: asked only if the script names a model.
    """
    looking = asyncio.get_running_loop().run_in_executor(_thread(), _look, document)
    return _judge(looking, document, definitions, severities, known_names)


@cache
def _thread() -> Executor:
    # The event loop goes to sleep after a question to the TypeScript server, which then gets the processor it was
    # asked on: only another thread looks at a script while it thinks.
    return ThreadPoolExecutor(1, thread_name_prefix="lint")


@dataclass(frozen=True, slots=True)
class _Look:
    """What the syntax of a script tells.

    Attributes:
        suspects: what is wrong if their probes are names of the API.
        resolution: tells of which names that is sure.
    """

    tree: Tree
    suspects: list[Finding]
    resolution: Resolution
    names_models: bool


def _look(document: Document) -> _Look | None:
    tree = tree_of(document)
    if tree is None:
        return None
    folder = _folder_of(document)
    suspects = [*file_names.check(document), *endings.check_top_level(tree)]
    names_models = False
    for statement in tree.unsettled():
        found = _suspects(statement, folder)
        suspects += found
        looks_further = any(True for _ in images.image_places(statement))
        if any(True for _ in models.model_places(statement)):
            looks_further = names_models = True
        if statement.is_by_itself and not found and not looks_further:
            tree.settle(statement)
    resolution = Resolution(tree)
    for finding in suspects:
        if finding.probe is not None:
            resolution.is_surely_api(finding.probe)  # so that it is known
    return _Look(tree, suspects, resolution, names_models)


async def _judge(
    looking: Awaitable[_Look | None],
    document: Document,
    definitions: Definitions,
    severities_now: Callable[[], Awaitable[Severities]],
    known_names: Callable[[], Awaitable[KnownNames]],
) -> list[Finding]:
    severities = await severities_now()
    look = await looking
    if look is None:
        return []
    found = look.suspects
    if look.names_models and severities.get(UNKNOWN_MODEL.code, UNKNOWN_MODEL.severity) is not None:
        found = [*found, *models.check(look.tree, await known_names())]
    suspected = [
        replace(finding, severity=severities.get(finding.rule.code))
        for finding in found
        if severities.get(finding.rule.code, finding.rule.severity) is not None
        and not is_suppressed(document.text, document.text.position_at(finding.start).line, finding.rule.code)
    ][:_MAX_FINDINGS]
    probes = {finding.probe for finding in suspected if finding.probe is not None}
    confirmed = {probe for probe in probes if look.resolution.is_surely_api(probe)}
    if doubted := sorted(probes - confirmed):
        answers = await asyncio.gather(*(definitions.is_api(document, probe) for probe in doubted))
        confirmed.update(probe for probe, is_api in zip(doubted, answers, strict=True) if is_api)
    return sorted(
        (finding for finding in suspected if finding.probe is None or finding.probe in confirmed),
        key=lambda finding: finding.start,
    )


def _suspects(part: Part, folder: Path | None) -> list[Finding]:
    return [
        *imports.check(part),
        *images.check(part, folder),
        *names.check(part),
        *streams.check(part),
        *stream_errors.check(part),
        *endings.check(part),
    ]


def _folder_of(document: Document) -> Path | None:
    path = path_of(document.uri)
    return Path(path).parent if path else None
