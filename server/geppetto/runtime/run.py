"""One script running: the turns of its event loop, what it asks of the host, and how it ends.

A run ends, as in Node, when nothing is pending (timers, host calls, streams), at ``done()``, at the
first uncaught error, or when a limit or a person stops it. A handler that throws and an error event that
nobody observed make it fail too, but let the other streams go on.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, cast

from geppetto.errors import GeppettoError
from geppetto.json_value import JsonObject, JsonValue
from geppetto.runtime.calls import LiveCalls
from geppetto.runtime.compiled import CompiledModule
from geppetto.runtime.errors import ErrorLog, ScriptError, Sources, limit_error
from geppetto.runtime.forward import Forward
from geppetto.runtime.inbox import Inbox, Snippet, as_list
from geppetto.runtime.isolate import (
    EvaluationError,
    HeapLimitError,
    Isolate,
    IsolateLostError,
    YieldLimitError,
)
from geppetto.runtime.modules import load_program
from geppetto.runtime.outcome import OutcomeKind, RunOutcome
from geppetto.runtime.output import ConsoleLevel, ConsoleLine, StreamEvent
from geppetto.runtime.script import ModuleError, Script
from geppetto.runtime.streams import Collector, LiveStreams, StreamRequest
from geppetto.runtime.tally import Tally
from geppetto.runtime.timers import Timers
from geppetto.runtime.toolbox import ScriptTools

if TYPE_CHECKING:
    from geppetto.runtime.engine import HostCall, RuntimeEngine

logger = logging.getLogger(__name__)

_GRACE_SECONDS = 2.0
"""How long an interrupted script may take to deal with the interrupts of its streams."""

_SPIN_GRACE_SECONDS = 0.1
"""The same for a script that runs no stream: it is not going to notice."""

_CLOSE_SECONDS = 3.0

_NEVER_SETTLES = ScriptError(
    "Error",
    "the script waits for a promise that nothing can settle any more",
    code="never-settles",
    hint="A top-level await has no timer, stream or call behind it. Look for a promise whose resolve is never called.",
)


class Run:
    """The event loop of an isolate. Runs one script at a time."""

    def __init__(self, engine: RuntimeEngine, isolate: Isolate, inbox: Inbox) -> None:
        self._engine = engine
        self._isolate = isolate
        self._inbox = inbox
        self._sources = Sources()
        self._tools = ScriptTools(inbox.put, engine.python_tools, engine.named_tools)
        self._streams = self._new_streams()
        self._timers = Timers(inbox)
        self._calls = LiveCalls(inbox)
        self._ended: asyncio.Event = asyncio.Event()
        self._kind: OutcomeKind | None = None
        self._stopping: tuple[OutcomeKind, ScriptError | None] | None = None
        self._loading: asyncio.Task[None] | None = None
        self._stop_timer: asyncio.TimerHandle | None = None
        self._numbers: dict[int, str] = {}
        self._main_started = self._main_settled = False
        self._running = self._closing = False
        self._errors = ErrorLog()
        self._tally = Tally(engine.limits)
        isolate.serve_sync_requests(self._answer_sync)
        self._loop_task = asyncio.create_task(self._turns(), name="geppetto turns")

    def _new_streams(self) -> LiveStreams:
        return LiveStreams(
            self._engine.bindings, self._engine.router, self, self._tools, self._engine.limits.streams
        )

    # The life of a run

    async def run(self, script: Script, first_unit: int) -> RunOutcome:
        """Runs a script to its end."""
        if self._running:
            raise GeppettoError("This engine runs a script already: one at a time")
        if self._isolate.lost:
            raise IsolateLostError("An earlier script made this engine deaf for good: make a new one")
        loop = asyncio.get_running_loop()
        started = loop.time()
        self._running, self._kind, self._stopping = True, None, None
        self._main_started = self._main_settled = False
        self._errors = ErrorLog()
        self._tally = Tally(self._engine.limits)
        self._ended.clear()
        self._isolate.restore_heap_limit()
        self._engine.base_folder = script.path.absolute().parent
        wall = self._engine.limits.wall_seconds
        alarm = None if wall is None else loop.call_later(wall, self._out_of_time, wall)
        try:
            await self._load_unless_stopped(script, first_unit)
            await self._ended.wait()
        except asyncio.CancelledError:
            self._end("cancelled")
            raise
        finally:
            if alarm is not None:
                alarm.cancel()
            await self._wind_up()
        kind: OutcomeKind = self._kind or "ok"
        if kind == "ok" and self._errors:
            kind = "error"
        return RunOutcome(
            kind,
            self._errors.all(),
            loop.time() - started,
            self._tally.steps,
            self._tally.input_tokens,
            self._tally.output_tokens,
            self._tally.cost_usd,
            self._isolate.lost,
        )

    async def _load_unless_stopped(self, script: Script, first_unit: int) -> None:
        self._loading = asyncio.create_task(self._load(script, first_unit))
        try:
            await self._loading
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if self._kind is None or (caller is not None and caller.cancelling()):
                raise  # the caller was cancelled, and not the loading by the end of the run
        finally:
            self._loading = None

    async def _load(self, script: Script, first_unit: int) -> None:
        try:
            program = await load_program(script, self._engine.root, first_unit)
        except ModuleError as error:
            self._fail(self._sources.module_error(error))
            return
        for module, definition in program.definitions():
            self._sources.add(module)
            if not await self._define(definition, module):
                return
        for unit, value in program.data.items():
            text = json.dumps(json.dumps(value))
            if not await self._define(f"__geppetto.defineJson({json.dumps(unit)}, JSON.parse({text}))", None):
                return
        self._main_started = True
        self._inbox.put(json.dumps(["main", program.main]))

    async def _define(self, code: str, module: CompiledModule | None) -> bool:
        """Evaluates a definition; False if it failed and the run is over."""
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._inbox.put(Snippet(code, future))
        try:
            await future
        except EvaluationError as error:
            self._fail(self._sources.evaluation_error(str(error), module))
            return False
        except GeppettoError:
            return False  # a limit; the turn that met it has ended the run
        return True

    async def _wind_up(self) -> None:
        """Ends whatever the script left behind."""
        self._timers.clear_all()
        self._numbers.clear()
        if self._stop_timer is not None:
            self._stop_timer.cancel()
        self._inbox.clear()
        await asyncio.gather(self._streams.close(), self._calls.close())
        self._streams = self._new_streams()
        self._inbox.clear()
        self._running = False

    def interrupt(self) -> None:
        """Interrupts the streams and stops the script when it has dealt with that."""
        self._stop("cancelled", None)

    async def close(self) -> None:
        """Stops the event loop for good."""
        if self._running:
            self._end("cancelled")
        self._closing = True
        self._isolate.stop()
        self._inbox.wake()
        _, late = await asyncio.wait({self._loop_task}, timeout=_CLOSE_SECONDS)
        if late:
            self._loop_task.cancel()
        await self._streams.close()

    def wake(self) -> None:
        self._inbox.wake()

    def _out_of_time(self, seconds: float) -> None:
        self._stop("limit", limit_error("wall", f"the script ran longer than {seconds:g} s"))

    def _stop(self, kind: OutcomeKind, error: ScriptError | None) -> None:
        if not self._running or self._kind is not None or self._stopping is not None:
            return
        self._stopping = (kind, error)
        grace = _GRACE_SECONDS if len(self._streams) else _SPIN_GRACE_SECONDS
        self._streams.cancel_all("the run was stopped")
        self._inbox.put('["interrupt"]')
        self._stop_timer = asyncio.get_running_loop().call_later(grace, self._end_stopping)

    def _end_stopping(self) -> None:
        if self._stopping is not None:
            kind, error = self._stopping
            self._end(kind, error)

    def _fail(self, error: ScriptError) -> None:
        """Ends the run with an error."""
        if self._stopping is not None:
            self._end_stopping()  # what fails because it was interrupted is not what went wrong
        else:
            # The memory limit reaches a script as a refused buffer; one that nobody caught ended the run.
            self._end("limit" if error.code == "limit.memory" else "error", error)

    def _end(self, kind: OutcomeKind, error: ScriptError | None = None) -> None:
        if not self._running or self._kind is not None:
            return
        self._kind = kind
        if error is not None:
            self._errors.add(error)
        if self._loading is not None:
            self._loading.cancel()
        self._isolate.stop()
        self._inbox.wake()

    # Turns

    async def _turns(self) -> None:
        while not self._closing:
            await self._inbox.wait()
            batch = self._inbox.take()
            try:
                if isinstance(batch, Snippet):
                    await self._evaluate(batch)
                elif batch and self._kind is None:
                    self._handle_all(await self._isolate.turn(batch))
                    self._handle_all(await self._isolate.drain())
            except HeapLimitError:
                size = (self._engine.limits.heap_bytes or 0) // 1024 // 1024
                self._end("limit", limit_error("heap", f"the script's objects need more than {size} MiB"))
                self._isolate.lift_heap_limit()
                await self._last_words()
            except (YieldLimitError, IsolateLostError):
                await self._stopped_in_turn()
            except EvaluationError as error:
                self._fail(self._sources.evaluation_error(str(error), None))
            except Exception as error:  # a mistake of ours ends the run, with a message, and not in silence
                logger.exception("the run's event loop failed")
                self._end("error", ScriptError("InternalError", f"{type(error).__name__}: {error}"))
            self._check_end()
            if self._kind is not None:
                self._ended.set()

    async def _evaluate(self, snippet: Snippet) -> None:
        try:
            value = await self._isolate.evaluate(snippet.code)
        except EvaluationError as error:
            if not snippet.done.done():
                snippet.done.set_exception(error)
            return
        except GeppettoError as error:
            if not snippet.done.done():
                snippet.done.set_exception(error)
            raise
        if not snippet.done.done():
            snippet.done.set_result(value)
        self._handle_all(await self._isolate.drain())

    async def _stopped_in_turn(self) -> None:
        if self._kind is None and self._stopping is None:
            seconds = self._engine.limits.yield_seconds or 0
            self._end("limit", limit_error("yield", f"the script ran {seconds:g} s without giving way"))
        else:
            self._end_stopping()
        await self._last_words()

    async def _last_words(self) -> None:
        """Shows what the script printed before it was stopped, and lets go of what it still waits for."""
        # Each by itself: an order to stop that came late meets the first.
        for say in (self._isolate.drain, lambda: self._isolate.turn('[["forget"]]')):
            if self._isolate.lost:
                return
            try:
                self._handle_all(await say())
            except GeppettoError:
                logger.debug("nothing more could be read from the stopped script", exc_info=True)

    def _check_end(self) -> None:
        if not self._running or self._kind is not None or self._inbox:
            return
        if self._stopping is not None:
            if not len(self._streams):
                self._end_stopping()
        elif not (self._timers.keep_alive or self._calls or len(self._streams)):
            if self._main_settled:
                self._end("ok")
            elif self._main_started:
                self._end("error", _NEVER_SETTLES)

    # What the script says. Each handler takes the fields after the message's tag.

    def _handle_all(self, messages: list[JsonValue]) -> None:
        for message in messages:
            tag, *fields = as_list(message)
            if self._kind is not None and tag != "log":
                continue  # the run is over; what the script still wants is not done
            self._HANDLERS[str(tag)](self, fields)

    def _on_log(self, fields: list[JsonValue]) -> None:
        level, text = fields
        shown = self._sources.tell_places(str(text))
        room = self._tally.output_room
        size = len(shown) if shown.isascii() else len(shown.encode("utf-8", "surrogatepass"))
        if self._count_output(size) or room:
            self._engine.show(ConsoleLine(cast(ConsoleLevel, level), shown[:room]))

    def _on_start(self, fields: list[JsonValue]) -> None:
        number, step_id, name, value, options, stack, *aborted = fields
        place = self._sources.first_place(str(stack))
        chosen = options if isinstance(options, dict) else {}
        request = StreamRequest(str(step_id), str(name), value, chosen, place)
        self._tally.steps += 1
        self._streams.start(request, Forward(self._inbox, int(cast(int, number))))
        self._numbers[int(cast(int, number))] = str(step_id)
        if aborted:
            self._streams.cancel(str(step_id))

    def _on_cancel(self, fields: list[JsonValue]) -> None:
        step_id = self._numbers.get(int(cast(int, fields[0])))
        if step_id is not None:
            self._streams.cancel(step_id)

    def _on_call(self, fields: list[JsonValue]) -> None:
        number, method, arguments = fields
        self._calls.start(
            int(cast(int, number)), lambda: self._answer(self._engine.calls[str(method)], as_list(arguments))
        )

    def _on_cancel_call(self, fields: list[JsonValue]) -> None:
        self._calls.cancel(int(cast(int, fields[0])))

    def _on_timer(self, fields: list[JsonValue]) -> None:
        number, delay, *keeps_alive = fields
        self._timers.set(
            int(cast(int, number)), float(cast(float, delay)), keeps_alive=keeps_alive != [False]
        )

    def _on_untimer(self, fields: list[JsonValue]) -> None:
        self._timers.clear(int(cast(int, fields[0])))

    def _on_done(self, fields: list[JsonValue]) -> None:
        if fields and fields[0] is not None:
            self._fail(self._sources.script_error(fields[0], context="given to done()"))
        else:
            self._end("ok")

    def _on_main_done(self, _: list[JsonValue]) -> None:
        self._main_settled = True

    def _on_main_failed(self, fields: list[JsonValue]) -> None:
        self._fail(self._sources.script_error(fields[0]))

    def _on_unhandled(self, fields: list[JsonValue]) -> None:
        error = self._sources.script_error(
            fields[0], context="unhandled rejection", code="unhandled-rejection"
        )
        self._fail(error)

    def _on_uncaught(self, fields: list[JsonValue]) -> None:
        info, where = fields

        def error() -> ScriptError:
            return self._sources.script_error(info, context=f"in a {where}" if where else "", code="uncaught")

        if where in ("timer", "microtask"):
            self._fail(error())
        elif self._stopping is None:
            self._errors.add_once(fields, error)  # a handler's mistake fails the run, but its stream goes on

    def _on_unobserved(self, fields: list[JsonValue]) -> None:
        _, text, stack = fields
        info: JsonObject = {"name": "StreamError", "message": text, "stack": stack}
        if self._stopping is None:
            self._errors.add_once(
                info,
                lambda: self._sources.script_error(
                    info, context="nothing in the script observed it", code="stream-error"
                ),
            )

    def _on_tool_defined(self, fields: list[JsonValue]) -> None:
        definition = fields[0]
        self._tools.define(definition if isinstance(definition, dict) else {})

    def _on_tool_ok(self, fields: list[JsonValue]) -> None:
        self._tools.answered(fields[0], fields[1])

    def _on_tool_err(self, fields: list[JsonValue]) -> None:
        error = self._sources.script_error(fields[1])
        self._tools.failed(fields[0], error.headline())

    _HANDLERS: ClassVar[dict[str, Callable[[Run, list[JsonValue]], None]]] = {
        "log": _on_log,
        "start": _on_start,
        "cancel": _on_cancel,
        "call": _on_call,
        "cancel-call": _on_cancel_call,
        "timer": _on_timer,
        "untimer": _on_untimer,
        "done": _on_done,
        "main-done": _on_main_done,
        "main-failed": _on_main_failed,
        "unhandled": _on_unhandled,
        "uncaught": _on_uncaught,
        "stream-error-unobserved": _on_unobserved,
        "tool-defined": _on_tool_defined,
        "tool-ok": _on_tool_ok,
        "tool-err": _on_tool_err,
    }

    async def _answer_sync(self, method: str, arguments: list[JsonValue]) -> JsonValue:
        """Answers what the script asks while it waits in the middle of a turn."""
        if method == "flush":
            self._handle_all(arguments)
            return None
        if method == "run-step":
            return await self._run_step(arguments)
        handler = self._engine.calls.get(method)
        if handler is None:
            raise GeppettoError(f"There is nothing in this engine that answers '{method}'")
        return await self._answer(handler, arguments)

    async def _answer(self, handler: HostCall, arguments: list[JsonValue]) -> JsonValue:
        """Refuses what a script asks for after it was stopped: a limit on money would not hold."""
        if self._stopping is not None:
            raise GeppettoError("The run was stopped")
        return await handler(arguments)

    async def _run_step(self, arguments: list[JsonValue]) -> JsonValue:
        name, value, options, step_id = arguments[:4]
        place = self._sources.first_place(str(arguments[4])) if len(arguments) > 4 else None
        chosen = options if isinstance(options, dict) else {}
        collector = Collector()
        self._tally.steps += 1
        request = StreamRequest(str(step_id), str(name), value, chosen, place, blocking=True)
        await self._streams.start(request, collector)
        return {"events": collector.events}

    # What steps say, on its way to whoever watches (see StreamWatcher)

    def show(self, event: StreamEvent) -> None:
        if self._count_output(len(event.payload)):
            self._engine.show(event)

    def spent(self, input_tokens: int, output_tokens: int, cost: float | None) -> None:
        passed = self._tally.spent(input_tokens, output_tokens, cost)
        if passed is not None:
            self._stop("limit", passed)

    def _count_output(self, size: int) -> bool:
        """Counts output; False (and the end of the run) when there is too much of it."""
        passed = self._tally.output(size)
        if passed is not None:
            self._end("limit", passed)
        return passed is None
