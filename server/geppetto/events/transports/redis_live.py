"""Reading a Redis stream from now on."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from geppetto.events.message import Message
from geppetto.events.transports.broker import BrokerSubscription, end
from geppetto.events.transports.inbox import FellBehind, Inbox
from geppetto.events.transports.redis_connection import BLOCK, CommandRefused, RedisConnection
from geppetto.events.transports.redis_wire import Reply, as_bytes, as_int, as_list, as_pairs, message

if TYPE_CHECKING:
    from geppetto.events.transports.redis import RedisTransport

_BLOCK_MS: Final = int(BLOCK * 1000)

# One read takes many messages, but not much more than so many bytes.
_READ_MESSAGES: Final = 512
_READ_BYTES: Final = 8 * 1024 * 1024

# In one step: what follows an entry, and how many entries the stream ever had and still has. Only so
# can it be told for sure whether some were dropped before they were read.
_READ: Final = """
if redis.call('EXISTS', KEYS[1]) == 0 then return {0, 0, {}} end
local info = redis.call('XINFO', 'STREAM', KEYS[1])
local added, length = 0, 0
for i = 1, #info, 2 do
  if info[i] == 'entries-added' then added = info[i + 1] end
  if info[i] == 'length' then length = info[i + 1] end
end
return {added, length, redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])}
"""


@dataclass(frozen=True, slots=True)
class Place:
    """The end of a stream at one moment.

    Attributes:
        last: the id of its last entry.
        position: how many entries it ever had.
    """

    last: bytes
    position: int

    @classmethod
    async def end_of(cls, connection: RedisConnection, key: bytes) -> Self:
        try:
            info = as_pairs(await connection.command("XINFO", "STREAM", key))
        except CommandRefused:
            return cls(b"0-0", 0)  # there is no such stream yet
        return cls(as_bytes(info[b"last-generated-id"]), as_int(info.get(b"entries-added", 0)))

    @property
    def order(self) -> tuple[int, int]:
        return _order(self.last)


class LiveTopic:
    """One reader at the server for all subscriptions to a topic on this connection.

    It reads on when one of them has dealt with all it had: the fastest sets the pace, and what the slower
    ones have not dealt with waits in their inboxes.
    """

    def __init__(self, connection: RedisConnection, topic: str, key: bytes, start: Place) -> None:
        self._connection = connection
        self._topic = topic
        self._key = key
        self._last = start.last
        self._position = start.position
        self._count = 16
        self.failed = False
        self._members: dict[Inbox, tuple[int, int]] = {}
        self._hungry = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=f"redis {topic}")

    def add(self, inbox: Inbox, start: Place) -> None:
        """Give an inbox what comes after a place."""
        self._members[inbox] = start.order
        inbox.on_empty = self._hungry.set
        self._hungry.set()

    def remove(self, inbox: Inbox) -> bool:
        """Whether that was the last one."""
        self._members.pop(inbox, None)
        self._hungry.set()
        return not self._members

    async def stop(self) -> None:
        await end(self._task)

    async def _run(self) -> None:
        try:
            while True:
                for entry in await self._read():
                    name, fields = as_list(entry)
                    self._last = as_bytes(name)
                    self._deliver(fields)
                while not any(inbox.is_empty for inbox in self._members):
                    self._hungry.clear()
                    await self._hungry.wait()
        except Exception as error:
            self.failed = True
            for inbox in tuple(self._members):
                inbox.fail(error)

    async def _read(self) -> list[Reply]:
        command = self._connection.command
        snapshot = as_list(await command("EVAL", _READ, 1, self._key, self._last, self._count))
        self._refuse_gap(as_int(snapshot[0]), as_int(snapshot[1]))
        entries = as_list(snapshot[2])
        if not entries:
            # Nothing can be dropped unread while this waits: it returns with the first message.
            streams = await command(
                *("XREAD", "COUNT", self._count, "BLOCK", _BLOCK_MS, "STREAMS", self._key, self._last)
            )
            entries = as_list(as_list(as_list(streams)[0])[1]) if streams else []
        self._position += len(entries)
        return entries

    def _deliver(self, fields: Reply) -> None:
        try:
            read = message(fields)
        except ValueError as error:
            for inbox in list(self._members)[:1]:
                inbox.reject(Message(repr(fields).encode()), f"not published by Geppetto: {error}")
            return
        order = _order(self._last)
        for inbox, start in self._members.items():
            if order > start:
                inbox.put(read)

    def _refuse_gap(self, added: int, length: int) -> None:
        if added < self._position:
            # The stream was forgotten while nobody published, and began anew.
            self._position = 0
        dropped = added - length - self._position
        if dropped > 0:
            raise FellBehind(
                f"The readers of {self._topic!r} were so slow that {dropped} messages were dropped before "
                "they had read them.",
                hint="Read faster, or read with a group on a topic that the bus keeps.",
            )


class LiveSubscription(BrokerSubscription):
    """What is published from the moment of entering on."""

    def __init__(
        self, transport: "RedisTransport", connection: RedisConnection, topic: str, key: bytes
    ) -> None:
        super().__init__(transport, topic)
        self._topics = transport.live_topics
        self._connection = connection
        self._key = key
        self._live: LiveTopic | None = None

    async def attach(self) -> None:
        start = await Place.end_of(self._connection, self._key)
        live = self._topics.get(self._key)
        if live is None or live.failed:
            live = self._topics[self._key] = LiveTopic(self._connection, self.topic, self._key, start)
        live.add(self.inbox, start)
        self._live = live

    async def detach(self, *, settled: bool) -> None:
        live = self._live
        if live is not None and live.remove(self.inbox):
            if self._topics.get(self._key) is live:
                del self._topics[self._key]
            await live.stop()


def _order(name: bytes) -> tuple[int, int]:
    """What entries are ordered by: milliseconds, and a count within each."""
    milliseconds, _, count = name.partition(b"-")
    return int(milliseconds), int(count)
