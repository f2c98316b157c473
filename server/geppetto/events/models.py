"""What a step says while it runs: one discriminated union, the single definition of the wire form.

A step's stream is `start (partial | tool-call | tool-result)* (final | error | interrupt)`. Only the
delta of a partial travels; its `completion` is put together where it is read (see `accumulate`).
Fields marked optional are left out of the JSON when they are None.
"""

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from geppetto.errors import GeppettoError
from geppetto.events.wire import TERMINAL_TYPES

if TYPE_CHECKING:
    from geppetto.events.accumulate import Completion
    from geppetto.json_value import JsonObject, JsonValue
else:
    # The same type, in the form that pydantic can build a validator from.
    from pydantic import JsonValue

    JsonObject = dict[str, JsonValue]


def _is_none(value: object) -> bool:
    return value is None


_OMIT_NONE = Field(exclude_if=_is_none)


class _WireModel(BaseModel):
    # Unknown keys are ignored so that an older reader understands a newer writer.
    model_config = ConfigDict(strict=True, extra="ignore")


class Usage(_WireModel):
    """What a model call consumed: tokens, and `cost` in US dollars where it is known."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost: Annotated[float | None, _OMIT_NONE] = None


class EventMetadata(_WireModel):
    """The message an event belongs to and the model behind it."""

    message_id: str
    parent_id: str = ""
    engine: str = ""
    temperature: Annotated[float | None, _OMIT_NONE] = None
    top_p: Annotated[float | None, _OMIT_NONE] = None
    max_tokens: Annotated[int | None, _OMIT_NONE] = None
    usage: Annotated[Usage | None, _OMIT_NONE] = None
    stop_reason: Annotated[str | None, _OMIT_NONE] = None


class StepMetadata(_WireModel):
    """The step an event comes from. `meta` is free for whoever starts the step."""

    step_id: str
    type: str
    input_type: str = ""
    output_type: str = ""
    meta: JsonObject = Field(default_factory=dict)


class ToolCall(_WireModel):
    """A tool the model asked for. `input` is the model's raw text, which may not be JSON."""

    id: str
    name: str
    input: str


class ToolResult(_WireModel):
    """What a tool answered. `id` is that of the call."""

    id: str
    result: JsonValue = None
    is_error: Annotated[bool | None, _OMIT_NONE] = None


class CompletionUnknown(GeppettoError):
    """The text so far was asked of a partial event that no accumulator followed."""


class StartEvent(_WireModel):
    type: Literal["start"] = "start"
    meta: EventMetadata
    step: StepMetadata


class PartialEvent(_WireModel):
    """A piece of text. `delta` is the new piece only."""

    # A slot and not a private attribute: it takes no part in equality, copies or JSON, and costs
    # nothing when an event is made.
    __slots__ = ("_so_far",)

    type: Literal["partial"] = "partial"
    meta: EventMetadata
    step: StepMetadata
    delta: str

    @property
    def completion(self) -> str:
        """The text up to and including this delta, put together when it is read.

        Raises:
            CompletionUnknown: the event was made here, or decoded without an `Accumulator`.
        """
        so_far = self.bound_to()
        if so_far is None:
            raise CompletionUnknown(
                "The completion of this partial event is not known: no accumulator followed its stream.",
                hint="Pass each event of the stream through Accumulator.follow(), or read event.delta.",
            )
        completion, length = so_far
        return completion.text[:length]

    def bound_to(self) -> "tuple[Completion, int] | None":
        """The completion this delta is part of and its length in characters up to here, or None."""
        return getattr(self, "_so_far", None)

    def bind(self, completion: "Completion", length: int) -> None:
        """Say where this delta ends in a completion; for accumulators."""
        object.__setattr__(self, "_so_far", (completion, length))


class ToolCallEvent(_WireModel):
    type: Literal["tool-call"] = "tool-call"
    meta: EventMetadata
    step: StepMetadata
    tool_call: ToolCall


class ToolResultEvent(_WireModel):
    type: Literal["tool-result"] = "tool-result"
    meta: EventMetadata
    step: StepMetadata
    tool_result: ToolResult


class FinalEvent(_WireModel):
    """The step is done. `result` is its typed output where that is more than the text."""

    type: Literal["final"] = "final"
    meta: EventMetadata
    step: StepMetadata
    text: str
    result: Annotated[JsonValue, _OMIT_NONE] = None


class ErrorEvent(_WireModel):
    """The step failed. `code` is a snake-case kind, such as "rate_limit"."""

    type: Literal["error"] = "error"
    meta: EventMetadata
    step: StepMetadata
    error_string: str
    code: Annotated[str | None, _OMIT_NONE] = None


class InterruptEvent(_WireModel):
    """The step was cancelled. `text` is what had arrived until then."""

    type: Literal["interrupt"] = "interrupt"
    meta: EventMetadata
    step: StepMetadata
    text: str = ""


Event: TypeAlias = (
    StartEvent | PartialEvent | ToolCallEvent | ToolResultEvent | FinalEvent | ErrorEvent | InterruptEvent
)


def is_terminal(event: Event) -> bool:
    """Whether this event ends its step's stream."""
    return event.type in TERMINAL_TYPES
