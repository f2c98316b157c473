"""End events: of what a script's engine tells, and of the ways a child process can end without telling."""

from __future__ import annotations

from geppetto.runs.protocol import CodeLines, EndEvent, RunError, SourcePlace, StackFrame
from geppetto.runtime.errors import ScriptError, limit_error
from geppetto.runtime.outcome import OutcomeKind, RunOutcome
from geppetto.runtime.output import Place


def end_of(outcome: RunOutcome) -> EndEvent:
    """The end event of a run that the engine brought to its end."""
    return EndEvent(
        outcome=outcome.kind,
        errors=tuple(map(run_error, outcome.errors)),
        seconds=round(outcome.seconds, 6),
        steps=outcome.steps,
        input_tokens=outcome.input_tokens,
        output_tokens=outcome.output_tokens,
        cost_usd=outcome.cost_usd,
    )


def failure(message: str, *, code: str, hint: str | None = None, outcome: OutcomeKind = "error") -> EndEvent:
    """The end event of a run that its process could not bring to an end."""
    return EndEvent(
        outcome=outcome, errors=(RunError(name="RunError", message=message, code=code, hint=hint),)
    )


def limit(name: str, message: str) -> EndEvent:
    """The end event of a run that was stopped from outside at a limit."""
    return EndEvent(outcome="limit", errors=(run_error(limit_error(name, message)),))


def run_error(error: ScriptError) -> RunError:
    """A script's error in its wire form."""
    code = error.code_frame
    return RunError(
        name=error.name,
        message=error.message,
        context=error.context,
        code=error.code,
        hint=error.hint,
        place=None if error.place is None else source_place(error.place),
        frames=tuple(
            StackFrame(function=frame.function, place=source_place(frame.place)) for frame in error.frames
        ),
        code_frame=None if code is None else CodeLines(first_line=code.first_line, lines=code.lines),
        cause=None if error.cause is None else run_error(error.cause),
    )


def source_place(place: Place) -> SourcePlace:
    """A place in its wire form."""
    return SourcePlace(file=place.file, line=place.line, column=place.column)
