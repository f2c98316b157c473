"""Events from a Python step, through the router, into a handler written in Python."""

import asyncio
import time

from geppetto.events.dispatch import on_events
from geppetto.events.message import Message, MessageHandler
from geppetto.events.models import Event
from geppetto.events.publisher import PublisherManager
from geppetto.events.router import EventRouter
from geppetto.events.wire import step_topic
from geppetto.steps.context import StepContext

from benchmarks.engines import Talk
from benchmarks.harness import Bench, Row, Series

TITLE = "How many events a second reach a Python handler from a step written in Python?"

EVENTS = 100_000


def measure(bench: Bench) -> list[Row]:
    cost: dict[bool, list[float]] = {False: [], True: []}
    names = {"raw messages": False, "decoded into models": True}

    def rate(decoded: bool) -> float:
        started = time.process_time()
        events = asyncio.run(_rate(decoded=decoded))
        cost[decoded].append((time.process_time() - started) / EVENTS * 1e6)
        return events

    rates = bench.take_turns(
        {name: lambda decoded=decoded: rate(decoded) for name, decoded in names.items()}, warm_up=0
    )
    return [
        *(Row(name, "events/s", rates[name]) for name in names),
        *(
            Row(f"{name}, processor time", "µs/event", Series(tuple(cost[decoded])))
            for name, decoded in names.items()
        ),
    ]


async def _rate(*, decoded: bool) -> float:
    seen = 0

    def raw(message: Message) -> None:
        nonlocal seen
        seen += 1

    def event(event: Event) -> None:
        nonlocal seen
        seen += 1

    handler: MessageHandler = on_events(event) if decoded else raw
    async with EventRouter() as router:
        publisher = PublisherManager()
        context = StepContext(publisher=publisher)
        publisher.register_publisher(step_topic(context.step_id), router)
        await router.add_step_handler(context.step_id, handler)
        started = time.perf_counter()
        await Talk().start(context, EVENTS).result()
        seconds = time.perf_counter() - started
    if seen != EVENTS + 2:
        raise RuntimeError(f"{seen} events came, and not {EVENTS + 2}")
    return seen / seconds
