"""A step around another one."""

from typing import TYPE_CHECKING, Any

from geppetto.steps.context import EventSink
from geppetto.steps.step import Step

if TYPE_CHECKING:
    from geppetto.events.codec import EncodedEvent
    from geppetto.steps.cassettes.recording import Tape
    from geppetto.steps.run import StepRun


class StartedStep(Step[Any, Any]):
    """A step that decides in `start` which other step it is; that one is run."""

    type = "wrapped"
    input_type = "unknown"
    output_type = "unknown"

    async def run(self, run: "StepRun", input: Any) -> Any:
        raise RuntimeError("start() starts another step: this one is never run")

    def _hand_topics(self, step: Step[Any, Any]) -> None:
        """Let another step publish to the topics that were added to this one."""
        if self._topics is not None:
            step._topics = self._topics


class TapingSink:
    """Takes events for a tape on their way to where they go."""

    def __init__(self, sink: EventSink | None, tape: "Tape") -> None:
        self._sink = sink
        self._tape = tape

    async def publish(self, *events: "EncodedEvent") -> None:
        # First: a listener that fails must not leave a hole in the recording.
        self._tape.take(events)
        if self._sink is not None:
            await self._sink.publish(*events)
