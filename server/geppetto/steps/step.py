"""A step: something that takes an input, streams events, and gives a value."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from geppetto.json_value import JsonValue
from geppetto.steps.context import EventSink, StepContext
from geppetto.steps.result import StepResult

if TYPE_CHECKING:
    from geppetto.events.models import EventMetadata
    from geppetto.events.publisher import Publisher, PublisherManager
    from geppetto.steps.run import StepRun

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out")


class Step(ABC, Generic[In, Out]):
    """Base of all steps. A subclass names its types and writes `run`; it can be started any number of times.

    Whatever `run` does, its stream is `start (partial | tool-call | tool-result)* (final | error |
    interrupt)`: one terminal event, nothing after it, and the deltas make up the final text.

        class Shout(Step[str, str]):
            type = "shout"
            input_type = output_type = "string"

            async def run(self, run: StepRun, input: str) -> str:
                for word in input.split(" "):
                    await run.partial(word.upper() + " ")
                return run.text
    """

    type: ClassVar[str]
    input_type: ClassVar[str]
    output_type: ClassVar[str]

    _topics: "PublisherManager | None" = None

    @abstractmethod
    async def run(self, run: "StepRun", input: In) -> Out:
        """Do the work. An exception becomes the error event, a cancellation the interrupt."""

    def describe(self) -> "EventMetadata":
        """Metadata of a new run: overridden to name the engine and its parameters. Must not fail."""
        from uuid import uuid4

        from geppetto.events.models import EventMetadata

        return EventMetadata(message_id=str(uuid4()), engine=self.type)

    def final_text(self, value: Out) -> str:
        """The text of the final event, when nothing was streamed."""
        return str(value)

    def final_result(self, value: Out) -> JsonValue:
        """The typed value in the final event; None where the text is the value."""
        return None

    def add_published_topic(self, publisher: "Publisher", topic: str) -> None:
        """Publish the events of every later run to this topic too."""
        if self._topics is None:
            from geppetto.events.publisher import PublisherManager

            self._topics = PublisherManager()
        self._topics.register_publisher(topic, publisher)

    def start(self, ctx: StepContext, input: In) -> StepResult[Out]:
        """Start a run in the current event loop. Does not block, and fails only through its result.

        Raises:
            RuntimeError: no event loop is running.
        """
        from geppetto.events.models import StepMetadata
        from geppetto.steps.run import StepRun

        sinks: list[EventSink] = [sink for sink in (ctx.publisher, self._topics) if sink is not None]
        meta = self.describe()
        meta.parent_id = ctx.parent_id
        step = StepMetadata(
            step_id=ctx.step_id,
            type=self.type,
            input_type=self.input_type,
            output_type=self.output_type,
            meta=dict(ctx.metadata),
        )
        run = StepRun(ctx, meta, step, sinks)
        return StepResult(run, self.run(run, input), self._finish)

    def _finish(self, run: "StepRun", value: Out) -> None:
        text = run.text or self.final_text(value)
        run.send_final(text, self.final_result(value))
