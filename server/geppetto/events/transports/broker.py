"""What the buses that talk to a server have in common."""

import asyncio
import logging
import re
import socket
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self, TypeAlias, TypedDict, TypeVar
from urllib.parse import urlsplit

from geppetto.events.dead_letters import DeadLetterLog
from geppetto.events.message import Message
from geppetto.events.retry import RetryPolicy
from geppetto.events.transports import Capabilities, TransportClosed, TransportError
from geppetto.events.transports.inbox import Inbox
from geppetto.events.wire import chat_topic, peer_topic, queue_topic, step_topic

logger = logging.getLogger(__name__)
T = TypeVar("T")

CLOSING: Final = 5.0
"""Seconds that closing a subscription or a connection may take; what is left then is dropped."""

KeepRule: TypeAlias = Callable[[str], bool]
"""Whether the messages of a topic must survive until every group has had them."""


_NAMESPACE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

# A batch goes out in pieces of so many messages or bytes, so that the server is never busy for long.
_PIECE_MESSAGES: Final = 512
_PIECE_BYTES: Final = 4 * 1024 * 1024


class MissingExtra(TransportError):
    """The client library of this bus is not installed."""


class BusUnreachable(TransportError):
    """The server is not there, does not answer, or does not let us in."""


class MessageTooLarge(TransportError):
    """The server does not take messages of this size. Nothing of the batch was published."""


def outlives_its_readers(topic: str) -> bool:
    """Everything is kept but what is only of use while it happens: streams of steps and chats, words to a peer."""
    return not topic.startswith((step_topic(""), chat_topic(""), peer_topic("")))


def is_queue(topic: str) -> bool:
    """Whether a kept topic is a work queue, whose messages go when they are acked."""
    return topic.startswith(queue_topic(""))


def missing_extra(bus: str, extra: str) -> MissingExtra:
    return MissingExtra(
        f"The {bus} bus needs a library that is not installed.",
        hint=f"Install it with: pip install 'geppetto[{extra}]'",
    )


_LOCKED_OUT: Final = ("authorization", "authentication", "noauth", "password", "permission")
"""Words in which servers say so."""


def unreachable(server: str, program: str, reason: Exception, timeout: float) -> BusUnreachable:
    """What to tell of a server that cannot be used.

    Args:
        server: it and its address.
        program: what should run there.
        reason: the last that came of `timeout` seconds of trying.
    """
    words = str(reason)
    said = words.lower()
    if isinstance(reason, ConnectionRefusedError) or "refused" in said or "connect call failed" in said:
        what, hint = "nothing listens there", f"Start {program} there, or correct the address."
    elif isinstance(reason, socket.gaierror) or "Name or service not known" in words:
        what, hint = "there is no such host", "Correct the address."
    elif any(word in said for word in _LOCKED_OUT):
        what, hint = f"it refuses the name or password: {words}", "Say them in the address: //NAME:PASSWORD@…"
    elif isinstance(reason, ConnectionResetError):
        what, hint = "it hangs up", "Does it want a password, or TLS?"
    elif isinstance(reason, TimeoutError) or "timeout" in said:
        what, hint = "it does not answer", f"Is it {program} that listens there?"
    else:
        what, hint = words or type(reason).__name__, f"Is it {program} that listens there?"
    return BusUnreachable(f"{server} cannot be used: {what} (tried for {timeout:g} s)", hint=hint)


def address(url: str) -> str:
    """The host and port of a URL, without the password it may hold."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or parts.path


def pieces(messages: Iterable[T], size_of: Callable[[T], int]) -> Iterator[list[T]]:
    """A batch in pieces for the server, in order."""
    piece: list[T] = []
    size = 0
    for message in messages:
        size += size_of(message)
        if piece and (len(piece) >= _PIECE_MESSAGES or size > _PIECE_BYTES):
            yield piece
            piece, size = [], size_of(message)
        piece.append(message)
    if piece:
        yield piece


async def end(task: asyncio.Task[None]) -> None:
    """Cancel a task until it is done: before Python 3.12, `asyncio.wait_for` can lose a cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.1)


class Outage:
    """Says once that the server is gone, and once that it is back, however many notice."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._since: float | None = None

    def __bool__(self) -> bool:
        return self._since is not None

    def begins(self, reason: object) -> None:
        if self._since is None:
            self._since = time.monotonic()
            logger.warning(
                "The connection to %s is lost (%s); trying again until it is back", self._server, reason
            )

    def ends(self) -> None:
        if self._since is not None:
            logger.warning("Connected to %s again after %.1f s", self._server, time.monotonic() - self._since)
            self._since = None


class BrokerOptions(TypedDict, total=False):
    """What can be chosen about a bus over a server.

    Attributes:
        retry: how often a message is given to a reader that nacks it.
        dead_letters: where it goes after that.
        keeps: which topics survive and have groups; None: none does.
        namespace: what all names at the server begin with.
        patience: seconds that publishing and subscribing wait for a server that went away.
        claim_after: seconds without a sign of life after which a group's reader counts as dead and its
            message goes to another. A reader that blocks its event loop for so long looks dead.
        keep_messages: how many messages of a kept topic are kept; the oldest go first.
        keep_for: seconds for which they are kept.
    """

    retry: RetryPolicy | None
    dead_letters: DeadLetterLog | None
    keeps: KeepRule | None
    namespace: str
    patience: float
    claim_after: float
    keep_messages: int
    keep_for: float


class BrokerTransport:
    """What a bus over a server knows of itself and of its subscriptions; the rest is in `BrokerOptions`.

    Attributes:
        members: the subscriptions that have been entered and not been left.
    """

    def __init__(
        self,
        server: str,
        *,
        retry: RetryPolicy | None = None,
        dead_letters: DeadLetterLog | None = None,
        keeps: KeepRule | None = outlives_its_readers,
        namespace: str = "geppetto",
        patience: float = 10.0,
        claim_after: float = 30.0,
        keep_messages: int = 1_000_000,
        keep_for: float = 7 * 24 * 3600.0,
    ) -> None:
        if not _NAMESPACE.fullmatch(namespace):
            raise TransportError(f"The namespace {namespace!r} may have letters, digits, - and _ only.")
        self.server = server
        self.namespace = namespace
        self.retry = retry if retry is not None else RetryPolicy()
        self.dead_letters = dead_letters if dead_letters is not None else DeadLetterLog()
        self.capabilities = Capabilities(redelivers=True, one_in_flight=True, durable=keeps is not None)
        self.patience = patience
        self.claim_after = claim_after
        self.keep_messages = keep_messages
        self.keep_for = keep_for
        self.members: set[BrokerSubscription] = set()
        self._keeps = keeps
        self._closed = False

    @property
    def connected(self) -> bool:
        """Whether the server was there when it was last heard of."""
        raise NotImplementedError

    @property
    def sign_of_life(self) -> float:
        """Seconds between two signs of life of a reader that is busy with a message."""
        return self.claim_after / 3

    def is_kept(self, topic: str) -> bool:
        """Whether the messages of this topic survive until every group has had them."""
        return self._keeps is not None and self._keeps(topic)

    def refuse_if_closed(self) -> None:
        if self._closed:
            raise TransportClosed(f"The bus over {self.server} is closed.")

    def refuse_group(self, topic: str) -> None:
        if not self.is_kept(topic):
            raise TransportError(
                f"The topic {topic!r} is live: nothing is kept of it, so it has no groups.",
                hint="Subscribe without a group, or use a topic that the bus keeps.",
            )

    @asynccontextmanager
    async def within_patience(self, action: str) -> AsyncGenerator[None]:
        """Bounds what waits for the server.

        Raises:
            BusUnreachable: it took longer than `patience`.
        """
        try:
            async with asyncio.timeout(self.patience):
                yield
        except TimeoutError:
            raise BusUnreachable(f"{self.server} did not answer for {self.patience:g} s: {action}") from None

    async def leave_all(self) -> None:
        """Take no more work, and close every subscription."""
        self._closed = True
        await asyncio.gather(*(each.aclose() for each in tuple(self.members)))


class BrokerSubscription:
    """A subscription that is fed by a server; what each kind does there is in `attach` and `detach`."""

    def __init__(self, transport: BrokerTransport, topic: str) -> None:
        self.topic = topic
        self.inbox = Inbox(topic, transport.retry, transport.dead_letters)
        self._transport = transport
        self._entered = False
        self._gone = asyncio.Event()

    async def attach(self) -> None:
        """Start receiving; messages published after this returns are received."""
        raise NotImplementedError

    async def detach(self, *, settled: bool) -> None:
        """Stop receiving; `settled` tells whether the reader was done with all it had been given."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        if not self.inbox.closed and not self._entered:
            self._transport.refuse_if_closed()
            self._entered = True
            self._transport.members.add(self)
            try:
                async with self._transport.within_patience(f"subscribing to {self.topic!r}"):
                    await self.attach()
            except BaseException:
                await self.aclose()
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        return await self.inbox.take()

    async def aclose(self) -> None:
        if self.inbox.closed:
            # Closing twice at once: both return when it is done.
            await self._gone.wait()
            return
        settled = self.inbox.close()
        try:
            if self._entered:
                async with asyncio.timeout(CLOSING):
                    await self.detach(settled=settled)
        except TimeoutError:
            logger.warning(
                "Leaving %s on %s took longer than %g s", self.topic, self._transport.server, CLOSING
            )
        except TransportClosed:
            # The server forgets the subscription together with the connection.
            logger.debug("The connection to %s ended before %s was left", self._transport.server, self.topic)
        except TransportError as error:
            logger.warning("Leaving %s on %s: %s", self.topic, self._transport.server, error)
        finally:
            self._transport.members.discard(self)
            self._gone.set()
