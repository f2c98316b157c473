"""Running scripts, as features of the server. What it takes to run is imported when the first run is near."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, TypeVar

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.capabilities import (
    CANCEL_COMMAND,
    CLEAR_COMMAND,
    REPLAY_COMMAND,
    RUN_COMMAND,
    SHOW_COMMAND,
)
from geppetto.lsp.documents.store import Document
from geppetto.lsp.documents.text import Edit, Range
from geppetto.lsp.documents.uris import path_of, uri_of
from geppetto.lsp.errors import InvalidParams
from geppetto.lsp.features.passthrough import Passed, pass_on
from geppetto.lsp.params import as_position, as_range, as_string, shows_runs
from geppetto.lsp.protocol import Answer
from geppetto.lsp.running import inline
from geppetto.lsp.server import GeppettoServer

if TYPE_CHECKING:
    from geppetto.lsp.running.messages import RunParams
    from geppetto.lsp.running.run import EditorRun
    from geppetto.lsp.running.service import EditorRuns
    from geppetto.runs.protocol import Wire

Shape = TypeVar("Shape", bound="Wire")

_LENSES = Passed("textDocument/codeLens")
_HINTS = Passed("textDocument/inlayHint")
_HOVER = Passed("textDocument/hover")
_IDLE_SECONDS = 1.0
"""After a client has shown the first Run lens, a process is made ready behind it."""


def register(server: GeppettoServer) -> None:
    running = Running(server)
    server.on("geppetto/params", running.params)
    server.on("geppetto/profiles", running.profiles)
    server.on("geppetto/run", running.run)
    server.on("geppetto/cancelRun", running.cancel)
    server.on("geppetto/listRuns", running.list_runs)
    server.on("geppetto/runOutput", running.output)
    server.on("window/workDoneProgress/cancel", running.cancel_progress)
    server.commands[RUN_COMMAND] = running.run_command
    server.commands[CANCEL_COMMAND] = running.cancel_command
    server.commands[REPLAY_COMMAND] = running.replay_command
    server.commands[CLEAR_COMMAND] = running.clear_command
    server.commands[SHOW_COMMAND] = running.show_command
    server.on(_LENSES.method, running.lenses)
    server.on(_HINTS.method, running.hints)
    server.on(_HOVER.method, running.hover)
    server.document_edited = running.edited
    server.problems_of = running.problems
    server.closing.append(running.close)


class Running:
    """The handlers. Before the first run there is nothing behind them."""

    def __init__(self, server: GeppettoServer) -> None:
        self._server = server
        self._runs: EditorRuns | None = None
        self._is_warming = False

    # Requests and notifications

    def params(self, params: JsonObject) -> JsonValue:
        from geppetto.lsp.running.messages import DeclaredParam, DeclaredParams, DeclaringScript
        from geppetto.lsp.running.target import target_of

        asked = _parsed(DeclaringScript, params)
        header = target_of(self._server, asked.uri, asked.text).header()
        declared = tuple(map(DeclaredParam.of, header.params))
        return DeclaredParams(description=header.description, params=declared).model_dump(mode="json")

    async def profiles(self, params: JsonObject) -> JsonValue:
        from geppetto.lsp.running.messages import AskedProfiles
        from geppetto.lsp.running.profiles import profiles_for

        asked = _parsed(AskedProfiles, params)
        return (await profiles_for(self._server, asked.uri)).model_dump(mode="json")

    def run(self, params: JsonObject) -> Answer:
        return self._start(params, by_command=False)

    def cancel(self, params: JsonObject) -> JsonValue:
        run = self._run_in(params)
        return {"cancelled": run is not None and run.handle.cancel()}

    def list_runs(self, params: JsonObject) -> JsonValue:
        return {"runs": [run.info().model_dump(mode="json") for run in self._runs or ()]}

    def output(self, params: JsonObject) -> JsonValue:
        run = self._run_in(params)
        if run is None:
            raise InvalidParams("There is no such run (any more); geppetto/run with replay plays its record")
        events, is_complete = run.told()
        kept: list[JsonValue] = [*events]
        return {"run": run.info().model_dump(mode="json"), "events": kept, "isComplete": is_complete}

    def cancel_progress(self, params: JsonObject) -> JsonValue:
        for run in self._runs or ():
            if run.token == params.get("token"):
                run.handle.cancel()
        return None

    def edited(self, uri: str, edits: Sequence[Edit] | None) -> None:
        if self._runs is not None:
            self._runs.edited(uri, edits)

    def problems(self, document: Document) -> list[JsonValue]:
        return [] if self._runs is None else self._runs.problems(document)

    async def close(self) -> None:
        if self._runs is not None:
            await self._runs.close()

    # Commands

    def run_command(self, arguments: list[JsonValue]) -> Answer:
        match arguments:
            case [str(name)]:
                return self._start({"uri": self._script(name)}, by_command=True)
            case [dict(params)]:
                return self._start(params, by_command=True)
            case _:
                raise InvalidParams(f"{RUN_COMMAND} takes one argument: a URI, or what geppetto/run takes")

    def replay_command(self, arguments: list[JsonValue]) -> Answer:
        run_id = uri = None
        if arguments:
            name = self._script(as_string(arguments[0], "the argument"))
            runs = [] if self._runs is None else self._runs.of(name)
            run_id, uri = (runs[-1].id, name) if runs else (name, None)
        return self._start({"replay": run_id or "last", "uri": uri, "pace": 1}, by_command=True)

    def cancel_command(self, arguments: list[JsonValue]) -> JsonValue:
        return {"cancelled": 0 if self._runs is None else self._runs.cancel(self._chosen(arguments))}

    def clear_command(self, arguments: list[JsonValue]) -> JsonValue:
        if self._runs is not None:
            self._runs.clear(self._chosen(arguments))
        return None

    def show_command(self, arguments: list[JsonValue]) -> JsonValue:
        runs = self._chosen(arguments)
        if self._runs is None or not runs:
            raise InvalidParams("There is no run (any more) whose output could be shown")
        return {"runId": runs[-1].id, "text": self._runs.show(runs[-1])}

    def _chosen(self, arguments: list[JsonValue]) -> list[EditorRun]:
        """The runs that are named by their ids or their script; all of them if nothing is named."""
        names = [self._script(as_string(argument, "an argument")) for argument in arguments]
        return [run for run in self._runs or () if not names or run.id in names or run.uri in names]

    def _script(self, name: str) -> str:
        """The URI of a script that a user may have named by its path; whatever else it is, unchanged."""
        if not os.path.isabs(name):
            return name
        path = os.path.normpath(name)
        opened = (document.uri for document in self._server.documents if path_of(document.uri) == path)
        return next(opened, None) or uri_of(path)

    # In the text

    def lenses(self, params: JsonObject) -> Answer:
        document = self._server.script_in(params)
        if document is None:
            return None
        self._warm_up_soon()
        return self._with_lenses(document.uri, pass_on(self._server, _LENSES, params, document))

    async def _with_lenses(self, uri: str, theirs: Awaitable[JsonValue]) -> JsonValue:
        answer = await theirs
        runs = [] if self._runs is None else self._runs.of(uri)
        shows = self._runs is not None and self._runs.shown(uri) is not None
        own = list(inline.lenses(uri, runs, shows=shows))
        return own + answer if isinstance(answer, list) else own

    def hints(self, params: JsonObject) -> Answer:
        document = self._server.script_in(params)
        if document is None:
            return None
        theirs = pass_on(self._server, _HINTS, params, document)
        run = self._shown(document)
        if run is None or shows_runs(self._server.client):
            return theirs
        asked = document.text.clamp_range(as_range(params.get("range")))
        return self._with_hints(list(inline.hints(run, document.text, asked)), theirs)

    async def _with_hints(self, own: list[JsonValue], theirs: Awaitable[JsonValue]) -> JsonValue:
        answer = await theirs
        return own + answer if isinstance(answer, list) else own

    def hover(self, params: JsonObject) -> Answer:
        document = self._server.script_in(params)
        if document is None:
            return None
        theirs = pass_on(self._server, _HOVER, params, document)
        run = self._shown(document)
        position = document.text.clamp(as_position(params.get("position")))
        own = None if run is None else inline.hover(run, document.text, position)
        return theirs if own is None else self._with_hover(own, theirs)

    async def _with_hover(self, own: tuple[str, Range], theirs: Awaitable[JsonValue]) -> JsonValue:
        return inline.with_hover(await theirs, own)

    # What is behind

    def _service(self) -> EditorRuns:
        if self._runs is None:
            from geppetto.lsp.running.service import EditorRuns

            self._runs = EditorRuns(self._server)
        return self._runs

    def _start(self, params: JsonObject, *, by_command: bool) -> Answer:
        from geppetto.lsp.running.messages import RunParams

        asked = _parsed(RunParams, params)
        if asked.replay is not None:
            return self._replay(asked.replay, asked, by_command=by_command)
        return {"runId": self._service().start(asked, by_command=by_command).id}

    async def _replay(self, name: str, asked: RunParams, *, by_command: bool) -> JsonValue:
        return {"runId": (await self._service().replay(name, asked, by_command=by_command)).id}

    def _run_in(self, params: JsonObject) -> EditorRun | None:
        run_id = as_string(params.get("runId"), "runId")
        return None if self._runs is None else self._runs.get(run_id)

    def _shown(self, document: Document) -> EditorRun | None:
        return None if self._runs is None else self._runs.shown(document.uri)

    def _warm_up_soon(self) -> None:
        """A client that shows lenses has a user who may click on them."""
        if not self._is_warming:
            self._is_warming = True
            self._server.rpc.run_beside(self._warm_up(), "making a process for runs ready")

    async def _warm_up(self) -> None:
        await asyncio.sleep(_IDLE_SECONDS)
        self._service().warm_up()


def _parsed(shape: type[Shape], params: JsonObject) -> Shape:
    from pydantic import ValidationError

    try:
        return shape.model_validate(params)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise InvalidParams(f"{place}: {first['msg']}") from None
