"""What a broker has delivered to one subscription, given to its reader one message at a time."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from geppetto.events.dead_letters import DeadLetter, DeadLetterLog
from geppetto.events.message import Message
from geppetto.events.retry import RetryPolicy
from geppetto.events.transports import TransportError

# A reader whose inbox never runs dry gives way to other tasks after this many messages.
_FAIR_SHARE: Final = 256

LIMIT_BYTES: Final = 256 * 1024 * 1024
"""How much may wait for a reader before the subscription fails, so that a process never dies of it."""


class FellBehind(TransportError):
    """A reader was too slow for what a live topic holds; messages are missing for it."""


class Inbox:
    """A queue whose head stays until it is settled: acked, or nacked so often that it is a dead letter.

    Read by one task. A nacked message comes again after a pause and before any later one.

    Args:
        topic: for dead letters.
        retry: how often a message is given to the reader, and the pauses in between.
        dead_letters: where a message goes after that.
        limit: bytes of payload that may wait; one more fails the inbox with `FellBehind`.

    Attributes:
        on_empty: called whenever the last message was settled.
    """

    def __init__(
        self, topic: str, retry: RetryPolicy, dead_letters: DeadLetterLog, *, limit: int = LIMIT_BYTES
    ) -> None:
        self.topic = topic
        self.closed = False
        self.on_empty: Callable[[], None] = _nothing
        self._retry = retry
        self._dead_letters = dead_letters
        self._limit = limit
        self._queue: deque[tuple[Message, int]] = deque()
        self._bytes = 0
        self._head_taken = False
        self._failures = 0
        self._backoff: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._empty = asyncio.Event()
        self._empty.set()
        self._without_pause = 0
        self._error: Exception | None = None

    def put(self, message: Message, failures: int = 0) -> None:
        """Queue a message that was delivered `failures` times before, to readers that did not ack it."""
        if self.closed or self._error is not None:
            return
        if failures and self._retry.pause(failures) is None:
            reason = "its readers went away before they were done with it"
            self._dead_letters.add(DeadLetter(self.topic, "", message, reason, failures))
            return
        self._queue.append((message, failures))
        self._empty.clear()
        self._bytes += len(message.payload)
        if self._bytes > self._limit:
            waiting = len(self._queue)
            self.fail(
                FellBehind(
                    f"The reader of {self.topic!r} fell {waiting} messages behind, which is more than "
                    f"{self._limit} bytes, so its subscription ended.",
                    hint="Read faster, or read with a group: a broker keeps what waits for a group.",
                )
            )
        self._wake()

    def reject(self, message: Message, reason: str) -> None:
        """Record a message that no reader could be given."""
        self._dead_letters.add(DeadLetter(self.topic, "", message, reason, 1))

    def fail(self, error: Exception) -> None:
        """Drop what waits, and raise this in the reader."""
        if self.closed or self._error is not None:
            return
        self._error = error
        self._drop_all()
        self._wake()

    async def take(self) -> Message:
        """The next message.

        Raises:
            StopAsyncIteration: the inbox was closed.
            Exception: it failed.
        """
        while not self.closed:
            if self._error is not None:
                raise self._error
            if self._head_taken or not self._queue:
                await self._wait()
            elif self._without_pause >= _FAIR_SHARE:
                self._without_pause = 0
                await asyncio.sleep(0)
            else:
                self._without_pause += 1
                self._head_taken = True
                message, failures = self._queue[0]
                self._failures = max(self._failures, failures)
                given = message.copy(self._settle)
                given.failures = self._failures
                return given
        raise StopAsyncIteration

    @property
    def is_empty(self) -> bool:
        """Whether everything is settled, so that more may come."""
        return not self._queue and self._error is None

    async def emptied(self, within: float) -> bool:
        """Whether everything is settled before `within` seconds have passed."""
        if self._empty.is_set():
            return True
        try:
            async with asyncio.timeout(within):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True

    def close(self) -> bool:
        """End the reader's iteration. Returns whether everything had been settled."""
        settled = not self._queue and self._error is None
        self.closed = True
        self._drop_all()
        self._wake()
        return settled

    def _settle(self, acked: bool) -> None:
        if self.closed or self._error is not None:
            return
        if acked:
            self._drop_head()
            self._wake()
            return
        self._failures += 1
        pause = self._retry.pause(self._failures)
        if pause is None:
            self._dead_letters.add(DeadLetter(self.topic, "", self._queue[0][0], "nacked", self._failures))
            self._drop_head()
            self._wake()
        else:
            self._backoff = asyncio.get_running_loop().call_later(pause, self._offer_again)

    def _offer_again(self) -> None:
        self._backoff = None
        self._head_taken = False
        self._wake()

    def _drop_head(self) -> None:
        message, _ = self._queue.popleft()
        self._bytes -= len(message.payload)
        self._head_taken = False
        self._failures = 0
        if not self._queue:
            self._empty.set()
            self.on_empty()

    def _drop_all(self) -> None:
        if self._backoff is not None:
            self._backoff.cancel()
        self._queue.clear()
        self._bytes = 0

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


def _nothing() -> None:
    pass
