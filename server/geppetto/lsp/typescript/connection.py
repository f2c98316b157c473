"""JSON-RPC with one TypeScript server process: requests with answers, notifications, and its end."""

import asyncio
import itertools
import json
import logging
import re
from collections.abc import Callable
from typing import cast

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.errors import INTERNAL_ERROR, METHOD_NOT_FOUND, ResponseError
from geppetto.lsp.typescript.process import TypeScriptProcess
from geppetto.lsp.wire import PipeReader, PipeWriter, Result, Unread, frame, framed

logger = logging.getLogger(__name__)

_ACCEPTED = frozenset(
    {"client/registerCapability", "client/unregisterCapability", "window/workDoneProgress/create"}
)


_RESULT = re.compile(rb'\{"jsonrpc":"2\.0","id":(\d+),"result":')
"""How the TypeScript server begins an answer; its result is all that follows, but for a brace."""


class ConnectionLost(Exception):
    """The process ended before it answered."""


class Connection:
    """The pipes of one process. Made inside of the event loop, used only there."""

    def __init__(
        self,
        process: TypeScriptProcess,
        *,
        on_message: Callable[[str, JsonValue], None],
        on_end: Callable[[], None],
    ) -> None:
        self.process = process
        self.heard = 0
        """How many messages have come: what does not grow any more is a process that is stuck."""
        self.is_lost = False
        self._on_message = on_message
        self._on_end = on_end
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Result]] = {}
        self._writer = PipeWriter(process.stdin, name="tsc-stdin")
        PipeReader(process.stdout, on_bodies=self._receive, on_end=self._end, name="tsc-stdout")

    def send(self, method: str, params: JsonValue = None) -> tuple[int, asyncio.Future[Result]]:
        """Sends a request now; its id, and the future that gets the result or a ResponseError."""
        number = next(self._ids)
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        if self.is_lost:
            future.set_exception(ConnectionLost())
            return number, future
        self._waiting[number] = future
        message: JsonObject = {"jsonrpc": "2.0", "id": number, "method": method}
        self._write(message, params)
        return number, future

    def forget(self, number: int) -> None:
        """Tells the server that nobody waits for an answer any more."""
        if self._waiting.pop(number, None) is not None:
            self.notify("$/cancelRequest", {"id": number})

    def notify(self, method: str, params: JsonValue = None) -> None:
        if not self.is_lost:
            self._write({"jsonrpc": "2.0", "method": method}, params)

    def close(self) -> None:
        """Lets the writer finish and closes the server's stdin, of which it ends by itself."""
        self._writer.close()
        self.process.close_stdin()

    def _write(self, message: JsonObject, params: JsonValue) -> None:
        # `shutdown` must have none at all: null is refused.
        if params is not None:
            message["params"] = params
        self._writer.write(_frame(message))

    def _receive(self, bodies: list[bytes]) -> None:
        for body in bodies:
            self.heard += 1
            if self._pass(body):
                continue
            try:
                message = cast(JsonObject, json.loads(body))
            except ValueError as error:
                logger.warning("The TypeScript server wrote what is not JSON: %s", error)
                self.process.kill()
                return
            method = message.get("method")
            if isinstance(method, str):
                self._take(method, message)
            else:
                self._answer(message)

    def _pass(self, body: bytes) -> bool:
        """Hands a message over if it is a result, which those who asked may want to read."""
        match = _RESULT.match(body)
        if match is None:
            return False
        future = self._waiting.pop(int(match[1]), None)
        if future is not None and not future.done():
            future.set_result(Unread(body[match.end() : -1]))
        return True

    def _answer(self, message: JsonObject) -> None:
        number = message.get("id")
        future = self._waiting.pop(number, None) if isinstance(number, int) else None
        if future is None or future.done():
            return
        error = message.get("error")
        if isinstance(error, dict):
            code = error.get("code")
            future.set_exception(
                ResponseError(
                    code if isinstance(code, int) else INTERNAL_ERROR, str(error.get("message", ""))
                )
            )
        else:
            future.set_result(message.get("result"))

    def _take(self, method: str, message: JsonObject) -> None:
        """A request or notification of the server's own."""
        if "id" not in message:
            self._on_message(method, message.get("params"))
            return
        answer: JsonObject = {"jsonrpc": "2.0", "id": message["id"]}
        if method in _ACCEPTED:
            answer["result"] = None
        elif method.endswith("/refresh"):
            answer["result"] = None
            self._on_message(method, message.get("params"))
        else:
            answer["error"] = {"code": METHOD_NOT_FOUND, "message": method}
        self._writer.write(frame(answer))

    def _end(self, reason: Exception | None) -> None:
        if reason is not None:
            logger.warning("The TypeScript server's output cannot be read: %s", reason)
        self.is_lost = True
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(ConnectionLost())
        self._writer.close(timeout=0)
        self._on_end()


def _frame(message: JsonObject) -> bytes:
    """Half a surrogate pair is no JSON to it: it would give no answer, not even that."""
    body = json.dumps(message, separators=(",", ":"))
    if "\\ud" not in body:
        return framed(body.encode("ascii"))
    whole = json.dumps(message, separators=(",", ":"), ensure_ascii=False)
    return framed(whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode("utf-8"))
