"""What a bus must do to carry events; each module here is one such bus."""

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from geppetto.errors import GeppettoError
from geppetto.events.message import Batch, Message


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a transport promises beyond delivering each message once, in order, to each subscriber.

    Attributes:
        redelivers: a nacked message comes again, a bounded number of times.
        one_in_flight: a subscription gives the next message only after the last one was settled.
        waits_for_acks: `publish` returns when every subscriber has acknowledged.
        durable: messages outlive their subscribers; `group` names a place to go on from.
        batches: its subscriptions are `BatchSubscription`s.
    """

    redelivers: bool = False
    one_in_flight: bool = False
    waits_for_acks: bool = False
    durable: bool = False
    batches: bool = False


class TransportError(GeppettoError):
    """The bus cannot do what was asked."""


class TransportClosed(TransportError):
    """The bus was closed."""


class Subscription(Protocol):
    """The messages of one topic, from the moment of entering until it is closed.

    Read by one task. Each message must be acked or nacked. Iteration ends when the subscription or the
    transport is closed.
    """

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> Message: ...

    async def aclose(self) -> None:
        """Stop receiving. May be called at any time, from any task, any number of times."""
        ...


class BatchSubscription(Subscription, Protocol):
    """A subscription that can give the messages that wait together, which is much cheaper than one by one."""

    async def next_batch(self) -> Batch | None:
        """The next messages, at least one and a few hundred at most; None when the subscription is closed.

        They are in flight together: nothing more is given before `settle_batch`.
        """
        ...

    def settle_batch(self, handled: int) -> None:
        """Say that so many of the batch, from its first on, were dealt with. The others come again at once."""
        ...


class Transport(Protocol):
    """A bus of topics. Belongs to the event loop it is used on."""

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def connected(self) -> bool:
        """Whether the bus was there when it was last heard of."""
        ...

    async def publish(self, topic: str, *messages: Message) -> None:
        """Hand messages to the topic, in order.

        Raises:
            TransportClosed: the bus was closed.
        """
        ...

    def subscribe(self, topic: str, *, group: str | None = None) -> Subscription:
        """A subscription, which starts when it is entered.

        Args:
            topic: the topic's exact name.
            group: on a durable bus, the name under which the place in the topic is kept: each group
                gets every message, also those from before it first subscribed, and members of a group
                share them. None: every message from now on.

        Raises:
            TransportClosed: the bus was closed.
            TransportError: a group was asked of a bus that is not durable.
        """
        ...

    async def close(self) -> None:
        """Close every subscription and release every waiting publisher. Never hangs; may be repeated."""
        ...
