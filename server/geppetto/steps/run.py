"""What a step's code holds while it runs: the way to say something, and what it said so far.

This module needs pydantic; `Step.start` imports it when a step is started, not before.
"""

import asyncio
from collections.abc import Callable, Sequence

from geppetto.events.codec import EncodedEvent, StreamEncoder, encode, well_formed
from geppetto.events.models import (
    ErrorEvent,
    Event,
    EventMetadata,
    FinalEvent,
    InterruptEvent,
    StartEvent,
    StepMetadata,
    ToolCall,
    ToolCallEvent,
    ToolResult,
    ToolResultEvent,
    Usage,
    is_terminal,
)
from geppetto.json_value import JsonValue
from geppetto.steps.context import EventSink, StepContext
from geppetto.steps.errors import error_code, error_text
from geppetto.steps.outbox import Outbox


class StepRun:
    """One run of a step. Its code calls `partial`, `tool_call` and `tool_result`; the rest is done for it.

    Attributes:
        ctx: the context it was started in.
        meta: metadata of the events. The partials carry it as it was at the start; what is set
            during the run (usage, stop_reason) is in every later event of another type.
        step: the step's metadata.
        before_interrupt: called before an interrupt ends the stream: the last moment to set what was used.
    """

    def __init__(
        self, ctx: StepContext, meta: EventMetadata, step: StepMetadata, sinks: Sequence[EventSink]
    ) -> None:
        self.ctx = ctx
        self.meta = meta
        self.step = step
        self.before_interrupt: Callable[[], None] | None = None
        self._parts: list[str] = []
        self._paragraph = False
        self._ended: Event | None = None
        self.outbox = Outbox(
            f"step {step.type} {step.step_id}", sinks, StreamEncoder(meta, step).partial_event
        )
        self._put(StartEvent(meta=meta, step=step))

    @property
    def text(self) -> str:
        """All deltas so far, as one string."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    async def partial(self, delta: str) -> None:
        """Send a piece of text. Returns at once, unless the listeners are far behind. "" says nothing."""
        self._check_open()
        if delta:
            delta = well_formed(delta)
            if self._paragraph:
                delta = self._after_break(delta)
            self._parts.append(delta)
            self.outbox.put(delta)
            if self.outbox.full:
                await self.outbox.room()

    async def tool_call(self, id: str, name: str, input: str) -> None:
        """Say that the model calls a tool; `input` is the raw text of its arguments."""
        call = ToolCall(id=id, name=name, input=input)
        await self._send(ToolCallEvent(meta=self.meta, step=self.step, tool_call=call))

    async def tool_result(self, id: str, result: JsonValue, is_error: bool = False) -> None:
        """Say what a tool call gave."""
        given = ToolResult(id=id, result=result, is_error=is_error or None)
        await self._send(ToolResultEvent(meta=self.meta, step=self.step, tool_result=given))

    def new_paragraph(self) -> None:
        """Let the next delta begin a new paragraph: "\\n\\n" goes before it, if there is text already."""
        self._paragraph = True

    def add_usage(self, input_tokens: int, output_tokens: int, cost: float | None = None) -> None:
        """Add to the tokens, and to the money in USD, that this run has used."""
        used = self.meta.usage or Usage()
        total = None if cost is None and used.cost is None else (used.cost or 0.0) + (cost or 0.0)
        self.meta.usage = Usage(
            input_tokens=used.input_tokens + input_tokens,
            output_tokens=used.output_tokens + output_tokens,
            cost=total,
        )

    def send_final(self, text: str, result: JsonValue) -> None:
        """End the stream well. `text` counts only when nothing was streamed: else the deltas are the text."""
        if not self._parts and text:
            self._parts.append(well_formed(text))
        self._end(FinalEvent(meta=self.meta, step=self.step, text=self.text, result=result))

    def send_error(self, error: BaseException) -> None:
        """End the stream with an error."""
        text, code = error_text(error), error_code(error)
        self._end(ErrorEvent(meta=self.meta, step=self.step, error_string=text, code=code))

    def send_interrupt(self) -> None:
        """End the stream with what was said so far."""
        if self.before_interrupt is not None:
            self.before_interrupt()
        self._end(InterruptEvent(meta=self.meta, step=self.step, text=self.text))

    async def _send(self, event: Event) -> None:
        self._check_open()
        self._put(event)
        if self.outbox.full:
            await self.outbox.room()

    def _end(self, event: Event) -> None:
        self._put(event)
        self._ended = event

    def _put(self, event: Event) -> None:
        # Encoded now: the metadata may change before the event is published.
        encoded = EncodedEvent(encode(event), event.type, event.step.step_id)
        self.outbox.put(encoded, last=is_terminal(event))

    def _after_break(self, delta: str) -> str:
        self._paragraph = False
        if not self._parts or self._parts[-1].endswith("\n") or delta.startswith("\n"):
            return delta
        return "\n\n" + delta

    def _check_open(self) -> None:
        if self._ended is None:
            return
        if self._ended.type == "interrupt":
            # Code that swallowed its cancellation is told again, at the next thing it says.
            raise asyncio.CancelledError
        raise RuntimeError(f"the step {self.step.step_id} has ended: it cannot send more events")
