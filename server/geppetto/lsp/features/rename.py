"""Rename: TypeScript's, but never of what belongs to Geppetto's API, whose typings would be rewritten."""

import asyncio
from collections.abc import Iterator

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.store import Document
from geppetto.lsp.documents.uris import is_within, path_of
from geppetto.lsp.errors import REQUEST_FAILED, ResponseError
from geppetto.lsp.features.passthrough import PREPARE_RENAME, RENAME, pass_on
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
        document = change.get("textDocument") if isinstance(change, dict) else None
        uri = document.get("uri") if isinstance(document, dict) else None
        if isinstance(uri, str):
            yield uri
