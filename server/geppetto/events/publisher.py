"""From a step to every topic that listens to it."""

import asyncio
import logging
from typing import Protocol

from geppetto.errors import GeppettoError
from geppetto.events.codec import EncodedEvent, encode
from geppetto.events.message import Message
from geppetto.events.models import Event
from geppetto.events.wire import EVENT_TYPE, SEQUENCE_NUMBER, STEP_ID

logger = logging.getLogger(__name__)


class Publisher(Protocol):
    """Anything that takes messages for a topic; every transport does."""

    async def publish(self, topic: str, *messages: Message) -> None: ...


class PublishError(GeppettoError):
    """Some publishers did not take the events. The others did.

    Attributes:
        failures: what each of the failing publishers raised, by topic.
    """

    def __init__(self, failures: list[tuple[str, Exception]]) -> None:
        places = "; ".join(f"{topic}: {error}" for topic, error in failures)
        super().__init__(f"Events could not be published to {places}")
        self.failures = failures


class PublisherManager:
    """Publishes events to any number of topics, each through any number of publishers.

    Each event gets the next `sequence_number`, counted from 0 without gaps in the order of the
    calls, the same on every topic. Events with no publisher to go to are counted and dropped.
    """

    def __init__(self) -> None:
        self._targets: list[tuple[str, Publisher]] = []
        self._next_number = 0

    def register_publisher(self, topic: str, publisher: Publisher) -> None:
        """Send every later event to this topic too. Doing so twice changes nothing."""
        if not self._registered(topic, publisher):
            self._targets.append((topic, publisher))

    def unregister(self, topic: str, publisher: Publisher | None = None) -> None:
        """Stop sending to a topic, through this publisher or through all of them."""
        self._targets = [
            (name, target)
            for name, target in self._targets
            if name != topic or (publisher is not None and target is not publisher)
        ]

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that have a publisher, in the order in which they came."""
        return tuple(dict.fromkeys(topic for topic, _ in self._targets))

    async def publish(self, *events: Event | EncodedEvent) -> None:
        """Publish events, in order; returns when every publisher has taken them all.

        With the memory transport this means that every subscriber has acknowledged them. Many events in one
        call are much cheaper than one call for each.

        Raises:
            PublishError: after all publishers were tried, if any failed.
        """
        messages = self._messages(events)
        # Everything up to here, and the first step of each publish below, runs without giving way,
        # so that calls made at the same time keep their order on a transport that queues at once.
        targets = self._targets
        if len(targets) == 1:
            topic, publisher = targets[0]
            try:
                await publisher.publish(topic, *messages)
            except Exception as error:
                raise PublishError([(topic, error)]) from error
        elif targets:
            outcomes = await asyncio.gather(
                *(publisher.publish(topic, *messages) for topic, publisher in targets),
                return_exceptions=True,
            )
            failures = [
                (topic, outcome if isinstance(outcome, Exception) else RuntimeError("cancelled"))
                for (topic, _), outcome in zip(targets, outcomes, strict=True)
                if outcome is not None
            ]
            if failures:
                raise PublishError(failures) from failures[0][1]

    async def publish_blind(self, *events: Event | EncodedEvent) -> None:
        """As `publish`, for a sender that has to go on whatever happens: errors are logged."""
        try:
            await self.publish(*events)
        except PublishError:
            logger.exception("Events were lost on some topics")

    def _messages(self, events: tuple[Event | EncodedEvent, ...]) -> list[Message]:
        number = self._next_number
        self._next_number = number + len(events)
        if not self._targets:
            return []
        messages: list[Message] = []
        for event in events:
            if isinstance(event, EncodedEvent):
                payload, event_type, step_id = event
            else:
                payload, event_type, step_id = encode(event), event.type, event.step.step_id
            metadata = {SEQUENCE_NUMBER: str(number), STEP_ID: step_id, EVENT_TYPE: event_type}
            messages.append(Message(payload, metadata))
            number += 1
        return messages

    def _registered(self, topic: str, publisher: Publisher) -> bool:
        return any(name == topic and target is publisher for name, target in self._targets)
