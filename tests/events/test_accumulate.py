"""The text so far: right, and never paid for twice."""

import gc
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable

import pytest
from geppetto.events.accumulate import Accumulator
from geppetto.events.codec import StreamEncoder, decode
from geppetto.events.models import (
    CompletionUnknown,
    Event,
    EventMetadata,
    FinalEvent,
    PartialEvent,
    StartEvent,
    StepMetadata,
)
from hypothesis import given
from hypothesis import strategies as st

META = EventMetadata(message_id="message")


def step(step_id: str) -> StepMetadata:
    return StepMetadata(step_id=step_id, type="test")


def partial(step_id: str, delta: str) -> PartialEvent:
    return PartialEvent(meta=META, step=step(step_id), delta=delta)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text(max_size=5), st.booleans())))
def test_each_partial_knows_its_own_stream_up_to_itself(deltas: list[tuple[str, str, bool]]) -> None:
    accumulator = Accumulator()
    expected: dict[str, str] = {}
    kept: list[tuple[PartialEvent, str]] = []
    for step_id, delta, read_now in deltas:
        event = partial(step_id, delta)
        assert accumulator.follow(event) is event
        expected[step_id] = expected.get(step_id, "") + delta
        kept.append((event, expected[step_id]))
        if read_now:
            assert event.completion == expected[step_id]
            assert accumulator.completion(step_id) == expected[step_id]
    # Read late, and in any order, each still gives the text as it was then.
    assert all(event.completion == text for event, text in reversed(kept))


def test_a_stream_is_forgotten_at_its_end_but_its_events_keep_their_text() -> None:
    accumulator = Accumulator()
    first, second = partial("a", "one "), partial("a", "two")
    accumulator.follow(StartEvent(meta=META, step=step("a")))
    accumulator.follow(first)
    accumulator.follow(second)
    assert len(accumulator) == 1
    accumulator.follow(FinalEvent(meta=META, step=step("a"), text="one two"))
    assert len(accumulator) == 0
    assert accumulator.completion("a") == ""
    assert (first.completion, second.completion) == ("one ", "one two")


def test_a_step_that_starts_anew_starts_empty() -> None:
    accumulator = Accumulator()
    accumulator.follow(partial("a", "left over"))
    accumulator.follow(StartEvent(meta=META, step=step("a")))
    event = partial("a", "new")
    accumulator.follow(event)
    assert event.completion == "new"


def test_an_event_that_nobody_followed_says_so() -> None:
    with pytest.raises(CompletionUnknown, match="no accumulator"):
        _ = partial("a", "x").completion


def test_being_followed_does_not_change_what_an_event_is() -> None:
    followed, other = partial("a", "x"), partial("a", "x")
    Accumulator().follow(followed)
    assert followed == other
    assert followed.model_dump() == other.model_dump()
    assert followed.model_copy() == other


def operations(action: Callable[[], object]) -> Counter[str]:
    """How often each function, C functions included, was called."""
    calls: Counter[str] = Counter()

    def count(frame: object, kind: str, argument: object) -> None:
        if kind == "c_call":
            calls[argument.__name__] += 1
        elif kind == "call":
            calls[frame.f_code.co_name] += 1

    # What earlier tests left behind must not be finalised, and counted, here.
    gc.collect()
    gc.disable()
    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(None)
        gc.enable()
    return calls


def test_following_a_stream_is_linear() -> None:
    def follow(count: int) -> Counter[str]:
        accumulator = Accumulator()
        events = [partial("a", "word ") for _ in range(count)]
        calls = operations(lambda: [accumulator.follow(event) for event in events])
        assert calls["join"] == 0
        # One read at the end joins once, and reading again joins nothing.
        assert operations(lambda: events[-1].completion)["join"] == 1
        assert operations(lambda: [event.completion for event in events])["join"] == 0
        assert events[-1].completion == "word " * count
        return calls

    small, large = follow(1_000), follow(10_000)
    assert large.total() <= small.total() * 10.1


def test_reading_now_and_then_touches_each_piece_once() -> None:
    joined = 0
    accumulator = Accumulator()

    def watch(frame: object, kind: str, argument: object) -> None:
        nonlocal joined
        if kind == "c_call" and argument.__name__ == "join":
            joined += len(frame.f_locals["pieces"])

    for index in range(10_000):
        event = partial("a", "word ")
        accumulator.follow(event)
        if index % 100 == 99:
            sys.setprofile(watch)
            try:
                assert len(event.completion) == (index + 1) * 5
            finally:
                sys.setprofile(None)
    # Every delta once, and what was read before once for each of the 100 reads.
    assert 10_000 <= joined <= 10_100


def test_memory_of_a_long_stream_is_linear() -> None:
    encoder = StreamEncoder(META, step("a"))

    def peak(count: int) -> int:
        accumulator = Accumulator()
        payload = encoder.partial("word ")
        event: Event | None = None
        tracemalloc.start()
        for _ in range(count):
            event = accumulator.follow(decode(payload))
        assert isinstance(event, PartialEvent)
        assert len(event.completion) == count * 5
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    small, large = peak(2_000), peak(20_000)
    assert large < small * 12
