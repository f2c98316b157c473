"""Rename, of names and of files: TypeScript's, but nothing of Geppetto's own is changed by it."""

import asyncio
from collections.abc import Iterator

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.store import Document
from geppetto.lsp.documents.uris import is_within, path_of
from geppetto.lsp.errors import REQUEST_FAILED, ResponseError
from geppetto.lsp.features.passthrough import PREPARE_RENAME, RENAME, RENAME_FILES, pass_on
from geppetto.lsp.protocol import Answer
from geppetto.lsp.server import GeppettoServer

_REFUSAL = "This name belongs to Geppetto's API, which scripts cannot rename."


def register(server: GeppettoServer) -> None:
    def prepare(params: JsonObject) -> Answer:
        document = server.script_in(params)
        return None if document is None else _prepare(server, params, document)

    def rename(params: JsonObject) -> Answer:
        document = server.script_in(params)
        return None if document is None else _rename(server, params, document)

    def rename_files(params: JsonObject) -> Answer:
        return _rename_files(server, params)

    server.on(RENAME_FILES.method, rename_files)
    server.on(PREPARE_RENAME.method, prepare)
    server.on(RENAME.method, rename)


async def _prepare(server: GeppettoServer, params: JsonObject, document: Document) -> JsonValue:
    """Tries it: whether a name is ours cannot be told from where it is defined, as in `const { delta } = event`."""
    tried = pass_on(server, RENAME, {**params, "newName": "renamed"}, document)
    answer, edit = await asyncio.gather(pass_on(server, PREPARE_RENAME, params, document), tried)
    _refuse_api(server, edit)
    return answer


async def _rename(server: GeppettoServer, params: JsonObject, document: Document) -> JsonValue:
    edit = await pass_on(server, RENAME, params, document)
    _refuse_api(server, edit)
    return edit


async def _rename_files(server: GeppettoServer, params: JsonObject) -> JsonValue:
    """What importers of the files have to change. TypeScript would change our list of the scripts too."""
    edit = await pass_on(server, RENAME_FILES, params)
    if not isinstance(edit, dict):
        return None
    root = server.backend.shadow.root
    changes, of_documents = edit.get("changes"), edit.get("documentChanges")
    kept: JsonObject = {}
    if isinstance(changes, dict):
        kept["changes"] = {uri: edits for uri, edits in changes.items() if not _is_in(root, uri)}
    if isinstance(of_documents, list):
        kept["documentChanges"] = [each for each in of_documents if not _is_in(root, _uri_of_change(each))]
    return kept if any(kept.values()) else None


def _is_in(root: str, uri: str | None) -> bool:
    return uri is not None and is_within(path_of(uri) or "", root)


def _refuse_api(server: GeppettoServer, edit: JsonValue) -> None:
    shadow = server.backend.shadow
    typings = {str(path) for path in shadow.typings}
    paths = [path_of(uri) or "" for uri in _changed(edit)] if isinstance(edit, dict) else []
    # What lies in the shadow without being in the user's folder is typings that were made from Python.
    if any(path in typings or is_within(path, shadow.root) for path in paths):
        raise ResponseError(REQUEST_FAILED, _REFUSAL)


def _changed(edit: JsonObject) -> Iterator[str]:
    """The URIs of the files that a workspace edit changes."""
    changes = edit.get("changes")
    if isinstance(changes, dict):
        yield from changes
    of_documents = edit.get("documentChanges")
    for change in of_documents if isinstance(of_documents, list) else []:
        if (uri := _uri_of_change(change)) is not None:
            yield uri


def _uri_of_change(change: JsonValue) -> str | None:
    """The file that one of the `documentChanges` edits; None if it does something else."""
    document = change.get("textDocument") if isinstance(change, dict) else None
    uri = document.get("uri") if isinstance(document, dict) else None
    return uri if isinstance(uri, str) else None
