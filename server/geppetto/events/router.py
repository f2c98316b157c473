"""Connects topics to handlers, and gives up on a message only where a person can see it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, cast

from geppetto.errors import GeppettoError
from geppetto.events.dead_letters import DeadLetter, DeadLetterLog
from geppetto.events.message import Batch, BatchHandler, Message, MessageHandler
from geppetto.events.retry import RetryPolicy, Undeliverable
from geppetto.events.transports import BatchSubscription, Subscription, Transport
from geppetto.events.transports.memory import MemoryTransport
from geppetto.events.wire import EVENT_TYPE, TERMINAL_TYPES, chat_topic, step_topic

if TYPE_CHECKING:
    from geppetto.events.dispatch import ChatEventHandler

logger = logging.getLogger(__name__)


class RouterError(GeppettoError):
    """The router cannot do what was asked."""


class PublishingStep(Protocol):
    """A step that can be told where to publish."""

    def add_published_topic(self, publisher: Transport, topic: str) -> None: ...


def is_last_of_step(message: Message) -> bool:
    """Whether this message carries the terminal event of a step; told without decoding it."""
    return message.metadata.get(EVENT_TYPE) in TERMINAL_TYPES


class EventRouter:
    """Runs handlers on topics.

    Each handler has its own subscription and its own task: it gets one message at a time, in order,
    and delays nobody else. A message is acked when its handler returns. When the handler raises, it
    is tried again after a pause (`retry`); after the last try it goes to `dead_letters` and is acked.

    Use it as `async with EventRouter() as router:`, or run `router.run()` in a task. Handlers may be
    added before that and at any time while it runs.

    Args:
        transport: the bus, which stays the caller's to close; None makes a memory bus of its own.
        retry: how often a failing handler is tried, unless it brings a policy of its own.
        dead_letters: where given-up messages go.
        grace: seconds that a handler may go on with its message when it is removed, before it is
            cancelled.
    """

    def __init__(
        self,
        transport: Transport | None = None,
        *,
        retry: RetryPolicy | None = None,
        dead_letters: DeadLetterLog | None = None,
        grace: float = 5.0,
    ) -> None:
        self.dead_letters = dead_letters if dead_letters is not None else DeadLetterLog()
        self.transport = (
            transport if transport is not None else MemoryTransport(dead_letters=self.dead_letters)
        )
        self.grace = grace
        self._owns_transport = transport is None
        self._retry = retry if retry is not None else RetryPolicy()
        self._handles: dict[str, HandlerHandle] = {}
        self._starting = False
        self._started = asyncio.Event()
        self._closing = False
        self._closed = asyncio.Event()
        self._failure: BaseException | None = None
        self._names = 0

    @property
    def running(self) -> bool:
        """Whether every handler that was added receives messages."""
        return self._started.is_set() and not self._closing

    @property
    def handlers(self) -> tuple[str, ...]:
        """The names of the handlers there are now."""
        return tuple(self._handles)

    async def add_handler(
        self,
        name: str | None,
        topic: str,
        handler: MessageHandler,
        *,
        retry: RetryPolicy | None = None,
        until: Callable[[Message], bool] | None = None,
    ) -> "HandlerHandle":
        """Call `handler` with every message on a topic; it has effect when this returns.

        Args:
            name: for logs and dead letters, unique in this router; None makes one from the topic.
            topic: the topic's exact name.
            handler: plain or async. Wrap with `dispatch.on_events` to get events.
            retry: instead of the router's policy.
            until: the handler is removed after the first message of which this is true.

        Raises:
            RouterError: the name is taken, or the router was closed.
        """
        name = self._free_name(name, topic)
        return await self._add(HandlerHandle(self, name, topic, handler, retry or self._retry, until=until))

    async def add_batch_handler(
        self, name: str | None, topic: str, handler: BatchHandler, *, retry: RetryPolicy | None = None
    ) -> "HandlerHandle":
        """Call `handler` with the messages on a topic, all that wait at a time.

        As `add_handler`, for handlers whose own work is so small that a call for each message would be most of
        it. When it raises, the message it was at is tried again, alone, as with any handler, before later ones.

        Raises:
            RouterError: the name is taken, or the router was closed.
        """

        def one(message: Message) -> Awaitable[None] | None:
            return handler(Batch((message,)))

        name = self._free_name(name, topic)
        return await self._add(HandlerHandle(self, name, topic, one, retry or self._retry, batch=handler))

    async def add_step_handler(
        self, step_id: str, handler: MessageHandler, *, retry: RetryPolicy | None = None
    ) -> "HandlerHandle":
        """Handle the stream of one step, and be gone when its terminal event has been handled."""
        return await self.add_handler(None, step_topic(step_id), handler, retry=retry, until=is_last_of_step)

    async def register_chat_event_handler(
        self, step: PublishingStep, session_id: str, handler: "ChatEventHandler"
    ) -> "HandlerHandle":
        """Make a step publish to the topic of a chat session, and handle what it says there."""
        from geppetto.events.dispatch import on_chat_events

        topic = chat_topic(session_id)
        handle = await self.add_handler(None, topic, on_chat_events(handler))
        step.add_published_topic(self.transport, topic)
        return handle

    async def publish(self, topic: str, *messages: Message) -> None:
        """Publish on the router's transport."""
        await self.transport.publish(topic, *messages)

    async def start(self) -> None:
        """Subscribe every handler; returns when all receive.

        Raises:
            RouterError: it was started or closed before.
        """
        if self._closing or self._starting:
            raise RouterError("A router is started once.", hint="Make a new EventRouter.")
        # From here on a handler that is added starts itself.
        self._starting = True
        try:
            for handle in tuple(self._handles.values()):
                await handle.start()
        except BaseException:
            await self.close()
            raise
        self._started.set()

    async def run(self) -> None:
        """Start, and return when the router was closed; cancelling this closes it.

        Raises:
            Exception: what the bus raised, if reading from it failed.
        """
        await self.start()
        try:
            await self._closed.wait()
        finally:
            await self.close()
        if self._failure is not None:
            raise self._failure

    async def wait_running(self) -> None:
        """Return when the router is running."""
        await self._started.wait()

    async def close(self) -> None:
        """Remove every handler, and close the bus if the router made it. May be repeated."""
        if self._closing:
            return
        self._closing = True
        caller = asyncio.current_task()
        try:
            await asyncio.gather(*(handle.stop(caller) for handle in tuple(self._handles.values())))
            if self._owns_transport:
                await self.transport.close()
        finally:
            self._closed.set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def forget(self, handle: "HandlerHandle") -> None:
        """Free the handler's name; for handles."""
        if self._handles.get(handle.name) is handle:
            del self._handles[handle.name]

    def fail(self, handle: "HandlerHandle", error: Exception) -> None:
        """The bus broke under a handler: end `run` with the reason; for handles."""
        logger.error("Handler %s stopped, since reading %s failed", handle.name, handle.topic, exc_info=error)
        if self._failure is None:
            self._failure = error
        self._closed.set()

    async def _add(self, handle: "HandlerHandle") -> "HandlerHandle":
        self._handles[handle.name] = handle
        if self._starting:
            await handle.start()
        return handle

    def _free_name(self, name: str | None, topic: str) -> str:
        if self._closing:
            raise RouterError(f"The router is closed, so {name or topic} cannot be handled.")
        if name is not None:
            if name in self._handles:
                raise RouterError(f"There is a handler named {name!r} already.", hint="Choose another name.")
            return name
        if topic not in self._handles:
            return topic
        self._names += 1
        return f"{topic}#{self._names}"


class HandlerHandle:
    """One handler on one topic."""

    def __init__(
        self,
        router: EventRouter,
        name: str,
        topic: str,
        handler: MessageHandler,
        retry: RetryPolicy,
        *,
        until: Callable[[Message], bool] | None = None,
        batch: BatchHandler | None = None,
    ) -> None:
        self.name = name
        self.topic = topic
        self._router = router
        self._handler = handler
        self._retry = retry
        self._until = until
        self._batch = batch
        self._subscription: Subscription | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    @property
    def removed(self) -> bool:
        return self._stopping.is_set()

    async def remove(self) -> None:
        """Stop handling; messages that wait for this handler are dropped.

        Returns when the message it is working on is done, or was cancelled after the router's grace.
        May be called from the handler itself, which then finishes undisturbed, and may be repeated.
        """
        await self.stop(asyncio.current_task())

    async def start(self) -> None:
        """Subscribe and begin; for the router."""
        if self._subscription is not None or self._stopping.is_set():
            return
        try:
            self._subscription = self._router.transport.subscribe(self.topic)
            await self._subscription.__aenter__()
        except BaseException:
            self._router.forget(self)
            raise
        if self._stopping.is_set():
            await self._subscription.aclose()
        else:
            self._task = asyncio.create_task(self._consume(self._subscription), name=f"handler {self.name}")

    async def stop(self, caller: "asyncio.Task[object] | None") -> None:
        """As `remove`, on behalf of a task; for the router."""
        self._stopping.set()
        self._router.forget(self)
        if self._subscription is not None:
            await self._subscription.aclose()
        task = self._task
        if task is None or task is caller or task.done():
            return
        _, pending = await asyncio.wait({task}, timeout=self._router.grace)
        if pending:
            logger.warning("Handler %s was cancelled: it took longer than %gs", self.name, self._router.grace)
            task.cancel()
            _, pending = await asyncio.wait({task}, timeout=self._router.grace)
            if pending:
                logger.error("Handler %s does not stop even though it was cancelled", self.name)

    async def _consume(self, subscription: Subscription) -> None:
        try:
            if self._batch is not None and self._router.transport.capabilities.batches:
                await self._batches(cast(BatchSubscription, subscription), self._batch)
            else:
                await self._messages(subscription)
        except Exception as error:
            self._router.fail(self, error)
        finally:
            self._stopping.set()
            self._router.forget(self)
            await subscription.aclose()

    async def _messages(self, subscription: Subscription) -> None:
        handler, until = self._handler, self._until
        async for message in subscription:
            try:
                outcome = handler(message)
                if outcome is not None:
                    await outcome
            except Exception as error:
                await self._try_again(message, error)
            except asyncio.CancelledError as error:
                if _being_cancelled():
                    raise
                await self._try_again(message, error)
            else:
                message.ack()
            if until is not None and until(message):
                break

    async def _batches(self, subscription: BatchSubscription, handler: BatchHandler) -> None:
        while (batch := await subscription.next_batch()) is not None:
            failure: BaseException | None = None
            try:
                outcome = handler(batch)
                if outcome is not None:
                    await outcome
            except Exception as error:
                failure = error
            except asyncio.CancelledError as error:
                if _being_cancelled():
                    raise
                failure = error
            subscription.settle_batch(len(batch) if failure is None else batch.handled)
            if failure is None:
                continue
            if batch.handled == len(batch):
                logger.error("Handler %s failed after its last message", self.name, exc_info=failure)
                continue
            async for message in subscription:  # what failed comes again first
                await self._try_again(message, failure)
                break

    async def _try_again(self, message: Message, error: BaseException) -> None:
        failures = 1
        while message.acked is None:
            pause = None if isinstance(error, Undeliverable) else self._retry.pause(failures)
            if pause is None:
                reason = f"{type(error).__name__}: {error}"
                logger.debug("Handler %s failed for good", self.name, exc_info=error)
                self._router.dead_letters.add(DeadLetter(self.topic, self.name, message, reason, failures))
                message.ack()
                return
            if await self._stopped_within(pause):
                message.nack()
                return
            try:
                outcome = self._handler(message)
                if outcome is not None:
                    await outcome
            except Exception as again:
                error, failures = again, failures + 1
            except asyncio.CancelledError as again:
                if _being_cancelled():
                    raise
                error, failures = again, failures + 1
            else:
                message.ack()
                return
        logger.error("Handler %s failed after it had settled its message itself", self.name, exc_info=error)

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True


def _being_cancelled() -> bool:
    """Whether a CancelledError is meant for this task, and not just raised by what it awaited."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
