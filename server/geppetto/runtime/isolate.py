"""One V8 isolate, driven in turns. The only module that imports mini-racer.

JavaScript runs only inside :meth:`Isolate.turn`. A turn evaluates the prelude's ``turn`` with a batch
of messages, lets V8 run the microtasks, and evaluates ``drain`` for what the script has to say. Both
are evaluations of source text: unlike function calls through mini-racer they touch no JavaScript
value from Python, so the event loop stays free while a script spins. While a turn runs, the script can
make synchronous requests through a mailbox in shared memory, which the event loop polls.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from geppetto.errors import GeppettoError
from geppetto.json_value import JsonValue

if TYPE_CHECKING:
    from py_mini_racer import PythonJSConvertedTypes

SyncHandler = Callable[[str, list[JsonValue]], Awaitable[JsonValue]]

_POLL_SECONDS = 0.0005
_SLOW_POLL_SECONDS = 0.002
_SLOW_AFTER = 100  # polls
_PROBE_SECONDS = 1.0
_HEADER_BYTES = 64
_IDLE, _REQUEST, _REPLY = 0, 1, 2

# Isolates that no longer answer: closing one blocks for ever, and so does collecting it.
_lost: list[object] = []


def load_library() -> None:
    """Loads V8 and does not start it: processes that are forked from this one start their own sooner."""
    import ctypes

    import py_mini_racer

    ctypes.CDLL(str(Path(py_mini_racer.__file__).with_name("libmini_racer.so")))


class EvaluationError(GeppettoError):
    """V8 refused or threw while evaluating host-made source; the message is mini-racer's."""


class HeapLimitError(GeppettoError):
    """The script's heap passed its limit."""


class YieldLimitError(GeppettoError):
    """A turn took longer than it may, or was stopped."""


class IsolateLostError(GeppettoError):
    """The isolate does not answer any more; only the end of the process stops its thread."""


class Isolate:
    """One V8 isolate with the prelude loaded; belongs to the event loop it was made in."""

    def __init__(self, prelude: str) -> None:
        from py_mini_racer import MiniRacer

        self._racer = MiniRacer()
        self._closed = False
        self._lost = False
        self._yield_seconds: float | None = None
        self._heap_bytes: int | None = None
        self._heap_limit_lifted = False
        self._running: asyncio.Future[PythonJSConvertedTypes] | None = None
        self._stopped = False
        self._racer.eval(prelude)
        self._memory = cast(memoryview, self._racer.eval("__geppetto.sab"))
        self._words = self._memory[:_HEADER_BYTES].cast("i")
        self._on_sync: SyncHandler | None = None

    @property
    def lost(self) -> bool:
        """Whether the isolate is wedged for good; the process should end without closing it."""
        return self._lost

    def bound(self, *, heap_bytes: int | None, yield_seconds: float | None) -> None:
        """Sets what scripts may use from now on: the heap, and the time of a turn."""
        self._racer.set_hard_memory_limit(heap_bytes or 0)
        self._heap_bytes = heap_bytes
        self._yield_seconds = yield_seconds

    def serve_sync_requests(self, handler: SyncHandler) -> None:
        """Names who answers the script's synchronous requests: (method, arguments) → value."""
        self._on_sync = handler

    async def evaluate(self, code: str) -> object:
        """Evaluates host-made source.

        Raises:
            EvaluationError: V8 refused it or it threw.
            HeapLimitError: the heap limit was reached.
            YieldLimitError: it was stopped for taking too long.
            IsolateLostError: it could not even be stopped.
        """
        from py_mini_racer import JSEvalException, JSOOMException

        if self._closed or self._lost:
            raise IsolateLostError("The JavaScript engine is closed")
        self._stopped = False
        running = asyncio.ensure_future(self._racer.eval_cancelable(code))
        self._running = running
        watch = _Watch(self, running)
        try:
            value = await running
            # A microtask that meets the limit ends without a word, while the evaluation itself goes well.
            if (
                self._heap_bytes
                and not self._heap_limit_lifted
                and self._racer.was_hard_memory_limit_reached()
            ):
                raise HeapLimitError("The JavaScript heap is full")
            return value
        except JSOOMException as error:
            raise HeapLimitError("The JavaScript heap is full") from error
        except JSEvalException as error:
            raise EvaluationError(str(error)) from error
        except asyncio.CancelledError:
            if not self._stopped:
                raise  # our caller was cancelled, not the script
            await self._probe()
            raise YieldLimitError("The script was stopped while it was running") from None
        finally:
            watch.stop()
            self._running = None

    async def turn(self, messages: str) -> list[JsonValue]:
        """Hands a JSON array of messages to the script; returns what it says before its microtasks run.

        Call :meth:`drain` for the rest. They are apart because microtasks may never end.
        """
        literal = json.dumps(messages, ensure_ascii=False)
        return json.loads(cast(str, await self.evaluate(f"__geppetto.turn({literal})")))

    async def drain(self) -> list[JsonValue]:
        """Lets the microtasks run and returns the messages the script has queued since it was last asked."""
        return json.loads(cast(str, await self.evaluate("__geppetto.drain()")))

    def lift_heap_limit(self) -> None:
        """Lets a script that was stopped at the heap limit say its last words."""
        self._racer.set_hard_memory_limit(0)
        self._heap_limit_lifted = True

    def restore_heap_limit(self) -> None:
        """Bounds the heap again, for the next script, without what the last one has left on it."""
        if self._heap_limit_lifted:
            self._heap_limit_lifted = False
            self._racer.low_memory_notification()
            self._racer.set_hard_memory_limit(self._heap_bytes or 0)

    def stop(self) -> None:
        """Stops the turn under way, if any; it raises YieldLimitError."""
        if self._running is not None and not self._running.done():
            self._stopped = True
            self._running.cancel()

    async def _probe(self) -> None:
        """Finds out whether the isolate still answers after a turn was stopped."""
        from py_mini_racer import JSEvalException

        try:
            await asyncio.wait_for(self._racer.eval_cancelable("0"), _PROBE_SECONDS)
        except JSEvalException:
            return  # the order to stop came late and met the probe: it does answer
        except TimeoutError:
            self._lost = True
            _lost.append(self._racer)
            raise IsolateLostError("The JavaScript engine does not answer any more") from None

    def close(self) -> None:
        """Frees the isolate. A lost isolate is left to the end of the process."""
        if self._closed:
            return
        self._closed = True
        if not self._lost:
            self._words.release()
            self._memory.release()
            self._racer.close()

    # The mailbox: one request at a time, in chunks of UTF-16; see the prelude's port.

    def request_ready(self) -> bool:
        return self._words[0] == _REQUEST

    async def serve_request(self) -> None:
        """Reads the request in the mailbox, has it answered and writes the answer."""
        text = await self._read()
        try:
            method, arguments = json.loads(text)
            if self._on_sync is None:
                raise GeppettoError(f"Nobody answers the synchronous call '{method}'")
            reply: list[JsonValue] = ["ok", await self._on_sync(method, arguments)]
        except Exception as error:  # whatever it is, the script waits for it
            reply = ["err", error_message(error)]
        await self._write(json.dumps(reply))

    async def _read(self) -> str:
        chunks: list[bytes] = []
        while True:
            size = self._words[1] * 2
            chunks.append(bytes(self._memory[_HEADER_BYTES : _HEADER_BYTES + size]))
            if not self._words[2]:
                return b"".join(chunks).decode("utf-16-le", "surrogatepass")
            self._words[1] = self._words[2] = 0
            self._words[0] = _REPLY
            await self._requested()

    async def _write(self, text: str) -> None:
        data = text.encode("utf-16-le")
        capacity = (len(self._memory) - _HEADER_BYTES) // 2 * 2
        for start in range(0, max(len(data), 1), capacity):
            if start:
                await self._requested()
            chunk = data[start : start + capacity]
            self._memory[_HEADER_BYTES : _HEADER_BYTES + len(chunk)] = chunk
            self._words[1] = len(chunk) // 2
            self._words[2] = int(start + capacity < len(data))
            self._words[0] = _REPLY

    async def _requested(self) -> None:
        """Waits until the script asks for the next chunk; ends early if its turn was stopped."""
        while not self.request_ready():
            if self._running is None or self._running.done():
                raise YieldLimitError("The script was stopped in the middle of a request")
            await asyncio.sleep(_POLL_SECONDS)


class _Watch:
    """Watches one evaluation: serves its synchronous requests and bounds its running time."""

    def __init__(self, isolate: Isolate, running: asyncio.Future[PythonJSConvertedTypes]) -> None:
        self._isolate = isolate
        self._running = running
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._polls = 0
        self._serving: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(_POLL_SECONDS, self._poll)

    def _poll(self) -> None:
        self._polls += 1
        if self._serving is None or self._serving.done():
            if self._isolate.request_ready():
                self._polls = 0
                self._started = self._loop.time()  # waiting for the host is not running
                self._serving = self._loop.create_task(self._isolate.serve_request())
                self._serving.add_done_callback(self._served)
            else:
                limit = self._isolate._yield_seconds  # pyright: ignore[reportPrivateUsage]
                if limit is not None and self._loop.time() - self._started > limit:
                    self._isolate.stop()
                    return
        self._timer = self._loop.call_later(
            _POLL_SECONDS if self._polls < _SLOW_AFTER else _SLOW_POLL_SECONDS, self._poll
        )

    def _served(self, serving: asyncio.Task[None]) -> None:
        self._started = self._loop.time()
        if not serving.cancelled() and isinstance(serving.exception(), YieldLimitError):
            return  # the turn that asked is over

    def stop(self) -> None:
        self._timer.cancel()
        if self._serving is not None and not self._serving.done():
            self._serving.cancel()


def error_message(error: Exception) -> dict[str, JsonValue]:
    """An exception as the prelude takes it: name, message and, where there is one, hint and code."""
    message: dict[str, JsonValue] = {"name": "Error", "message": str(error)}
    for key in ("code", "hint"):
        value = getattr(error, key, None)
        if isinstance(value, str):
            message[key] = value
    return message
