"""The bus inside one process: no copies of payloads, no polling, nothing lost while somebody listens."""

import asyncio
from collections import deque
from types import TracebackType
from typing import Final, Self

from geppetto.events.dead_letters import DeadLetter, DeadLetterLog
from geppetto.events.message import Batch, Message
from geppetto.events.retry import RetryPolicy
from geppetto.events.transports import Capabilities, TransportClosed, TransportError

# A reader whose queue never runs dry gives way to other tasks after this many messages.
_FAIR_SHARE: Final = 256


class MemoryTransport:
    """Delivers each message to every current subscriber of its topic, and waits for their acks.

    - A topic exists while it has a subscriber. A message to a topic without one is dropped.
    - A subscriber gets one message at a time. One that is slow delays the publisher, and nobody else.
    - A nacked message comes again after a pause, before any later one; after `retry.attempts`
      deliveries it becomes a dead letter and the publisher goes on.
    - Cancelling a `publish` takes nothing back: what was handed over is still delivered.
    - A task that publishes to the very topic it is reading does not wait for itself. Two readers that
      publish to each other and wait would wait for ever: use tasks of their own there.
    """

    capabilities = Capabilities(redelivers=True, one_in_flight=True, waits_for_acks=True, batches=True)

    def __init__(
        self, *, retry: RetryPolicy | None = None, dead_letters: DeadLetterLog | None = None
    ) -> None:
        self.retry = retry if retry is not None else RetryPolicy()
        self.dead_letters = dead_letters if dead_letters is not None else DeadLetterLog()
        self._topics: dict[str, list[MemorySubscription]] = {}
        self._closed = False

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that have a subscriber now."""
        return tuple(self._topics)

    async def publish(self, topic: str, *messages: Message) -> None:
        self._refuse_if_closed()
        subscriptions = self._topics.get(topic)
        if not subscriptions or not messages:
            return
        receipt = _Receipt()
        publishing_task = asyncio.current_task()
        for subscription in subscriptions:
            subscription.offer(messages, receipt, wait=subscription.reader is not publishing_task)
        await receipt.wait()

    def subscribe(self, topic: str, *, group: str | None = None) -> "MemorySubscription":
        self._refuse_if_closed()
        if group is not None:
            raise TransportError(
                "The memory bus keeps nothing, so it has no groups.",
                hint="Subscribe without a group, or choose a durable bus.",
            )
        return MemorySubscription(self, topic)

    @property
    def connected(self) -> bool:
        return not self._closed

    async def close(self) -> None:
        self._closed = True
        for subscription in [each for topic in self._topics.values() for each in topic]:
            await subscription.aclose()

    def attach(self, subscription: "MemorySubscription") -> None:
        """Start delivering; for subscriptions."""
        self._refuse_if_closed()
        self._topics.setdefault(subscription.topic, []).append(subscription)

    def detach(self, subscription: "MemorySubscription") -> None:
        """Stop delivering, and forget a topic that nobody reads any more; for subscriptions."""
        others = [each for each in self._topics.get(subscription.topic, ()) if each is not subscription]
        if others:
            # A new list, since `publish` may be iterating over the old one.
            self._topics[subscription.topic] = others
        else:
            self._topics.pop(subscription.topic, None)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise TransportClosed("The memory bus is closed.")


class MemorySubscription:
    """A reader's place in a topic. The messages being handled stay at the head of the queue."""

    def __init__(self, transport: MemoryTransport, topic: str) -> None:
        self.topic = topic
        self.reader: asyncio.Task[object] | None = None
        self._transport = transport
        self._queue: deque[_Delivery] = deque()
        self._head_taken = False
        self._failures = 0
        self._backoff: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._without_pause = 0
        self._closed = False

    async def __aenter__(self) -> Self:
        if not self._closed:
            self._transport.attach(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        head = await self._take_head()
        if head is None:
            raise StopAsyncIteration
        self._without_pause += 1
        return head.messages[head.settled].copy(self._settle)

    async def next_batch(self) -> Batch | None:
        head = await self._take_head()
        if head is None:
            return None
        batch = Batch(head.messages[head.settled : head.settled + _FAIR_SHARE])
        self._without_pause += len(batch)
        return batch

    def settle_batch(self, handled: int) -> None:
        if self._closed or not self._head_taken:
            return
        if handled:
            self._settled(handled)
        self._head_taken = False
        self._wake()

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._transport.detach(self)
        if self._backoff is not None:
            self._backoff.cancel()
        while self._queue:
            head = self._queue[0]
            self._settled(len(head.messages) - head.settled)
        self._wake()

    def offer(self, messages: tuple[Message, ...], receipt: "_Receipt", *, wait: bool) -> None:
        """Queue messages; the receipt is told when each is done with, if the publisher waits."""
        if wait:
            receipt.expect(len(messages))
        self._queue.append(_Delivery(messages, receipt if wait else None))
        self._wake()

    async def _take_head(self) -> "_Delivery | None":
        """Waits until there is something to give, and nothing given that is not settled; None at the end."""
        self.reader = asyncio.current_task()
        while not self._closed:
            if self._head_taken or not self._queue:
                await self._wait()
            elif self._without_pause >= _FAIR_SHARE:
                self._without_pause = 0
                await asyncio.sleep(0)
            else:
                self._head_taken = True
                return self._queue[0]
        return None

    def _settle(self, acked: bool) -> None:
        if self._closed:
            return
        if acked:
            self._settled(1)
            self._wake()
            return
        self._failures += 1
        pause = self._transport.retry.pause(self._failures)
        if pause is None:
            head = self._queue[0]
            message = head.messages[head.settled]
            self._transport.dead_letters.add(DeadLetter(self.topic, "", message, "nacked", self._failures))
            self._settled(1)
            self._wake()
        else:
            self._backoff = asyncio.get_running_loop().call_later(pause, self._offer_again)

    def _offer_again(self) -> None:
        self._backoff = None
        self._head_taken = False
        self._wake()

    def _settled(self, count: int) -> None:
        """That many messages of the head are done with."""
        head = self._queue[0]
        head.settled += count
        if head.settled == len(head.messages):
            self._queue.popleft()
        self._head_taken = False
        self._failures = 0
        if head.receipt is not None:
            head.receipt.done(count)

    async def _wait(self) -> None:
        self._without_pause = 0
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class _Delivery:
    """What one call of `publish` put into a queue, and how many of the messages are done with."""

    __slots__ = ("messages", "receipt", "settled")

    def __init__(self, messages: tuple[Message, ...], receipt: "_Receipt | None") -> None:
        self.messages = messages
        self.receipt = receipt
        self.settled = 0


class _Receipt:
    """Counts the deliveries that one call of `publish` still waits for."""

    __slots__ = ("_outstanding", "_waiter")

    def __init__(self) -> None:
        self._outstanding = 0
        self._waiter: asyncio.Future[None] | None = None

    def expect(self, deliveries: int) -> None:
        self._outstanding += deliveries

    def done(self, deliveries: int) -> None:
        self._outstanding -= deliveries
        if self._outstanding == 0 and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self) -> None:
        if self._outstanding:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
