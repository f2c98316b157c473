"""Diagnostics, asked for or pushed: one or the other, by what the client can do. Never those of an old text."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.diagnosis import Diagnosis, diagnose
from geppetto.lsp.documents.store import Document
from geppetto.lsp.errors import SERVER_CANCELLED, ResponseError
from geppetto.lsp.features.findings import diagnostic_json, names_of, severities_of
from geppetto.lsp.params import capability
from geppetto.lsp.protocol import Answer
from geppetto.lsp.server import GeppettoServer
from geppetto.lsp.typescript.backend import Unavailable
from geppetto.lsp.wire import Result, Unread

_QUIET_SECONDS = 0.15
"""Pushed after so long without a change."""

_OTHERS_QUIET_SECONDS = 0.8
"""Other documents may depend on the changed one."""


def register(server: GeppettoServer) -> None:
    def pull(params: JsonObject) -> Answer:
        document = server.script_in(params)
        if document is None:
            return {"kind": "full", "items": []}
        return _report(server, document, collect(server, document), params.get("previousResultId"))

    server.on("textDocument/diagnostic", pull)
    publisher = Publisher(server)
    server.documents_changed = publisher.documents_changed
    server.refresh_diagnostics = publisher.refresh


def collect(server: GeppettoServer, document: Document) -> Awaitable[list[JsonValue]]:
    """All diagnostics of a document: TypeScript's that apply, and our own. It is looked at as it is now."""
    diagnosing = diagnose(
        server.backend,
        document,
        lambda: severities_of(server, document),
        lambda: names_of(server, document),
    )
    return _together(server, document, diagnosing)


async def _together(
    server: GeppettoServer, document: Document, diagnosing: Awaitable[Diagnosis]
) -> list[JsonValue]:
    try:
        diagnosis = await diagnosing
    except Unavailable:
        # The user knows already: it was told when the TypeScript server was given up.
        return server.problems_of(document)
    own: list[JsonValue] = [diagnostic_json(document, finding) for finding in diagnosis.findings]
    return [*own, *server.problems_of(document), *diagnosis.typescript]


async def _report(
    server: GeppettoServer, document: Document, collecting: Awaitable[list[JsonValue]], previous: JsonValue
) -> Result:
    items = await collecting
    if not server.documents.is_current(document):
        raise ResponseError(SERVER_CANCELLED, "The document has changed", {"retriggerRequest": True})
    written = json.dumps(items, separators=(",", ":")).encode("ascii")
    result_id = hashlib.blake2b(written, digest_size=12).hexdigest()
    if previous == result_id:
        return {"kind": "unchanged", "resultId": result_id}
    head = f'{{"kind":"full","resultId":"{result_id}","items":'
    return Unread(b"%b%b}" % (head.encode("ascii"), written))


class Publisher:
    """Pushes diagnostics to a client that does not ask for them."""

    def __init__(self, server: GeppettoServer) -> None:
        self._server = server
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def documents_changed(self, uri: str) -> None:
        """A document was opened, changed or closed."""
        if self._server.pulls_diagnostics:
            return
        document = self._server.documents.get(uri)
        if document is None:
            self._forget(uri)
        elif document.is_script:
            self._schedule(uri, _QUIET_SECONDS)
        for other in self._server.documents:
            if other.uri != uri and other.is_script and other.uri not in self._timers:
                self._schedule(other.uri, _OTHERS_QUIET_SECONDS)

    def refresh(self) -> None:
        """Something outside of the documents has changed."""
        server = self._server
        if server.pulls_diagnostics:
            if capability(server.client, "workspace.diagnostics.refreshSupport") is True:
                server.rpc.run_beside(
                    server.rpc.ask("workspace/diagnostic/refresh", None, seconds=60), "refresh"
                )
            return
        for document in server.documents:
            if document.is_script:
                self._schedule(document.uri, _QUIET_SECONDS)

    def _schedule(self, uri: str, seconds: float) -> None:
        if (timer := self._timers.pop(uri, None)) is not None:
            timer.cancel()
        self._timers[uri] = asyncio.get_running_loop().call_later(seconds, self._begin, uri)

    def _begin(self, uri: str) -> None:
        self._timers.pop(uri, None)
        document = self._server.documents.get(uri)
        if document is not None:
            self._server.rpc.run_beside(self._publish(document), "diagnostics")

    async def _publish(self, document: Document) -> None:
        items = await collect(self._server, document)
        # If it has changed meanwhile, its turn comes again.
        if self._server.documents.is_current(document):
            self._send(document.uri, document.version, items)

    def _forget(self, uri: str) -> None:
        if (timer := self._timers.pop(uri, None)) is not None:
            timer.cancel()
        self._send(uri, None, [])

    def _send(self, uri: str, version: int | None, items: list[JsonValue]) -> None:
        params: JsonObject = {"uri": uri, "diagnostics": items}
        if version is not None and capability(
            self._server.client, "textDocument.publishDiagnostics.versionSupport"
        ):
            params["version"] = version
        self._server.rpc.tell("textDocument/publishDiagnostics", params)
