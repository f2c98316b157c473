"""Reading from NATS: what is published now, and what a group has not had yet."""

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Final

from geppetto.events.message import Message
from geppetto.events.transports import TransportError
from geppetto.events.transports.broker import BrokerSubscription, BusUnreachable, end
from geppetto.events.transports.inbox import Inbox
from geppetto.events.transports.nats_connection import NatsConnection
from geppetto.events.transports.nats_wire import consumer_name, unpack

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from geppetto.events.transports.nats import NatsTransport

logger = logging.getLogger(__name__)

# Seconds for which the server remembers that a reader asked for a message; then it is asked again.
_PULL: Final = 30.0

# Seconds that a server may take to confirm an ack.
_CONFIRMATION: Final = 2.0

# Answers to a pull that only say that nothing came in time.
_NOTHING_CAME: Final = frozenset({"404", "408"})


class LiveTopic:
    """One subscription at the server for all readers of a topic on this connection."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.inboxes: list[Inbox] = []
        self._listening: Subscription | None = None

    async def listen(self, connection: NatsConnection) -> None:
        self._listening = await connection.listen(self.subject, self._deliver)
        # Others publish on other connections: they must find this subscription there.
        await connection.seen()

    async def deafen(self) -> None:
        from nats.errors import Error

        if self._listening is None:
            return
        try:
            await self._listening.unsubscribe()
        except Error as error:
            logger.debug("The connection ended before %s was left: %s", self.subject, error)

    async def _deliver(self, received: "Msg") -> None:
        try:
            message = unpack(received.data)
        except ValueError as error:
            for inbox in self.inboxes[:1]:
                inbox.reject(Message(received.data), f"not published by Geppetto: {error}")
            return
        for inbox in self.inboxes:
            inbox.put(message)


class LiveSubscription(BrokerSubscription):
    """What is published while it is connected, pushed by the server as it comes."""

    def __init__(self, transport: "NatsTransport", topic: str, subject: str) -> None:
        super().__init__(transport, topic)
        self._nats = transport
        self._subject = subject

    async def attach(self) -> None:
        await self._nats.connection.usable()
        async with self._nats.live_lock:
            shared = self._nats.live_topics.get(self._subject)
            if shared is None:
                shared = LiveTopic(self._subject)
                try:
                    await shared.listen(self._nats.connection)
                except BaseException:
                    await shared.deafen()
                    raise
                self._nats.live_topics[self._subject] = shared
            shared.inboxes.append(self.inbox)

    async def detach(self, *, settled: bool) -> None:
        async with self._nats.live_lock:
            shared = self._nats.live_topics.get(self._subject)
            if shared is None or self.inbox not in shared.inboxes:
                return
            # A new list, since the old one may be in use.
            shared.inboxes = [each for each in shared.inboxes if each is not self.inbox]
            if not shared.inboxes:
                del self._nats.live_topics[self._subject]
                await shared.deafen()


class GroupSubscription(BrokerSubscription):
    """A member of a group: pulls one message, shows signs of life until it is settled, acks, pulls the next."""

    def __init__(self, transport: "NatsTransport", topic: str, subject: str, group: str) -> None:
        super().__init__(transport, topic)
        self._nats = transport
        self._connection = transport.connection
        self._subject = subject
        self._group = group
        self._consumer = consumer_name(topic, group)
        self._stream = transport.stream_of(topic)
        self._mailbox = ""
        self._wants_one = False
        self._connections = 0
        self._pulled_on = 0
        self._arrivals: asyncio.Queue[Msg | None] = asyncio.Queue()
        self._listening: Subscription | None = None
        self._held: Msg | None = None
        self._task: asyncio.Task[None] | None = None

    async def attach(self) -> None:
        await self._make_consumer()
        client = await self._connection.usable()
        self._mailbox = client.new_inbox()
        self._listening = await self._connection.listen(self._mailbox, self._on_message)
        self._task = asyncio.create_task(self._work(), name=f"nats group {self._group} {self.topic}")

    def came_back(self) -> None:
        """The connection is new: what was asked on the old one is forgotten."""
        self._connections += 1
        self._arrivals.put_nowait(None)

    async def _on_message(self, received: "Msg") -> None:
        if not received.reply:
            self._arrivals.put_nowait(received)  # not a message, but news of the pull
        elif self._wants_one and not self.inbox.closed:
            self._wants_one = False
            self._arrivals.put_nowait(received)
        else:
            # An outage can leave two pulls at the server. Others need not wait for us.
            await self._send(received.reply, b"-NAK")

    async def detach(self, *, settled: bool) -> None:
        if self._task is not None:
            await end(self._task)
        held, self._held = self._held, None
        await self._deafen()
        if held is not None:
            await self._send(held.reply, b"+ACK" if settled else b"-NAK")
        while not self._arrivals.empty():
            received = self._arrivals.get_nowait()
            if received is not None and received.reply:
                await self._send(received.reply, b"-NAK")
        if self._connection.client.is_connected:
            await self._connection.seen()

    async def _work(self) -> None:
        try:
            await self._pull()
            while True:
                received = await self._next()
                came_on = self._connections
                self._held = received
                self._hand_over(received)
                while not await self.inbox.emptied(self._nats.sign_of_life):
                    await self._send(received.reply, b"+WPI")
                await self._acknowledge_and_pull(received, came_on)
                self._held = None
        except Exception as error:
            self.inbox.fail(error)

    def _hand_over(self, received: "Msg") -> None:
        try:
            message = unpack(received.data)
        except ValueError as error:
            self.inbox.reject(Message(received.data), f"not published by Geppetto: {error}")
        else:
            self.inbox.put(message, received.metadata.num_delivered - 1)

    async def _deafen(self) -> None:
        """Stop listening; what is on its way still reaches `_on_message`, which gives it back."""
        from nats.errors import Error

        listening, self._listening = self._listening, None
        if listening is None:
            return
        try:
            if self._connection.client.is_connected:
                await listening.drain()
            else:
                await listening.unsubscribe()
        except Error as error:
            logger.debug("The connection ended before %s was left: %s", self.topic, error)

    async def _next(self) -> "Msg":
        while True:
            try:
                async with asyncio.timeout(_PULL + 5):
                    received = await self._arrivals.get()
            except TimeoutError:
                await self._mend("no answer")
            else:
                if received is None:
                    if self._pulled_on == self._connections:
                        continue  # it was asked on the new connection already
                else:
                    status = received.headers.get("Status") if received.headers else None
                    if status is None:
                        return received
                    if status not in _NOTHING_CAME:
                        await asyncio.sleep(0.2)
                        await self._mend(status)
            await self._pull()

    async def _mend(self, reason: str) -> None:
        """Make the group again if it is not there, however long the server takes until it can."""
        while True:
            try:
                await self._make_consumer()
                return
            except TransportError as error:
                # Ends this when the connection has ended.
                await self._connection.usable()
                logger.warning("The group %s cannot read %s (%s): %s", self._group, self.topic, reason, error)
                await asyncio.sleep(1)

    async def _pull(self) -> None:
        await self._connection.usable()
        if self._pulled_on != self._connections:
            await self._mend("a new connection")  # to a server that may have forgotten the group
        self._wants_one = True
        self._pulled_on = self._connections
        request = {"batch": 1, "expires": int(_PULL * 1e9)}
        target = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}"
        await self._send(target, json.dumps(request).encode(), self._mailbox)

    async def _acknowledge_and_pull(self, received: "Msg", came_on: int) -> None:
        """Ack until the server confirms it: an ack that is lost is a message that comes twice.

        The pull goes in the same packet, unless there was an outage since the message came: it may be due
        again then, and the server, which handles acks and pulls side by side, could answer with it.
        """
        connection = self._connection
        pulled = False
        while True:
            await connection.usable()
            reply, confirmation = connection.expect()
            try:
                await self._send(received.reply, b"+ACK", reply)
                if not pulled and came_on == self._connections:
                    pulled = True
                    await self._pull()
                async with asyncio.timeout(_CONFIRMATION):
                    await confirmation
                break
            except BusUnreachable as error:
                logger.debug("An ack on %s is sent again: %s", self.topic, error)
            except TimeoutError:
                # The connection is well, so it has arrived; but a server that forgot the group says nothing.
                logger.debug("An ack on %s was not confirmed", self.topic)
                break
            finally:
                confirmation.cancel()
        if not pulled:
            await self._pull()

    async def _send(self, subject: str, data: bytes, reply: str = "") -> None:
        """Send if the connection is there; what is lost with it is made good when it comes back."""
        from nats.errors import Error

        try:
            await self._connection.client.publish(subject, data, reply=reply)
        except Error as error:
            logger.debug("Not sent to NATS: %s", error)

    async def _make_consumer(self) -> None:
        from nats.errors import Error
        from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

        await self._nats.make_stream(self._stream)
        config = ConsumerConfig(
            durable_name=self._consumer,
            description=f"{self._group} on {self.topic}"[:1000],
            filter_subject=self._subject,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self._nats.claim_after,
            # We count tries ourselves, so that the last one ends in a dead letter and not in silence.
            max_deliver=-1,
            max_ack_pending=-1,
            max_waiting=8192,
        )
        jetstream = self._connection.jetstream()
        try:
            while True:
                try:
                    await self._connection.while_connected(
                        lambda: jetstream.add_consumer(self._stream, config)  # pyright: ignore[reportUnknownMemberType]
                    )
                    return
                except TimeoutError:
                    continue  # a busy server; whoever waits for us knows for how long
        except Error as error:
            raise TransportError(
                f"{self._connection.server} does not make the group {self._group!r} on {self.topic!r}: {error}"
            ) from error
