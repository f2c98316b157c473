"""What every transport promises, each promise one test.

A new transport joins by an entry in BUSES; the tests stay as they are. Promises that only some
buses make run on those whose capabilities say so.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import cast

import pytest
from geppetto.events.dead_letters import DeadLetterLog
from geppetto.events.message import Message
from geppetto.events.transports import (
    BatchSubscription,
    Capabilities,
    Subscription,
    Transport,
    TransportClosed,
    TransportError,
)
from geppetto.events.transports.memory import MemoryTransport
from geppetto.events.transports.nats import NatsTransport
from geppetto.events.transports.redis import RedisTransport

from tests.events.brokers import QUICK_RETRY, Bus, NatsServer, RedisServer, broker_bus

pytestmark = pytest.mark.timeout(60)


class MemoryBus:
    def __init__(self) -> None:
        self._transports: list[MemoryTransport] = []

    async def connect(self, *, dead_letters: DeadLetterLog | None = None) -> Transport:
        self._transports.append(MemoryTransport(retry=QUICK_RETRY, dead_letters=dead_letters))
        return self._transports[-1]

    async def restart(self) -> None:
        raise NotImplementedError("what is in memory does not survive")

    async def dispose(self) -> None:
        for transport in self._transports:
            await transport.close()


@asynccontextmanager
async def memory_bus() -> AsyncIterator[Bus]:
    bus = MemoryBus()
    yield bus
    await bus.dispose()


async def nats(url: str, dead_letters: DeadLetterLog | None) -> Transport:
    return await NatsTransport.connect(url, retry=QUICK_RETRY, dead_letters=dead_letters)


async def nats_live(url: str, dead_letters: DeadLetterLog | None) -> Transport:
    return await NatsTransport.connect(url, retry=QUICK_RETRY, dead_letters=dead_letters, keeps=None)


async def redis(url: str, dead_letters: DeadLetterLog | None) -> Transport:
    return await RedisTransport.connect(url, retry=QUICK_RETRY, dead_letters=dead_letters)


@dataclass(frozen=True)
class Candidate:
    capabilities: Capabilities
    open: Callable[[], AbstractAsyncContextManager[Bus]]
    marks: tuple[pytest.MarkDecorator, ...] = ()


LIVE = Capabilities(redelivers=True, one_in_flight=True)
DURABLE = Capabilities(redelivers=True, one_in_flight=True, durable=True)

BUSES = {
    "memory": Candidate(MemoryTransport.capabilities, memory_bus),
    "nats": Candidate(DURABLE, partial(broker_bus, NatsServer, nats), (pytest.mark.e2e,)),
    "nats-live": Candidate(LIVE, partial(broker_bus, NatsServer, nats_live), (pytest.mark.e2e,)),
    "redis": Candidate(DURABLE, partial(broker_bus, RedisServer, redis), (pytest.mark.e2e,)),
}


def buses(**capabilities: bool) -> pytest.MarkDecorator:
    """Run the test on every bus that has (or, where False, lacks) these capabilities."""
    names = [
        pytest.param(name, marks=candidate.marks)
        for name, candidate in BUSES.items()
        if all(getattr(candidate.capabilities, key) == value for key, value in capabilities.items())
    ]
    return pytest.mark.parametrize("bus", names, indirect=True)


@pytest.fixture
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    async with BUSES[request.param].open() as opened:
        yield opened


@buses()
async def test_a_bus_says_what_it_can(bus: Bus, request: pytest.FixtureRequest) -> None:
    transport = await bus.connect()
    assert transport.capabilities == BUSES[request.node.callspec.params["bus"]].capabilities


class Reader:
    """Acks everything on a subscription, in a task, and remembers it."""

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.messages: list[Message] = []
        self._news = asyncio.Condition()
        self.task = asyncio.create_task(self._read())

    @property
    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.messages]

    async def _read(self) -> None:
        async for message in self.subscription:
            self.messages.append(message)
            message.ack()
            async with self._news:
                self._news.notify_all()

    async def has(self, count: int) -> None:
        async with asyncio.timeout(60), self._news:
            await self._news.wait_for(lambda: len(self.messages) >= count)

    async def has_got(self, payload: bytes) -> None:
        async with asyncio.timeout(60), self._news:
            await self._news.wait_for(lambda: payload in self.payloads)

    async def stop(self) -> None:
        async with asyncio.timeout(60):
            await self.subscription.aclose()
            await self.task


@asynccontextmanager
async def reading(
    transport: Transport, *topics: str, group: str | None = None
) -> AsyncIterator[list[Reader]]:
    subscriptions = [transport.subscribe(topic, group=group) for topic in topics]
    for subscription in subscriptions:
        await subscription.__aenter__()
    readers = [Reader(subscription) for subscription in subscriptions]
    try:
        yield readers
    finally:
        for reader in readers:
            await reader.stop()


async def settle() -> None:
    """Give whatever should not happen a chance to happen."""
    for _ in range(20):
        await asyncio.sleep(0)
    await asyncio.sleep(0.02)


def numbered(count: int, prefix: str = "") -> list[Message]:
    return [Message(f"{prefix}{number}".encode()) for number in range(count)]


# Delivery.


@buses()
async def test_each_message_arrives_once_with_payload_and_metadata_intact(bus: Bus) -> None:
    transport = await bus.connect()
    sent = [
        Message(b""),
        Message(bytes(range(256)), {"": "", "key": "value", "step_id": "é 😀\n\x00"}),
        Message(os.urandom(700_000), {"sequence_number": "1"}),
        *(Message(f"{number}".encode(), {"sequence_number": str(number)}) for number in range(500)),
    ]
    async with reading(transport, "intact") as [reader]:
        await transport.publish("intact", *sent)
        await reader.has(len(sent))
        await settle()

        def facts(message: Message) -> tuple[str, bytes, dict[str, str]]:
            return message.uuid, message.payload, message.metadata

        assert [facts(message) for message in reader.messages] == [facts(message) for message in sent]


@buses()
async def test_fifty_subscribers_at_once_lose_none_of_5000(bus: Bus) -> None:
    transport = await bus.connect()
    async with reading(transport, *["crowd"] * 50) as readers:
        batches = [numbered(500, f"{publisher}-") for publisher in range(10)]
        await asyncio.gather(*(transport.publish("crowd", *batch) for batch in batches))
        expected = sorted(message.payload for batch in batches for message in batch)
        for reader in readers:
            await reader.has(5000)
        await settle()
        assert all(sorted(reader.payloads) == expected for reader in readers)


@buses()
async def test_topics_are_isolated(bus: Bus) -> None:
    transport = await bus.connect()
    names = ["step.a", "step.a.b", "step", "step.*", "step.>", "STEP.a"]
    async with reading(transport, *names) as readers:
        await asyncio.gather(*(transport.publish(name, Message(name.encode())) for name in names))
        for reader in readers:
            await reader.has(1)
        await settle()
        assert [reader.payloads for reader in readers] == [[name.encode()] for name in names]


@buses()
async def test_the_order_of_each_publisher_is_kept_within_a_topic(bus: Bus) -> None:
    transport = await bus.connect()

    async def publish(prefix: str) -> None:
        for start in range(0, 300, 10):
            await transport.publish("ordered", *numbered(300, prefix)[start : start + 10])

    async with reading(transport, "ordered", "ordered", "ordered") as readers:
        await asyncio.gather(publish("a"), publish("b"), publish("c"))
        for reader in readers:
            await reader.has(900)
            for prefix in ("a", "b", "c"):
                own = [payload for payload in reader.payloads if payload.startswith(prefix.encode())]
                assert own == [f"{prefix}{number}".encode() for number in range(300)]


@buses()
async def test_a_subscriber_cannot_change_what_others_see(bus: Bus) -> None:
    transport = await bus.connect()
    async with reading(transport, "shared", "shared") as [first, second]:
        for _ in range(2):
            await transport.publish("shared", Message(b"x", {"key": "sent"}))
            await first.has(1)
            first.messages[0].metadata["key"] = "changed"
        await second.has(2)
        assert [message.metadata for message in second.messages] == [{"key": "sent"}] * 2


@buses()
async def test_one_subscriber_that_does_not_ack_blocks_no_other(bus: Bus) -> None:
    transport = await bus.connect()
    async with transport.subscribe("stuck") as stuck, reading(transport, "stuck") as [reader]:
        publishing = asyncio.create_task(transport.publish("stuck", *numbered(100)))
        await anext(stuck)
        await reader.has(100)
        await stuck.aclose()
        async with asyncio.timeout(60):
            await publishing


@buses(durable=False)
async def test_a_live_bus_drops_what_nobody_listens_to(bus: Bus) -> None:
    transport = await bus.connect()
    async with asyncio.timeout(60):
        await transport.publish("nobody", Message(b"lost"))
    async with reading(transport, "nobody") as [reader]:
        await transport.publish("nobody", Message(b"kept"))
        await reader.has(1)
        await settle()
        assert reader.payloads == [b"kept"]


@buses(durable=False)
async def test_a_live_bus_refuses_groups(bus: Bus) -> None:
    transport = await bus.connect()
    with pytest.raises(TransportError):
        transport.subscribe("topic", group="readers")


# Acknowledgement.


@buses(redelivers=True)
async def test_a_nacked_message_comes_again_unchanged_and_before_later_ones(bus: Bus) -> None:
    transport = await bus.connect()
    async with transport.subscribe("again") as subscription, asyncio.timeout(60):
        publishing = asyncio.create_task(
            transport.publish("again", Message(b"first", {"key": "value"}), Message(b"second"))
        )
        first = await anext(subscription)
        first.metadata["key"] = "changed by the reader"
        assert first.nack() and first.acked is False
        second = await anext(subscription)
        assert (second.uuid, second.payload, second.metadata) == (first.uuid, b"first", {"key": "value"})
        assert second.ack() and second.acked is True
        third = await anext(subscription)
        assert third.payload == b"second"
        third.ack()
        await publishing


@buses(redelivers=True)
async def test_a_message_is_given_up_after_bounded_tries_and_the_next_one_comes(bus: Bus) -> None:
    dead_letters = DeadLetterLog()
    transport = await bus.connect(dead_letters=dead_letters)
    async with transport.subscribe("bad") as subscription, asyncio.timeout(60):
        publishing = asyncio.create_task(
            transport.publish("bad", Message(b"bad", {"k": "v"}), Message(b"good"))
        )
        tries = 0
        while (message := await anext(subscription)).payload == b"bad":
            tries += 1
            message.nack()
        message.ack()
        await publishing
        assert tries == QUICK_RETRY.attempts
        [letter] = dead_letters
        assert (letter.topic, letter.message.payload, letter.message.metadata, letter.attempts) == (
            "bad",
            b"bad",
            {"k": "v"},
            tries,
        )


@buses(redelivers=True)
async def test_failures_of_one_message_do_not_count_against_the_next(bus: Bus) -> None:
    dead_letters = DeadLetterLog()
    transport = await bus.connect(dead_letters=dead_letters)
    async with transport.subscribe("shaky") as subscription, asyncio.timeout(60):
        publishing = asyncio.create_task(transport.publish("shaky", *numbered(5)))
        for _ in range(5):
            for _ in range(QUICK_RETRY.attempts - 1):
                (await anext(subscription)).nack()
            (await anext(subscription)).ack()
        await publishing
    assert len(dead_letters) == 0


@buses(one_in_flight=True)
async def test_the_next_message_comes_only_after_the_ack(bus: Bus) -> None:
    transport = await bus.connect()
    async with transport.subscribe("one") as subscription, asyncio.timeout(60):
        publishing = asyncio.create_task(transport.publish("one", *numbered(2)))
        first = await anext(subscription)
        waiting = asyncio.create_task(anext(subscription))
        await settle()
        assert not waiting.done()
        first.ack()
        second = await waiting
        assert second.payload == b"1"
        second.ack()
        await publishing


@buses(waits_for_acks=True)
async def test_publish_returns_when_every_subscriber_has_acked(bus: Bus) -> None:
    transport = await bus.connect()
    async with (
        transport.subscribe("acks") as one,
        transport.subscribe("acks") as two,
        asyncio.timeout(60),
    ):
        publishing = asyncio.create_task(transport.publish("acks", Message(b"x")))
        (await anext(one)).ack()
        last = await anext(two)
        await settle()
        assert not publishing.done()
        last.ack()
        await publishing


@buses()
async def test_only_the_first_settlement_counts(bus: Bus) -> None:
    transport = await bus.connect()
    async with transport.subscribe("twice") as subscription, asyncio.timeout(60):
        publishing = asyncio.create_task(transport.publish("twice", *numbered(2)))
        message = await anext(subscription)
        assert message.acked is None
        assert message.ack()
        assert message.ack()
        assert not message.nack()
        assert message.acked is True
        following = await anext(subscription)
        assert following.payload == b"1"
        following.ack()
        await publishing


# Closing.


@buses()
async def test_closing_a_subscription_ends_its_iteration_and_releases_publishers(bus: Bus) -> None:
    transport = await bus.connect()
    async with asyncio.timeout(60):
        idle = Reader(await transport.subscribe("idle").__aenter__())
        await settle()
        await asyncio.gather(idle.stop(), idle.stop())

        for settle_late in (Message.ack, Message.nack):
            busy = await transport.subscribe("busy").__aenter__()
            publishing = asyncio.create_task(transport.publish("busy", *numbered(10)))
            in_flight = await anext(busy)
            await busy.aclose()
            await publishing
            settle_late(in_flight)  # too late to matter, and harmless
            with pytest.raises(StopAsyncIteration):
                await anext(busy)


@buses()
async def test_cancelling_a_reader_or_a_publisher_leaves_the_bus_working(bus: Bus) -> None:
    transport = await bus.connect()
    async with asyncio.timeout(60):
        async with transport.subscribe("cancel") as subscription:
            waiting = asyncio.create_task(anext(subscription))
            await settle()
            waiting.cancel()
            await asyncio.wait({waiting})

            publishing = asyncio.create_task(transport.publish("cancel", Message(b"one")))
            message = await anext(subscription)
            publishing.cancel()
            await asyncio.wait({publishing})
            message.ack()

            publishing = asyncio.create_task(transport.publish("cancel", Message(b"two")))
            message = await anext(subscription)
            assert message.payload == b"two"
            message.ack()
            await publishing


@buses()
async def test_closing_everything_at_once_never_hangs(bus: Bus) -> None:
    for _ in range(10):
        transport = await bus.connect()
        subscriptions = [await transport.subscribe(f"t{number % 3}").__aenter__() for number in range(12)]
        # A third reads, a third takes one message and never acks, a third never looks.
        readers = [Reader(subscription) for subscription in subscriptions[:4]]
        holders = [asyncio.create_task(anext(subscription, None)) for subscription in subscriptions[4:8]]
        publishers = [
            asyncio.create_task(transport.publish(f"t{number % 3}", *numbered(50))) for number in range(12)
        ]
        await asyncio.sleep(0)
        publishers[0].cancel()
        async with asyncio.timeout(60):
            await asyncio.gather(
                *(subscription.aclose() for subscription in subscriptions[::2]),
                transport.close(),
                transport.close(),
                *(subscription.aclose() for subscription in subscriptions),
            )
            results = await asyncio.gather(
                *publishers, *holders, *(reader.task for reader in readers), return_exceptions=True
            )
        unexpected = [
            result
            for result in results
            if isinstance(result, BaseException)
            and not isinstance(result, TransportClosed | asyncio.CancelledError)
        ]
        assert not unexpected


@buses()
async def test_a_closed_bus_says_so(bus: Bus) -> None:
    transport = await bus.connect()
    subscription = await transport.subscribe("topic").__aenter__()
    unentered = transport.subscribe("topic")
    await transport.close()
    async with asyncio.timeout(60):
        with pytest.raises(StopAsyncIteration):
            await anext(subscription)
        with pytest.raises(TransportClosed):
            await transport.publish("topic", Message(b"x"))
        with pytest.raises(TransportClosed):
            transport.subscribe("topic")
        with pytest.raises(TransportClosed):
            await unentered.__aenter__()


# What a bus promises that gives batches.


@asynccontextmanager
async def reading_batches(transport: Transport, topic: str) -> AsyncIterator[BatchSubscription]:
    async with transport.subscribe(topic) as subscription, asyncio.timeout(60):
        yield cast(BatchSubscription, subscription)


@buses(batches=True)
async def test_batches_bring_every_message_once_in_order(bus: Bus) -> None:
    transport = await bus.connect()
    seen: list[bytes] = []
    async with reading_batches(transport, "batches") as subscription:
        publishing = [
            asyncio.create_task(transport.publish("batches", *numbered(2000)[start : start + 400]))
            for start in range(0, 2000, 400)
        ]
        while len(seen) < 2000:
            batch = await subscription.next_batch()
            assert batch is not None
            assert len(batch) >= 1
            seen += [message.payload for message in batch]
            subscription.settle_batch(len(batch))
        await asyncio.gather(*publishing)
    assert seen == [message.payload for message in numbered(2000)]


@buses(batches=True)
async def test_what_is_left_of_a_batch_comes_again_first(bus: Bus) -> None:
    transport = await bus.connect()
    async with reading_batches(transport, "rest") as subscription:
        publishing = asyncio.create_task(transport.publish("rest", *numbered(5)))
        batch = await subscription.next_batch()
        assert batch is not None
        assert [message.payload for message in batch] == [b"0", b"1", b"2", b"3", b"4"]
        subscription.settle_batch(2)
        alone = await anext(subscription)
        assert alone.payload == b"2"
        alone.ack()
        rest = await subscription.next_batch()
        assert rest is not None
        assert [message.payload for message in rest] == [b"3", b"4"]
        assert not publishing.done()
        subscription.settle_batch(2)
        await publishing


@buses(batches=True)
async def test_nothing_comes_before_the_batch_in_flight_is_settled(bus: Bus) -> None:
    transport = await bus.connect()
    async with reading_batches(transport, "flight") as subscription:
        first = asyncio.create_task(transport.publish("flight", *numbered(3)))
        batch = await subscription.next_batch()
        assert batch is not None
        second = asyncio.create_task(transport.publish("flight", Message(b"later")))
        waiting = asyncio.create_task(subscription.next_batch())
        await settle()
        assert not waiting.done()
        subscription.settle_batch(len(batch))
        later = await waiting
        assert later is not None
        assert [message.payload for message in later] == [b"later"]
        subscription.settle_batch(1)
        await asyncio.gather(first, second)


@buses(batches=True)
async def test_closing_with_a_batch_in_flight_frees_its_publisher(bus: Bus) -> None:
    transport = await bus.connect()
    async with reading_batches(transport, "closing") as subscription:
        publishing = asyncio.create_task(transport.publish("closing", *numbered(600)))
        batch = await subscription.next_batch()
        assert batch is not None
        await subscription.aclose()
        await publishing
        subscription.settle_batch(len(batch))
        assert await subscription.next_batch() is None


# What only a durable bus promises.


@buses(durable=True)
async def test_a_new_group_gets_the_old_messages(bus: Bus) -> None:
    transport = await bus.connect()
    await transport.publish("old", *numbered(20))
    async with reading(transport, "old", group="late") as [reader]:
        await reader.has(20)
        await transport.publish("old", Message(b"new"))
        await reader.has(21)
        assert reader.payloads == [message.payload for message in numbered(20)] + [b"new"]


@buses(durable=True)
async def test_each_group_gets_all_and_its_members_share(bus: Bus) -> None:
    transport = await bus.connect()
    async with (
        reading(transport, "groups", "groups", group="a") as one,
        reading(transport, "groups", group="b") as other,
    ):
        await transport.publish("groups", *numbered(200))
        async with asyncio.timeout(60):
            while sum(len(reader.messages) for reader in one) < 200:
                await asyncio.sleep(0.01)
        await other[0].has(200)
        await settle()
        expected = sorted(message.payload for message in numbered(200))
        assert sorted(payload for reader in one for payload in reader.payloads) == expected
        assert sorted(other[0].payloads) == expected


@buses(durable=True)
async def test_nothing_is_lost_when_a_reader_goes_before_its_ack(bus: Bus) -> None:
    transport = await bus.connect()
    await transport.publish("resume", *numbered(3))
    async with transport.subscribe("resume", group="workers") as subscription, asyncio.timeout(60):
        (await anext(subscription)).ack()
        await anext(subscription)
    async with reading(transport, "resume", group="workers") as [reader]:
        await reader.has(2)
        assert reader.payloads == [b"1", b"2"]


@buses(durable=True)
async def test_the_connection_comes_back_after_the_broker_restarts(bus: Bus) -> None:
    transport = await bus.connect()
    await transport.publish("restart", Message(b"before"))
    async with reading(transport, "restart", group="survivors") as [reader]:
        await reader.has(1)
        await bus.restart()
        async with asyncio.timeout(30):
            await transport.publish("restart", Message(b"after"))
        # The ack of the first message may have crossed the outage: then it comes once more, as promised (at least once).
        await reader.has_got(b"after")
        assert list({message.uuid: message.payload for message in reader.messages}.values()) == [
            b"before",
            b"after",
        ]
