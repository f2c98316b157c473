"""What a run's view shows, put together from its events: steps, their text and tool calls, output, figures.

Plain data, without a screen: `RunView.take` is given every event, in order.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast

from geppetto.json_value import JsonObject, JsonValue
from geppetto.runs.protocol import (
    ConsoleEvent,
    DeltaEvent,
    EndEvent,
    GapEvent,
    NoticeEvent,
    QueuedEvent,
    RunError,
    RunEvent,
    SourcePlace,
    StartedEvent,
    StepEvent,
    StepStartedEvent,
)

StepState: TypeAlias = Literal["running", "final", "error", "interrupt"]


@dataclass
class ToolView:
    """A call of a tool; `result` is None until it came."""

    name: str
    input: str
    result: str | None = None
    is_error: bool = False


@dataclass
class StepView:
    """One stream. `pieces` are the deltas, `seen` how many of them were shown already."""

    id: str
    name: str
    place: SourcePlace | None
    engine: str
    state: StepState = "running"
    pieces: list[str] = field(default_factory=list[str])
    tools: dict[str, ToolView] = field(default_factory=dict[str, ToolView])
    events: int = 1
    error: str = ""
    tokens: str = ""

    @property
    def text(self) -> str:
        """All that came so far."""
        if len(self.pieces) > 1:
            self.pieces[:] = ("".join(self.pieces),)
        return self.pieces[0] if self.pieces else ""

    @property
    def title(self) -> str:
        """A line for lists: how it stands, what it is, where it was started."""
        sign = {"running": "●", "final": "✓", "error": "✗", "interrupt": "■"}[self.state]
        where = f" :{self.place.line}" if self.place else ""
        engine = f" {self.engine}" if self.engine and self.engine != self.name else ""
        return f"{sign} {self.name}{where}{engine}{self.tokens}"


@dataclass
class RunView:
    """A run as far as it came.

    Attributes:
        output: lines for the log: what kind (a console level, notice, stream) and the text; taken by who shows them.
        changed: ids of the steps that changed since who shows them looked, in the order of their changes.
    """

    state: str = "starting"
    steps: dict[str, StepView] = field(default_factory=dict[str, StepView])
    output: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    changed: dict[str, None] = field(default_factory=dict[str, None])
    end: EndEvent | None = None

    def take(self, event: RunEvent) -> None:
        """Follows an event of the run."""
        match event:
            case QueuedEvent(ahead=ahead):
                self.state = f"waits, {ahead} before it"
            case StartedEvent():
                self.state = "runs"
            case ConsoleEvent(level=level, text=text):
                self.output.append((level, text))
            case NoticeEvent(text=text):
                self.output.append(("notice", text))
            case GapEvent(characters=characters, events=events):
                self.output.append(("notice", f"… {characters} characters and {events} events are left out"))
            case StepStartedEvent(step_id=step_id, name=name, place=place, event=started):
                self.steps[step_id] = StepView(
                    step_id, name, place, _text(_object(started, "meta"), "engine")
                )
                self.changed[step_id] = None
            case DeltaEvent(step_id=step_id, delta=delta):
                if (step := self.steps.get(step_id)) is not None:
                    step.pieces.append(delta)
                    step.events += 1
                    self.changed[step_id] = None
            case StepEvent(step_id=step_id, event=later):
                if (step := self.steps.get(step_id)) is not None:
                    _follow(step, later)
                    self.changed[step_id] = None
            case EndEvent():
                self.end = event
                self.state = {
                    "ok": "done", "error": "failed", "limit": "stopped by a limit", "cancelled": "cancelled",
                }[event.outcome]  # fmt: skip
                self.output += [("error", _error_text(error)) for error in event.errors]


def _follow(step: StepView, event: JsonObject) -> None:
    step.events += 1
    match event.get("type"):
        case "tool-call":
            call = _object(event, "tool_call")
            step.tools[_text(call, "id")] = ToolView(_text(call, "name"), _text(call, "input"))
        case "tool-result":
            result = _object(event, "tool_result")
            if (tool := step.tools.get(_text(result, "id"))) is not None:
                value = result.get("result")
                tool.result = value if isinstance(value, str) else str(value)
                tool.is_error = result.get("is_error") is True
        case "final" | "error" | "interrupt" as kind:
            step.state = kind
            step.error = _text(event, "error_string")
            if not step.pieces and (whole := _text(event, "text")):
                step.pieces.append(whole)
            usage = _object(_object(event, "meta"), "usage")
            if usage:
                step.tokens = f" {usage.get('input_tokens', 0)}+{usage.get('output_tokens', 0)} tok"
        case _:
            pass


def _error_text(error: RunError) -> str:
    where = f"\n    at {error.place.file}:{error.place.line}:{error.place.column}" if error.place else ""
    hint = f"\n    {error.hint}" if error.hint else ""
    return f"{error.name}: {error.message}{where}{hint}"


def _object(value: JsonObject, key: str) -> JsonObject:
    found: JsonValue = value.get(key)
    return found if isinstance(found, dict) else {}


def _text(value: JsonObject, key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else "" if found is None else str(cast(object, found))
