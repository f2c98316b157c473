"""The language server of one client: its documents, its backend, its features."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias, cast

from cattrs import Converter
from pygls.lsp.server import LanguageServer

from geppetto import __version__
from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.capabilities import pulls_diagnostics
from geppetto.lsp.documents.store import Document, Documents
from geppetto.lsp.documents.text import Edit
from geppetto.lsp.lint.project import ProjectSettings
from geppetto.lsp.params import document_uri
from geppetto.lsp.protocol import Answer, GeppettoProtocol, Handler
from geppetto.lsp.settings import EditorSettings
from geppetto.lsp.typescript.backend import Backend
from geppetto.lsp.typescript.process import TypeScriptProcess

logger = logging.getLogger(__name__)

WARNING = 2
ERROR = 1

Command: TypeAlias = Callable[[list[JsonValue]], Answer]
"""Gets its arguments."""


class GeppettoServer(LanguageServer):
    """State that features share. They change it only in their handlers' synchronous part.

    Attributes:
        client: the client's capabilities; empty before `initialize`.
        settings, project: what the editor's settings say, and what those of the scripts' folders say.
        complaints: what the user has been told is wrong in the editor's.
        first_process: a TypeScript server that was started ahead, for the backend to take.
        documents_changed: to be called with a URI after the document was opened, changed or closed.
        document_edited: to be called with a URI and what was changed, before `documents_changed`; without changes if
            the document was opened or closed.
        commands: of `workspace/executeCommand`, by name.
        files_touched: to be called with the URIs of files that were opened, saved or changed on disk.
        folders_changed: to be called after workspace folders have come or gone.
        problems_of: diagnostics of a document that come from running it.
        closing: what ends together with the server, before its requests do.
        refresh_diagnostics: to be called when something else changed that diagnostics depend on.
        finished: set when the client has said `exit`.
    """

    def __init__(self, first_process: TypeScriptProcess | None = None) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType]
            "geppetto",
            __version__,
            protocol_cls=GeppettoProtocol,
            converter_factory=Converter,  # messages are JSON and stay so: nothing for it to do
        )
        self.rpc = cast(GeppettoProtocol, self.protocol)
        self.documents = Documents()
        self.settings = EditorSettings()
        self.complaints: Sequence[str] = ()
        self.project = ProjectSettings()
        self.client: JsonObject = {}
        self.first_process = first_process
        self.finished = asyncio.Event()
        self._backend: Backend | None = None
        self.documents_changed: Callable[[str], None] = lambda uri: None
        self.document_edited: Callable[[str, Sequence[Edit] | None], None] = lambda uri, edits: None
        self.files_touched: Callable[[Sequence[str]], None] = lambda uris: None
        self.folders_changed: Callable[[], None] = lambda: None
        self.commands: dict[str, Command] = {}
        self.problems_of: Callable[[Document], list[JsonValue]] = lambda document: []
        self.closing: list[Callable[[], Awaitable[None]]] = []
        self.refresh_diagnostics: Callable[[], None] = lambda: None

    @property
    def backend(self) -> Backend:
        assert self._backend is not None, "asked before initialize"
        return self._backend

    @backend.setter
    def backend(self, backend: Backend) -> None:
        self._backend = backend

    @property
    def pulls_diagnostics(self) -> bool:
        return pulls_diagnostics(self.client)

    def on(self, method: str, handler: Handler) -> None:
        """Registers a feature. See `Handler` for what it may do when."""
        self.rpc.register(method, handler)

    def script_in(self, params: JsonObject) -> Document | None:
        """The script that a request is about; None if it is about a document that is not ours.

        What is not open may be a file that an editor shows without telling, so it is no error.
        """
        document = self.documents.get(document_uri(params))
        return document if document is not None and document.is_script else None

    def use_patterns(self, patterns: Sequence[str]) -> None:
        """Other names are scripts from now on, of the open documents too."""
        if self._backend is None:
            self.documents.patterns = patterns
            return
        for document in self.documents:
            self._backend.close_document(document.uri)
        self.documents.reclassify(patterns)
        self._backend.shadow.use_patterns(patterns)
        self._backend.tell_configs_changed()
        for document in self.documents:
            self._backend.open(document)
            self.documents_changed(document.uri)

    def show(self, kind: int, message: str) -> None:
        self.rpc.tell("window/showMessage", {"type": kind, "message": message})

    async def close(self) -> None:
        """Ends everything that belongs to this client."""
        for close in self.closing:
            await close()
        await self.rpc.stop()
        if self._backend is not None:
            await self._backend.close()
        elif self.first_process is not None:
            self.first_process.kill()
            self.first_process.wait(1.0)


def create_server(first_process: TypeScriptProcess | None = None) -> GeppettoServer:
    """A server with all features, not yet connected. To be called inside of a running event loop."""
    from geppetto.lsp.features import (
        code_actions,
        commands,
        completion,
        configuration,
        diagnostics,
        lifecycle,
        links,
        passthrough,
        python_steps,
        rename,
        synchronisation,
    )
    from geppetto.lsp.running import feature as running

    server = GeppettoServer(first_process)
    for feature in (
        lifecycle,
        configuration,
        synchronisation,
        python_steps,
        passthrough,
        diagnostics,
        code_actions,
        completion,
        rename,
        links,
        commands,
        running,
    ):
        feature.register(server)
    return server
