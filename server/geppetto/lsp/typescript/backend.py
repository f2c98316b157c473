"""The TypeScript server as a service that lasts: started, fed with the open documents, started again when it dies."""

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.scripts import is_module
from geppetto.lsp.documents.search import is_looked_at, scripts_below
from geppetto.lsp.documents.store import Document, Documents
from geppetto.lsp.documents.text import Edit
from geppetto.lsp.documents.uris import path_of, uri_of
from geppetto.lsp.errors import REQUEST_FAILED, ResponseError
from geppetto.lsp.params import edit_json
from geppetto.lsp.typescript.addresses import Addresses
from geppetto.lsp.typescript.connection import Connection, ConnectionLost
from geppetto.lsp.typescript.offer import initialize_params
from geppetto.lsp.typescript.preferences import configuration
from geppetto.lsp.typescript.process import TypeScriptProcess
from geppetto.lsp.typescript.shadow import Project, Shadow
from geppetto.lsp.wire import Result, Unread

logger = logging.getLogger(__name__)

_CHANGED, _DELETED = 2, 3  # kinds of file changes
_CONFIGURATION = "workspace/didChangeConfiguration"


class State(Enum):
    NEW = auto()
    STARTING = auto()
    RUNNING = auto()
    FAILED = auto()
    """It died too often; only `restart` helps."""
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often.

    Attributes:
        answer_seconds: for an answer. No word at all in that time, and the process is taken for stuck.
        deaths: so many within `window_seconds` and it is given up.
    """

    answer_seconds: float = 20.0
    start_seconds: float = 20.0
    deaths: int = 5
    window_seconds: float = 180.0


class Unavailable(ResponseError):
    """The TypeScript server cannot answer now."""

    def __init__(self, message: str) -> None:
        super().__init__(REQUEST_FAILED, message)


class Backend:
    """Answers requests in the client's terms by way of a TypeScript server.

    Methods that tell of documents and those that ask may be called at any time, in the client's order: what the
    process cannot be told now, it is told when it has started.
    """

    def __init__(
        self,
        documents: Documents,
        shadow: Shadow,
        *,
        spawn: Callable[[], TypeScriptProcess] = TypeScriptProcess,
        first: TypeScriptProcess | None = None,
        patience: Patience = Patience(),
        on_restarted: Callable[[str], None],
        on_failed: Callable[[str], None],
        on_refresh: Callable[[], None],
    ) -> None:
        self.state = State.NEW
        self.shadow = shadow
        self.addresses = Addresses(shadow)
        self._documents = documents
        self._spawn = spawn
        self._first = first
        self._patience = patience
        self._on_restarted = on_restarted
        self._on_failed = on_failed
        self._on_refresh = on_refresh
        self._client: JsonObject = {}
        self._preferences: JsonObject = {}
        self._connection: Connection | None = None
        self._started = asyncio.Event()
        self._deaths: deque[float] = deque(maxlen=patience.deaths)
        self._starting: asyncio.Task[None] | None = None
        self._has_run = False
        self._last_opened: str | None = None
        self._looking: asyncio.Task[None] | None = None
        self._enough = threading.Event()
        self._is_wanted = False
        """Whether the next death is one the user asked for."""

    @property
    def process_id(self) -> int | None:
        return self._connection.process.pid if self._connection else None

    def start(self, client_capabilities: JsonObject) -> None:
        """Starts it for a client; returns at once."""
        self._client = client_capabilities
        self._begin()

    def look_for_scripts(self) -> None:
        """Looks through the folders for scripts that are not open. Returns at once; see `wait_for_scripts`."""
        self._stop_looking()
        self._enough = threading.Event()
        self._looking = asyncio.get_running_loop().create_task(self._look(self._enough))

    async def wait_for_scripts(self) -> None:
        """Until all scripts of the folders are known to the TypeScript server, or for as long as an answer may take."""
        if self._looking is not None:
            await asyncio.wait([self._looking], timeout=self._patience.answer_seconds)

    @property
    def knows_scripts(self) -> bool:
        return self._looking is None or self._looking.done()

    def restart(self) -> None:
        """Starts afresh, even after it was given up."""
        if self.state is State.CLOSED:
            return
        self._deaths.clear()
        if self.state is State.FAILED:
            self._begin()
        elif self._connection is not None:
            self._is_wanted = True
            self._connection.process.kill()

    # Documents

    def open(self, document: Document) -> None:
        if not document.is_script and not is_module(document.uri):
            return
        uri, configs = self.addresses.enter(document)
        self._tell_changed(configs)
        if connection := self._running():
            self._tell_opened(connection, document, uri)

    def change(self, document: Document, edits: Sequence[Edit]) -> None:
        if (connection := self._running()) and (uri := self.addresses.opened_uri(document.uri)):
            connection.notify(
                "textDocument/didChange",
                {
                    "textDocument": {"uri": uri, "version": document.revision},
                    "contentChanges": [edit_json(edit) for edit in edits],
                },
            )

    def close_document(self, uri: str) -> None:
        if (left := self.addresses.leave(uri)) is None:
            return
        shadow_uri, configs = left
        if connection := self._running():
            if self._last_opened == shadow_uri:
                self._last_opened = None
            connection.notify("textDocument/didClose", {"textDocument": {"uri": shadow_uri}})
        self._tell_changed(configs)

    def files_changed(self, changes: Iterable[tuple[str, int]]) -> None:
        """Files on disk, by the client's URI, with the protocol's kind of change."""
        known: list[JsonValue] = []
        for uri, kind in changes:
            if (shadow_uri := self.addresses.shadow_uri(uri)) is not None:
                known.append({"uri": shadow_uri, "type": kind})
            self._note_script(uri, is_there=kind != _DELETED)
        if known and (connection := self._running()):
            connection.notify("workspace/didChangeWatchedFiles", {"changes": known})

    def change_folders(self, added: Iterable[str], removed: Iterable[str]) -> None:
        """Workspace folders, by path. The open documents move to the projects they belong to now."""
        for document in self._documents:
            self.close_document(document.uri)
        for folder in removed:
            self.shadow.remove_folder(folder)
        for folder in added:
            self.shadow.add_folder(folder)
        for document in self._documents:
            self.open(document)
        self.look_for_scripts()

    def use_preferences(self, chosen: JsonObject) -> bool:
        """Lets the user's preferences hold; True if they are other ones than before."""
        if chosen == self._preferences:
            return False
        self._preferences = chosen
        if connection := self._running():
            connection.notify(_CONFIGURATION, configuration(chosen))
        return True

    def use_typings(self, project: Project, text: str) -> bool:
        """Typings of one project besides those of all; True if they are other ones than before."""
        changed = self.shadow.use_typings(project, text)
        self._tell_changed(changed)
        return bool(changed)

    def tell_configs_changed(self) -> None:
        """After the shadow's configurations have been written anew."""
        self._tell_changed([project.config for project in self.shadow])
        if self._looking is not None:
            self.look_for_scripts()

    # Questions

    def request(self, method: str, params: JsonValue) -> Awaitable[JsonValue]:
        """Asks; sent before this returns, so that it concerns the documents as they are now.

        Await the result, in which URIs are the client's. To cancel that is to cancel the request.

        Raises:
            ResponseError: the server's, or `Unavailable`.
        """
        return self._read(self.request_unread(method, params))

    def request_unread(self, method: str, params: JsonValue, *, has_places: bool = True) -> Awaitable[Result]:
        """Asks like `request`, for those who only pass the result on: it is not read without need.

        Args:
            has_places: whether the result can hold URIs that the client should see.
        """
        connection = self._running()
        sent = connection.send(method, self.addresses.to_server(params)) if connection else None
        return self._answer(connection, sent, method, params, has_places)

    async def _read(self, answer: Awaitable[Result]) -> JsonValue:
        result = await answer
        return result.read() if isinstance(result, Unread) else result

    async def _answer(
        self,
        connection: Connection | None,
        sent: tuple[int, asyncio.Future[Result]] | None,
        method: str,
        params: JsonValue,
        has_places: bool,
    ) -> Result:
        deadline = time.monotonic() + self._patience.answer_seconds
        for is_last in (False, True):
            if connection is None or sent is None:
                connection = await self._wait_for_start(deadline)
                sent = connection.send(method, self.addresses.to_server(params))
            try:
                result = await self._patiently(connection, sent, method, deadline)
                return self.addresses.result_to_client(result) if has_places else result
            except ConnectionLost:
                # It only reads, so it may be asked twice; a request that kills the server is not asked thrice.
                if is_last:
                    raise Unavailable("The TypeScript server died of this request") from None
                connection = sent = None
            except Unavailable:
                raise
            except ResponseError as error:
                raise ResponseError(error.code, self.addresses.text_to_client(error.message)) from None
        raise AssertionError("unreachable")

    async def _patiently(
        self,
        connection: Connection,
        sent: tuple[int, asyncio.Future[Result]],
        method: str,
        deadline: float,
    ) -> Result:
        number, future = sent
        heard = connection.heard
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                return await future
        except TimeoutError:
            if connection.heard == heard and not connection.is_lost:
                logger.warning("The TypeScript server is stuck; it is started again")
                connection.process.kill()
            raise Unavailable(f"No answer to {method} in time") from None
        finally:
            connection.forget(number)

    async def _wait_for_start(self, deadline: float) -> Connection:
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await self._started.wait()
        except TimeoutError:
            raise Unavailable("The TypeScript server has not started in time") from None
        if (connection := self._running()) is None:
            raise Unavailable("The TypeScript server is not running")
        return connection

    # Life

    async def close(self) -> None:
        """Ends the process in good order, or not; removes the shadow folder."""
        was, self.state = self.state, State.CLOSED
        self._started.set()
        self._stop_looking()
        if self._starting is not None:
            self._starting.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            if was is State.RUNNING:
                _, answer = connection.send("shutdown")
                try:
                    await asyncio.wait_for(answer, 1.0)
                except (TimeoutError, ConnectionLost, ResponseError):
                    logger.debug("No answer to shutdown")
                connection.notify("exit")
            connection.close()
            await asyncio.to_thread(_end, connection.process)
        elif self._first is not None:
            self._first.close_stdin()
            await asyncio.to_thread(_end, self._first)
        self.shadow.close()

    def _stop_looking(self) -> None:
        self._enough.set()
        if self._looking is not None:
            self._looking.cancel()

    async def _look(self, stop: threading.Event) -> None:
        with contextlib.suppress(Unavailable):
            # Not at once: whoever waits for a first answer has the machine to itself.
            await self._wait_for_start(time.monotonic() + self._patience.start_seconds)
        for project in self.shadow:
            if project.folder is None or project.is_wide:
                continue
            patterns = list(self.shadow.patterns)
            found = await asyncio.to_thread(_scripts_of, project.folder, patterns, stop.is_set)
            if self.shadow.use_scripts(project, found):
                self._tell_changed([project.config])

    def _note_script(self, uri: str, *, is_there: bool) -> None:
        """A file has come or gone, which may be a script."""
        path = path_of(uri)
        if path is None or not self.shadow.is_script(os.path.basename(path)):
            return
        project = self.shadow.project_of(path)
        if project is None or project.folder is None:
            return
        relative = [os.path.relpath(path, project.folder)]
        is_found = is_there and is_looked_at(relative[0])
        if self.shadow.use_scripts(project, relative if is_found else [], [] if is_there else relative):
            self._tell_changed([project.config])

    def _running(self) -> Connection | None:
        return self._connection if self.state is State.RUNNING else None

    def _begin(self) -> None:
        self.state = State.STARTING
        self._started.clear()
        self._starting = asyncio.get_running_loop().create_task(self._start())

    async def _start(self) -> None:
        delay = 0.05 * 4 ** max(len(self._deaths) - 1, 0) if self._deaths else 0.0
        await asyncio.sleep(min(delay, 5.0))
        process, self._first = self._first, None
        try:
            process = process or self._spawn()
        except Exception as error:
            self._fail(f"The TypeScript server cannot be started: {error}")
            return
        connection: Connection

        def on_end() -> None:
            self._has_died(connection)

        connection = Connection(process, on_message=self._take, on_end=on_end)
        self._connection = connection
        params = initialize_params(self._client, uri_of(self.shadow.root), os.getpid())
        try:
            _, answer = connection.send("initialize", params)
            async with asyncio.timeout(self._patience.start_seconds):
                await answer
        except ConnectionLost:
            return  # `_has_died` does the rest
        except (TimeoutError, ResponseError) as error:
            logger.warning("The TypeScript server does not start: %s", error)
            process.kill()
            return
        connection.notify("initialized", {})
        if self._preferences:
            connection.notify(_CONFIGURATION, configuration(self._preferences))
        self._last_opened = None
        for document in self._documents:
            if (uri := self.addresses.opened_uri(document.uri)) is not None:
                self._tell_opened(connection, document, uri)
        self.state = State.RUNNING
        self._started.set()
        if self._has_run:
            self._on_refresh()
        self._has_run = True

    def _has_died(self, connection: Connection) -> None:
        if self.state is State.CLOSED or connection is not self._connection:
            return
        if self._is_wanted:
            self._is_wanted = False
            connection.process.wait(2.0)
            connection.process.release()
            self._connection = None
            self._begin()
            return
        code = connection.process.wait(2.0)
        words = connection.process.last_words
        connection.process.release()
        logger.warning("The TypeScript server has ended (%s): %s", code, words)
        self._connection = None
        now = time.monotonic()
        is_first = not self._deaths or now - self._deaths[-1] > self._patience.window_seconds
        self._deaths.append(now)
        has_had_enough = len(self._deaths) == self._deaths.maxlen
        if has_had_enough and now - self._deaths[0] < self._patience.window_seconds:
            last = f" Its last words: {words.splitlines()[-1]}" if words else ""
            self._fail(
                f"The TypeScript server died {len(self._deaths)} times and is not started again.{last}"
            )
            return
        if is_first:
            self._on_restarted("The TypeScript server stopped unexpectedly; it has been started again.")
        self._begin()

    def _fail(self, message: str) -> None:
        self.state = State.FAILED
        self._started.set()
        self._on_failed(message)

    def _take(self, method: str, params: JsonValue) -> None:
        if method == "workspace/diagnostic/refresh":
            self._on_refresh()

    def _tell_opened(self, connection: Connection, document: Document, uri: str) -> None:
        if self._last_opened is not None:
            # Of documents that come in one go it would look at the last alone: the projects of the others would not be
            # loaded, and it would die when one of those is closed. A question makes it look.
            asked: JsonObject = {"textDocument": {"uri": self._last_opened}}
            _, answer = connection.send("textDocument/foldingRange", asked)
            answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._last_opened = uri
        connection.notify("textDocument/didOpen", _opened(document, uri))

    def _tell_changed(self, configs: Sequence[str]) -> None:
        if configs and (connection := self._running()):
            changes: list[JsonValue] = [{"uri": uri_of(config), "type": _CHANGED} for config in configs]
            connection.notify("workspace/didChangeWatchedFiles", {"changes": changes})


def _scripts_of(folder: str, patterns: Sequence[str], is_stopped: Callable[[], bool]) -> list[str]:
    return [os.path.relpath(path, folder) for path in scripts_below(folder, patterns, is_stopped)]


def _opened(document: Document, uri: str) -> JsonObject:
    language = "typescript" if document.is_typescript else "javascript"
    return {
        "textDocument": {
            "uri": uri,
            "languageId": language,
            "version": document.revision,
            "text": str(document.text),
        }
    }


def _end(process: TypeScriptProcess) -> None:
    if process.wait(1.0) is None:
        process.kill()
        process.wait(1.0)
