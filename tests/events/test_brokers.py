"""What a server in between adds: outages, dying readers, odd names, large payloads."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import pytest
from geppetto.events.dead_letters import DeadLetterLog
from geppetto.events.message import Message
from geppetto.events.retry import RetryPolicy
from geppetto.events.router import EventRouter
from geppetto.events.transports import Subscription, TransportClosed, TransportError
from geppetto.events.transports.broker import BrokerTransport, BusUnreachable, MessageTooLarge
from geppetto.events.transports.connect import connect
from geppetto.events.transports.nats import NatsTransport
from geppetto.events.transports.redis import RedisTransport
from geppetto.events.wire import EVENT_TYPE, queue_topic, step_topic

from tests.events.brokers import QUICK_RETRY, NatsServer, RedisServer, Server, line_to, serving
from tests.waiting import only_tasks

pytestmark = [pytest.mark.timeout(60), pytest.mark.e2e]

KINDS: dict[str, type[Server]] = {"nats": NatsServer, "redis": RedisServer}
MEMBER = Path(__file__).with_name("group_member.py")


class Opener(Protocol):
    async def __call__(self, url: str, **options: Any) -> Any: ...


OPEN: dict[str, Opener] = {"nats": NatsTransport.connect, "redis": RedisTransport.connect}


@pytest.fixture(params=list(KINDS))
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    async with serving(KINDS[request.param]) as server:
        yield server


def _name(broker: Server) -> str:
    return next(name for name, kind in KINDS.items() if isinstance(broker, kind))


@pytest.fixture
async def open_bus(broker: Server) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    transports: list[BrokerTransport] = []

    async def open_bus(**options: Any) -> Any:
        transports.append(await OPEN[_name(broker)](broker.url, **{"retry": QUICK_RETRY, **options}))
        return transports[-1]

    yield open_bus
    async with asyncio.timeout(60):
        for transport in transports:
            await transport.close()  # type: ignore[attr-defined]


async def take(subscription: Subscription, count: int) -> list[bytes]:
    payloads: list[bytes] = []
    async with asyncio.timeout(30):
        while len(payloads) < count:
            message = await anext(subscription)
            payloads.append(message.payload)
            message.ack()
    return payloads


async def nothing_comes(subscription: Subscription, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await anext(subscription)
    except TimeoutError:
        return True
    return False


def numbered(count: int, start: int = 0) -> list[Message]:
    return [Message(f"{number}".encode()) for number in range(start, start + count)]


# Finding the server.


@pytest.mark.parametrize("scheme", ["nats", "redis"])
async def test_nobody_at_the_address(scheme: str) -> None:
    async with asyncio.timeout(60):
        with pytest.raises(BusUnreachable) as caught:
            await connect(f"{scheme}://user:secret@127.0.0.1:1", timeout=0.5)
    assert "127.0.0.1:1" in str(caught.value)
    assert "nothing listens there" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("scheme", ["nats", "redis"])
async def test_somebody_who_says_nothing(scheme: str) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    before = asyncio.all_tasks()
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with asyncio.timeout(60):
        with pytest.raises(BusUnreachable, match="it does not answer"):
            await connect(f"{scheme}://127.0.0.1:{port}", timeout=0.5)
    server.close()
    await only_tasks(before)


async def test_a_wrong_password_is_said_at_once_and_not_shown() -> None:
    class Guarded(RedisServer):
        def command(self) -> list[str]:
            return [*super().command(), "--requirepass", "right"]

        async def greets(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
            writer.write(b"PING\r\n")
            return (await reader.readline()).startswith(b"-NOAUTH")

    async with serving(Guarded) as server, asyncio.timeout(60):
        with pytest.raises(BusUnreachable) as caught:
            await connect(server.url.replace("//", "//:wrong@"), timeout=100)
        assert "it refuses the name or password" in str(caught.value)
        assert "wrong@" not in str(caught.value)
        transport = await connect(server.url.replace("//", "//:right@"))
        await transport.close()


async def test_a_wrong_password_for_nats() -> None:
    class Guarded(NatsServer):
        def command(self) -> list[str]:
            return [*super().command(), "--user", "ada", "--pass", "right"]

    async with serving(Guarded) as server, asyncio.timeout(60):
        with pytest.raises(BusUnreachable, match="it refuses the name or password") as caught:
            await connect(server.url.replace("//", "//ada:wrong@"), timeout=2)
        assert "wrong@" not in str(caught.value)
        transport = await connect(server.url.replace("//", "//ada:right@"))
        await transport.close()


async def test_urls_choose() -> None:
    for url in ("memory:", "memory://"):
        transport = await connect(url)
        assert type(transport).__name__ == "MemoryTransport"
        await transport.close()
    for url in ("amqp://host", "", "localhost:4222"):
        with pytest.raises(TransportError) as caught:
            await connect(url)
        assert "nats://" in (caught.value.hint or "")


async def test_the_url_of_a_server_gives_its_bus(broker: Server) -> None:
    transport = await connect(broker.url)
    async with transport.subscribe("work", group="workers") as subscription:
        await transport.publish("work", Message(b"x"))
        assert await take(subscription, 1) == [b"x"]
    await transport.close()


@pytest.mark.parametrize(("scheme", "module"), [("nats", "nats"), ("redis", "redis")])
async def test_a_missing_library_names_the_extra(
    scheme: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(TransportError) as caught:
        await connect(f"{scheme}://127.0.0.1:1", timeout=0.5)
    assert caught.value.hint == f"Install it with: pip install 'geppetto[{scheme}]'"


def test_the_libraries_are_loaded_when_first_used() -> None:
    code = (
        "import sys, geppetto.events.transports.connect, geppetto.events.transports.nats, "
        "geppetto.events.transports.redis; print({'nats', 'redis', 'pydantic'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert done.stdout.strip() == "set()", done.stderr


# The server goes away.


async def test_a_server_killed_in_the_middle_loses_nothing_that_was_published(
    broker: Server, open_bus: Callable[..., Awaitable[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "geppetto")
    transport = await open_bus(patience=30)
    seen: list[bytes] = []

    async def read(subscription: Subscription) -> None:
        async for message in subscription:
            seen.append(message.payload)
            message.ack()

    async def publish() -> None:
        for start in range(0, 240, 2):
            await transport.publish("work", *numbered(2, start))
            await asyncio.sleep(0.002)

    async with transport.subscribe("work", group="workers") as subscription, asyncio.timeout(60):
        reading = asyncio.create_task(read(subscription))
        publishing = asyncio.create_task(publish())
        while len(seen) < 50:
            await asyncio.sleep(0.01)
        await broker.restart(signal.SIGKILL)
        await publishing
        expected = {message.payload for message in numbered(240)}
        while set(seen) != expected:
            await asyncio.sleep(0.01)
        assert await _empty(transport, "work", "workers")
    await reading
    # Stored once each: a group that comes later counts them.
    async with transport.subscribe("work", group="auditors") as subscription:
        assert await take(subscription, 240) == [message.payload for message in numbered(240)]
        assert await nothing_comes(subscription, 0.3)
    assert len([record for record in caplog.records if "is lost" in record.message]) == 1
    assert len([record for record in caplog.records if "again after" in record.message]) == 1


async def test_what_is_published_again_after_a_lost_answer_is_stored_once(
    broker: Server, open_bus: Callable[..., Awaitable[Any]]
) -> None:
    near = await open_bus()
    async with line_to(broker) as line, asyncio.timeout(30):
        far = await OPEN[_name(broker)](broker.url.replace(str(broker.port), str(line.port)))
        await far.publish("work", Message(b"before"))
        line.lose_the_next_answer = True
        await far.publish("work", *numbered(20))
        assert line.lost == 1
        await far.publish("work", Message(b"after"))
        await far.close()
    async with near.subscribe("work", group="auditors") as subscription:
        expected = [b"before", *(message.payload for message in numbered(20)), b"after"]
        assert await take(subscription, 22) == expected
        assert await nothing_comes(subscription, 0.3)


async def _empty(transport: Any, topic: str, group: str) -> bool:
    async with transport.subscribe(topic, group=group) as other:
        return await nothing_comes(other, 0.3)


async def test_a_live_reader_goes_on_after_an_outage(
    broker: Server, open_bus: Callable[..., Awaitable[Any]]
) -> None:
    transport = await open_bus(patience=30)
    async with transport.subscribe(step_topic("1")) as subscription, asyncio.timeout(30):
        await transport.publish(step_topic("1"), Message(b"before"))
        assert await take(subscription, 1) == [b"before"]
        await broker.restart(signal.SIGKILL)
        await transport.publish(step_topic("1"), Message(b"after"))
        assert await take(subscription, 1) == [b"after"]


async def test_an_ack_given_while_the_server_is_away_counts(
    broker: Server, open_bus: Callable[..., Awaitable[Any]]
) -> None:
    transport = await open_bus(claim_after=1.5, patience=30)
    async with transport.subscribe("work", group="workers") as subscription, asyncio.timeout(60):
        await transport.publish("work", *numbered(2))
        message = await anext(subscription)
        await broker.stop()
        message.ack()
        await asyncio.sleep(2)  # long enough for the message to be due again
        await broker.start()
        assert await take(subscription, 1) == [b"1"]
        assert await nothing_comes(subscription, 3)


async def test_an_outage_while_a_reader_is_busy_makes_it_take_no_more_than_one(
    broker: Server, open_bus: Callable[..., Awaitable[Any]]
) -> None:
    dead_letters = DeadLetterLog()
    # One try only: a message that is taken, and handed on unread, would be a dead letter.
    transport = await open_bus(patience=30, retry=RetryPolicy(attempts=1), dead_letters=dead_letters)
    async with transport.subscribe("work", group="workers") as subscription, asyncio.timeout(60):
        await transport.publish("work", Message(b"0"))
        busy = await anext(subscription)
        await broker.restart()
        await transport.publish("work", *numbered(3, 1))
        busy.ack()
        busy = await anext(subscription)
        assert busy.payload == b"1"
        async with transport.subscribe("work", group="workers") as other:
            assert await take(other, 2) == [b"2", b"3"]
        busy.ack()
        assert await nothing_comes(subscription, 0.5)
    assert not list(dead_letters)


async def test_a_server_that_forgot_everything_is_used_anew(
    broker: Server, open_bus: Callable[..., Awaitable[Any]]
) -> None:
    transport = await open_bus(patience=30)
    async with transport.subscribe("work", group="workers") as subscription, asyncio.timeout(60):
        await transport.publish("work", Message(b"old"))
        assert await take(subscription, 1) == [b"old"]
        await broker.stop()
        broker.forget()
        await broker.start()
        await transport.publish("work", Message(b"new"))
        assert await take(subscription, 1) == [b"new"]


async def test_publishing_while_the_server_is_away_fails_within_its_patience(
    broker: Server, open_bus: Callable[..., Awaitable[Any]]
) -> None:
    transport = await open_bus(patience=0.5)
    await transport.publish("work", Message(b"x"))
    await broker.stop()
    for topic in ("work", step_topic("1")):
        async with asyncio.timeout(60):
            with pytest.raises(BusUnreachable, match=r"127\.0\.0\.1"):
                await transport.publish(topic, Message(b"x"))
    async with asyncio.timeout(60):
        with pytest.raises(BusUnreachable):
            await transport.subscribe("work", group="workers").__aenter__()


async def test_closing_does_not_wait_for_a_server_that_hangs(
    broker: Server, open_bus: Callable[..., Awaitable[Any]]
) -> None:
    before = asyncio.all_tasks()
    transport = await open_bus(patience=0.5)
    subscriptions = [
        await transport.subscribe("work", group="workers").__aenter__(),
        await transport.subscribe("work").__aenter__(),
        await transport.subscribe(step_topic("1")).__aenter__(),
    ]
    await transport.publish("work", Message(b"x"))
    await anext(subscriptions[0])
    broker.freeze()
    try:
        with pytest.raises(BusUnreachable):
            await transport.publish("work", Message(b"y"))
        async with asyncio.timeout(60):
            await transport.close()
    finally:
        broker.thaw()
    await only_tasks(before)


async def test_nothing_is_left_running(broker: Server, open_bus: Callable[..., Awaitable[Any]]) -> None:
    before = asyncio.all_tasks()
    threads = set(threading.enumerate())
    transport = await open_bus()
    async with transport.subscribe("work", group="workers") as one, transport.subscribe("work") as other:
        await transport.publish("work", *numbered(50))
        await asyncio.gather(take(one, 50), take(other, 50))
    left_open = await transport.subscribe("work", group="workers").__aenter__()
    await transport.close()
    with pytest.raises(StopAsyncIteration):
        await anext(left_open)
    with pytest.raises(TransportClosed):
        await transport.publish("work", Message(b"x"))
    await only_tasks(before)
    assert set(threading.enumerate()) <= threads


# Readers of a group.


async def member(broker: Server, **options: float) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, str(MEMBER), broker.url, json.dumps(options)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "server")},
    )


async def kill_when_it_has_one(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            return (await process.stdout.readline()).strip()
    finally:
        process.kill()
        await process.wait()


async def test_a_message_whose_readers_die_goes_to_others_and_at_last_to_the_dead_letters(
    broker: Server, open_bus: Callable[..., Awaitable[Any]]
) -> None:
    dead_letters = DeadLetterLog()
    transport = await open_bus(claim_after=1, retry=RetryPolicy(attempts=2), dead_letters=dead_letters)
    await transport.publish("work", Message(b"poison", {"k": "v"}), Message(b"good"))
    assert await kill_when_it_has_one(await member(broker, claim_after=1)) == b"poison"
    async with transport.subscribe("work", group="workers") as subscription, asyncio.timeout(60):
        # The next message does not wait for the one that is lost for the moment.
        assert await take(subscription, 1) == [b"good"]
        again = await anext(subscription)
        assert (again.payload, again.metadata) == (b"poison", {"k": "v"})
        assert len(dead_letters) == 0
    # That one left in peace, but it was the second of two tries.
    async with transport.subscribe("work", group="workers") as subscription:
        await transport.publish("work", Message(b"later"))
        assert await take(subscription, 1) == [b"later"]
        assert await nothing_comes(subscription, 1.5)
    [letter] = dead_letters
    assert (letter.topic, letter.message.payload, letter.attempts) == ("work", b"poison", 2)


async def test_a_reader_that_is_busy_for_long_keeps_its_message(
    broker: Server, open_bus: Callable[..., Awaitable[Any]]
) -> None:
    transport = await open_bus(claim_after=1.5)
    async with (
        transport.subscribe("work", group="workers") as busy,
        transport.subscribe("work", group="workers") as idle,
        asyncio.timeout(60),
    ):
        await transport.publish("work", Message(b"long"))
        tasks = {asyncio.create_task(anext(each)): each for each in (busy, idle)}
        [done], [waiting] = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        done_at_once, _ = await asyncio.wait({waiting}, timeout=4)
        assert not done_at_once
        done.result().ack()
        await transport.publish("work", Message(b"next"))
        later = asyncio.create_task(anext(tasks[done]))
        [first], [other] = await asyncio.wait({waiting, later}, return_when=asyncio.FIRST_COMPLETED)
        assert first.result().payload == b"next"
        other.cancel()


async def test_a_given_up_message_does_not_come_back(
    broker: Server, open_bus: Callable[..., Awaitable[Any]]
) -> None:
    dead_letters = DeadLetterLog()
    transport = await open_bus(claim_after=0.6, dead_letters=dead_letters)
    await transport.publish("work", Message(b"bad"), Message(b"good"))
    async with transport.subscribe("work", group="workers") as subscription, asyncio.timeout(60):
        for _ in range(QUICK_RETRY.attempts):
            bad = await anext(subscription)
            assert bad.payload == b"bad"
            bad.nack()
        assert await take(subscription, 1) == [b"good"]
        assert await nothing_comes(subscription, 1)
    assert [letter.attempts for letter in dead_letters] == [QUICK_RETRY.attempts]


async def test_a_reader_that_leaves_gives_its_message_to_one_that_waits(
    broker: Server, open_bus: Callable[..., Awaitable[Any]]
) -> None:
    transport = await open_bus()
    leaving = await transport.subscribe("work", group="workers").__aenter__()
    await transport.publish("work", Message(b"x"))
    async with asyncio.timeout(60):
        assert (await anext(leaving)).payload == b"x"
        async with transport.subscribe("work", group="workers") as waiting:
            taking = asyncio.create_task(take(waiting, 1))
            await asyncio.sleep(0.1)
            await leaving.aclose()
            assert await taking == [b"x"]


async def test_groups_of_different_names_and_topics_are_apart(
    open_bus: Callable[..., Awaitable[Any]],
) -> None:
    transport = await open_bus()
    pairs = [("a", "b c"), ("a", "b_c"), ("a.b", "c"), ("a", ""), ("a", "*.>"), ("a", "é" * 100)]
    for topic in ("a", "a.b"):
        await transport.publish(topic, Message(topic.encode()))
    for topic, group in pairs:
        async with transport.subscribe(topic, group=group) as subscription:
            assert await take(subscription, 1) == [topic.encode()], group


# Names and payloads.

ODD_TOPICS = [
    *(
        "",
        " ",
        "a b",
        "a\tb",
        "\n",
        "a\r\nPUB x 0\r\n",
        ".",
        "..",
        "a..b",
        ".a",
        "a.",
        "*",
        ">",
        "a.*",
        "a.>",
        "*.a",
    ),
    *(
        "%",
        "%2E",
        "%20",
        "é😀",
        "\x00",
        "\ud800",
        "$JS.API.INFO",
        "_INBOX.x",
        "a",
        "A",
        "a:b",
        "a/b",
        "'\"\\",
    ),
    *("step.*", "step.>", "step. ", "chat-a b", "chat-*", "x" * 300),
]


async def test_odd_topic_names_are_topics_like_others(open_bus: Callable[..., Awaitable[Any]]) -> None:
    transport = await open_bus()
    subscriptions = {topic: await transport.subscribe(topic).__aenter__() for topic in ODD_TOPICS}
    async with asyncio.timeout(30):
        for topic in ODD_TOPICS:
            await transport.publish(topic, Message(repr(topic).encode()))
        for topic, subscription in subscriptions.items():
            assert await take(subscription, 1) == [repr(topic).encode()]
        empty = await asyncio.gather(*(nothing_comes(each, 0.3) for each in subscriptions.values()))
        assert all(empty)


async def test_odd_topic_names_keep_their_messages(open_bus: Callable[..., Awaitable[Any]]) -> None:
    transport = await open_bus(keeps=lambda _: True)
    for topic in ODD_TOPICS:
        await transport.publish(topic, Message(repr(topic).encode()))
    for topic in ODD_TOPICS:
        async with transport.subscribe(topic, group="all *") as subscription:
            assert await take(subscription, 1) == [repr(topic).encode()]
            assert subscription.inbox.is_empty


async def test_a_bus_of_another_namespace_is_another_bus(open_bus: Callable[..., Awaitable[Any]]) -> None:
    one, other = await open_bus(namespace="one"), await open_bus(namespace="other")
    await one.publish("work", Message(b"one"))
    await other.publish("work", Message(b"other"))
    async with other.subscribe("work", group="g") as subscription:
        assert await take(subscription, 1) == [b"other"]
        assert await nothing_comes(subscription, 0.2)
    with pytest.raises(TransportError):
        await open_bus(namespace="no spaces")


async def test_a_live_topic_has_no_groups(open_bus: Callable[..., Awaitable[Any]]) -> None:
    transport = await open_bus()
    with pytest.raises(TransportError, match="live"):
        transport.subscribe(step_topic("1"), group="workers")


async def test_a_reader_that_does_not_read_loses_nothing(open_bus: Callable[..., Awaitable[Any]]) -> None:
    transport = await open_bus()
    payload = b"x" * 500
    async with transport.subscribe(step_topic("1")) as slow, transport.subscribe(step_topic("1")) as fast:
        reading = asyncio.create_task(take(fast, 20_000))
        for start in range(0, 20_000, 500):
            messages = [Message(b"%d %s" % (number, payload)) for number in range(start, start + 500)]
            await transport.publish(step_topic("1"), *messages)
        assert len(await reading) == 20_000
        assert [int(each.split()[0]) for each in await take(slow, 20_000)] == list(range(20_000))


async def test_who_comes_later_gets_nothing_from_before_however_slow_others_are(
    open_bus: Callable[..., Awaitable[Any]],
) -> None:
    transport = await open_bus()
    topic = step_topic("1")
    async with transport.subscribe(topic) as slow, asyncio.timeout(60):
        await transport.publish(topic, Message(b"first"))
        first = await anext(slow)
        await transport.publish(topic, *numbered(10))
        async with transport.subscribe(topic) as later:
            await transport.publish(topic, Message(b"last"))
            assert await take(later, 1) == [b"last"]
            assert await nothing_comes(later, 0.2)
        first.ack()
        assert await take(slow, 11) == [*(message.payload for message in numbered(10)), b"last"]


async def test_events_of_a_step_reach_a_handler_through_the_router(
    open_bus: Callable[..., Awaitable[Any]],
) -> None:
    publisher, reader = await open_bus(), await open_bus()
    seen: list[bytes] = []
    over = asyncio.Event()
    async with EventRouter(reader) as router, asyncio.timeout(60):

        def handle(message: Message) -> None:
            seen.append(message.payload)
            if message.metadata[EVENT_TYPE] == "final":
                over.set()

        handler = await router.add_step_handler("1", handle)
        partials = [Message(f"{number}".encode(), {EVENT_TYPE: "partial"}) for number in range(200)]
        for start in range(0, 200, 50):
            await publisher.publish(step_topic("1"), *partials[start : start + 50])
        await publisher.publish(step_topic("1"), Message(b"end", {EVENT_TYPE: "final"}))
        await over.wait()
        while not handler.removed:
            await asyncio.sleep(0.01)
    assert seen == [*(message.payload for message in partials), b"end"]


# What only one of them does.


async def test_nats_refuses_what_its_server_would_not_take_and_stays_usable() -> None:
    async with serving(NatsServer) as server:
        transport = await NatsTransport.connect(server.url)
        for topic in ("work", step_topic("1")):
            async with transport.subscribe(topic) as subscription:
                with pytest.raises(MessageTooLarge, match="1048576") as caught:
                    await transport.publish(topic, Message(b"small"), Message(bytes(1024 * 1024)))
                assert "max_payload" in (caught.value.hint or "")
                assert await nothing_comes(subscription, 0.2)
                await transport.publish(topic, Message(bytes(1024 * 1024 - 1000)))
                assert len((await take(subscription, 1))[0]) == 1024 * 1024 - 1000
        with pytest.raises(TransportError, match="too long"):
            await transport.publish("x" * 5000, Message(b"x"))
        await transport.close()


async def test_redis_takes_large_payloads() -> None:
    async with serving(RedisServer) as server:
        transport = await RedisTransport.connect(server.url)
        payload = os.urandom(5_000_000)
        async with (
            transport.subscribe("work") as live,
            transport.subscribe("work", group="g") as kept,
            asyncio.timeout(60),
        ):
            await transport.publish("work", *[Message(payload)] * 4)
            assert await take(live, 4) == [payload] * 4
            assert await take(kept, 4) == [payload] * 4
        await transport.close()


async def test_nats_without_jetstream_serves_live_topics_and_says_what_it_cannot() -> None:
    class Plain(NatsServer):
        jetstream = False

    async with serving(Plain) as server, asyncio.timeout(60):
        transport = await NatsTransport.connect(server.url)
        async with transport.subscribe(step_topic("1")) as subscription:
            await transport.publish(step_topic("1"), Message(b"x"))
            assert await take(subscription, 1) == [b"x"]
        with pytest.raises(TransportError, match="JetStream") as caught:
            await transport.publish("work", Message(b"x"))
        assert "-js" in (caught.value.hint or "")
        await transport.close()


async def test_messages_of_other_programs_become_dead_letters() -> None:
    from nats.aio.client import Client

    async with serving(NatsServer) as server, asyncio.timeout(60):
        dead_letters = DeadLetterLog()
        transport = await NatsTransport.connect(server.url, dead_letters=dead_letters)
        stranger = Client()
        await stranger.connect(server.url)
        async with transport.subscribe("work", group="g") as kept, transport.subscribe("work") as live:
            for data in (b"", b"{}", b"[]\n", b'["id", {"k": 1}]\n', b"\xff\xfe", b"null"):
                await stranger.publish("geppetto.kept.work", data)
            while len(dead_letters) < 2 * 6:
                await asyncio.sleep(0.01)
            await transport.publish("work", Message(b"ours"))
            assert await take(kept, 1) == [b"ours"]
            assert await take(live, 1) == [b"ours"]
        await stranger.close()
        await transport.close()
        assert len(dead_letters) == 2 * 6


async def test_redis_entries_of_other_programs_become_dead_letters() -> None:
    from redis.asyncio import Redis

    async with serving(RedisServer) as server, asyncio.timeout(60):
        dead_letters = DeadLetterLog()
        transport = await RedisTransport.connect(server.url, dead_letters=dead_letters)
        stranger = Redis.from_url(server.url)
        async with transport.subscribe("work", group="g") as kept, transport.subscribe("work") as live:
            for metadata in ("[]", "no json"):
                await stranger.xadd(
                    "geppetto:topic:work", {"uuid": "1", "metadata": metadata, "payload": "x"}
                )
            await stranger.xadd("geppetto:topic:work", {"something": "else"})
            await transport.publish("work", Message(b"ours"))
            assert await take(kept, 1) == [b"ours"]
            assert await take(live, 1) == [b"ours"]
        await stranger.aclose()
        await transport.close()
        assert len(dead_letters) == 2 * 3


async def test_a_redis_reader_that_falls_behind_the_stream_is_told() -> None:
    async with serving(RedisServer) as server, asyncio.timeout(60):
        transport = await RedisTransport.connect(server.url, live_messages=200)
        async with transport.subscribe(step_topic("1")) as slow:
            await transport.publish(step_topic("1"), Message(b"first"))
            first = await anext(slow)
            for start in range(0, 3000, 500):
                await transport.publish(step_topic("1"), *numbered(500, start))
            first.ack()
            with pytest.raises(TransportError, match=r"slow that \d+ messages"):
                await take(slow, 3000)
            # Who comes now begins with now.
            async with transport.subscribe(step_topic("1")) as fresh:
                await transport.publish(step_topic("1"), Message(b"now"))
                assert await take(fresh, 1) == [b"now"]
        await transport.close()


async def test_a_queue_forgets_what_was_acked_and_tells_how_often_it_was_delivered(
    broker: Server, open_bus: Callable[..., Awaitable[Any]]
) -> None:
    transport = await open_bus(claim_after=1)
    await transport.publish(queue_topic("jobs"), Message(b"done"), Message(b"left"))
    async with transport.subscribe(queue_topic("jobs"), group="workers") as subscription:
        first = await anext(subscription)
        assert (first.payload, first.failures) == (b"done", 0)
        first.ack()
        assert (await anext(subscription)).payload == b"left"
    async with transport.subscribe(queue_topic("jobs"), group="workers") as subscription:
        async with asyncio.timeout(60):
            again = await anext(subscription)
        assert (again.payload, again.failures) == (b"left", 1)
        again.ack()
    assert await kept_by(broker, transport) == 0
    await transport.publish("work", Message(b"kept"))
    async with transport.subscribe("work", group="a") as subscription:
        assert await take(subscription, 1) == [b"kept"]
    async with transport.subscribe("work", group="b") as subscription:
        assert await take(subscription, 1) == [b"kept"]


async def kept_by(broker: Server, transport: Any) -> int:
    """How many messages of the queue the server has."""
    if isinstance(broker, NatsServer):
        return (await transport.connection.jetstream().stream_info("geppetto~queue")).state.messages
    return await transport.connection.command("XLEN", b"geppetto:topic:queue.jobs")
