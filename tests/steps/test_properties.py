"""The invariant of a stream, over random scripts, cancelled at every point there is."""

import asyncio
import gc
import tracemalloc

import pytest
from geppetto.events.wire import EVENT_TYPE, TERMINAL_TYPES
from geppetto.steps.chat.script import Script
from geppetto.steps.chat.scripted import ScriptedStep, ScriptPlayer
from geppetto.steps.errors import StepCancelled, StepError
from geppetto.steps.step import Step
from geppetto.steps.tools import PythonTools, ToolDefinition
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

# Long enough to give way to others, short enough to cost nothing.
PACE = 1e-6

# With halves of surrogate pairs, which UTF-8 cannot say.
words = st.text(st.characters(), max_size=5)
calls = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["good", "bad", "slow", "odd", "unknown"]),
        "input": st.sampled_from(["", "{}", "[]", "{", '{"n": 1}']),
    }
)
plain = st.one_of(
    words,
    st.fixed_dictionaries({"delta": words, "repeat": st.integers(0, 5)}),
    st.fixed_dictionaries({"text": st.text("ab \n", max_size=8), "delay": st.sampled_from([0, 1])}),
)
items = st.one_of(
    plain,
    st.fixed_dictionaries({"delay": st.integers(0, 3)}),
    st.fixed_dictionaries({"stall": st.integers(0, 3)}),
    st.fixed_dictionaries({"usage": st.fixed_dictionaries({"output_tokens": st.integers(0, 9)})}),
    st.fixed_dictionaries({"tool_calls": st.lists(calls, min_size=1, max_size=3)}),
)
faults = st.sampled_from([[], [{"error": "auth"}], [{"cut": True}], [{"rate_limit": 1}]])


@st.composite
def streams(draw, of=items, ending=faults):
    return [*draw(st.lists(of, max_size=8)), *draw(ending)]


def tools():
    def bad(arguments):
        raise ValueError("bad")

    async def good(arguments):
        return arguments

    async def slow(arguments):
        for _ in range(3):
            await asyncio.sleep(0)
        return "slow"

    async def odd(arguments):
        return object()

    async def call_bad(arguments):
        return bad(arguments)

    box = PythonTools()
    for name, handler in {"good": good, "bad": call_bad, "slow": slow, "odd": odd}.items():
        box.add(ToolDefinition(name, "", {"type": "object"}), handler)
    return box


def start(stream, listener):
    step = ScriptedStep(ScriptPlayer(Script.parse([{"stream": stream}])), pace=PACE)
    return step.start(listener.context(tools=tools()), "hi")


async def end_of(result):
    try:
        return await asyncio.wait_for(result.result(), 10)
    except (StepError, StepCancelled) as error:
        return error


bounded = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@bounded
@given(stream=streams())
def test_every_stream_keeps_the_invariant(new_listener, stream):
    async def main():
        listener = new_listener()
        result = start(stream, listener)
        value = await end_of(result)
        last = listener.check()
        fault = next(iter(stream[-1])) if stream and isinstance(stream[-1], dict) else ""
        assert last.type == ("error" if fault in {"error", "cut", "rate_limit"} else "final")
        assert isinstance(value, StepError) == (last.type == "error")
        calls = [event.tool_call.id for event in listener.events if event.type == "tool-call"]
        results = [event.tool_result.id for event in listener.events if event.type == "tool-result"]
        assert sorted(calls) == sorted(results)
        said = "".join(event.delta for event in listener.events if event.type == "partial")
        assert result.text == said

    asyncio.run(main())


@bounded
@given(stream=streams(of=plain, ending=st.just([])))
def test_the_text_is_what_the_script_says(new_listener, stream):
    async def main():
        listener = new_listener()
        await start(stream, listener).result()
        said = [({"delta": item} if isinstance(item, str) else item) for item in stream]
        # Each delta stands for itself: a pair that is split over two deltas is two broken halves.
        assert listener.check().text == "".join(
            item.get("delta", item.get("text"))
            .encode("utf-16-le", "surrogatepass")
            .decode("utf-16-le", "replace")
            * item.get("repeat", 1)
            for item in said
        )

    asyncio.run(main())


@settings(bounded, max_examples=25)
@given(stream=streams())
@example([])
@example(
    [
        "a",
        {"delta": "b", "repeat": 3000},
        {"tool_calls": [{"name": "slow"}, {"name": "bad"}]},
        "c",
        {"cut": True},
    ]
)
@example(["a", {"delay": 1}, {"tool_calls": [{"name": "slow"}]}, {"text": "b c", "delay": 1}, {"stall": 1}])
def test_cancel_at_every_point_gives_exactly_one_terminal_event(new_listener, stream):
    async def cancelled_after(ticks):
        listener = new_listener()
        result = start(stream, listener)
        for _ in range(ticks):
            if result.done:
                return True
            await asyncio.sleep(0)
        before = result.text
        async with asyncio.timeout(5):
            await result.cancel()
        last = listener.check()
        assert result.done
        assert result.text.startswith(before)
        if last.type == "interrupt":
            assert last.text == result.text == before
            with pytest.raises(StepCancelled):
                await result.result()
        count = len(listener.messages)
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(listener.messages) == count
        assert sum(m.metadata[EVENT_TYPE] in TERMINAL_TYPES for m in listener.messages) == 1
        return False

    async def main():
        ticks = 0
        while not await cancelled_after(ticks):
            ticks += 1
            assert ticks < 5_000

    asyncio.run(main())


@settings(bounded, max_examples=25)
@given(stream=streams())
def test_interrupt_from_within_any_publish(new_listener, stream):
    """As a handler does it: while the step waits for that very handler."""

    async def interrupted_in(number):
        listener = new_listener()
        calls = 0

        async def interrupt():
            nonlocal calls
            calls += 1
            if calls == number:
                result.interrupt()
            await asyncio.sleep(0)

        listener.before = interrupt
        result = start(stream, listener)
        await end_of(result)
        listener.check()
        return calls < number

    async def main():
        number = 1
        while not await interrupted_in(number):
            number += 1
            assert number < 1_000

    asyncio.run(main())


@settings(bounded, max_examples=30)
@given(stream=streams(), failing=st.sets(st.integers(1, 6)))
def test_a_publisher_that_fails_at_times_never_keeps_a_step_from_ending(new_listener, stream, failing):
    async def main():
        calls = 0

        async def fail_at_times():
            nonlocal calls
            calls += 1
            await asyncio.sleep(0)
            if calls in failing:
                raise OSError("gone")

        listener = new_listener(fail_at_times)
        result = start(stream, listener)
        await end_of(result)
        assert result.done
        assert (result.publish_error is not None) == bool(failing & set(range(1, calls + 1)))
        assert sum(m.metadata[EVENT_TYPE] in TERMINAL_TYPES for m in listener.messages) <= 1

    asyncio.run(main())


async def test_a_thousand_steps_at_once_stay_in_order(new_listener, stream_check):
    async def slow():
        await asyncio.sleep(0)

    listener = new_listener(slow)
    script = Script.parse([{"stream": [{"text": "{{user}}: " + " ".join(map(str, range(30))), "delay": 1}]}])
    step = ScriptedStep(ScriptPlayer(script), pace=PACE)
    results = [step.start(listener.context(step_id=f"s{n}"), f"m{n}") for n in range(1_000)]
    await asyncio.gather(*(result.result() for result in results))

    listener.check_numbers()
    by_step = {}
    for event in listener.events:
        by_step.setdefault(event.step.step_id, []).append(event)
    assert len(by_step) == 1_000
    for n in range(1_000):
        last = stream_check(by_step[f"s{n}"])
        assert (last.type, last.text) == ("final", f"m{n}: " + " ".join(map(str, range(30))))


class Many(Step[int, str]):
    type = "many"
    input_type, output_type = "number", "string"

    async def run(self, run, input):
        for _ in range(input):
            await run.partial("word ")
        return ""


class Counter:
    """A publisher that keeps nothing but the sum."""

    def __init__(self):
        self.bytes = 0
        self.peak = 0

    async def publish(self, topic, *messages):
        self.bytes += sum(
            len(message.payload) for message in messages if message.metadata[EVENT_TYPE] == "partial"
        )
        await asyncio.sleep(0)


async def test_bytes_and_memory_grow_with_the_number_of_deltas_and_not_faster(new_listener):
    async def measure(count):
        counter, listener = Counter(), new_listener()
        listener.manager.unregister("all")
        listener.manager.register_publisher("all", counter)
        gc.collect()
        tracemalloc.start()
        result = Many().start(listener.context(), count)
        await result.result()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(result.text) == 5 * count
        return counter.bytes, peak

    await measure(1_000)
    small_bytes, small_peak = await measure(50_000)
    large_bytes, large_peak = await measure(100_000)
    assert large_bytes == 2 * small_bytes
    assert large_peak < 2.3 * small_peak
