"""Where a step runs."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from geppetto.json_value import JsonObject, JsonValue
from geppetto.steps.tools import ToolBox

if TYPE_CHECKING:
    from geppetto.events.codec import EncodedEvent


class EventSink(Protocol):
    """What a step publishes to; `PublisherManager` is one."""

    async def publish(self, *events: "EncodedEvent") -> None: ...


@dataclass(slots=True)
class StepContext:
    """Who hears a step's events, and what it may use.

    Attributes:
        step_id: the id in every event; a fresh UUID unless given.
        publisher: gets every event; None publishes only to the step's own topics.
        parent_id: the message this step answers, if any.
        tools: what a model may call.
        metadata: goes into the events as `step.meta`.
    """

    step_id: str = field(default_factory=lambda: str(uuid4()))
    publisher: EventSink | None = None
    parent_id: str = ""
    tools: ToolBox | None = None
    metadata: JsonObject = field(default_factory=dict[str, JsonValue])
