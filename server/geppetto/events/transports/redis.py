"""The bus over Redis: one stream a topic."""

import itertools
import uuid
from typing import Final, Self, Unpack

from geppetto.events.message import Message
from geppetto.events.transports.broker import (
    BrokerOptions,
    BrokerSubscription,
    BrokerTransport,
    MessageTooLarge,
    pieces,
)
from geppetto.events.transports.redis_connection import RedisConnection
from geppetto.events.transports.redis_group import GroupSubscription
from geppetto.events.transports.redis_live import LiveSubscription, LiveTopic
from geppetto.events.transports.redis_wire import fields

# What Redis takes as one value, as it is shipped.
_MAX_BYTES: Final = 512 * 1024 * 1024

# Seconds for which the stream of a live topic stays after its last message.
_LIVE_FOR: Final = 600

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
        self, connection: RedisConnection, *, live_messages: int = 100_000, **options: Unpack[BrokerOptions]
    ) -> None:
        super().__init__(connection.server, **options)
        self.connection = connection
        self.live_topics: dict[bytes, LiveTopic] = {}
        self._kept = (self.keep_messages, int(self.keep_for))
        self._live = (live_messages, _LIVE_FOR)
        self._publisher = uuid.uuid4().hex
        self._published = itertools.count()

    @classmethod
    async def connect(
        cls, url: str, *, timeout: float = 5.0, live_messages: int = 100_000, **options: Unpack[BrokerOptions]
    ) -> Self:
        """Connect to a server.

        Args:
            url: `redis://[user:password@]host:port/database`.
            timeout: seconds until an unreachable server is an error.
            live_messages: how far behind a reader of a topic that is not kept may be.
            options: messages are kept for `keep_for` seconds after the last of their topic.

        Raises:
            BusUnreachable: it does not answer in time, or refuses.
            MissingExtra: redis-py is not installed.
        """
        return cls(await RedisConnection.open(url, timeout), live_messages=live_messages, **options)

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
            for piece in pieces(messages, lambda message: len(message.payload)):
                name = f"{self.namespace}:once:{self._publisher}-{next(self._published)}"
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
        return f"{self.namespace}:topic:{topic}".encode("utf-8", "surrogatepass")
