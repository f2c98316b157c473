"""Handlers that take what waits together: as careful as those that take one message at a time."""

import asyncio
import logging
from collections.abc import Callable

import pytest
from geppetto.events.dead_letters import DeadLetterLog
from geppetto.events.message import Batch, Message
from geppetto.events.retry import RetryPolicy, Undeliverable
from geppetto.events.router import EventRouter, RouterError
from geppetto.events.transports import Capabilities
from geppetto.events.transports.memory import MemoryTransport

pytestmark = pytest.mark.timeout(30)

QUICK = RetryPolicy(attempts=3, delay=0.001)


def messages(count: int) -> list[Message]:
    return [Message(b"%d" % number) for number in range(count)]


class SingleTransport(MemoryTransport):
    """A bus that gives one message at a time only."""

    capabilities = Capabilities(redelivers=True, one_in_flight=True, waits_for_acks=True)


class Recorder:
    """A batch handler that fails at chosen payloads, so often as told."""

    def __init__(
        self, fail: dict[bytes, int] | None = None, error: Callable[[], Exception] | None = None
    ) -> None:
        self.handled: list[bytes] = []
        self.sizes: list[int] = []
        self._fail = dict(fail or {})
        self._error = error or (lambda: ValueError("not today"))

    def __call__(self, batch: Batch) -> None:
        self.sizes.append(len(batch))
        for message in batch:
            if self._fail.get(message.payload, 0):
                self._fail[message.payload] -= 1
                raise self._error()
            self.handled.append(message.payload)


@pytest.mark.parametrize("transport", [MemoryTransport, SingleTransport])
async def test_every_message_once_in_order(transport: type[MemoryTransport]) -> None:
    recorder = Recorder()
    async with EventRouter(transport(), retry=QUICK) as router:
        await router.add_batch_handler(None, "topic", recorder)
        await router.publish("topic", *messages(1000))
    assert recorder.handled == [message.payload for message in messages(1000)]
    assert sum(recorder.sizes) == 1000


async def test_what_waits_comes_in_few_calls() -> None:
    recorder = Recorder()
    async with EventRouter(retry=QUICK) as router:
        await router.add_batch_handler(None, "topic", recorder)
        await router.publish("topic", *messages(1024))
    assert len(recorder.sizes) <= 8


@pytest.mark.parametrize("transport", [MemoryTransport, SingleTransport])
async def test_a_failure_touches_its_own_message_only(transport: type[MemoryTransport]) -> None:
    recorder = Recorder({b"0": 1, b"3": 2, b"9": 1})
    dead_letters = DeadLetterLog()
    async with EventRouter(transport(), retry=QUICK, dead_letters=dead_letters) as router:
        await router.add_batch_handler(None, "topic", recorder)
        await router.publish("topic", *messages(10))
    assert recorder.handled == [message.payload for message in messages(10)]
    assert len(dead_letters) == 0


async def test_a_message_that_always_fails_becomes_a_dead_letter() -> None:
    recorder = Recorder({b"4": 99})
    dead_letters = DeadLetterLog()
    async with EventRouter(retry=QUICK, dead_letters=dead_letters) as router:
        await router.add_batch_handler("picky", "topic", recorder)
        await router.publish("topic", *messages(10))
    assert recorder.handled == [b"0", b"1", b"2", b"3", b"5", b"6", b"7", b"8", b"9"]
    [letter] = dead_letters
    assert (letter.handler, letter.message.payload, letter.attempts) == ("picky", b"4", 3)


async def test_what_is_undeliverable_is_not_tried_again() -> None:
    recorder = Recorder({b"1": 99}, lambda: Undeliverable("no use"))
    dead_letters = DeadLetterLog()
    async with EventRouter(retry=QUICK, dead_letters=dead_letters) as router:
        await router.add_batch_handler(None, "topic", recorder)
        await router.publish("topic", *messages(3))
    assert recorder.handled == [b"0", b"2"]
    assert [letter.attempts for letter in dead_letters] == [1]


async def test_an_async_handler_holds_the_publisher_back() -> None:
    gate = asyncio.Event()

    async def handler(batch: Batch) -> None:
        assert len(batch) == 3
        await gate.wait()

    async with EventRouter(retry=QUICK) as router:
        await router.add_batch_handler(None, "topic", handler)
        publishing = asyncio.create_task(router.publish("topic", *messages(3)))
        await asyncio.sleep(0.01)
        assert not publishing.done()
        gate.set()
        async with asyncio.timeout(60):
            await publishing


async def test_a_failure_after_the_last_message_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    calls = 0

    def handler(batch: Batch) -> None:
        nonlocal calls
        calls += 1
        list(batch)
        raise ValueError("too late")

    async with EventRouter(retry=QUICK) as router:
        await router.add_batch_handler("late", "topic", handler)
        with caplog.at_level(logging.ERROR):
            await router.publish("topic", *messages(3))
    assert calls == 1
    assert "late" in caplog.text
    assert "too late" in caplog.text


async def test_removing_frees_the_publisher_and_the_name() -> None:
    entered = asyncio.Event()

    async def handler(batch: Batch) -> None:
        entered.set()
        await asyncio.sleep(30)

    async with EventRouter(retry=QUICK, grace=0.05) as router, asyncio.timeout(60):
        handle = await router.add_batch_handler("slow", "topic", handler)
        with pytest.raises(RouterError, match="slow"):
            await router.add_batch_handler("slow", "topic", handler)
        publishing = asyncio.create_task(router.publish("topic", *messages(3)))
        await entered.wait()
        await handle.remove()
        await publishing
        assert handle.removed
        assert router.handlers == ()
