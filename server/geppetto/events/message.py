"""What travels on a bus: bytes with metadata, to be acknowledged by whoever receives them."""

import itertools
import os
import uuid
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeAlias

# A message id is a UUID whose last group counts, which is ten times cheaper than a fresh random one.
_counter = itertools.count()
_prefix = ""


def _seed() -> None:
    global _prefix
    _prefix = str(uuid.uuid4())[:-12]


_seed()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_seed)


class Message:
    """A payload on its way through a topic.

    A published message belongs to the transport and must not be changed afterwards. A received one
    is the receiver's own copy: `ack` it when it has been dealt with, `nack` it to have it delivered
    again. The first of the two counts. Neither is thread-safe.

    Attributes:
        payload: the bytes, as published.
        metadata: the publisher's notes, as published.
        uuid: the same for every copy and every delivery of one published message.
        failures: how often the bus has delivered it before, to readers that did not ack it.
    """

    __slots__ = ("_acked", "_on_settled", "_uuid", "failures", "metadata", "payload")

    def __init__(
        self,
        payload: bytes,
        metadata: dict[str, str] | None = None,
        uuid: str | None = None,
        on_settled: Callable[[bool], None] | None = None,
    ) -> None:
        self.payload = payload
        self.metadata: dict[str, str] = {} if metadata is None else metadata
        self._uuid = (
            uuid  # made when it is first read: few of the messages inside one process are asked for it
        )
        self.failures = 0
        self._acked: bool | None = None
        self._on_settled = on_settled

    @property
    def uuid(self) -> str:
        if self._uuid is None:
            self._uuid = f"{_prefix}{next(_counter):012x}"
        return self._uuid

    @property
    def acked(self) -> bool | None:
        """True after `ack`, False after `nack`, None before either."""
        return self._acked

    def ack(self) -> bool:
        """Say that the message has been dealt with. False if it was nacked before."""
        if self._acked is None:
            self._acked = True
            if self._on_settled is not None:
                self._on_settled(True)
        return self._acked

    def nack(self) -> bool:
        """Ask for another delivery. False if the message was acked before."""
        if self._acked is None:
            self._acked = False
            if self._on_settled is not None:
                self._on_settled(False)
        return not self._acked

    def copy(self, on_settled: Callable[[bool], None] | None = None) -> "Message":
        """The same message, not settled yet, with metadata of its own."""
        return Message(self.payload, self.metadata.copy(), self.uuid, on_settled)

    def __repr__(self) -> str:
        return f"Message(uuid={self.uuid!r}, metadata={self.metadata!r}, payload={len(self.payload)} bytes)"


class Batch:
    """Messages of one topic that came together, in order, at least one.

    Iterate over it to handle them: a message counts as handled when the next one is asked for, so that after
    an error it is known which one failed. The messages are the publisher's own: to be read, not to be
    changed or acked.

    Attributes:
        handled: how many were handled so far.
    """

    __slots__ = ("_messages", "handled")

    def __init__(self, messages: tuple[Message, ...]) -> None:
        self._messages = messages
        self.handled = 0

    def __iter__(self) -> Iterator[Message]:
        for message in self._messages:
            yield message
            self.handled += 1

    def __len__(self) -> int:
        return len(self._messages)


BatchHandler: TypeAlias = Callable[[Batch], Awaitable[None] | None]
"""What is done with the messages that wait, at once or asynchronously; raising means one was not done."""

MessageHandler: TypeAlias = Callable[[Message], Awaitable[None] | None]
"""What is done with a message, at once or asynchronously; raising means it was not done."""
