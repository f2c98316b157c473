"""The whole output of a run as a text to read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.running.problems import message_of
from geppetto.runs.protocol import (
    ConsoleEvent,
    DeltaEvent,
    EndEvent,
    GapEvent,
    NoticeEvent,
    RunEvent,
    SourcePlace,
    StepEvent,
    StepStartedEvent,
)


class _Writer:
    """Puts pieces of text together; what has a head of its own begins on a line of its own."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._stream = ""
        self._is_in_line = False

    def line(self, text: str) -> None:
        self._stream = ""
        self._end_line()
        self._parts.append(f"{text}\n")

    def piece(self, stream: str, head: str, text: str) -> None:
        if stream != self._stream:
            self.line(head)
            self._stream = stream
        self._parts.append(text)
        self._is_in_line = not text.endswith("\n")

    def text(self) -> str:
        self._end_line()
        return "".join(self._parts)

    def _end_line(self) -> None:
        if self._is_in_line:
            self._parts.append("\n")
            self._is_in_line = False


def transcript(events: Iterable[RunEvent]) -> str:
    """What a run has said: console lines as they are, streams below the place that started them."""
    heads: dict[str, str] = {}
    writer = _Writer()
    for event in events:
        match event:
            case ConsoleEvent(text=text) | NoticeEvent(text=text):
                writer.line(text)
            case StepStartedEvent(step_id=step_id, name=name, place=place):
                heads[step_id] = f"▸ {name}{_at(place)}"
            case DeltaEvent(step_id=step_id, delta=delta):
                writer.piece(step_id, heads.get(step_id, "▸"), delta)
            case StepEvent(event=fields):
                for line in _lines(fields):
                    writer.line(line)
            case GapEvent(characters=characters):
                writer.line(f"[{characters} characters are left out]")
            case EndEvent():
                for line in _ending(event):
                    writer.line(line)
            case _:
                pass
    return writer.text()


def _lines(event: JsonObject) -> Iterator[str]:
    match event:
        case {"type": "tool-call", "tool_call": {"name": str(name), "input": str(arguments)}}:
            yield f"  {name}({arguments})"
        case {"type": "tool-result", "tool_result": {"result": result}}:
            yield f"  → {_shown(result)}"
        case {"type": "error", "error_string": str(problem)}:
            yield f"✗ {problem}"
        case {"type": "interrupt"}:
            yield "✗ cancelled"
        case _:
            pass


def _ending(end: EndEvent) -> Iterator[str]:
    for error in end.errors:
        yield f"{message_of(error)}{_at(error.place)}"
    tokens = f", {end.input_tokens} + {end.output_tokens} tokens" if end.output_tokens else ""
    cost = "" if end.cost_usd is None else f", ${end.cost_usd:.4f}"
    yield f"— {end.outcome} after {end.seconds:.1f} s{tokens}{cost}"


def _at(place: SourcePlace | None) -> str:
    return "" if place is None else f" ({place.file}:{place.line}:{place.column})"


def _shown(result: JsonValue) -> str:
    import json

    return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
