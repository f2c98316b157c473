"""What a run shows to whoever watches it: plain values, no behaviour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

ConsoleLevel = Literal["debug", "info", "log", "warn", "error"]


@dataclass(frozen=True, slots=True)
class Place:
    """A point in a source file; line and column count from 1, columns in UTF-16 units as V8 does."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class ConsoleLine:
    """One or more lines that the script printed at the same level; no newline at the end."""

    level: ConsoleLevel
    text: str


class StreamEvent(NamedTuple):
    """One event of a running step, in its wire form. (A tuple: made for every token, and frozen data classes are slow to make.)

    Attributes:
        step_id: the id of the started step.
        payload: the event as wire JSON (see geppetto.events.models).
        place: where in the user's source the step was started, if known.
        global_name: the global that was started, such as ``chatStep``.
    """

    step_id: str
    payload: bytes
    place: Place | None
    global_name: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something Geppetto itself has to say about the run, once."""

    text: str


Output: TypeAlias = ConsoleLine | StreamEvent | Notice
OutputSink: TypeAlias = Callable[[Output], None]
