"""Errors of runs in files that scripts import: as diagnostics there, also in files that are not open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from geppetto.json_value import JsonValue
from geppetto.lsp.documents.store import Document
from geppetto.lsp.documents.uris import path_of, uri_of
from geppetto.lsp.running.problems import same_file
from geppetto.lsp.server import GeppettoServer


class Elsewhere:
    """What the last run of each script has found in other files.

    A file that is no open script is served by nobody else, so its diagnostics are pushed, whatever the client prefers.
    """

    def __init__(self, server: GeppettoServer) -> None:
        self._server = server
        self._by_script: dict[str, dict[str, list[JsonValue]]] = {}

    def put(self, script: str, found: Mapping[str, Sequence[JsonValue]]) -> None:
        """A script's last run has failed; the diagnostics by the paths of the files."""
        before = self._by_script.pop(script, {})
        now = {self._uri(path): list(diagnostics) for path, diagnostics in found.items()}
        if now:
            self._by_script[script] = now
        self._tell({*before, *now})

    def edited(self, uri: str) -> None:
        """A file was changed: what was found in it, or by running it, may be true no more."""
        gone = {uri, *self._by_script.pop(uri, {})}
        was_there = len(gone) > 1
        for found in self._by_script.values():
            was_there = found.pop(uri, None) is not None or was_there
        if was_there:
            self._tell(gone)

    def of(self, document: Document) -> list[JsonValue]:
        return self._all(document.uri)

    def _all(self, uri: str) -> list[JsonValue]:
        return [each for found in self._by_script.values() for each in found.get(uri, [])]

    def _uri(self, path: str) -> str:
        """As the client spells it, if it has the file open."""
        for document in self._server.documents:
            if (its := path_of(document.uri)) is not None and same_file(its, path):
                return document.uri
        return uri_of(path)

    def _tell(self, uris: set[str]) -> None:
        for uri in uris:
            document = self._server.documents.get(uri)
            if document is None or not document.is_script:
                diagnostics: list[JsonValue] = self._all(uri)
                self._server.rpc.tell(
                    "textDocument/publishDiagnostics", {"uri": uri, "diagnostics": diagnostics}
                )
            else:
                self._server.refresh_diagnostics()
