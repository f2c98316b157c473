"""Shows the output of runs in clients that know nothing of runs: as a file, or in their log."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from geppetto.json_value import JsonObject
from geppetto.lsp.documents.uris import uri_of
from geppetto.lsp.params import capability
from geppetto.lsp.running.log import INFO
from geppetto.lsp.running.run import EditorRun
from geppetto.lsp.server import GeppettoServer
from geppetto.temporary import temporary_prefix


class OutputFiles:
    """The files, in a folder that only the user can read and that ends with the server."""

    def __init__(self, server: GeppettoServer) -> None:
        self._server = server
        self._folder: TemporaryDirectory[str] | None = None

    def show(self, run: EditorRun, text: str) -> None:
        """Shows what a run has said.

        Raises:
            OSError: the file cannot be written.
        """
        if capability(self._server.client, "window.showDocument.support") is not True:
            self._server.rpc.tell("window/logMessage", {"type": INFO, "message": f"{run.name}:\n{text}"})
            return
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix=temporary_prefix("output"))
        file = Path(self._folder.name) / f"{run.id}.txt"
        file.write_text(text, encoding="utf-8", errors="replace")
        params: JsonObject = {"uri": uri_of(str(file)), "takeFocus": True}
        self._server.rpc.run_beside(
            self._server.rpc.ask("window/showDocument", params, seconds=60), "showing a run's output"
        )

    def close(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
