"""Topics connected to handlers: what runs, what is tried again, what is left behind."""

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from geppetto.events.codec import StreamEncoder
from geppetto.events.dead_letters import DeadLetterLog
from geppetto.events.dispatch import ChatEventHandler, on_events
from geppetto.events.message import Message
from geppetto.events.models import (
    ErrorEvent,
    Event,
    EventMetadata,
    FinalEvent,
    InterruptEvent,
    PartialEvent,
    StartEvent,
    StepMetadata,
    ToolCall,
    ToolCallEvent,
    ToolResult,
    ToolResultEvent,
)
from geppetto.events.publisher import Publisher, PublisherManager
from geppetto.events.retry import RetryPolicy
from geppetto.events.router import EventRouter, RouterError
from geppetto.events.transports import TransportClosed
from geppetto.events.transports.memory import MemoryTransport
from geppetto.events.wire import step_topic

pytestmark = pytest.mark.timeout(30)

META = EventMetadata(message_id="message")
QUICK = RetryPolicy(attempts=3, delay=0.001)


def step(step_id: str) -> StepMetadata:
    return StepMetadata(step_id=step_id, type="test")


def stream_of(step_id: str, *deltas: str) -> list[Event]:
    common = {"meta": META, "step": step(step_id)}
    return [
        StartEvent(**common),
        *(PartialEvent(**common, delta=delta) for delta in deltas),
        FinalEvent(**common, text="".join(deltas)),
    ]


def collecting(payloads: list[bytes]) -> Callable[[Message], None]:
    return lambda message: payloads.append(message.payload)


def handler_tasks() -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("handler ")]


# Handlers come and go.


async def test_plain_and_async_handlers_get_their_topic_only() -> None:
    plain: list[bytes] = []
    slow: list[bytes] = []

    async def wait_first(message: Message) -> None:
        await asyncio.sleep(0)
        slow.append(message.payload)

    async with EventRouter() as router:
        await router.add_handler("plain", "a", collecting(plain))
        await router.add_handler("slow", "a", wait_first)
        await router.publish("a", Message(b"1"), Message(b"2"))
        await router.publish("b", Message(b"3"))
        assert plain == slow == [b"1", b"2"]


async def test_handlers_added_before_the_start_miss_nothing_after_it() -> None:
    payloads: list[bytes] = []
    router = EventRouter()
    await router.add_handler("early", "a", collecting(payloads))
    assert not router.running
    running = asyncio.create_task(router.run())
    async with asyncio.timeout(5):
        await router.wait_running()
        assert router.running
        await router.publish("a", Message(b"1"))
        await router.close()
        await running
    assert payloads == [b"1"]
    assert not router.running


async def test_cancelling_run_closes_the_router() -> None:
    router = EventRouter()
    await router.add_handler("h", "a", lambda _: None)
    running = asyncio.create_task(router.run())
    await router.wait_running()
    running.cancel()
    await asyncio.wait({running}, timeout=5)
    assert running.cancelled()
    assert (router.handlers, handler_tasks()) == ((), [])
    with pytest.raises(TransportClosed):
        await router.publish("a", Message(b"1"))


async def test_a_transport_that_was_passed_in_stays_open() -> None:
    transport = MemoryTransport()
    async with EventRouter(transport) as router:
        await router.add_handler("h", "a", lambda _: None)
    assert transport.topics == ()
    await transport.publish("a", Message(b"nobody"))


async def test_names_are_unique_and_made_up_on_demand() -> None:
    async with EventRouter() as router:
        await router.add_handler("h", "a", lambda _: None)
        with pytest.raises(RouterError, match="'h' already"):
            await router.add_handler("h", "b", lambda _: None)
        handles = [await router.add_handler(None, "a", lambda _: None) for _ in range(3)]
        assert len({handle.name for handle in handles}) == 3
    with pytest.raises(RouterError, match="closed"):
        await router.add_handler("late", "a", lambda _: None)
    with pytest.raises(RouterError, match="once"):
        await router.start()


async def test_a_removed_handler_finishes_its_message_and_gets_no_other() -> None:
    payloads: list[bytes] = []
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def handle(message: Message) -> None:
        entered.set()
        await go_on.wait()
        payloads.append(message.payload)

    async with EventRouter() as router, asyncio.timeout(5):
        handle_ = await router.add_handler("h", "a", handle)
        publishing = asyncio.create_task(router.publish("a", Message(b"1"), Message(b"2")))
        await entered.wait()
        removing = asyncio.create_task(handle_.remove())
        await publishing
        go_on.set()
        await removing
        await handle_.remove()
        assert payloads == [b"1"]
        assert handle_.removed
        # The name and the topic are free again.
        await router.add_handler("h", "a", collecting(payloads))
        await router.publish("a", Message(b"3"))
    assert payloads == [b"1", b"3"]


async def test_a_handler_may_remove_itself_and_even_close_the_router() -> None:
    seen: list[str] = []
    closed = asyncio.Event()
    async with EventRouter(grace=1000) as router, asyncio.timeout(5):

        async def once(message: Message) -> None:
            await handle.remove()
            seen.append("once")

        async def close(message: Message) -> None:
            await router.close()
            seen.append("close")
            closed.set()

        handle = await router.add_handler("once", "a", once)
        await router.publish("a", Message(b""), Message(b""))
        await router.add_handler("close", "b", close)
        await router.publish("b", Message(b""))
        await closed.wait()
    assert seen == ["once", "close"]


async def test_a_handler_that_takes_too_long_is_cancelled_at_the_close() -> None:
    cancelled: list[bytes] = []

    async def forever(message: Message) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(message.payload)
            raise

    async with asyncio.timeout(5):
        async with EventRouter(grace=0.01) as router:
            await router.add_handler("forever", "a", forever)
            publishing = asyncio.create_task(router.publish("a", Message(b"1")))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await publishing
    assert cancelled == [b"1"]
    assert handler_tasks() == []


async def test_a_handler_that_ignores_its_cancellation_does_not_hang_the_close(
    caplog: pytest.LogCaptureFixture,
) -> None:
    release = asyncio.Event()

    async def stubborn(message: Message) -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    async with asyncio.timeout(5):
        async with EventRouter(grace=0.01) as router:
            await router.add_handler("stubborn", "a", stubborn)
            publishing = asyncio.create_task(router.publish("a", Message(b"1")))
            await asyncio.sleep(0.01)
        await publishing
    assert "stubborn does not stop" in caplog.text
    release.set()


async def test_per_step_topics_leave_nothing_behind() -> None:
    finished = 0

    def handle(event: Event) -> None:
        nonlocal finished
        if isinstance(event, PartialEvent):
            assert event.completion == "one two"[: len(event.completion)]
        finished += isinstance(event, FinalEvent)

    transport = MemoryTransport()
    async with EventRouter(transport) as router, asyncio.timeout(20):
        before = asyncio.all_tasks()

        async def run_step(step_id: str) -> None:
            manager = PublisherManager()
            manager.register_publisher(step_topic(step_id), router)
            await router.add_step_handler(step_id, on_events(handle))
            for event in stream_of(step_id, "one ", "two"):
                await manager.publish(event)

        for _ in range(20):
            await asyncio.gather(*(run_step(f"s{number}") for number in range(50)))
        await asyncio.sleep(0)
        assert finished == 1000
        assert router.handlers == ()
        assert transport.topics == ()
        assert asyncio.all_tasks() == before
        assert len(router.dead_letters) == 0


@pytest.mark.parametrize("last", [ErrorEvent, InterruptEvent, FinalEvent])
async def test_every_terminal_event_ends_a_step_handler_even_one_it_fails_on(last: type) -> None:
    def fail(event: Event) -> None:
        if not isinstance(event, StartEvent):
            raise ValueError("no")

    text = {"error_string": "x"} if last is ErrorEvent else {"text": "x"}
    async with EventRouter(retry=QUICK) as router, asyncio.timeout(5):
        manager = PublisherManager()
        manager.register_publisher(step_topic("s"), router)
        await router.add_step_handler("s", on_events(fail))
        await manager.publish(StartEvent(meta=META, step=step("s")))
        assert router.handlers == ("step.s",)
        await manager.publish(last(meta=META, step=step("s"), **text))
        assert router.handlers == ()
        assert len(router.dead_letters) == 1


# Failure.


async def test_a_failing_handler_is_tried_again_and_blocks_nobody_else() -> None:
    tries: list[bytes] = []
    others: list[bytes] = []

    def shaky(message: Message) -> None:
        tries.append(message.payload)
        if len(tries) < 3:
            raise RuntimeError("not yet")

    async with EventRouter(retry=QUICK) as router, asyncio.timeout(5):
        await router.add_handler("shaky", "a", shaky)
        await router.add_handler("other", "a", collecting(others))
        await router.publish("a", Message(b"1"), Message(b"2"))
        assert tries == [b"1", b"1", b"1", b"2"]
        assert others == [b"1", b"2"]
        assert len(router.dead_letters) == 0


async def test_what_keeps_failing_becomes_a_dead_letter_with_its_story(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[bytes] = []

    async def broken(message: Message) -> None:
        tries.append(message.payload)
        await asyncio.sleep(0)
        if message.payload != b"good":
            raise KeyError("missing")

    path = tmp_path / "dead.jsonl"
    bad = Message("é\n".encode(), {"step_id": "s"})
    async with (
        EventRouter(retry=QUICK, dead_letters=DeadLetterLog(path)) as router,
        asyncio.timeout(5),
    ):
        await router.add_handler("broken", "a", broken)
        await router.publish("a", bad, Message(b"\xff"), Message(b"good"))
        assert tries == [bad.payload] * 3 + [b"\xff"] * 3 + [b"good"]
        letters = list(router.dead_letters)
    assert [(each.topic, each.handler, each.attempts, each.reason) for each in letters] == [
        ("a", "broken", 3, "KeyError: 'missing'")
    ] * 2
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0].pop("time") == pytest.approx(letters[0].time)
    assert lines[0] == {
        "topic": "a",
        "handler": "broken",
        "reason": "KeyError: 'missing'",
        "attempts": 3,
        "uuid": bad.uuid,
        "metadata": {"step_id": "s"},
        "payload": "é\n",
    }
    assert lines[1]["payload_base64"] == "/w=="
    assert "given up after 3 attempts by broken" in caplog.text


async def test_a_dead_letter_file_that_cannot_be_written_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(message: Message) -> None:
        raise ValueError("no")

    log = DeadLetterLog(tmp_path / "no such folder" / "dead.jsonl", keep=2)
    async with EventRouter(retry=QUICK, dead_letters=log) as router, asyncio.timeout(5):
        await router.add_handler("broken", "a", broken)
        await router.publish("a", *(Message(b"%d" % number) for number in range(4)))
    assert [letter.message.payload for letter in log] == [b"2", b"3"]
    assert "could not be written" in caplog.text


async def test_what_cannot_be_decoded_is_not_tried_again() -> None:
    events: list[Event] = []
    async with EventRouter(retry=RetryPolicy(attempts=5, delay=1000)) as router, asyncio.timeout(5):
        await router.add_handler("h", "a", on_events(events.append))
        await router.publish("a", Message(b"not an event"))
        [letter] = router.dead_letters
        assert letter.attempts == 1
        assert "Not a Geppetto event" in letter.reason
        assert events == []


async def test_a_cancelled_error_from_inside_a_handler_is_a_failure_like_any_other() -> None:
    async def awaits_something_cancelled(message: Message) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    payloads: list[bytes] = []
    async with EventRouter(retry=QUICK) as router, asyncio.timeout(5):
        await router.add_handler("odd", "a", awaits_something_cancelled)
        await router.add_handler("other", "a", collecting(payloads))
        await router.publish("a", Message(b"1"), Message(b"2"))
        assert len(router.dead_letters) == 2
        assert payloads == [b"1", b"2"]


async def test_closing_does_not_wait_for_a_long_pause() -> None:
    def broken(message: Message) -> None:
        raise ValueError("no")

    async with asyncio.timeout(5):
        async with EventRouter(retry=RetryPolicy(delay=1000, max_delay=1000)) as router:
            await router.add_handler("broken", "a", broken)
            publishing = asyncio.create_task(router.publish("a", Message(b"1")))
            await asyncio.sleep(0.01)
        await publishing


async def test_a_handler_that_settled_its_message_itself_is_not_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tries = 0

    def ack_and_fail(message: Message) -> None:
        nonlocal tries
        tries += 1
        message.ack()
        raise ValueError("afterwards")

    async with EventRouter(retry=QUICK) as router, asyncio.timeout(5):
        await router.add_handler("h", "a", ack_and_fail)
        await router.publish("a", Message(b"1"))
        await asyncio.sleep(0)
        assert tries == 1
        assert len(router.dead_letters) == 0
    assert "settled its message itself" in caplog.text


async def test_a_handler_may_nack_to_have_its_message_again() -> None:
    seen: list[str] = []

    def second_time(message: Message) -> None:
        seen.append(message.uuid)
        if len(seen) == 1:
            message.nack()

    async with EventRouter() as router, asyncio.timeout(5):
        await router.add_handler("h", "a", second_time)
        message = Message(b"1")
        await router.publish("a", message)
        assert seen == [message.uuid] * 2


async def test_a_bus_that_breaks_ends_run_with_the_reason() -> None:
    class BreakingSubscription:
        async def __aenter__(self) -> "BreakingSubscription":
            return self

        def __aiter__(self) -> "BreakingSubscription":
            return self

        async def __anext__(self) -> Message:
            raise ConnectionError("the broker is gone")

        async def aclose(self) -> None:
            pass

    class BreakingTransport(MemoryTransport):
        def subscribe(self, topic: str, *, group: str | None = None) -> BreakingSubscription:
            return BreakingSubscription()

    router = EventRouter(BreakingTransport())
    await router.add_handler("h", "a", lambda _: None)
    async with asyncio.timeout(5):
        with pytest.raises(ConnectionError, match="broker is gone"):
            await router.run()
    assert router.handlers == ()


# Events.


async def test_trying_again_does_not_count_a_delta_twice() -> None:
    completions: list[str] = []

    def shaky(event: Event) -> None:
        if isinstance(event, PartialEvent):
            completions.append(event.completion)
            if len(completions) == 1:
                raise RuntimeError("once")

    async with EventRouter(retry=QUICK) as router, asyncio.timeout(5):
        manager = PublisherManager()
        manager.register_publisher("a", router)
        await router.add_handler("h", "a", on_events(shaky))
        await manager.publish(*stream_of("s", "one ", "two"))
    assert completions == ["one ", "one ", "one two"]


class FakeStep:
    def __init__(self) -> None:
        self.manager = PublisherManager()

    def add_published_topic(self, publisher: Publisher, topic: str) -> None:
        self.manager.register_publisher(topic, publisher)


class Everything(ChatEventHandler):
    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def handle_start(self, event: StartEvent) -> None:
        self.calls.append(("start", event.step.type))

    async def handle_partial(self, event: PartialEvent) -> None:
        await asyncio.sleep(0)
        self.calls.append(("partial", event.completion))

    def handle_tool_call(self, event: ToolCallEvent) -> None:
        self.calls.append(("tool-call", event.tool_call.name))

    async def handle_tool_result(self, event: ToolResultEvent) -> None:
        self.calls.append(("tool-result", str(event.tool_result.result)))

    def handle_final(self, event: FinalEvent) -> None:
        self.calls.append(("final", event.text))

    def handle_error(self, event: ErrorEvent) -> None:
        self.calls.append(("error", event.error_string))

    def handle_interrupt(self, event: InterruptEvent) -> None:
        self.calls.append(("interrupt", event.text))


class OnlyFinal(ChatEventHandler):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def handle_final(self, event: FinalEvent) -> None:
        self.texts.append(event.text)


async def test_a_chat_session_hears_every_kind_of_event_of_its_step() -> None:
    everything, only_final, stranger = Everything(), OnlyFinal(), OnlyFinal()
    chat, other = FakeStep(), FakeStep()
    common = {"meta": META, "step": step("s")}
    async with EventRouter() as router, asyncio.timeout(5):
        await router.register_chat_event_handler(chat, "session", everything)
        await router.register_chat_event_handler(chat, "session", only_final)
        await router.register_chat_event_handler(other, "elsewhere", stranger)
        await chat.manager.publish(
            StartEvent(**common),
            PartialEvent(**common, delta="Hel"),
            PartialEvent(**common, delta="lo"),
            ToolCallEvent(**common, tool_call=ToolCall(id="1", name="add", input="[1,2]")),
            ToolResultEvent(**common, tool_result=ToolResult(id="1", result=3)),
            FinalEvent(**common, text="Hello"),
        )
        for step_id, last in (("t", ErrorEvent), ("u", InterruptEvent)):
            text = {"error_string": "bad"} if last is ErrorEvent else {"text": "so far"}
            await chat.manager.publish(last(meta=META, step=step(step_id), **text))
    assert everything.calls == [
        ("start", "test"),
        ("partial", "Hel"),
        ("partial", "Hello"),
        ("tool-call", "add"),
        ("tool-result", "3"),
        ("final", "Hello"),
        ("error", "bad"),
        ("interrupt", "so far"),
    ]
    assert only_final.texts == ["Hello"]
    assert stranger.texts == []


async def test_raw_handlers_take_streams_at_once_without_decoding() -> None:
    payloads: list[bytes] = []
    encoder = StreamEncoder(META, step("s"))
    async with EventRouter() as router, asyncio.timeout(20):
        manager = PublisherManager()
        manager.register_publisher("a", router)
        await router.add_handler("raw", "a", collecting(payloads))
        for _ in range(100):
            await manager.publish(*[encoder.partial_event("word ")] * 64)
    assert payloads == [encoder.partial("word ")] * 6400


async def test_importing_the_router_does_not_load_pydantic() -> None:
    # Raw handlers are all the runtime needs before the first step, and start-up time is a feature.
    import sys

    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import sys, geppetto.events.router; sys.exit('pydantic' in sys.modules or 'yaml' in sys.modules)",
    )
    async with asyncio.timeout(20):
        assert await process.wait() == 0


async def test_quiet_when_all_is_well(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with EventRouter() as router:
            await router.add_handler("h", "a", lambda _: None)
            await router.publish("a", Message(b"1"))
    assert caplog.records == []
