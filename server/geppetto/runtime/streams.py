"""The steps a script has started: starting, feeding their events back, cancelling."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from geppetto.errors import GeppettoError
from geppetto.json_value import JsonObject, JsonValue
from geppetto.plugins.loading import in_thread
from geppetto.runtime.output import Place, StreamEvent
from geppetto.runtime.toolbox import ScriptTools

if TYPE_CHECKING:
    from geppetto.events.message import Batch
    from geppetto.events.router import EventRouter
    from geppetto.steps.context import StepContext
    from geppetto.steps.result import StepResult
    from geppetto.steps.step import Step


@dataclass(frozen=True)
class StepBinding:
    """A Python step as scripts see it.

    Attributes:
        make: options given by the script → the step to start.
        convert_input: what the script passed (JSON) → the step's input; raises for what does not fit.
        convert_output: the step's value → JSON for the script; None keeps what the step itself says.
        input_type: shown in the step's metadata.
        output_type: shown in the step's metadata.
        factory: whether scripts see a class with ``newStep`` (and not one step).
        load: done in a thread before the first ``make``, for what takes long; raises if the step cannot be had.
    """

    make: Callable[[JsonObject], Step[Any, Any]]
    convert_input: Callable[[JsonValue], Any]
    convert_output: Callable[[Any], JsonValue] | None = None
    input_type: str = ""
    output_type: str = ""
    factory: bool = False
    load: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """What the script said when it started a step."""

    step_id: str
    name: str
    input: JsonValue
    options: JsonObject
    place: Place | None
    blocking: bool = False
    """Whether the script waits for it without giving way, so that its own tool handlers cannot run."""


_CLOSE_SECONDS = 6.0


class StreamWatcher(Protocol):
    """Who hears of the events of started steps."""

    def show(self, event: StreamEvent) -> None: ...

    def spent(self, input_tokens: int, output_tokens: int, cost: float | None) -> None: ...


class Receiver(Protocol):
    """Where the events of one started step go."""

    def receive(self, payload: bytes, event_type: str) -> None:
        """Takes an event."""
        ...

    def room(self) -> Awaitable[None] | None:
        """What to wait for before more events are given; None if there is nothing."""
        ...


class LiveStreams:
    """Starts steps and carries their events to a receiver each, until their terminal event."""

    def __init__(
        self,
        bindings: dict[str, StepBinding],
        router: Callable[[], Awaitable[EventRouter]],
        watcher: StreamWatcher,
        tools: ScriptTools,
        limit: int | None,
    ) -> None:
        self._bindings = bindings
        self._router = router
        self._watcher = watcher
        self._tools = tools
        self._limit = limit
        self._live: dict[str, _Live] = {}
        self._loaded: set[str] = set()
        self._refusal: str | None = None

    def __len__(self) -> int:
        return len(self._live)

    def start(self, request: StreamRequest, receiver: Receiver) -> asyncio.Task[None]:
        """Starts a step; the task ends when its terminal event has been received."""
        live = _Live(crowded=self._limit is not None and len(self._live) >= self._limit)
        self._live[request.step_id] = live
        task = asyncio.create_task(self._carry(request, receiver, live), name=f"stream {request.step_id}")
        live.task = task
        return task

    def cancel(self, step_id: str) -> None:
        """Interrupts a step; its interrupt event follows. Does nothing when it has ended."""
        live = self._live.get(step_id)
        if live is not None:
            live.cancelled = True
            if live.result is not None:
                live.result.interrupt()

    def cancel_all(self, refuse: str) -> None:
        """Interrupts every step and from now on answers each start with an interrupt.

        Args:
            refuse: why; not empty.
        """
        self._refusal = refuse
        for step_id in list(self._live):
            self.cancel(step_id)

    async def close(self) -> None:
        """Interrupts every step and waits until their ends are delivered or given up."""
        self.cancel_all("the run is over")
        tasks = [live.task for live in self._live.values() if live.task is not None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_CLOSE_SECONDS)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=1.0)

    async def _carry(self, request: StreamRequest, receiver: Receiver, live: _Live) -> None:
        from geppetto.events.publisher import PublisherManager
        from geppetto.events.wire import EVENT_TYPE, TERMINAL_TYPES, step_topic
        from geppetto.steps.context import StepContext

        ended = asyncio.Event()

        step_id, place, name = request.step_id, request.place, request.name
        show, receive = self._watcher.show, receiver.receive

        def handle(batch: Batch) -> Awaitable[None] | None:
            for message in batch:
                payload, event_type = message.payload, message.metadata[EVENT_TYPE]
                terminal = event_type in TERMINAL_TYPES
                if event_type not in ("partial", "start"):
                    self._account(payload, live)
                if terminal:
                    # Before the script hears of it: what it starts in answer may take this place.
                    self._live.pop(step_id, None)
                show(StreamEvent(step_id, payload, place, name))
                receive(payload, event_type)
                if terminal:
                    ended.set()
                    return None
            return receiver.room()

        router = await self._router()
        handler = await router.add_batch_handler(None, step_topic(step_id), handle)
        try:
            publisher = PublisherManager()
            publisher.register_publisher(step_topic(step_id), router.transport)
            tools = self._tools.python if request.blocking else self._tools
            context = StepContext(
                step_id=step_id,
                publisher=publisher,
                parent_id=_answered(request.input),
                tools=tools,
            )
            step, value = await self._prepare(request, live, context)
            live.result = step.start(context, value)
            if live.cancelled:
                live.result.interrupt()
            await ended.wait()
        finally:
            self._live.pop(request.step_id, None)
            await handler.remove()

    async def _prepare(
        self, request: StreamRequest, live: _Live, context: StepContext
    ) -> tuple[Step[Any, Any], Any]:
        from geppetto.steps.failing import FailingStep

        binding = self._bindings.get(request.name)
        try:
            if binding is None:
                raise GeppettoError(f"There is no step named '{request.name}'")
            if self._refusal is not None:
                self.cancel(request.step_id)
            elif live.crowded:
                raise GeppettoError(
                    f"Too many streams at once: the limit is {self._limit}",
                    hint="Wait for some to end before starting more, or raise the limit 'streams'.",
                )
            if (named := request.options.get("tools")) and self._tools.named is not None:
                context.tools = await self._tools.named.with_named(named, context.tools)
            if binding.load is not None and request.name not in self._loaded:
                await in_thread(binding.load)
                self._loaded.add(request.name)
            return binding.make(request.options), binding.convert_input(request.input)
        except Exception as error:  # a step that cannot be started is an error event, with a start before it
            return FailingStep(error), None

    def _account(self, payload: bytes, live: _Live) -> None:
        """Tells what was used since the last time: a step that calls tools says so after each round."""
        usage = json.loads(payload)["meta"].get("usage")
        if not usage:
            return
        spent = _Spent(usage["input_tokens"], usage["output_tokens"], usage.get("cost"))
        before, live.spent = live.spent, spent
        if spent != before:
            cost = None if spent.cost is None else spent.cost - (before.cost or 0.0)
            self._watcher.spent(spent.input - before.input, spent.output - before.output, cost)


def _answered(input: JsonValue) -> str:
    """The id of the message that a step answers, where its input is a conversation."""
    match input:
        case {"conversation": [*_, {"id": str(id)}]}:
            return id
        case _:
            return ""


@dataclass(frozen=True, slots=True)
class _Spent:
    input: int = 0
    output: int = 0
    cost: float | None = None


@dataclass
class _Live:
    result: StepResult[Any] | None = None
    task: asyncio.Task[None] | None = None
    cancelled: bool = False
    crowded: bool = False
    """Whether there were too many streams already when this one was asked for."""
    spent: _Spent = _Spent()
    """What the last event told of its use."""


class Collector:
    """A receiver that keeps the events of one step, for a script that waits for all of them at once."""

    def __init__(self) -> None:
        self.events: list[JsonValue] = []

    def receive(self, payload: bytes, event_type: str) -> None:
        self.events.append(json.loads(payload))

    def room(self) -> None:
        return None
