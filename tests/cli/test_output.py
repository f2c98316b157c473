"""What a person sees of a run, from fake events."""

import json
from collections.abc import Callable

import pytest
from geppetto.cli.channel import Channel
from geppetto.cli.events_output import EventsDisplay
from geppetto.cli.output import LiveDisplay
from geppetto.cli.spinner import Spinner
from geppetto.runtime.output import ConsoleLine, Notice, Place, StreamEvent

META = {"message_id": "m", "parent_id": "", "engine": "fake"}
PLACE = Place("chat.geppetto.js", 2, 14)


def event(step: str, kind: str, **fields: object) -> StreamEvent:
    meta = {**META, **fields.pop("meta", {})}  # type: ignore[dict-item]
    described = {"step_id": step, "type": "fake", "input_type": "", "output_type": "", "meta": {}}
    payload = json.dumps({"type": kind, "meta": meta, "step": described, **fields}, separators=(",", ":"))
    return StreamEvent(step, payload.encode(), PLACE, "chatStep")


def start(step: str) -> StreamEvent:
    return event(step, "start")


def partial(step: str, delta: str) -> StreamEvent:
    return event(step, "partial", delta=delta)


def final(step: str, text: str, **fields: object) -> StreamEvent:
    return event(step, "final", text=text, **fields)


class Sink:
    """A channel that remembers."""

    def __init__(self) -> None:
        self.data = b""
        self.channel = Channel(self._write)

    def _write(self, data: bytes) -> int:
        self.data += data
        return len(data)

    @property
    def text(self) -> str:
        return self.data.decode()


@pytest.fixture
def out() -> Sink:
    return Sink()


@pytest.fixture
def err() -> Sink:
    return Sink()


@pytest.fixture
def plain(out: Sink, err: Sink) -> LiveDisplay:
    return LiveDisplay(out.channel, err.channel)


def show(display: Callable[[object], None], *outputs: object) -> None:
    for output in outputs:
        display(output)


def test_console_levels_go_where_they_belong(plain: LiveDisplay, out: Sink, err: Sink) -> None:
    for level in ("debug", "log", "warn", "info", "error"):
        plain(ConsoleLine(level, f"a {level}"))
    assert out.text == "a debug\na log\na info\n"
    assert err.text == "a warn\na error\n"


def test_text_comes_at_once_and_piece_by_piece(plain: LiveDisplay, out: Sink) -> None:
    plain(start("a"))
    seen: list[str] = []
    for word in ("one", " two", " three"):
        plain(partial("a", word))
        seen.append(out.text)
    assert seen == ["one", "one two", "one two three"]
    plain(final("a", "one two three"))
    assert out.text == "one two three\n"


def test_streams_take_turns_and_never_mix(plain: LiveDisplay, out: Sink) -> None:
    show(plain, start("a"), start("b"), start("c"))
    show(plain, partial("b", "b1 "), partial("a", "a1 "), partial("c", "c1 "), partial("b", "b2"))
    assert out.text == "b1 b2"
    show(plain, final("c", "c1 "), partial("a", "a2"))
    assert out.text == "b1 b2"
    plain(final("b", "b1 b2"))
    assert out.text == "b1 b2\na1 a2"  # a goes on, so it is live now
    show(plain, partial("a", " a3"), final("a", "a1 a2 a3"))
    assert out.text == "b1 b2\na1 a2 a3\nc1 \n"


def test_a_stream_that_says_nothing_keeps_no_other_waiting(plain: LiveDisplay, out: Sink) -> None:
    show(plain, start("silent"), start("b"), partial("b", "hello"))
    assert out.text == "hello"


def test_a_console_line_starts_on_a_line_of_its_own(plain: LiveDisplay, out: Sink) -> None:
    show(plain, start("a"), partial("a", "one"), ConsoleLine("log", "between"), partial("a", " two"))
    show(plain, final("a", "one two"), ConsoleLine("log", "after"))
    assert out.text == "one\nbetween\n two\nafter\n"


def test_a_line_on_standard_error_does_not_break_one_on_standard_output(
    plain: LiveDisplay, out: Sink, err: Sink
) -> None:
    show(plain, start("a"), partial("a", "one"), ConsoleLine("error", "oops"), partial("a", " two"))
    assert (out.text, err.text) == ("one two", "oops\n")


def test_where_both_lead_to_the_same_place_it_does(out: Sink) -> None:
    both = LiveDisplay(out.channel, out.channel)
    show(both, start("a"), partial("a", "one"), ConsoleLine("error", "oops"))
    assert out.text == "one\noops\n"


def test_a_text_that_was_not_streamed_is_shown_whole(plain: LiveDisplay, out: Sink) -> None:
    show(plain, start("a"), final("a", "all at once"))
    assert out.text == "all at once\n"


def test_the_result_of_a_step_that_makes_values_is_the_scripts_to_show(plain: LiveDisplay, out: Sink) -> None:
    show(plain, start("a"), final("a", "42", result=42))
    assert out.text == ""


def test_what_was_kept_back_is_shown_in_the_end(plain: LiveDisplay, out: Sink) -> None:
    show(plain, start("a"), start("b"), partial("a", "one"), partial("b", "two"))
    plain.finish()
    assert out.text == "one\ntwo\n"


def test_an_interrupted_text_is_kept(plain: LiveDisplay, out: Sink) -> None:
    show(plain, start("a"), partial("a", "one"), event("a", "interrupt", text="one"))
    assert out.text == "one\n"


def test_without_streams_only_the_console_speaks(out: Sink, err: Sink) -> None:
    display = LiveDisplay(out.channel, err.channel, show_streams=False)
    show(
        display,
        start("a"),
        partial("a", "one"),
        ConsoleLine("log", "line"),
        final("a", "one"),
        Notice("notice"),
    )
    display.finish()
    assert (out.text, err.text) == ("line\n", "geppetto: notice\n")


def test_quiet_leaves_out_notices(out: Sink, err: Sink) -> None:
    show(LiveDisplay(out.channel, err.channel, quiet=True), Notice("notice"))
    assert err.text == ""


def test_half_a_character_is_no_reason_to_fail(plain: LiveDisplay, out: Sink) -> None:
    plain(ConsoleLine("log", "half \ud83d"))
    assert out.text == "half ?\n"


# --- a terminal


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, Callable[[], None], list[bool]]] = []

    def later(self, seconds: float, call: Callable[[], None]) -> "Clock.Handle":
        alive = [True]
        self._due.append((self.now + seconds, call, alive))
        return Clock.Handle(alive)

    def tick(self, seconds: float) -> None:
        self.now += seconds
        due = [entry for entry in self._due if entry[0] <= self.now]
        self._due = [entry for entry in self._due if entry[0] > self.now]
        for _, call, alive in due:
            if alive[0]:
                call()

    class Handle:
        def __init__(self, alive: list[bool]) -> None:
            self._alive = alive

        def cancel(self) -> None:
            self._alive[0] = False


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def terminal(out: Sink, clock: Clock) -> LiveDisplay:
    spinner = Spinner(out.channel, clock.later)
    return LiveDisplay(out.channel, out.channel, spinner=spinner, clock=lambda: clock.now)


def test_a_terminal_gets_a_header_with_the_place_and_a_closing_line(
    terminal: LiveDisplay, out: Sink, clock: Clock
) -> None:
    show(terminal, start("a"), partial("a", "one"))
    clock.tick(2)
    terminal(final("a", "one", meta={"usage": {"input_tokens": 5, "output_tokens": 1}}))
    assert out.text == "▸ chatStep · chat.geppetto.js:2:14\none\n  1 tokens · 2.0 s\n"


def test_tools_errors_and_interrupts_are_told(terminal: LiveDisplay, out: Sink) -> None:
    show(terminal, start("a"))
    show(terminal, event("a", "tool-call", tool_call={"id": "1", "name": "add", "input": '{"a":\n 1}'}))
    show(terminal, event("a", "tool-result", tool_result={"id": "1", "result": {"sum": 3}}))
    show(terminal, event("a", "error", error_string="no more"))
    lines = out.text.splitlines()
    assert lines[1:] == ['  → add({"a": 1})', '  ← {"sum": 3}', "  failed: no more · 0.0 s"]
    show(terminal, start("b"), partial("b", "one"), event("b", "interrupt", text="one"))
    assert out.text.endswith("one\n  interrupted · 0.0 s\n")


def test_the_mark_turns_while_the_first_word_is_awaited(
    terminal: LiveDisplay, out: Sink, clock: Clock
) -> None:
    terminal(start("a"))
    assert out.text == ""  # what comes at once needs none
    clock.tick(0.2)
    assert "waiting for chatStep" in out.text
    clock.tick(0.1)
    terminal(partial("a", "one"))
    before = out.text
    assert "\r\x1b[K▸ chatStep" in before
    clock.tick(10)
    assert out.text == before


def test_the_mark_makes_room_for_the_console(terminal: LiveDisplay, out: Sink, clock: Clock) -> None:
    terminal(start("a"))
    clock.tick(0.2)
    terminal(ConsoleLine("log", "line"))
    assert out.text.endswith("\r\x1b[Kline\n")
    terminal(event("a", "error", error_string="gone"))
    clock.tick(10)
    # It failed before it said a word: that is shown all the same, and the mark does not come back.
    header, closing = out.text.split("Kline\n")[1].splitlines()
    assert header.startswith("▸ chatStep") and closing.startswith("  failed: gone")


def test_a_model_does_not_steer_the_terminal(terminal: LiveDisplay, out: Sink) -> None:
    show(terminal, start("a"), partial("a", "a\x1b]0;title\x07b\x1b[2J\tc\n"))
    assert out.text.endswith("a]0;titleb[2J\tc\n")


# --- events


def test_jsonl_is_the_wire_form_and_the_console_steps_aside(out: Sink, err: Sink) -> None:
    display = EventsDisplay(out.channel, err.channel, "jsonl")
    events = [start("a"), partial("a", "ünï\n"), final("a", "ünï\n")]
    show(display, events[0], ConsoleLine("log", "line"), *events[1:])
    assert out.data.splitlines() == [event.payload for event in events]
    assert err.text == "line\n"


@pytest.mark.parametrize(
    ("form", "metadata", "expected"),
    [
        ("jsonl", False, '{"type": "partial", "delta": "ü"}\n'),
        ("yaml", None, "---\ntype: partial\ndelta: ü\n"),
        ("text", None, "ü\n"),
    ],
)
def test_forms(out: Sink, err: Sink, form: str, metadata: bool | None, expected: str) -> None:
    display = EventsDisplay(out.channel, err.channel, form, metadata=metadata)  # type: ignore[arg-type]
    display(partial("a", "ü"))
    display.finish()
    assert out.text == expected


# --- channels


def test_a_channel_gathers_what_belongs_to_one_tick() -> None:
    writes: list[bytes] = []
    soon: list[Callable[[], None]] = []
    channel = Channel(lambda data: writes.append(data) or len(data), schedule=soon.append)
    channel.write("one")
    channel.write(" two")
    assert writes == [] and len(soon) == 1
    soon.pop()()
    assert writes == [b"one two"]


def test_a_channel_writes_what_a_short_write_left() -> None:
    taken: list[bytes] = []

    def three_at_a_time(data: bytes) -> int:
        taken.append(data[:3])
        return len(taken[-1])

    Channel(three_at_a_time).write("seven b")
    assert b"".join(taken) == b"seven b"


def test_a_closed_pipe_is_told_once_and_then_forgotten() -> None:
    told: list[str] = []

    def closed(data: bytes) -> int:
        raise BrokenPipeError

    channel = Channel(closed, on_broken=lambda: told.append("closed"))
    channel.write("one")
    channel.write("two")
    assert told == ["closed"] and isinstance(channel.error, BrokenPipeError)
