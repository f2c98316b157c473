"""Keeps what is said and done in an answer, from its events."""

from geppetto.conversation.answer import TextPart, ToolPart, add_call, add_result
from geppetto.events.dispatch import ChatEventHandler
from geppetto.events.models import FinalEvent, InterruptEvent, PartialEvent, ToolCallEvent, ToolResultEvent


class Transcript(ChatEventHandler):
    """Follows one step's events."""

    def __init__(self) -> None:
        self._parts: list[TextPart | ToolPart] = []
        self._pieces: list[str] = []

    @property
    def parts(self) -> list[TextPart | ToolPart]:
        """What was said and done until now, in order."""
        if self._pieces:
            self._parts.append(TextPart(text="".join(self._pieces)))
            self._pieces.clear()
        return self._parts

    def handle_partial(self, event: PartialEvent) -> None:
        self._pieces.append(event.delta)

    def handle_tool_call(self, event: ToolCallEvent) -> None:
        call = event.tool_call
        add_call(self.parts, call.id, call.name, call.input)

    def handle_tool_result(self, event: ToolResultEvent) -> None:
        result = event.tool_result
        add_result(self.parts, result.id, result.result, is_error=bool(result.is_error))

    def handle_final(self, event: FinalEvent) -> None:
        self._end(event.text)

    def handle_interrupt(self, event: InterruptEvent) -> None:
        self._end(event.text)

    def _end(self, text: str) -> None:
        if text and not self.parts:  # a step that streamed nothing
            self._parts.append(TextPart(text=text))
