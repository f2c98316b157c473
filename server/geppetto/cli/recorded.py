"""Turns the events of a recorded run back into what its engine showed, so that it looks as it did live."""

import json
from collections.abc import Iterator

from geppetto.json_value import JsonObject, JsonValue
from geppetto.runs.protocol import (
    ConsoleEvent,
    DeltaEvent,
    GapEvent,
    NoticeEvent,
    RunError,
    RunEvent,
    StepEvent,
    StepStartedEvent,
)
from geppetto.runtime.errors import CodeFrame, Frame, ScriptError
from geppetto.runtime.output import ConsoleLine, Notice, Output, Place, StreamEvent


class RecordedOutput:
    """Remembers what started each stream, which its later events do not repeat."""

    def __init__(self) -> None:
        self._started: dict[str, StepStartedEvent] = {}

    def outputs(self, event: RunEvent) -> Iterator[Output]:
        """What to show for the next event of the run."""
        match event:
            case ConsoleEvent(level=level, text=text):
                yield ConsoleLine(level, text)
            case NoticeEvent(text=text):
                yield Notice(text)
            case GapEvent(events=events):
                yield Notice(f"{events} events are not in the record")
            case StepStartedEvent():
                self._started[event.step_id] = event
                yield self._stream(event, event.event)
            case DeltaEvent() if started := self._started.get(event.step_id):
                partial: JsonObject = {**started.event, "type": "partial", "delta": event.delta}
                yield self._stream(started, partial)
            case StepEvent() if started := self._started.get(event.step_id):
                yield self._stream(started, event.event)
            case _:
                pass

    @staticmethod
    def _stream(started: StepStartedEvent, wire: dict[str, JsonValue]) -> StreamEvent:
        place = started.place
        where = None if place is None else Place(place.file, place.line, place.column)
        return StreamEvent(started.step_id, _compact(wire), where, started.name)


def _compact(wire: JsonObject) -> bytes:
    """As the engine writes events."""
    return json.dumps(wire, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def script_error(error: RunError) -> ScriptError:
    """An error as the engine had it, which can show itself to a person."""
    code, place = error.code_frame, error.place
    return ScriptError(
        name=error.name,
        message=error.message,
        context=error.context,
        place=None if place is None else Place(place.file, place.line, place.column),
        frames=tuple(
            Frame(frame.function, Place(frame.place.file, frame.place.line, frame.place.column))
            for frame in error.frames
        ),
        code_frame=None if code is None else CodeFrame(code.first_line, code.lines),
        hint=error.hint,
        code=error.code,
        cause=None if error.cause is None else script_error(error.cause),
    )
