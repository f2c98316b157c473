"""The runs of one editor: starts them, tells the editor what they say, and ends them with the server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Generator, Iterator, Sequence

from geppetto.errors import GeppettoError
from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.store import Document
from geppetto.lsp.documents.text import Edit
from geppetto.lsp.documents.uris import uri_of
from geppetto.lsp.errors import REQUEST_FAILED, ResponseError
from geppetto.lsp.params import shows_runs
from geppetto.lsp.running.log import log_messages
from geppetto.lsp.running.messages import RunParams
from geppetto.lsp.running.problems import diagnostics
from geppetto.lsp.running.progress import show_progress
from geppetto.lsp.running.refresher import Refresher
from geppetto.lsp.running.run import EditorRun
from geppetto.lsp.running.target import request_for
from geppetto.lsp.server import GeppettoServer
from geppetto.runs.handle import RunHandle
from geppetto.runs.store import RecordStore
from geppetto.runs.supervisor import RunsOptions, RunSupervisor

_MAX_ENDED = 16
_TURN = 8
"""So many events in a row, then others have their turn."""
_LENS_SECONDS = 0.1
_HINT_SECONDS = 0.3
_RECORD_LOOKS, _RECORD_SECONDS = 40, 0.05


class EditorRuns:
    """All runs, those that go on and the last that have ended."""

    def __init__(self, server: GeppettoServer) -> None:
        self._server = server
        self._records = RecordStore()
        self._supervisor = RunSupervisor(RunsOptions(at_once=server.settings.runs_at_once), self._records)
        self._runs: dict[str, EditorRun] = {}
        self._lenses = Refresher(server, "codeLens", _LENS_SECONDS)
        self._hints = Refresher(server, "inlayHint", _HINT_SECONDS)

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
        await self._supervisor.close()

    def start(self, asked: RunParams, *, by_command: bool) -> EditorRun:
        """Starts a run.

        Args:
            by_command: it was started by a client that may know nothing of runs.

        Raises:
            ResponseError: there is nothing to run.
        """
        with _told_to_client():
            handle = self._supervisor.start(request_for(self._server, asked))
        return self._follow(handle, asked.uri, asked.work_done_token, by_command=by_command)

    async def replay(self, name: str, asked: RunParams, *, by_command: bool) -> EditorRun:
        """Plays a recorded run again.

        Args:
            name: the run's id, or ``last``.
            by_command: as for :meth:`start`.

        Raises:
            ResponseError: there is no such record.
        """
        with _told_to_client():
            await self._recorded(name)
            handle = self._supervisor.replay(name, pace=asked.pace)
        path = handle.request.path
        uri = asked.uri or (uri_of(path) if path else None)
        return self._follow(handle, uri, asked.work_done_token, by_command=by_command)

    async def _recorded(self, name: str) -> None:
        """Waits a little for the record of a run that has only just ended: its end is written after it is told."""
        run = self._runs.get(name)
        for _ in range(_RECORD_LOOKS):
            if run is None or run.handle.end is None or self._records.find(name).end() is not None:
                return
            await asyncio.sleep(_RECORD_SECONDS)

    def cancel(self, runs: Sequence[EditorRun]) -> int:
        """Asks runs to end; returns how many there were that went on."""
        return sum(run.handle.cancel() for run in runs)

    def clear(self, runs: Sequence[EditorRun]) -> None:
        """Takes what runs have left in the text away."""
        for run in runs:
            run.is_cleared = True
        self._refresh_hints()
        self._lenses.soon()
        self._server.refresh_diagnostics()

    def shown(self, uri: str) -> EditorRun | None:
        """The run whose output stands in a script: the last one."""
        runs = self.of(uri)
        return runs[-1] if runs and not runs[-1].is_cleared else None

    def edited(self, uri: str, edits: Sequence[Edit] | None) -> None:
        for run in self.of(uri):
            run.drift.edit(edits)
            if run.handle.end is not None:
                run.is_stale = True

    def problems(self, document: Document) -> list[JsonValue]:
        """The errors of the last run of a script, until the script or its runs change."""
        run = self.shown(document.uri)
        if run is None or run.is_stale or run.handle.end is None:
            return []
        path = run.handle.request.path
        return diagnostics(run.handle.end.errors, document, path, run.drift, self._server.client)

    def _follow(
        self, handle: RunHandle, uri: str | None, token: str | int | None, *, by_command: bool
    ) -> EditorRun:
        tells_events = not by_command or shows_runs(self._server.client)
        had_problems = uri is not None and (shown := self.shown(uri)) is not None and shown.has_failed
        run = self._runs[handle.id] = EditorRun(handle, uri, tells_events=tells_events)
        self._server.rpc.run_beside(self._tell(run), "telling of a run")
        self._server.rpc.run_beside(show_progress(self._server, run, token), "a run's progress")
        self._lenses.soon()
        self._refresh_hints()
        if had_problems:
            self._server.refresh_diagnostics()
        return run

    async def _tell(self, run: EditorRun) -> None:
        """Tells the client everything of a run; holds back while the client is behind with reading."""
        rpc = self._server.rpc
        count = 0
        async for event in run.handle.events():
            params, shows = run.take(event)
            if shows:
                self._refresh_hints()
            if run.tells_events:
                rpc.tell("geppetto/runEvent", params)
            else:
                for kind, text in log_messages(event, run.name):
                    message: JsonObject = {"type": kind, "message": text}
                    rpc.tell("window/logMessage", message)
            await rpc.drain()
            count += 1
            if count % _TURN == 0:
                await asyncio.sleep(0)
        run.ended.set()
        self._forget()
        self._lenses.soon()
        if run.has_failed:
            self._server.refresh_diagnostics()

    def _refresh_hints(self) -> None:
        if not shows_runs(self._server.client):
            self._hints.soon()

    def _forget(self) -> None:
        ended = [run.id for run in self if run.ended.is_set()]
        for run_id in ended[:-_MAX_ENDED]:
            del self._runs[run_id]


@contextlib.contextmanager
def _told_to_client() -> Generator[None, None, None]:
    """Geppetto's errors become the answer to the request."""
    try:
        yield
    except GeppettoError as error:
        message = f"{error} {error.hint}" if error.hint else str(error)
        raise ResponseError(REQUEST_FAILED, message) from None
