"""Handlers of events, on top of handlers of messages.

Wrap one of these around a handler and give the result to `EventRouter.add_handler`.
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from geppetto.events.accumulate import Accumulator
from geppetto.events.codec import StreamDecoder
from geppetto.events.message import Message, MessageHandler
from geppetto.events.models import (
    ErrorEvent,
    Event,
    FinalEvent,
    InterruptEvent,
    PartialEvent,
    StartEvent,
    ToolCallEvent,
    ToolResultEvent,
)

EventHandler: TypeAlias = Callable[[Event], Awaitable[None] | None]


class ChatEventHandler:
    """Override what you care about; each method may be plain or async.

    `event.completion` of a partial is the text so far, put together when it is read.
    """

    def handle_start(self, event: StartEvent) -> Awaitable[None] | None: ...

    def handle_partial(self, event: PartialEvent) -> Awaitable[None] | None: ...

    def handle_tool_call(self, event: ToolCallEvent) -> Awaitable[None] | None: ...

    def handle_tool_result(self, event: ToolResultEvent) -> Awaitable[None] | None: ...

    def handle_final(self, event: FinalEvent) -> Awaitable[None] | None: ...

    def handle_error(self, event: ErrorEvent) -> Awaitable[None] | None: ...

    def handle_interrupt(self, event: InterruptEvent) -> Awaitable[None] | None: ...


def on_events(handler: EventHandler) -> MessageHandler:
    """A message handler that decodes, follows the streams it sees, and calls `handler`."""
    decoder = _Decoder()

    def handle(message: Message) -> Awaitable[None] | None:
        return handler(decoder.event_of(message))

    return handle


def on_chat_events(handler: ChatEventHandler) -> MessageHandler:
    """A message handler that calls the method of `handler` for each event's type."""

    def dispatch(event: Event) -> Awaitable[None] | None:
        match event:
            case PartialEvent():
                return handler.handle_partial(event)
            case StartEvent():
                return handler.handle_start(event)
            case ToolCallEvent():
                return handler.handle_tool_call(event)
            case ToolResultEvent():
                return handler.handle_tool_result(event)
            case FinalEvent():
                return handler.handle_final(event)
            case ErrorEvent():
                return handler.handle_error(event)
            case InterruptEvent():
                return handler.handle_interrupt(event)

    return on_events(dispatch)


class _Decoder:
    """Decodes each message once: one that is tried again must not count twice in its completion."""

    def __init__(self) -> None:
        self._decoder = StreamDecoder()
        self._accumulator = Accumulator()
        self._last: tuple[str, Event] | None = None

    def event_of(self, message: Message) -> Event:
        uuid = message.uuid
        if self._last is not None and self._last[0] == uuid:
            return self._last[1]
        event = self._accumulator.follow(self._decoder.decode(message.payload))
        self._last = (uuid, event)
        return event
