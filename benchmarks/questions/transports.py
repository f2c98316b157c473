"""Messages over each bus, beside what its client library does by itself. Needs nats-server and redis-server."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from geppetto.events.message import Message
from geppetto.events.transports import Transport
from geppetto.events.transports.connect import connect
from geppetto.events.wire import queue_topic, step_topic

from benchmarks.harness import Bench, Row, need
from tests.events.brokers import NatsServer, RedisServer, Server, serving

TITLE = "How many messages a second does each bus carry, beside the bare client library?"

PAYLOAD = b"x" * 610
LIVE = 8_000
BATCH = 64
KEPT = 600
LIVE_TOPIC = step_topic("bench")
QUEUE = queue_topic("bench")

Way = Callable[[str], Awaitable[float]]


class Redis(RedisServer):
    """Writes to disk once a second, as people run it; the tests' own does at every message."""

    def command(self) -> list[str]:
        return ["everysec" if word == "always" else word for word in super().command()]


def measure(bench: Bench) -> list[Row]:
    for program in ("nats-server", "redis-server"):
        need(program, f"it: apt-get install {program}")
    rounds = min(bench.rounds, 3)
    rows = [
        Row(
            "memory",
            "messages/s",
            bench.take_turns({"": _here(_live)}, rounds=rounds)[""],
            note="batches of 64",
        ),
        Row("asyncio.Queue", "messages/s", bench.take_turns({"": _plain_queue}, rounds=rounds)[""]),
    ]
    servers: list[tuple[str, type[Server], Way, Way]] = [
        ("NATS", NatsServer, _nats_live, _nats_queue),
        ("Redis", Redis, _redis_live, _redis_queue),
    ]
    for name, kind, raw_live, raw_queue in servers:
        contenders = {
            f"{name}, live": _over(kind, _live),
            f"{name}, live, library alone": _alone(kind, raw_live),
            f"{name}, work queue": _over(kind, _queue),
            f"{name}, work queue, library alone": _alone(kind, raw_queue),
        }
        measured = bench.take_turns(contenders, rounds=rounds, warm_up=0)
        for way, note in (("live", "batches of 64"), ("work queue", "stored; one in flight, acked")):
            ours, raw = measured[f"{name}, {way}"], measured[f"{name}, {way}, library alone"]
            rows += [
                Row(f"{name}, {way}", "messages/s", ours, note=note),
                Row(f"{name}, {way}, library alone", "messages/s", raw),
                Row(f"{name}, {way}, of the library's rate", "ratio", ours.over(raw)),
            ]
    return rows


def _over(kind: type[Server], way: Callable[[Transport, Transport], Awaitable[float]]) -> Callable[[], float]:
    async def run() -> float:
        async with serving(kind) as server:
            return await _with(way, server.url)

    return lambda: asyncio.run(run())


def _here(way: Callable[[Transport, Transport], Awaitable[float]]) -> Callable[[], float]:
    async def run() -> float:
        bus = await connect("memory:")
        return await way(bus, bus)

    return lambda: asyncio.run(run())


async def _with(way: Callable[[Transport, Transport], Awaitable[float]], url: str) -> float:
    one, other = await connect(url), await connect(url)
    try:
        return await way(one, other)
    finally:
        await one.close()
        await other.close()


def _alone(kind: type[Server], way: Way) -> Callable[[], float]:
    async def run() -> float:
        async with serving(kind) as server:
            return await way(server.url)

    return lambda: asyncio.run(run())


# --- ours


async def _live(publisher: Transport, reader: Transport) -> float:
    async with reader.subscribe(LIVE_TOPIC) as subscription:
        began = time.perf_counter()

        async def publish() -> None:
            for _ in range(LIVE // BATCH):
                await publisher.publish(LIVE_TOPIC, *(Message(PAYLOAD) for _ in range(BATCH)))

        publishing = asyncio.create_task(publish())
        for _ in range(LIVE):
            (await anext(subscription)).ack()
        await publishing
        return LIVE / (time.perf_counter() - began)


async def _queue(publisher: Transport, reader: Transport) -> float:
    async with reader.subscribe(QUEUE, group="bench") as subscription:
        began = time.perf_counter()

        async def publish() -> None:
            for _ in range(KEPT):
                await publisher.publish(QUEUE, Message(PAYLOAD))

        publishing = asyncio.create_task(publish())
        for _ in range(KEPT):
            (await anext(subscription)).ack()
        await publishing
        return KEPT / (time.perf_counter() - began)


# --- the libraries


def _plain_queue() -> float:
    async def run() -> float:
        queue: asyncio.Queue[bytes] = asyncio.Queue(1024)
        began = time.perf_counter()

        async def publish() -> None:
            for _ in range(LIVE):
                await queue.put(PAYLOAD)

        publishing = asyncio.create_task(publish())
        for _ in range(LIVE):
            await queue.get()
        await publishing
        return LIVE / (time.perf_counter() - began)

    return asyncio.run(run())


async def _nats_live(url: str) -> float:
    import nats

    one, other = await nats.connect(url), await nats.connect(url)
    try:
        subscription = await other.subscribe("bench", pending_msgs_limit=0, pending_bytes_limit=0)
        await other.flush()
        began = time.perf_counter()

        async def publish() -> None:
            for _ in range(LIVE // BATCH):
                for _ in range(BATCH):
                    await one.publish("bench", PAYLOAD)
                await one.flush()

        publishing = asyncio.create_task(publish())
        for _ in range(LIVE):
            await subscription.next_msg(timeout=60)
        await publishing
        return LIVE / (time.perf_counter() - began)
    finally:
        await one.close()
        await other.close()


async def _nats_queue(url: str) -> float:
    import nats
    from nats.js.api import RetentionPolicy

    one, other = await nats.connect(url), await nats.connect(url)
    try:
        jetstream = one.jetstream()
        await jetstream.add_stream(name="bench", subjects=["bench"], retention=RetentionPolicy.WORK_QUEUE)
        subscription = await other.jetstream().pull_subscribe("bench", durable="bench")
        began = time.perf_counter()

        async def publish() -> None:
            for _ in range(KEPT):
                await jetstream.publish("bench", PAYLOAD)

        publishing = asyncio.create_task(publish())
        for _ in range(KEPT):
            [message] = await subscription.fetch(1, timeout=60)
            await message.ack_sync()
        await publishing
        return KEPT / (time.perf_counter() - began)
    finally:
        await one.close()
        await other.close()


async def _redis_live(url: str) -> float:
    from redis.asyncio import Redis as Client

    one, other = Client.from_url(url), Client.from_url(url)
    try:
        began = time.perf_counter()

        async def publish() -> None:
            for _ in range(LIVE // BATCH):
                pipe: Any = one.pipeline(transaction=False)
                for _ in range(BATCH):
                    pipe.xadd("bench", {"payload": PAYLOAD})
                await pipe.execute()

        publishing = asyncio.create_task(publish())
        place: Any = "0"
        got = 0
        while got < LIVE:
            for _, entries in await other.xread({"bench": place}, count=256, block=1000):
                got += len(entries)
                place = entries[-1][0]
        await publishing
        return LIVE / (time.perf_counter() - began)
    finally:
        await one.aclose()
        await other.aclose()


async def _redis_queue(url: str) -> float:
    from redis.asyncio import Redis as Client

    one, other = Client.from_url(url), Client.from_url(url)
    try:
        await other.xgroup_create("bench", "bench", id="0", mkstream=True)
        began = time.perf_counter()

        async def publish() -> None:
            for _ in range(KEPT):
                await one.xadd("bench", {"payload": PAYLOAD})

        publishing = asyncio.create_task(publish())
        got = 0
        while got < KEPT:
            for _, entries in await other.xreadgroup("bench", "me", {"bench": ">"}, count=1, block=1000):
                for name, _ in entries:
                    await other.xack("bench", "bench", name)
                    await other.xdel("bench", name)
                    got += 1
        await publishing
        return KEPT / (time.perf_counter() - began)
    finally:
        await one.aclose()
        await other.aclose()
