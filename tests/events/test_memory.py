"""What the memory bus does beyond the promises of every bus."""

import asyncio
import gc
import weakref

import pytest
from geppetto.events.message import Message
from geppetto.events.retry import RetryPolicy
from geppetto.events.transports.memory import MemoryTransport

pytestmark = pytest.mark.timeout(30)


async def test_a_topic_lives_as_long_as_its_subscribers() -> None:
    transport = MemoryTransport()
    async with transport.subscribe("a"):
        async with transport.subscribe("a"), transport.subscribe("b"):
            assert transport.topics == ("a", "b")
        assert transport.topics == ("a",)
    assert transport.topics == ()


async def test_a_reader_that_publishes_to_its_own_topic_does_not_wait_for_itself() -> None:
    transport = MemoryTransport()
    seen: list[bytes] = []
    async with transport.subscribe("loop") as subscription, asyncio.timeout(60):
        publishing = asyncio.create_task(transport.publish("loop", Message(b"3")))
        async for message in subscription:
            seen.append(message.payload)
            if message.payload == b"0":
                message.ack()
                break
            await transport.publish("loop", Message(b"%d" % (int(message.payload) - 1)))
            message.ack()
        await publishing
    assert seen == [b"3", b"2", b"1", b"0"]


async def test_a_reader_that_is_never_idle_lets_others_run() -> None:
    transport = MemoryTransport()
    turns = 0

    async def bystander() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks, transport.subscribe("busy") as subscription:
        tasks.create_task(transport.publish("busy", *(Message(b"") for _ in range(10_000))))
        await asyncio.sleep(0)
        other = tasks.create_task(bystander())
        received = 0
        async for message in subscription:
            message.ack()
            received += 1
            if received == 9_000:
                break
        other.cancel()
    assert turns >= 10


async def test_nothing_of_a_closed_bus_is_left_on_the_loop() -> None:
    transport = MemoryTransport(retry=RetryPolicy(delay=1000))
    subscription = await transport.subscribe("a").__aenter__()
    publishing = asyncio.create_task(transport.publish("a", Message(b"x")))
    (await anext(subscription)).nack()
    async with asyncio.timeout(60):
        await transport.close()
        await publishing
    assert asyncio.all_tasks() == {asyncio.current_task()}
    # A timer that still waited would hold on to the subscription.
    remembered = weakref.ref(subscription)
    del subscription
    gc.collect()
    assert remembered() is None


def test_a_message_keeps_its_id_through_copies_and_ids_differ() -> None:
    messages = [Message(b"") for _ in range(1000)]
    assert len({message.uuid for message in messages}) == 1000
    copy = messages[0].copy()
    messages[0].ack()
    assert copy.uuid == messages[0].uuid
    assert copy.acked is None


def test_pauses_grow_to_a_bound_and_then_end() -> None:
    policy = RetryPolicy(attempts=6, delay=1, factor=3, max_delay=20)
    assert [policy.pause(failures) for failures in range(1, 8)] == [1, 3, 9, 20, 20, None, None]
    assert RetryPolicy(attempts=10_000).pause(9_999) == RetryPolicy().max_delay
    assert RetryPolicy(attempts=1).pause(1) is None
    with pytest.raises(ValueError, match="attempts is 0"):
        RetryPolicy(attempts=0)
