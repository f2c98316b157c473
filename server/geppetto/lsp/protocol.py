"""The protocol at the door: raw JSON in, raw JSON out, one answer to every request whatever comes.

pygls structures every message into typed objects and back. Most of ours only pass through to the TypeScript server,
so here parameters and results stay JSON; handlers read what they need with `geppetto.lsp.params`. Nor do pygls's own
handlers of documents run: its texts are wrong (see `documents.text`).
"""

import asyncio
import inspect
import json
import logging
import math
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

from pygls.protocol import LanguageServerProtocol

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.errors import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    REQUEST_CANCELLED,
    SERVER_NOT_INITIALIZED,
    InvalidParams,
    ResponseError,
)
from geppetto.lsp.wire import Result, Unread, frame, framed

if TYPE_CHECKING:
    from cattrs import Converter
    from pygls.lsp.server import LanguageServer

logger = logging.getLogger(__name__)

Answer: TypeAlias = "Result | Awaitable[Result]"
Handler: TypeAlias = Callable[[JsonObject], Answer]
"""Gets the parameters of a request or notification.

It is called in the order of the messages. What has to see the documents as they are at its message is done before
it returns; the rest may go into the awaitable, which runs beside later messages and is cancelled with the request.
"""

_MessageId: TypeAlias = int | str


class _Draining(Protocol):
    """What our writers can do beside pygls's."""

    async def drain(self) -> None: ...


class GeppettoProtocol(LanguageServerProtocol):
    """One client's connection."""

    def __init__(self, server: "LanguageServer", converter: "Converter") -> None:
        self.is_initialized = False
        self.is_shut_down = False
        self._handlers: dict[str, Handler] = {}
        self._running: dict[_MessageId, asyncio.Task[None]] = {}
        self._beside: set[asyncio.Task[None]] = set()
        super().__init__(server, converter)

    def get_message_type(self, method: str) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """No method has a type: messages are JSON."""

    def get_result_type(self, method: str) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Nor has any result."""

    def _register_builtin_features(self) -> None:
        """None of pygls's own."""

    def register(self, method: str, handler: Handler) -> None:
        self._handlers[method] = handler

    # In

    def receive(self, bodies: list[bytes]) -> None:
        """Messages that arrived together, in order."""
        for body in bodies:
            try:
                message: JsonValue = _JSON.decode(body.decode("utf-8", "surrogatepass"))
            except (ValueError, RecursionError) as error:
                self._answer_error(None, ResponseError(PARSE_ERROR, f"Not JSON: {error}"))
                continue
            if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
                self._answer_error(None, ResponseError(INVALID_REQUEST, "Not a JSON-RPC 2.0 message"))
                continue
            self.take(message)

    def take(self, message: JsonObject) -> None:
        """One message."""
        method = message.get("method")
        number = message.get("id")
        if "method" not in message:
            self._take_answer(message)
        elif not isinstance(method, str):
            self._answer_error(None, ResponseError(INVALID_REQUEST, "The method should be a string"))
        elif "id" not in message:
            self._take_notification(method, message.get("params"))
        elif isinstance(number, bool) or not isinstance(number, int | str):
            self._answer_error(None, ResponseError(INVALID_REQUEST, "The id should be a number or a string"))
        else:
            self._take_request(number, method, message.get("params"))

    def _take_request(self, number: _MessageId, method: str, params: JsonValue) -> None:
        if (refusal := self._refusal(method)) is not None:
            self._answer_error(number, refusal)
        elif number in self._running:
            self._answer_error(number, ResponseError(INVALID_REQUEST, f"Request {number!r} is still running"))
        elif (handler := self._handlers.get(method)) is None:
            self._answer_error(number, ResponseError(METHOD_NOT_FOUND, f"Unknown method {method}"))
        else:
            try:
                result = handler(_object(params))
            except Exception as error:
                self._answer_exception(number, method, error)
                return
            if inspect.isawaitable(result):
                self._running[number] = asyncio.get_running_loop().create_task(
                    self._finish(number, method, result)
                )
            else:
                self._answer(number, result)

    async def _finish(self, number: _MessageId, method: str, result: Awaitable[Result]) -> None:
        try:
            self._answer(number, await result)
        except asyncio.CancelledError:
            self._answer_error(number, ResponseError(REQUEST_CANCELLED, "Cancelled"))
        except Exception as error:
            self._answer_exception(number, method, error)
        finally:
            self._running.pop(number, None)

    def _refusal(self, method: str) -> ResponseError | None:
        if self.is_shut_down:
            return ResponseError(INVALID_REQUEST, "The server has been shut down")
        if method == "initialize":
            return ResponseError(INVALID_REQUEST, "Initialized already") if self.is_initialized else None
        return None if self.is_initialized else ResponseError(SERVER_NOT_INITIALIZED, "Send initialize first")

    def _take_notification(self, method: str, params: JsonValue) -> None:
        if method != "exit" and (self.is_shut_down or not self.is_initialized):
            return
        if method == "$/cancelRequest":
            self._cancel(params)
            return
        handler = self._handlers.get(method)
        if handler is None:
            if not method.startswith("$/"):
                logger.info("Unknown notification %s", method)
            return
        try:
            result = handler(_object(params))
        except ResponseError as error:
            logger.warning("%s: %s", method, error)
            return
        except Exception:
            logger.exception("%s failed", method)
            return
        if inspect.isawaitable(result):
            self.run_beside(cast("Awaitable[object]", result), method)

    def _cancel(self, params: JsonValue) -> None:
        number = params.get("id") if isinstance(params, dict) else None
        if isinstance(number, int | str) and (task := self._running.get(number)) is not None:
            # Not at once: a task cancelled before its first step never runs, so it would leave no answer.
            asyncio.get_running_loop().call_soon(task.cancel)

    def _take_answer(self, message: JsonObject) -> None:
        """The client's answer to a request of ours."""
        number = message.get("id")
        if not isinstance(number, int | str):
            return
        self._result_types.pop(number, None)
        future = self._request_futures.pop(number, None)
        if future is None or future.done():
            return
        error = message.get("error")
        if error is None:
            future.set_result(message.get("result"))
        else:
            future.set_exception(
                ResponseError(INTERNAL_ERROR, f"The client answers: {json.dumps(error)[:200]}")
            )

    # Out

    def send(self, message: JsonObject) -> None:
        if self.writer is not None:
            self.writer.write(frame(message))

    def tell(self, method: str, params: JsonValue) -> None:
        """Sends a notification."""
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def tell_json(self, method: str, params: Sequence[bytes]) -> None:
        """Sends notifications whose parameters are JSON already, all at once."""
        if self.writer is not None:
            head = b'{"jsonrpc":"2.0","method":"%b","params":' % method.encode("ascii")
            self.writer.write(b"".join(framed(b"%b%b}" % (head, each)) for each in params))

    async def drain(self) -> None:
        """Waits while the client is behind with reading what was sent."""
        if self.writer is not None:
            await cast("_Draining", self.writer).drain()

    async def ask(self, method: str, params: JsonValue, seconds: float) -> JsonValue:
        """Sends a request and waits for the client's answer.

        Raises:
            ResponseError: the client answered with an error.
            TimeoutError: it did not answer.
        """
        number = str(uuid.uuid4())
        try:
            async with asyncio.timeout(seconds):
                return cast(JsonValue, await self.send_request_async(method, params, number))
        finally:
            self._request_futures.pop(number, None)
            self._result_types.pop(number, None)

    def run_beside(self, work: Awaitable[object], what: str) -> None:
        """Runs work that no request waits for; a failure is logged."""

        async def run() -> None:
            try:
                await work
            except (ResponseError, TimeoutError) as error:
                logger.warning("%s: %s", what, error)
            except Exception:
                logger.exception("%s failed", what)

        task = asyncio.get_running_loop().create_task(run())
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def stop(self) -> None:
        """Cancels everything that runs."""
        await asyncio.sleep(0)  # see `_cancel`
        tasks = [*self._running.values(), *self._beside]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _answer(self, number: _MessageId, result: Result) -> None:
        if isinstance(result, Unread):
            if self.writer is not None:
                head = b'{"jsonrpc":"2.0","id":%b,"result":' % json.dumps(number).encode("ascii")
                self.writer.write(framed(b"%b%b}" % (head, result.json)))
            return
        self.send({"jsonrpc": "2.0", "id": number, "result": result})

    def _answer_error(self, number: _MessageId | None, error: ResponseError) -> None:
        self.send({"jsonrpc": "2.0", "id": number, "error": error.to_json()})

    def _answer_exception(self, number: _MessageId, method: str, error: Exception) -> None:
        if isinstance(error, ResponseError):
            self._answer_error(number, error)
            return
        logger.error("%s failed", method, exc_info=error)
        self._answer_error(number, ResponseError(INTERNAL_ERROR, f"{type(error).__name__}: {error}"))


def _object(params: JsonValue) -> JsonObject:
    if params is None:
        return {}
    if not isinstance(params, dict):
        raise InvalidParams("The parameters should be an object")
    return params


def _finite(number: str) -> float:
    """JSON has no others: who writes them again writes what the next reader refuses."""
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number} is no number")
    return value


_JSON = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)
