"""The bus over Redis: one stream a topic."""

import itertools
import re
import uuid
from typing import Final, Self

from geppetto.events.dead_letters import DeadLetterLog
from geppetto.events.message import Message
from geppetto.events.retry import RetryPolicy
from geppetto.events.transports import TransportError
from geppetto.events.transports.broker import (
    BrokerSubscription,
    BrokerTransport,
    KeepRule,
    MessageTooLarge,
    outlives_its_readers,
)
from geppetto.events.transports.redis_connection import RedisConnection
from geppetto.events.transports.redis_group import GroupSubscription
from geppetto.events.transports.redis_live import LiveSubscription, LiveTopic
from geppetto.events.transports.redis_wire import fields

# What Redis takes as one value, as it is shipped.
_MAX_BYTES: Final = 512 * 1024 * 1024

# A batch goes out in pieces of so many messages or bytes, so that the server is never busy for long.
_PIECE_MESSAGES: Final = 512
_PIECE_BYTES: Final = 4 * 1024 * 1024

# Seconds for which the stream of a live topic stays after its last message.
_LIVE_FOR: Final = 600

_NAMESPACE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

# Sent again after a lost answer, a piece is stored once: the second time its name is taken.
_PUBLISH: Final = """
if redis.call('SET', KEYS[2], '', 'NX', 'EX', 120) then
  for i = 3, #ARGV, 3 do
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*',
               'uuid', ARGV[i], 'metadata', ARGV[i + 1], 'payload', ARGV[i + 2])
  end
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
"""


class RedisTransport(BrokerTransport):
    """Delivers through a Redis server. Make one with `await RedisTransport.connect(url)`.

    Each topic is a stream. A subscription without a group reads it from the moment of entering, at its own
    pace; a group keeps its place at the server, so that nothing is lost while it has no members. What
    survives a crash of the server itself is up to the server's configuration (`appendonly`).

    - A reader gets one message at a time; a nacked one comes again, then becomes a dead letter.
    - A group's message whose reader died is delivered to another after `claim_after` seconds.
    - When the server goes away, publishing waits for it (`patience`) and subscriptions go on by themselves.
    - The oldest messages of a stream go when it is full. A reader without a group that has not read them yet
      fails with `FellBehind`.

    Each topic that is read, and each member of a group, holds a connection.
    """

    def __init__(
        self,
        connection: RedisConnection,
        *,
        retry: RetryPolicy | None = None,
        dead_letters: DeadLetterLog | None = None,
        keeps: KeepRule | None = outlives_its_readers,
        namespace: str = "geppetto",
        patience: float = 10.0,
        claim_after: float = 30.0,
        keep_messages: int = 1_000_000,
        keep_for: float = 7 * 24 * 3600.0,
        live_messages: int = 100_000,
    ) -> None:
        if not _NAMESPACE.fullmatch(namespace):
            raise TransportError(f"The namespace {namespace!r} may have letters, digits, - and _ only.")
        super().__init__(
            connection.server,
            retry=retry,
            dead_letters=dead_letters,
            keeps=keeps,
            patience=patience,
            claim_after=claim_after,
        )
        self.connection = connection
        self.live_topics: dict[bytes, LiveTopic] = {}
        self._namespace = namespace
        self._kept = (keep_messages, int(keep_for))
        self._live = (live_messages, _LIVE_FOR)
        self._publisher = uuid.uuid4().hex
        self._published = itertools.count()

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        retry: RetryPolicy | None = None,
        dead_letters: DeadLetterLog | None = None,
        keeps: KeepRule | None = outlives_its_readers,
        namespace: str = "geppetto",
        timeout: float = 5.0,
        patience: float = 10.0,
        claim_after: float = 30.0,
        keep_messages: int = 1_000_000,
        keep_for: float = 7 * 24 * 3600.0,
        live_messages: int = 100_000,
    ) -> Self:
        """Connect to a server.

        Args:
            url: `redis://[user:password@]host:port/database`.
            retry: how often a message is given to a reader that nacks it.
            dead_letters: where it goes after that.
            keeps: which topics have groups; None: none has.
            namespace: what the names of all keys begin with.
            timeout: seconds until an unreachable server is an error.
            patience: seconds that publishing and subscribing wait for a server that went away.
            claim_after: seconds without a sign of life after which a group's reader counts as dead and its
                message goes to another. A reader that blocks its event loop for so long looks dead.
            keep_messages: how many messages of a kept topic are kept at least; the oldest go first.
            keep_for: seconds after the last message until a kept topic is forgotten.
            live_messages: how far behind a reader of any other topic may be.

        Raises:
            BusUnreachable: it does not answer in time, or refuses.
            MissingExtra: redis-py is not installed.
        """
        return cls(
            await RedisConnection.open(url, timeout),
            retry=retry,
            dead_letters=dead_letters,
            keeps=keeps,
            namespace=namespace,
            patience=patience,
            claim_after=claim_after,
            keep_messages=keep_messages,
            keep_for=keep_for,
            live_messages=live_messages,
        )

    async def publish(self, topic: str, *messages: Message) -> None:
        self.refuse_if_closed()
        for message in messages:
            if len(message.payload) > _MAX_BYTES:
                raise MessageTooLarge(
                    f"A message of {len(message.payload)} bytes for {topic!r} is more than Redis takes "
                    f"({_MAX_BYTES}). Nothing was published.",
                    hint="Send a reference to the data instead.",
                )
        key = self._key(topic)
        length, seconds = self._kept if self.is_kept(topic) else self._live
        async with self.within_patience(f"publishing on {topic!r}"):
            for piece in _pieces(messages):
                name = f"{self._namespace}:once:{self._publisher}-{next(self._published)}"
                values = [value for message in piece for value in fields(message)]
                await self.connection.command("EVAL", _PUBLISH, 2, key, name, length, seconds, *values)

    def subscribe(self, topic: str, *, group: str | None = None) -> BrokerSubscription:
        self.refuse_if_closed()
        if group is None:
            return LiveSubscription(self, self.connection, topic, self._key(topic))
        self.refuse_group(topic)
        return GroupSubscription(self, self.connection, topic, self._key(topic), group)

    async def close(self) -> None:
        await self.leave_all()
        await self.connection.close()

    @property
    def connected(self) -> bool:
        return self.connection.is_up

    def _key(self, topic: str) -> bytes:
        return f"{self._namespace}:topic:{topic}".encode("utf-8", "surrogatepass")


def _pieces(messages: tuple[Message, ...]) -> list[list[Message]]:
    pieces: list[list[Message]] = []
    size = 0
    for message in messages:
        length = len(message.payload)
        if not pieces or len(pieces[-1]) >= _PIECE_MESSAGES or size + length > _PIECE_BYTES:
            pieces.append([])
            size = 0
        pieces[-1].append(message)
        size += length
    return pieces
