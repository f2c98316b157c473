"""Answers of a model service, as the vendor's SDK iterates over them and as our step publishes them."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from geppetto.events.message import Message
from geppetto.events.publisher import PublisherManager
from geppetto.events.router import EventRouter
from geppetto.events.wire import step_topic
from geppetto.steps.chat.clients import Clients
from geppetto.steps.chat.openai import OpenAIStep
from geppetto.steps.chat.service import Service
from geppetto.steps.chat.step import ChatParameters
from geppetto.steps.context import StepContext
from openai import AsyncOpenAI, AsyncStream
from openai import __version__ as openai_version

from benchmarks.harness import Bench, Row
from benchmarks.model_service import EVENTS, FAST, model_service

TITLE = "What does an event of the OpenAI step cost over the vendor's own iteration?"

TARGET = "<= 1.25"


def measure(bench: Bench) -> list[Row]:
    bench.versions["openai"] = openai_version
    with model_service() as address:

        def cost(ask: Callable[[str], Awaitable[int]]) -> float:
            """Microseconds of processor time an event. The service is another process, and does not count."""
            started = time.process_time()
            if (seen := asyncio.run(_within(ask(address)))) != EVENTS:
                raise RuntimeError(f"{seen} deltas came, and not {EVENTS}")
            return (time.process_time() - started) / EVENTS * 1e6

        costs = bench.take_turns(
            {
                "sdk": lambda: cost(_by_sdk),
                "objects": lambda: cost(_by_sdk_without_models),
                "step": lambda: cost(_by_step),
            }
        )
    return [
        Row("the SDK's stream, iterated", "µs/event", costs["sdk"]),
        Row("the same without its models", "µs/event", costs["objects"], note="what our step iterates over"),
        Row("our step, published to a handler", "µs/event", costs["step"]),
        Row("our step / the SDK's stream", "×", costs["step"].over(costs["sdk"]), TARGET),
        Row("our step / the SDK without models", "×", costs["step"].over(costs["objects"])),
    ]


async def _within(asked: Awaitable[int]) -> int:
    async with asyncio.timeout(120):
        return await asked


async def _by_sdk(address: str) -> int:
    async with AsyncOpenAI(api_key="none", base_url=address) as client:
        stream = await client.chat.completions.create(
            model=FAST, messages=[{"role": "user", "content": "Hi"}], stream=True
        )
        seen = 0
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                seen += 1
        return seen


async def _by_sdk_without_models(address: str) -> int:
    body = {"model": FAST, "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    async with AsyncOpenAI(api_key="none", base_url=address) as client:
        stream = await client.post(
            "/chat/completions", cast_to=object, body=body, stream=True, stream_cls=AsyncStream[object]
        )
        seen = 0
        async for chunk in stream:
            assert isinstance(chunk, dict)
            if chunk["choices"] and chunk["choices"][0]["delta"].get("content"):
                seen += 1
        return seen


async def _by_step(address: str) -> int:
    seen = 0

    def handler(message: Message) -> None:
        nonlocal seen
        seen += 1

    clients = Clients()
    step = OpenAIStep(ChatParameters(model=FAST), Service(address), clients=clients)
    async with EventRouter() as router:
        publisher = PublisherManager()
        context = StepContext(publisher=publisher)
        publisher.register_publisher(step_topic(context.step_id), router)
        await router.add_step_handler(context.step_id, handler)
        await step.start(context, "Hi").result()
    await clients.aclose()
    return seen - len(("start", "final"))
