"""The bus over NATS: core subjects for what is live, JetStream for what must survive."""

import asyncio
import itertools
import json
import uuid
from typing import TYPE_CHECKING, Final, Self, Unpack

from geppetto.events.message import Message
from geppetto.events.transports import TransportError
from geppetto.events.transports.broker import (
    BrokerOptions,
    BrokerSubscription,
    BrokerTransport,
    BusUnreachable,
    MessageTooLarge,
    is_queue,
    pieces,
)
from geppetto.events.transports.nats_connection import NO_RESPONDERS, NatsConnection
from geppetto.events.transports.nats_subscriptions import GroupSubscription, LiveSubscription, LiveTopic
from geppetto.events.transports.nats_wire import pack, subject

if TYPE_CHECKING:
    from nats.aio.msg import Msg

# Room for the subject and our header in what the server counts as one message.
_HEADER_ROOM: Final = 256

# Seconds that a server that just started may take until its JetStream answers.
_JETSTREAM_START: Final = 2.0


class NatsTransport(BrokerTransport):
    """Delivers through a NATS server. Make one with `await NatsTransport.connect(url)`.

    Topics that are kept (`keeps`) are stored in a JetStream stream before `publish` returns, and groups
    read them from there; work queues in a stream of their own, which drops what was acked. All other topics, and all subscriptions without a group, are live: they get what
    is published while they are connected.

    - A reader gets one message at a time; a nacked one comes again, then becomes a dead letter.
    - A group's message whose reader died is delivered to another after `claim_after` seconds.
    - When the server goes away, publishing waits for it (`patience`) and subscriptions go on by
      themselves. Live messages published meanwhile are lost; kept ones are not, but may come twice.
    """

    def __init__(self, connection: NatsConnection, **options: Unpack[BrokerOptions]) -> None:
        super().__init__(connection.server, **options)
        self.connection = connection
        self.live_topics: dict[str, LiveTopic] = {}
        self.live_lock = asyncio.Lock()
        self._made: set[str] = set()
        self._stream_lock = asyncio.Lock()
        self._publisher = uuid.uuid4().hex
        self._published = itertools.count()
        connection.came_back = self._came_back
        connection.broken = self._broken

    @classmethod
    async def connect(cls, url: str, *, timeout: float = 5.0, **options: Unpack[BrokerOptions]) -> Self:
        """Connect to a server. Without topics that are kept it needs no JetStream.

        Args:
            url: `nats://[user:password@]host:port`.
            timeout: seconds until an unreachable server is an error.
            options: how much is kept counts when the stream is made, not later.

        Raises:
            BusUnreachable: it does not answer in time, or refuses.
            MissingExtra: nats-py is not installed.
        """
        return cls(await NatsConnection.open(url, timeout), **options)

    async def publish(self, topic: str, *messages: Message) -> None:
        self.refuse_if_closed()
        kept = self.is_kept(topic)
        address = self._subject(topic)
        frames = [pack(message) for message in messages]
        self._refuse_if_too_large(topic, frames)
        async with self.within_patience(f"publishing on {topic!r}"):
            for piece in pieces(frames, len):
                if kept:
                    await self._send_kept(self.stream_of(topic), address, piece)
                else:
                    await self._send_live(address, piece)

    def subscribe(self, topic: str, *, group: str | None = None) -> BrokerSubscription:
        self.refuse_if_closed()
        address = self._subject(topic)
        if group is None:
            return LiveSubscription(self, topic, address)
        self.refuse_group(topic)
        return GroupSubscription(self, topic, address, group)

    async def close(self) -> None:
        await self.leave_all()
        await self.connection.close()

    @property
    def connected(self) -> bool:
        return self.connection.is_up

    def stream_of(self, topic: str) -> str:
        """The name of the stream that has a kept topic."""
        return f"{self.namespace}~queue" if is_queue(topic) else self.namespace

    async def make_stream(self, name: str) -> None:
        """Make a stream of kept topics, unless it is there.

        Raises:
            TransportError: the server has no JetStream, or refuses.
        """
        async with self._stream_lock:
            if name in self._made:
                return
            from nats.errors import Error, NoRespondersError
            from nats.js.errors import APIError, ServiceUnavailableError

            waiting = _JETSTREAM_START
            while name not in self._made:
                await self.connection.usable()
                try:
                    await self._ask_for_stream(name)
                    self._made.add(name)
                except (NoRespondersError, ServiceUnavailableError):
                    if waiting <= 0:
                        raise TransportError(
                            f"{self.server} keeps no messages: its JetStream is switched off.",
                            hint="Start the server with: nats-server -js -sd FOLDER",
                        ) from None
                    waiting -= 0.2
                    await asyncio.sleep(0.2)
                except APIError as error:
                    raise TransportError(
                        f"{self.server} refuses to make the stream {name!r}: {error.description}"
                    ) from error
                except TimeoutError:
                    continue  # a busy server; whoever waits for us knows for how long
                except Error as error:
                    raise BusUnreachable(f"{self.server}: {error}") from error

    async def _ask_for_stream(self, name: str) -> None:
        from nats.js.api import RetentionPolicy
        from nats.js.errors import NotFoundError

        kind, retention = "kept", RetentionPolicy.LIMITS
        if name != self.namespace:
            kind, retention = "queue", RetentionPolicy.WORK_QUEUE

        jetstream = self.connection.jetstream()
        try:
            await self.connection.while_connected(lambda: jetstream.stream_info(name))
        except NotFoundError:
            await self.connection.while_connected(
                lambda: jetstream.add_stream(  # pyright: ignore[reportUnknownMemberType]
                    name=name,
                    subjects=[f"{self.namespace}.{kind}.>"],
                    retention=retention,
                    max_msgs_per_subject=self.keep_messages,
                    max_age=self.keep_for,
                )
            )

    async def _send_live(self, address: str, frames: list[bytes]) -> None:
        from nats.errors import Error

        client = await self.connection.usable()
        try:
            for frame in frames:
                await client.publish(address, frame)
            await self.connection.seen()
        except Error as error:
            self.refuse_if_closed()
            raise BusUnreachable(f"{self.server}: {error}") from error

    async def _send_kept(self, stream: str, address: str, frames: list[bytes]) -> None:
        """Send until all are stored. What is sent again has the same id, so that it is stored once."""
        rest = [(f"{self._publisher}-{next(self._published)}", frame) for frame in frames]
        while rest:
            rest = rest[await self._store(stream, address, rest) :]

    async def _store(self, stream: str, address: str, frames: list[tuple[str, bytes]]) -> int:
        """Send once; returns how many were stored before the first that was not."""
        from nats.errors import Error

        answers: list[asyncio.Future[Msg]] = []
        stored = 0
        try:
            await self.make_stream(stream)
            client = await self.connection.usable()
            for name, frame in frames:
                reply, answer = self.connection.expect()
                answers.append(answer)
                await client.publish(address, frame, reply=reply, headers={"Nats-Msg-Id": name})
            for answer in answers:
                if not self._is_stored(await answer):
                    self._made.discard(stream)
                    await asyncio.sleep(0.1)
                    break
                stored += 1
        except (Error, BusUnreachable):
            self.refuse_if_closed()
            await asyncio.sleep(0.1)
        finally:
            for answer in answers:
                answer.cancel()
        return stored

    def _is_stored(self, answer: "Msg") -> bool:
        """Whether a message was stored; False: try again."""
        if answer.headers and answer.headers.get("Status") == NO_RESPONDERS:
            return False
        error = json.loads(answer.data).get("error")
        if error is None:
            return True
        if error.get("code") == 503:
            return False
        raise TransportError(f"{self.server} does not store the message: {error.get('description')}")

    def _subject(self, topic: str) -> str:
        kind = "live" if not self.is_kept(topic) else "queue" if is_queue(topic) else "kept"
        return subject(f"{self.namespace}.{kind}", topic)

    def _refuse_if_too_large(self, topic: str, frames: list[bytes]) -> None:
        limit = self.connection.client.max_payload
        largest = max(map(len, frames), default=0)
        if largest + _HEADER_ROOM > limit:
            raise MessageTooLarge(
                f"A message of {largest} bytes for {topic!r} is more than {self.server} "
                f"takes ({limit}). Nothing was published.",
                hint="Raise max_payload in the server's configuration, or send a reference to the data instead.",
            )

    def _came_back(self) -> None:
        # A server without persistence has forgotten its streams.
        self._made.clear()
        for subscription in tuple(self.members):
            if isinstance(subscription, GroupSubscription):
                subscription.came_back()

    def _broken(self, error: TransportError) -> None:
        for subscription in tuple(self.members):
            subscription.inbox.fail(error)
