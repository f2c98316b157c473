"""What a run's child and its supervisor say to each other, and what clients of a run are told.

The models are the single definition; the TypeScript types of the extension are made from them (see
``tests/house/typescript.py``). Field names are camelCase on the wire.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel

from geppetto.runtime.outcome import OutcomeKind
from geppetto.runtime.output import ConsoleLevel

if TYPE_CHECKING:
    from geppetto.json_value import JsonObject, JsonValue
else:
    # The same type, in the form that pydantic can build a validator from.
    from pydantic import JsonValue

    JsonObject = dict[str, JsonValue]

PROTOCOL_VERSION = 1


class Wire(BaseModel):
    """Base of all models here: camelCase on the wire, immutable, unknown fields ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        frozen=True,
    )


class SourcePlace(Wire):
    """A point in a source file; line and column count from 1, columns in UTF-16 units."""

    file: str
    line: int
    column: int


class CodeLines(Wire):
    """Some lines of a source around a place."""

    first_line: int
    lines: tuple[str, ...]


class StackFrame(Wire):
    """One call of a stack, in user code."""

    function: str
    place: SourcePlace


class RunError(Wire):
    """An error that made a run fail.

    Attributes:
        name: its class, such as ``TypeError``, or ``Limit``.
        message: what happened.
        context: how it reached the end of the script; empty for a plain throw.
        code: a stable name for programs, such as ``unhandled-rejection`` or ``limit.heap``.
        hint: what to do about it.
        place: where in the user's source.
        frames: the calls that led there, innermost first, user code only.
        code_frame: the source around the place.
        cause: the error this one was made from.
    """

    name: str
    message: str
    context: str = ""
    code: str | None = None
    hint: str | None = None
    place: SourcePlace | None = None
    frames: tuple[StackFrame, ...] = ()
    code_frame: CodeLines | None = None
    cause: RunError | None = None


class CassetteUse(Wire):
    """A file that keeps what models are asked in a run and what they answer, or that answers instead of them.

    Attributes:
        mode: whether it is made or played.
        path: of the file.
        pace: of the answers when it is played: as they were, or as fast as it goes.
    """

    mode: Literal["record", "replay"]
    path: str
    pace: Literal["live", "fast"] = "fast"


class RunRequest(Wire):
    """What to run.

    Attributes:
        path: where the script is, or would be; absolute.
        text: its text when it is not what the file says; None to read the file.
        root: the workspace; imports stay inside it. None for the script's folder.
        params: what the script reads as ``params``.
        profile: the settings' profile.
        limits: limits by their names in ``geppetto.runtime.limits.Limits``; null lifts one.
        cassette: recorded or played; its path is relative to the script's folder.
    """

    path: str
    text: str | None = None
    root: str | None = None
    params: dict[str, JsonValue] = Field(default_factory=dict)
    profile: str | None = None
    limits: dict[str, float | None] = Field(default_factory=dict)
    cassette: CassetteUse | None = None


# What is told of a run


class QueuedEvent(Wire):
    """The run waits until others have ended; ``ahead`` of it are that many that wait too."""

    kind: Literal["queued"] = "queued"
    ahead: int


class StartedEvent(Wire):
    """The run's process has taken the script. Told again when another worker begins the run anew."""

    kind: Literal["started"] = "started"
    pid: int


class ConsoleEvent(Wire):
    """The script printed something: one or more lines, without the last newline."""

    kind: Literal["console"] = "console"
    level: ConsoleLevel
    text: str


class NoticeEvent(Wire):
    """Geppetto has something to say about the run."""

    kind: Literal["notice"] = "notice"
    text: str


class StepStartedEvent(Wire):
    """A step was started; the events of its stream follow with the same step id.

    Attributes:
        name: the global that was started, such as ``chatStep``.
        place: the call in the user's source.
        event: the start event of the stream.
    """

    kind: Literal["step"] = "step"
    step_id: str
    name: str
    place: SourcePlace | None = None
    event: Annotated[JsonObject, Field(json_schema_extra={"tsType": "StartEvent"})]


class DeltaEvent(Wire):
    """Text of a step's stream: what came since the last one, several pieces joined."""

    kind: Literal["delta"] = "delta"
    step_id: str
    delta: str


class StepEvent(Wire):
    """Any other event of a step, in the wire form of events: tool calls and results, and the terminal one."""

    kind: Literal["event"] = "event"
    step_id: str
    event: Annotated[JsonObject, Field(json_schema_extra={"tsType": "LaterEvent"})]


class GapEvent(Wire):
    """Something was left out here, because its reader was far behind or the record is full.

    Text goes first: a step's terminal event, which has the whole text, is left out last.
    """

    kind: Literal["gap"] = "gap"
    characters: int
    events: int


class EndEvent(Wire):
    """The run is over; nothing follows. Steps without a terminal event ended with it.

    Attributes:
        outcome: ok, error (the script failed, or its process), limit (a limit stopped it), cancelled.
        errors: what went wrong, in order.
        seconds: from the start to the end.
        steps: how many were started.
        input_tokens: of all steps that reported usage.
        output_tokens: of all steps that reported usage.
        cost_usd: None if no step reported a cost.
    """

    kind: Literal["end"] = "end"
    outcome: OutcomeKind
    errors: tuple[RunError, ...] = ()
    seconds: float = 0.0
    steps: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None


RunEvent: TypeAlias = (
    QueuedEvent
    | StartedEvent
    | ConsoleEvent
    | NoticeEvent
    | StepStartedEvent
    | DeltaEvent
    | StepEvent
    | GapEvent
    | EndEvent
)
run_event: TypeAdapter[RunEvent] = TypeAdapter(Annotated[RunEvent, Field(discriminator="kind")])


# What only the child and its supervisor say


class Hello(Wire):
    """The child's first message: it is warm and waits for a request."""

    kind: Literal["hello"] = "hello"
    protocol: int
    version: str
    pid: int


class Bounds(Wire):
    """The child's second: it has taken the request; the limits its supervisor keeps from outside.

    Attributes:
        memory_bytes: the process's; None for no limit.
        unused_bytes: mapped and not used when the script started (see ``process.bound_memory``).
        wall_seconds: of the run; None for no limit.
    """

    kind: Literal["bounds"] = "bounds"
    memory_bytes: int | None = None
    unused_bytes: int = 0
    wall_seconds: float | None = None


class Run(Wire):
    """The supervisor's first message.

    Attributes:
        settings_folder: where the settings are looked for, upwards; None for the script's folder.
    """

    kind: Literal["run"] = "run"
    request: RunRequest
    settings_folder: str | None = None


class Cancel(Wire):
    """The supervisor's second, if any: interrupt the streams and end."""

    kind: Literal["cancel"] = "cancel"


ChildMessage: TypeAlias = (
    Hello | Bounds | ConsoleEvent | NoticeEvent | StepStartedEvent | DeltaEvent | StepEvent | EndEvent
)
child_message: TypeAdapter[ChildMessage] = TypeAdapter(Annotated[ChildMessage, Field(discriminator="kind")])


# What only a nursery says, to its supervisor (see ``geppetto.runs.nursery``)


class Forked(Wire):
    """The answer to a request, with a descriptor of the process beside it (``pidfd_open(2)``)."""

    kind: Literal["forked"] = "forked"
    pid: int


class NotForked(Wire):
    """The other answer: the system, or the nursery, refused."""

    kind: Literal["notForked"] = "notForked"
    reason: str


class Exited(Wire):
    """A process that it forked is gone; ``code`` is as ``subprocess`` tells it."""

    kind: Literal["exited"] = "exited"
    pid: int
    code: int


class Grown(Wire):
    """It has imported more: processes that it forks from now on start with that."""

    kind: Literal["grown"] = "grown"


NurseryMessage: TypeAlias = Forked | NotForked | Exited | Grown
nursery_message: TypeAdapter[NurseryMessage] = TypeAdapter(
    Annotated[NurseryMessage, Field(discriminator="kind")]
)
