"""The runs of one editor: starts them, tells the editor what they say, and ends them with the server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from geppetto.errors import GeppettoError
from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.store import Document
from geppetto.lsp.documents.text import Edit, Text
from geppetto.lsp.documents.uris import path_of, uri_of
from geppetto.lsp.errors import REQUEST_FAILED, ResponseError
from geppetto.lsp.params import shows_runs
from geppetto.lsp.running.elsewhere import Elsewhere
from geppetto.lsp.running.log import log_messages
from geppetto.lsp.running.messages import RunParams
from geppetto.lsp.running.output_files import OutputFiles
from geppetto.lsp.running.problems import diagnostics, diagnostics_elsewhere
from geppetto.lsp.running.progress import show_progress
from geppetto.lsp.running.refresher import Refresher
from geppetto.lsp.running.run import EditorRun
from geppetto.lsp.running.target import home, request_for, target_of
from geppetto.lsp.running.transcript import transcript
from geppetto.lsp.server import GeppettoServer
from geppetto.runs.handle import RunHandle
from geppetto.runs.protocol import RunRequest, run_event
from geppetto.runs.runner import Runner
from geppetto.runs.store import RecordStore
from geppetto.runs.supervisor import RunsOptions, RunSupervisor
from geppetto.settings.errors import SettingsError
from geppetto.settings.load import load_settings
from geppetto.settings.models import RunsSettings
from geppetto.workers.choose import chosen_bus

if TYPE_CHECKING:
    from geppetto.workers.client import RemoteRunner

_MAX_ENDED = 16
_TURN = 32
"""So many events in a row, then others have their turn."""
_LENS_SECONDS = 0.1
_HINT_SECONDS = 0.3


class EditorRuns:
    """All runs, those that go on and the last that have ended."""

    def __init__(self, server: GeppettoServer) -> None:
        self._server = server
        self._records = RecordStore()
        self._supervisor = RunSupervisor(_options(server), self._records)
        self._remote: dict[str, RemoteRunner] = {}
        self._runs: dict[str, EditorRun] = {}
        self._lenses = Refresher(server, "codeLens", _LENS_SECONDS)
        self._hints = Refresher(server, "inlayHint", _HINT_SECONDS)
        self._elsewhere = Elsewhere(server)
        self._output = OutputFiles(server)

    def __iter__(self) -> Iterator[EditorRun]:
        """Oldest first."""
        return iter([*self._runs.values()])

    def get(self, run_id: str) -> EditorRun | None:
        return self._runs.get(run_id)

    def of(self, uri: str) -> list[EditorRun]:
        """The runs of a script, oldest first."""
        return [run for run in self if run.uri == uri]

    def warm_up(self) -> None:
        """Makes a process ready, so that the first run need not wait for it."""
        self._supervisor.warm_up()

    async def close(self) -> None:
        """Ends every run and every process."""
        await asyncio.gather(*(runner.close() for runner in (self._supervisor, *self._remote.values())))
        self._output.close()

    def start(self, asked: RunParams, *, by_command: bool) -> EditorRun:
        """Starts a run.

        Args:
            by_command: it was started by a client that may know nothing of runs.

        Raises:
            ResponseError: there is nothing to run.
        """
        target = target_of(self._server, asked.uri, asked.text)
        with _told_to_client():
            request = request_for(self._server, asked, target)
            handle = self._runner(request).start(request)
        text = self._text_of(asked.uri) or Text(target.source)
        return self._follow(handle, asked.uri, text, asked.work_done_token, by_command=by_command)

    async def replay(self, name: str, asked: RunParams, *, by_command: bool) -> EditorRun:
        """Plays a recorded run again.

        Args:
            name: the run's id, or ``last``.
            by_command: as for :meth:`start`.

        Raises:
            ResponseError: there is no such record.
        """
        with _told_to_client():
            handle = await self._supervisor.replay(name, pace=asked.pace)
        path = handle.request.path
        uri = asked.uri or (uri_of(path) if path else None)
        text = self._text_of(uri)
        return self._follow(handle, uri, text, asked.work_done_token, by_command=by_command)

    def _runner(self, request: RunRequest) -> Runner:
        """Who does a run: this machine, or the workers behind the bus that the settings name."""
        try:
            bus = chosen_bus(Path(request.path).parent, profile=request.profile)
        except SettingsError:
            return self._supervisor  # whose run tells what is wrong
        if bus is None or request.cassette is not None:
            return self._supervisor
        if bus not in self._remote:
            from geppetto.workers.client import RemoteRunner

            self._remote[bus] = RemoteRunner(bus, records=self._records)
        return self._remote[bus]

    def _text_of(self, uri: str | None) -> Text | None:
        document = None if uri is None else self._server.documents.get(uri)
        return None if document is None else document.text

    def cancel(self, runs: Sequence[EditorRun]) -> int:
        """Asks runs to end; returns how many there were that went on."""
        return sum(run.handle.cancel() for run in runs)

    def clear(self, runs: Sequence[EditorRun]) -> None:
        """Takes what runs have left in the text away."""
        for run in runs:
            run.is_cleared = True
            if run.uri is not None:
                self._elsewhere.put(run.uri, {})
        self._refresh_hints()
        self._lenses.soon()
        self._server.refresh_diagnostics()

    def shown(self, uri: str) -> EditorRun | None:
        """The run whose output stands in a script: the last one."""
        runs = self.of(uri)
        return runs[-1] if runs and not runs[-1].is_cleared else None

    def show(self, run: EditorRun) -> str:
        """What a run has said, as a text; shown to the client, if it knows nothing of runs."""
        events = [run_event.validate_python(params["event"]) for params in run.told()[0]]
        text = transcript(events)
        if not shows_runs(self._server.client):
            self._output.show(run, text)
        return text

    def edited(self, uri: str, edits: Sequence[Edit] | None) -> None:
        """A document was changed, or opened or closed."""
        document = self._server.documents.get(uri)
        if document is None:
            # It may come back, or be there already: some editors open the new name before they close the old one.
            for other in self._server.documents:
                self._adopt(other)
        elif edits is None:
            self._adopt(document)
            for run in self.of(uri):
                run.opened(document.text)
        else:
            for run in self.of(uri):
                run.edited(edits, document.text)
            self._elsewhere.edited(uri)

    def _adopt(self, document: Document) -> None:
        """A script that was renamed, or saved for the first time, keeps its runs: its old name is gone, its text is here."""
        if not document.is_script or self.of(document.uri):
            return
        text = str(document.text)
        for run in self:
            if run.text is not None and self._has_left(run) and str(run.text) == text:
                run.uri = document.uri

    def _has_left(self, run: EditorRun) -> bool:
        if run.uri is None or self._server.documents.get(run.uri) is not None:
            return False
        path = path_of(run.uri)
        return path is None or not Path(path).exists()

    def problems(self, document: Document) -> list[JsonValue]:
        """The errors of the last run of a script, until the script or its runs change; and those of its importers."""
        elsewhere = self._elsewhere.of(document)
        run = self.shown(document.uri)
        if run is None or run.is_stale or run.handle.end is None:
            return elsewhere
        path = run.handle.request.path
        own = diagnostics(run.handle.end.errors, document, path, run.drift, self._server.client)
        return own + elsewhere

    def _follow(
        self,
        handle: RunHandle,
        uri: str | None,
        text: Text | None,
        token: str | int | None,
        *,
        by_command: bool,
    ) -> EditorRun:
        tells_events = not by_command or shows_runs(self._server.client)
        had_problems = uri is not None and (shown := self.shown(uri)) is not None and shown.has_failed
        run = self._runs[handle.id] = EditorRun(handle, uri, text, tells_events=tells_events)
        self._server.rpc.run_beside(self._tell(run), "telling of a run")
        self._server.rpc.run_beside(show_progress(self._server, run, token), "a run's progress")
        self._lenses.soon()
        self._refresh_hints()
        if uri is not None:
            self._elsewhere.put(uri, {})
        if had_problems:
            self._server.refresh_diagnostics()
        return run

    async def _tell(self, run: EditorRun) -> None:
        """Tells the client everything of a run; holds back while the client is behind with reading."""
        rpc = self._server.rpc
        async for batch in run.handle.batches(_TURN):
            told = [run.take(event) for event in batch]
            if any(shows for _, shows in told):
                self._refresh_hints()
            if run.tells_events:
                rpc.tell_json("geppetto/runEvent", [params for params, _ in told])
            else:
                for kind, text in (entry for event in batch for entry in log_messages(event, run.name)):
                    message: JsonObject = {"type": kind, "message": text}
                    rpc.tell("window/logMessage", message)
            await rpc.drain()
            await asyncio.sleep(0)
        run.ended.set()
        self._forget()
        self._lenses.soon()
        if run.handle.end is not None and run.has_failed:
            self._server.refresh_diagnostics()
            if run.uri is not None and self.shown(run.uri) is run:
                request = run.handle.request
                root = request.root or str(Path(request.path).parent)
                errors = run.handle.end.errors
                self._elsewhere.put(
                    run.uri, diagnostics_elsewhere(errors, request.path, root, self._server.client)
                )

    def _refresh_hints(self) -> None:
        if not shows_runs(self._server.client):
            self._hints.soon()

    def _forget(self) -> None:
        ended = [run.id for run in self if run.ended.is_set()]
        for run_id in ended[:-_MAX_ENDED]:
            del self._runs[run_id]


def _options(server: GeppettoServer) -> RunsOptions:
    """What the editor says, and where it says nothing, the workspace; if its settings are wrong, others say so."""
    said = server.settings
    try:
        workspace = load_settings(home(server)).steps.runs
    except GeppettoError:
        workspace = RunsSettings()
    return RunsOptions(
        at_once=workspace.at_once if said.runs_at_once is None else said.runs_at_once,
        warm=workspace.warm if said.warm_runs is None else said.warm_runs,
    )


@contextlib.contextmanager
def _told_to_client() -> Generator[None, None, None]:
    """Geppetto's errors become the answer to the request."""
    try:
        yield
    except GeppettoError as error:
        message = f"{error} {error.hint}" if error.hint else str(error)
        raise ResponseError(REQUEST_FAILED, message) from None
