"""What the calls of a script have put out, by their places in its text."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from geppetto.json_value import JsonObject
from geppetto.lsp.documents.text import Position
from geppetto.runs.protocol import DeltaEvent, EndEvent, RunEvent, SourcePlace, StepEvent, StepStartedEvent

_MAX_TEXT = 16 * 1024
_MAX_TOOLS = 50


@dataclass(slots=True)
class CallOutput:
    """What one call has put out; of a call in a loop, the last time.

    Attributes:
        name: the global that was called.
        place: where, in the text that runs.
        text: its end, if it is long.
        is_cut: whether it is.
        tools: calls of tools and their results, a line each.
        times: how often the call was made.
        seconds: None while it goes on.
        problem: why it has ended early.
    """

    name: str
    place: Position
    began: float
    times: int = 1
    text: str = ""
    is_cut: bool = False
    tools: list[str] = field(default_factory=list[str])
    tokens: int = 0
    seconds: float | None = None
    problem: str | None = None

    def add(self, delta: str) -> None:
        self._set(self.text + delta)

    def take(self, event: JsonObject) -> None:
        """Any event of its stream but the start and the deltas."""
        match event:
            case {"type": "tool-call", "tool_call": {"name": str(name), "input": str(arguments)}}:
                self._tool(f"{name}({arguments})")
            case {"type": "tool-result", "tool_result": {"result": result}}:
                self._tool(f"→ {result}")
            case {"type": "final", "text": str(text)}:
                self._end(event)
                self._set(text)
            case {"type": "error", "error_string": str(problem)}:
                self._end(event, problem)
            case {"type": "interrupt"}:
                self._end(event, "cancelled")
            case _:
                pass

    def stop(self) -> None:
        """The run is over."""
        if self.seconds is None:
            self.seconds = time.monotonic() - self.began
            self.problem = self.problem or "stopped"

    def _end(self, event: JsonObject, problem: str | None = None) -> None:
        self.seconds = time.monotonic() - self.began
        self.problem = problem
        match event:
            case {"meta": {"usage": {"output_tokens": int(tokens)}}}:
                self.tokens = tokens
            case _:
                pass

    def _tool(self, line: str) -> None:
        if len(self.tools) < _MAX_TOOLS:
            self.tools.append(line if len(line) <= 200 else line[:200] + "…")

    def _set(self, text: str) -> None:
        self.is_cut = self.is_cut or len(text) > _MAX_TEXT
        self.text = text[-_MAX_TEXT:]


class Outputs:
    """Those of one run.

    Args:
        is_here: whether a file is the script itself, and not something that it imports.
    """

    def __init__(self, is_here: Callable[[str], bool]) -> None:
        self._is_here = is_here
        self._by_place: dict[Position, CallOutput] = {}
        self._by_step: dict[str, CallOutput] = {}

    def __iter__(self) -> Iterator[CallOutput]:
        return iter(self._by_place.values())

    def take(self, event: RunEvent) -> bool:
        """Takes an event; returns whether anything has changed."""
        match event:
            case StepStartedEvent(place=SourcePlace() as place) if self._is_here(place.file):
                position = Position(place.line - 1, place.column - 1)
                before = self._by_place.get(position)
                times = 1 if before is None else before.times + 1
                output = CallOutput(event.name, position, time.monotonic(), times)
                self._by_place[position] = self._by_step[event.step_id] = output
            case DeltaEvent() if (output := self._by_step.get(event.step_id)) is not None:
                output.add(event.delta)
            case StepEvent() if (output := self._by_step.get(event.step_id)) is not None:
                output.take(event.event)
                if output.seconds is not None:
                    del self._by_step[event.step_id]
            case EndEvent():
                for output in self._by_step.values():
                    output.stop()
                self._by_step.clear()
            case _:
                return False
        return True
