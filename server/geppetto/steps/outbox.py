"""The way from a running step to its publishers: in order, in greedy batches, with back-pressure."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from geppetto.steps.context import EventSink

if TYPE_CHECKING:
    from geppetto.events.codec import EncodedEvent

logger = logging.getLogger(__name__)

MAX_BATCH = 256
"""Events in one publish call: larger batches gain little and delay the first event of each."""

MAX_PENDING = 1024
"""Events that may wait before the step is held back."""

MAX_PENDING_CHARACTERS = 4 * 1024 * 1024
"""Characters of deltas that may wait: a thousand deltas can be a thousand megabytes."""


class Outbox:
    """A queue of events with one consumer, `pump`, that publishes whatever has gathered since its last call.

    `put` never waits; a producer that should be held back awaits `room` when `full`.
    A publisher that fails is logged once and tried again with the next batch: a broken
    bus must neither stop the step nor keep it from ending.
    """

    def __init__(
        self, name: str, sinks: Sequence[EventSink], partial: "Callable[[str], EncodedEvent]"
    ) -> None:
        self._name = name
        self._sinks = sinks
        self._partial = partial
        self._pending: list[str | EncodedEvent] = []
        self._characters = 0
        self._closed = False
        self._work: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self.failure: Exception | None = None

    @property
    def full(self) -> bool:
        """Whether the producer should wait for `room` before it puts more."""
        return len(self._pending) >= MAX_PENDING or self._characters >= MAX_PENDING_CHARACTERS

    def put(self, item: "str | EncodedEvent", last: bool = False) -> None:
        """Queue an event, or a delta as a plain string, which is encoded only when it is published.

        After the `last` event, `pump` returns.
        """
        self._pending.append(item)
        if isinstance(item, str):
            self._characters += len(item)
        self._closed = self._closed or last
        if self._work is not None and not self._work.done():
            self._work.set_result(None)

    async def room(self) -> None:
        """Wait until the publishers have caught up."""
        while self.full:
            if self._room is None:
                self._room = asyncio.get_running_loop().create_future()
            # Shielded: several producers wait on the one future, and any of them may be cancelled.
            await asyncio.shield(self._room)

    async def pump(self) -> None:
        """Publish until the last event is out."""
        while True:
            while self._pending:
                batch = self._take()
                await self._publish(batch)
            if self._closed:
                return
            self._work = asyncio.get_running_loop().create_future()
            await self._work

    def _take(self) -> "list[EncodedEvent]":
        batch: list[EncodedEvent] = []
        for item in self._pending[:MAX_BATCH]:
            if isinstance(item, str):
                self._characters -= len(item)
                item = self._partial(item)
            batch.append(item)
        del self._pending[:MAX_BATCH]
        if self._room is not None and not self.full:
            self._room.set_result(None)
            self._room = None
        return batch

    async def _publish(self, batch: "list[EncodedEvent]") -> None:
        if not self._sinks:
            # The producer counts on `room` to let others run; without a sink nothing else would.
            await asyncio.sleep(0)
        for sink in self._sinks:
            try:
                await sink.publish(*batch)
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                self._report(RuntimeError("the publisher was cancelled"), error)
            except Exception as error:
                self._report(error, error)

    def _report(self, failure: Exception, cause: BaseException) -> None:
        if self.failure is None:
            self.failure = failure
            logger.error("%s: events could not be published: %r", self._name, failure, exc_info=cause)
        else:
            logger.debug("%s: another batch could not be published: %r", self._name, failure)
