"""Any step, whatever its code does: one stream, one end."""

import asyncio
import logging
import subprocess
import sys

import pytest
from geppetto.errors import GeppettoError
from geppetto.events.transports.memory import MemoryTransport
from geppetto.steps import outbox
from geppetto.steps import result as result_module
from geppetto.steps.context import StepContext
from geppetto.steps.errors import ErrorKind, StepCancelled, StepError
from geppetto.steps.failing import FailingStep
from geppetto.steps.step import Step


class Code(Step[str, str]):
    """A step whose code is a function of the test."""

    type = "code"
    input_type = output_type = "string"

    def __init__(self, code):
        self.code = code

    async def run(self, run, input):
        return await self.code(run, input)


async def two_words(run, input):
    await run.partial(f"{input} ")
    await run.partial("there")
    return "the deltas count, not this"


async def test_a_stream_from_start_to_final(listener):
    context = listener.context(step_id="s1", parent_id="m0", metadata={"line": 3})
    result = Code(two_words).start(context, "hello")

    assert await result.result() == "the deltas count, not this"
    assert listener.types == ["start", "partial", "partial", "final"]
    final = listener.check()
    assert final.text == result.text == "hello there"
    assert result.done
    for event in listener.events:
        assert (event.step.step_id, event.step.type, event.step.meta) == ("s1", "code", {"line": 3})
        assert event.meta.parent_id == "m0"
    assert len({event.meta.message_id for event in listener.events}) == 1
    assert result.metadata.step_id == "s1"


async def test_the_values_can_be_iterated(listener):
    assert [value async for value in Code(two_words).start(listener.context(), "x")] == [
        "the deltas count, not this"
    ]


async def test_a_step_without_listeners_runs(listener):
    result = Code(two_words).start(StepContext(), "hi")
    await result.result()
    assert result.text == "hi there"


async def test_topics_of_the_step_and_of_the_context_get_the_same_events(listener, new_listener):
    own = new_listener()
    step = Code(two_words)
    step.add_published_topic(own, "chat-1")
    step.add_published_topic(own, "chat-1")
    await step.start(listener.context(), "hi").result()
    assert [m.payload for m in own.messages] == [m.payload for m in listener.messages]
    own.check()


async def test_an_exception_becomes_the_error_event_and_is_raised_by_result(listener):
    async def fails(run, input):
        await run.partial("so far")
        raise StepError("the key was refused", kind=ErrorKind.AUTH)

    result = Code(fails).start(listener.context(), "")
    with pytest.raises(StepError, match="the key was refused"):
        await result.result()
    last = listener.check()
    assert (last.type, last.code) == ("error", "auth")
    assert last.error_string.startswith("the key was refused. Check the API key")


class NoSuchThingError(GeppettoError):
    pass


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (KeyError("x"), "internal", "KeyError: 'x'"),
        (TimeoutError(), "timeout", "TimeoutError"),
        (NoSuchThingError("gone", hint="Look again."), "no_such_thing", "gone. Look again."),
        (StepError("odd", kind=ErrorKind.INVALID_INPUT), "invalid_input", "odd"),
        (ValueError("half \ud83d"), "internal", "ValueError: half �"),
    ],
)
async def test_errors_say_their_kind(listener, error, code, text):
    result = FailingStep(error).start(listener.context(), None)
    with pytest.raises(type(error)):
        await result.result()
    last = listener.check()
    assert (last.code, last.error_string) == (code, text)


async def test_a_value_that_cannot_be_sent_is_an_error(listener):
    class Bad(Code):
        def final_result(self, value):
            return object()

    with pytest.raises(Exception, match="JSON"):
        await Bad(two_words).start(listener.context(), "hi").result()
    assert listener.check().type == "error"


async def test_usage_and_stop_reason_are_in_the_final_event(listener):
    async def counts(run, input):
        run.add_usage(3, 4)
        await run.partial("x")
        run.add_usage(1, 2, cost=0.5)
        run.meta.stop_reason = "length"

    await Code(counts).start(listener.context(), "").result()
    final = listener.check()
    assert final.meta.usage.model_dump() == {"input_tokens": 4, "output_tokens": 6, "cost": 0.5}
    assert final.meta.stop_reason == "length"
    assert listener.events[0].meta.usage is None


async def test_text_that_utf8_cannot_say_still_adds_up(listener):
    async def halves(run, input):
        await run.partial("a\ud83d")
        await run.partial("\ud83d\ude00")
        await run.partial("é")
        await run.partial("\ud83d")
        await run.partial("\ude00")
        return ""

    await Code(halves).start(listener.context(), "").result()
    assert listener.check().text == "a�😀é��"


async def test_events_after_the_end_are_refused(listener):
    kept = []

    async def leaks(run, input):
        kept.append(run)
        return "x"

    await Code(leaks).start(listener.context(), "").result()
    with pytest.raises(RuntimeError, match="has ended"):
        await kept[0].partial("late")
    assert listener.check().text == "x"


# Cancelling


async def forever(run, input):
    await run.partial("so ")
    await run.partial("far")
    await asyncio.Event().wait()


async def test_cancel_gives_one_interrupt_with_the_text_so_far(listener):
    result = Code(forever).start(listener.context(), "")
    await asyncio.sleep(0.01)
    await asyncio.gather(result.cancel(), result.cancel())
    await result.cancel()
    last = listener.check()
    assert (last.type, last.text) == ("interrupt", "so far")
    with pytest.raises(StepCancelled) as raised:
        await result.result()
    assert raised.value.text == "so far"


async def test_cancel_after_the_end_changes_nothing(listener):
    result = Code(two_words).start(listener.context(), "hi")
    await result.result()
    await result.cancel()
    assert listener.check().type == "final"
    assert await result.result()


async def test_cancel_in_the_moment_of_the_end_changes_nothing(listener):
    async def ends(run, input):
        # Runs when the code has returned, and before anything else has taken notice.
        asyncio.get_running_loop().call_soon(result.interrupt)
        return "done"

    result = Code(ends).start(listener.context(), "")
    assert await result.result() == "done"
    assert listener.check().type == "final"


async def test_code_that_swallows_its_cancellation_cannot_speak_on(listener):
    async def stubborn(run, input):
        await run.partial("x")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await run.partial("never heard")

    result = Code(stubborn).start(listener.context(), "")
    await asyncio.sleep(0.01)
    await result.cancel()
    assert listener.check().text == "x"


async def test_cancel_returns_when_the_code_has_cleaned_up(listener):
    cleaned = []

    async def tidy(run, input):
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.02)
            cleaned.append(True)

    result = Code(tidy).start(listener.context(), "")
    await asyncio.sleep(0.01)
    await result.cancel()
    assert cleaned


async def test_cancel_does_not_wait_for_ever_for_code_that_ignores_it(listener, monkeypatch, caplog):
    monkeypatch.setattr(result_module, "CANCEL_WAIT_SECONDS", 0.05)
    let_go = asyncio.Event()

    async def deaf(run, input):
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                pass

    result = Code(deaf).start(listener.context(), "")
    await asyncio.sleep(0.01)
    await result.cancel()
    assert listener.check().type == "interrupt"
    assert "ignores its cancellation" in caplog.text
    let_go.set()
    await asyncio.sleep(0.01)


async def test_a_cancellation_from_inside_is_an_interrupt(listener):
    async def cancels_itself(run, input):
        await run.partial("x")
        raise asyncio.CancelledError

    result = Code(cancels_itself).start(listener.context(), "")
    with pytest.raises(StepCancelled):
        await result.result()
    assert listener.check().type == "interrupt"


async def test_cancelling_who_waits_for_the_result_leaves_the_step_alone(listener):
    go_on = asyncio.Event()

    async def waits(run, input):
        await go_on.wait()
        return "done"

    result = Code(waits).start(listener.context(), "")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(result.result(), 0.01)
    go_on.set()
    assert await result.result() == "done"
    assert listener.check().type == "final"


async def test_leaving_the_context_cancels(listener):
    async with Code(forever).start(listener.context(), "") as result:
        await asyncio.sleep(0.01)
    assert result.done
    assert listener.check().type == "interrupt"


async def test_a_handler_may_interrupt_the_step_that_it_hears(listener):
    result = Code(forever).start(listener.context(), "")
    listener.before = result.interrupt
    with pytest.raises(StepCancelled):
        await asyncio.wait_for(result.result(), 5)
    assert listener.check().type == "interrupt"


async def test_a_handler_that_awaits_cancel_is_not_stuck_for_good(new_listener, monkeypatch, caplog):
    monkeypatch.setattr(result_module, "CANCEL_WAIT_SECONDS", 0.05)

    async def cancel_in_another_task():
        if not listener.messages:
            await asyncio.create_task(result.cancel())

    listener = new_listener(cancel_in_another_task)
    result = Code(forever).start(listener.context(), "")
    with pytest.raises(StepCancelled):
        await asyncio.wait_for(result.result(), 5)
    assert listener.check().type == "interrupt"
    assert "call interrupt() there" in caplog.text


async def test_the_end_of_the_loop_ends_the_step(new_listener):
    listener = new_listener()
    results = []

    async def main():
        results.append(Code(forever).start(listener.context(), ""))
        await asyncio.sleep(0.01)

    await asyncio.to_thread(asyncio.run, main())
    assert results[0].done
    last = listener.check()
    assert (last.type, last.text) == ("interrupt", "so far")


async def test_a_step_whose_tasks_are_cancelled_before_they_began_still_ends(listener):
    result = Code(two_words).start(listener.context(), "")
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    with pytest.raises(StepCancelled):
        await asyncio.wait_for(result.result(), 5)
    assert result.done


async def test_a_step_whose_delivery_is_cancelled_before_it_began_still_ends(listener, caplog):
    result = Code(forever).start(listener.context(), "")
    [delivery] = [task for task in asyncio.all_tasks() if task.get_name().endswith(" events")]
    delivery.cancel()
    with pytest.raises(StepCancelled):
        await asyncio.wait_for(result.result(), 5)
    await asyncio.sleep(0.01)
    assert "the last events may be lost" in caplog.text


# Publishers that are slow, fail, or hang


async def test_a_slow_listener_holds_the_step_back(new_listener):
    sent = 0
    furthest = 0

    async def slow():
        nonlocal furthest
        furthest = max(furthest, sent - len(listener.messages))
        await asyncio.sleep(0.001)

    async def many(run, input):
        nonlocal sent
        for _ in range(20_000):
            await run.partial("x")
            sent += 1

    listener = new_listener(slow)
    await Code(many).start(listener.context(), "").result()
    assert len(listener.check().text) == 20_000
    assert furthest <= outbox.MAX_PENDING + outbox.MAX_BATCH
    assert max(listener.batches) == outbox.MAX_BATCH


async def test_a_few_huge_deltas_hold_the_step_back_too(new_listener, monkeypatch):
    monkeypatch.setattr(outbox, "MAX_PENDING_CHARACTERS", 10_000)
    sent = 0
    furthest = 0

    async def slow():
        nonlocal furthest
        furthest = max(furthest, sent - sum(len(e.delta) for e in listener.events if e.type == "partial"))
        await asyncio.sleep(0)

    async def huge(run, input):
        nonlocal sent
        for _ in range(50):
            await run.partial("x" * 4_000)
            sent += 4_000

    listener = new_listener(slow)
    await Code(huge).start(listener.context(), "").result()
    assert len(listener.check().text) == 200_000
    assert furthest <= 2 * (10_000 + 4_000)


async def test_parallel_speakers_are_held_back_and_can_be_cancelled(new_listener):
    async def slow():
        await asyncio.sleep(0.001)

    async def many_at_once(run, input):
        async def speak():
            while True:
                await run.partial("x")

        async with asyncio.TaskGroup() as group:
            for _ in range(10):
                group.create_task(speak())

    listener = new_listener(slow)
    result = Code(many_at_once).start(listener.context(), "")
    await asyncio.sleep(0.05)
    await result.cancel()
    assert listener.check().type == "interrupt"


async def test_a_publisher_that_fails_is_reported_and_the_step_ends(new_listener, caplog):
    def fail():
        raise OSError("the bus is gone")

    listener = new_listener(fail)
    result = Code(two_words).start(listener.context(), "hi")
    with caplog.at_level(logging.ERROR):
        assert await result.result()
    assert "the bus is gone" in str(result.publish_error)
    assert [r.levelname for r in caplog.records if "could not be published" in r.message] == ["ERROR"]


async def test_a_publisher_that_recovers_gets_the_rest(new_listener):
    calls = 0

    def fail_once():
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OSError("not yet")

    async def in_two_batches(run, input):
        await asyncio.sleep(0.01)
        await run.partial("x")

    listener = new_listener(fail_once)
    await Code(in_two_batches).start(listener.context(), "").result()
    assert listener.types == ["partial", "final"]


async def test_a_publisher_that_hangs_cannot_keep_a_cancelled_step(new_listener, monkeypatch, caplog):
    monkeypatch.setattr(result_module, "CANCEL_WAIT_SECONDS", 0.05)
    monkeypatch.setattr(result_module, "PUBLISH_GRACE_SECONDS", 0.1)

    async def hang():
        await asyncio.Event().wait()

    listener = new_listener(hang)
    result = Code(forever).start(listener.context(), "")
    await asyncio.sleep(0.01)
    await asyncio.wait_for(result.cancel(), 5)
    with pytest.raises(StepCancelled):
        await asyncio.wait_for(result.result(), 5)
    assert "delivery" in caplog.text


async def test_over_the_memory_bus_every_event_is_acknowledged():
    transport = MemoryTransport()
    from geppetto.events.publisher import PublisherManager

    manager = PublisherManager()
    manager.register_publisher("t", transport)
    got = []
    async with transport.subscribe("t") as subscription:

        async def read():
            async for message in subscription:
                got.append(message.payload)
                message.ack()

        reading = asyncio.create_task(read())
        await Code(two_words).start(StepContext(publisher=manager), "hi").result()
        assert len(got) == 4
        reading.cancel()
    await transport.close()


def test_steps_are_cheap_to_import():
    code = (
        "import sys, geppetto.steps.double, geppetto.steps.failing, geppetto.steps.tools, "
        "geppetto.steps.chat.echo; "
        "print([m for m in ('pydantic', 'yaml', 'jsonschema') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
