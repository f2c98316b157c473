"""Playing a recording as the events of a run."""

import asyncio
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from geppetto.json_value import JsonValue
from geppetto.steps.cassettes.recording import CassetteError, Recording
from geppetto.steps.errors import StepError
from geppetto.steps.step import Step
from geppetto.steps.tools import ToolUse

if TYPE_CHECKING:
    from geppetto.events.models import Event, EventMetadata, FinalEvent, ToolCallEvent, ToolResultEvent
    from geppetto.steps.run import StepRun

Pace: TypeAlias = Literal["live", "fast"]

_OF_THE_RUN = ("message_id", "parent_id")


class RecordedError(StepError):
    """The error with which the recorded step ended."""

    def __init__(self, message: str, code: str | None) -> None:
        # The recorded message has its hint in it.
        super().__init__(message, hint="")
        self._code = code

    @property
    def code(self) -> str:
        return self._code or super().code


class PlaybackStep(Step[Any, Any]):
    """Plays one recording: the same events at the pace of the recording (`live`), or as fast as it goes.

    Where the recorded step called tools that the context has, these are really called, and must give what they
    gave when the recording was made: what the model says next was its answer to that.
    """

    type = "playback"
    input_type = "unknown"
    output_type = "unknown"

    def __init__(self, recording: Recording, pace: Pace) -> None:
        self._recording = recording
        self._pace: Pace = pace
        self._end: FinalEvent | None = None
        step = recording.events[0][1].step
        # On the object: a recording may be of a step of any type.
        self.type, self.input_type, self.output_type = step.type, step.input_type, step.output_type  # type: ignore[misc]

    def describe(self) -> "EventMetadata":
        meta = super().describe()
        recorded = self._recording.events[0][1].meta
        return recorded.model_copy(update={"message_id": meta.message_id})

    async def run(self, run: "StepRun", input: Any) -> Any:
        self._end = await play(run, self._recording, self._pace)
        if self.output_type != "Message":
            return self._end.text if self._end.result is None else self._end.result
        from geppetto.conversation.models import ChatMessage

        return ChatMessage(
            id=run.meta.message_id, parent_id=run.ctx.parent_id, role="assistant", text=self._end.text
        )

    def final_text(self, value: Any) -> str:
        return self._end.text if self._end else ""

    def final_result(self, value: Any) -> JsonValue:
        return self._end.result if self._end else None


async def play(run: "StepRun", recording: Recording, pace: Pace) -> "FinalEvent":
    """Send the recorded events after the first, up to the final one, which is returned for the run to send.

    Raises:
        RecordedError: the recorded step failed.
        CancelledError: it was cancelled.
        CassetteError: a tool gave something else than when the recording was made.
    """
    clock = _Clock(pace)
    events = recording.events
    place = 1
    while True:
        at, event = events[place]
        await clock.wait(at)
        _take_metadata(run, event)
        place += 1
        match event.type:
            case "partial":
                await run.partial(event.delta)
            case "tool-call":
                calls, results = _group(events, place - 1)
                place += len(calls) - 1
                if _are_here(run, calls) and len(results) == len(calls):
                    place += len(results)
                    await _call_tools(run, calls, results)
                    clock.reset(events[place - 1][0])
                else:
                    for call in calls:
                        await run.tool_call(call.tool_call.id, call.tool_call.name, call.tool_call.input)
            case "tool-result":
                result = event.tool_result
                await run.tool_result(result.id, result.result, bool(result.is_error))
            case "final":
                return event
            case "error":
                raise RecordedError(event.error_string, event.code)
            case "interrupt":
                raise asyncio.CancelledError
            case "start":
                raise AssertionError("checked when it was read")


class _Clock:
    """Waits until an event is due; at the fast pace, everything is."""

    def __init__(self, pace: Pace) -> None:
        self._live = pace == "live"
        self._zero = asyncio.get_running_loop().time()

    async def wait(self, at: float) -> None:
        if self._live:
            await asyncio.sleep(max(0.0, self._zero + at - asyncio.get_running_loop().time()))

    def reset(self, at: float) -> None:
        """Say that it is now as it was then: tools take the time they take today."""
        self._zero = asyncio.get_running_loop().time() - at


def _take_metadata(run: "StepRun", event: "Event") -> None:
    if event.type == "partial":
        return
    for name in type(event.meta).model_fields:
        if name not in _OF_THE_RUN:
            setattr(run.meta, name, getattr(event.meta, name))


def _group(
    events: "list[tuple[float, Event]]", place: int
) -> "tuple[list[ToolCallEvent], dict[str, ToolResultEvent]]":
    """The calls made together from here on, and the results that follow them."""
    calls: list[ToolCallEvent] = []
    results: dict[str, ToolResultEvent] = {}
    for _, event in events[place:]:
        if event.type == "tool-call" and not results:
            calls.append(event)
        elif event.type == "tool-result":
            results[event.tool_result.id] = event
        else:
            break
    return calls, results


def _are_here(run: "StepRun", calls: "list[ToolCallEvent]") -> bool:
    defined = {tool.name for tool in run.ctx.tools.definitions()} if run.ctx.tools else set[str]()
    return any(call.tool_call.name in defined for call in calls)


async def _call_tools(
    run: "StepRun", calls: "list[ToolCallEvent]", results: "dict[str, ToolResultEvent]"
) -> None:
    from geppetto.steps.tool_calls import answer_tool_calls

    uses = [ToolUse(call.tool_call.id, call.tool_call.name, call.tool_call.input) for call in calls]
    for outcome in await answer_tool_calls(run, run.ctx.tools, uses):
        recorded = results[outcome.use.id].tool_result
        if outcome.result == recorded.result and outcome.is_error == bool(recorded.is_error):
            continue
        from geppetto.steps.cassettes.difference import differences

        differs = "; ".join(differences({"result": recorded.result}, {"result": outcome.result})) or (
            "it failed" if outcome.is_error else "it did not fail"
        )
        raise CassetteError(
            f"the tool {outcome.use.name} did not give what it gave when this was recorded: {differs}",
            hint="Record again, or let the tool give the same for the same arguments.",
        )
