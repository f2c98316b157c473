"""Events on their way into a script: nothing lost or doubled, bounded in memory, linear in cost."""

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from geppetto.runtime.engine import RuntimeEngine
from geppetto.runtime.inbox import Alone, Inbox
from geppetto.runtime.isolate import Isolate
from geppetto.runtime.setup import create_step_object
from geppetto.steps.run import StepRun
from geppetto.steps.step import Step

from tests.runtime.conftest import RunScript

pytestmark = pytest.mark.timeout(90)


class Talk(Step[int, str]):
    """Says the number of each delta; remembers how far it got."""

    type, input_type, output_type = "talk", "number", "string"

    def __init__(self, width: int = 0) -> None:
        self.said = 0
        self._width = width

    async def run(self, run: StepRun, input: int) -> str:
        for self.said in range(1, input + 1):
            await run.partial(f"{self.said},".ljust(self._width))
        return run.text


class Mixed(Step[int, str]):
    """Every kind of event, in an order that mixes them, and texts that are hard to quote."""

    type, input_type, output_type = "mixed", "number", "string"

    async def run(self, run: StepRun, input: int) -> str:
        for number in range(input):
            await run.partial(f'{number} "quoted" \\ ,"delta":"x"}} \u2028 é 😀\n')
            await run.partial(f"{number}")
            if number % 3 == 2:
                run.add_usage(number, 1)
                await run.tool_call(f"call-{number}", "tool", '{"delta":"y"}')
                await run.tool_result(f"call-{number}", {"delta": "z"})
        return run.text


def with_step(step: Step[int, str]) -> Callable[[RuntimeEngine], None]:
    return lambda engine: create_step_object(engine, "step", step, lambda value: int(cast(float, value)))


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The batches handed to the script, as they are."""
    seen: list[str] = []
    turn = Isolate.turn

    async def spy(self: Isolate, messages: str) -> Any:
        seen.append(messages)
        return await turn(self, messages)

    monkeypatch.setattr(Isolate, "turn", spy)
    return seen


async def test_a_script_sees_what_a_watcher_sees(run_script: RunScript) -> None:
    ran = await run_script(
        """
        for await (const event of step.startStream(50)) {
          const { type, meta, delta, completion, text, toolCall, toolResult } = event;
          const { usage, messageId } = meta;
          console.log(JSON.stringify({ type, usage, messageId, delta, completion, text, toolCall, toolResult }));
        }
        """,
        setup=[with_step(Mixed())],
    )
    assert ran.outcome.kind == "ok"
    seen = [json.loads(line) for line in ran.lines]
    assert [event["type"] for event in seen] == [event["type"] for event in ran.events]
    assert [event["messageId"] for event in seen] == [event["meta"]["message_id"] for event in ran.events]
    tokens = [event["meta"].get("usage", {}).get("input_tokens") for event in ran.events]
    assert [event.get("usage", {}).get("inputTokens") for event in seen] == tokens
    text = ""
    for event, wire in zip(seen, ran.events, strict=True):
        if wire["type"] == "partial":
            text += wire["delta"]
            assert (event["delta"], event["completion"]) == (wire["delta"], text)
    assert seen[-1]["text"] == text


async def test_a_reader_that_keeps_up_sees_every_delta_apart(run_script: RunScript) -> None:
    """However many come in a turn: they must fit an iterator's buffer, or it merges them."""
    ran = await run_script(
        """
        const until = Date.now() + 200;
        let partials = 0;
        for await (const event of step.startStream(6000)) {
          if (event.type === "start") while (Date.now() < until);
          if (event.type === "partial") partials++;
        }
        console.log(partials);
        """,
        setup=[with_step(Talk())],
    )
    assert ran.lines == ["6000"]


async def test_a_slow_script_holds_the_step_back(run_script: RunScript) -> None:
    talk = Talk(width=100)
    ran = await run_script(
        """
        let last = 0;
        for await (const event of step.startStream(1_000_000)) {
          if (event.type !== "partial") continue;
          if (++last !== Number.parseInt(event.delta)) throw new Error(`${event.delta} after ${last - 1}`);
          if (last === 500) { const until = Date.now() + 1500; while (Date.now() < until); break; }
        }
        """,
        setup=[with_step(talk)],
    )
    assert ran.outcome.kind == "ok"
    assert ran.events[-1]["type"] == "interrupt"
    assert 500 <= talk.said < 10_000


async def test_what_crosses_into_the_script_grows_with_the_deltas_alone(
    run_script: RunScript, turns: list[str]
) -> None:
    sizes: list[int] = []
    for deltas in (3000, 6000):
        turns.clear()
        ran = await run_script(
            f"step.runWithEvents({deltas}, () => {{}})",
            setup=[with_step(Talk())],
            name=f"{deltas}.geppetto.js",
        )
        assert len(ran.events) == deltas + 2
        text = sum(len(event["delta"]) + 3 for event in ran.events if event["type"] == "partial")
        final = len(ran.events[-1]["text"])
        sizes.append(sum(map(len, turns)))
        assert sizes[-1] < text + final + 20_000
        assert len(turns) < deltas / 50
    assert sizes[1] < 2.2 * sizes[0]


def test_an_inbox_keeps_the_order_and_joins_neighbours() -> None:
    inbox = Inbox()
    inbox.put('["ev",1,{}]')
    inbox.put_delta(1, '"a"')
    inbox.put_delta(1, '"b"')
    inbox.put_delta(2, '"c"')
    inbox.put('["ev",1,{}]')
    inbox.put_delta(1, '"d"')
    inbox.put(Alone('["timer",7]'))
    inbox.put_delta(1, '"e"')
    assert json.loads(cast(str, inbox.take())) == [
        ["ev", 1, {}],
        ["deltas", 1, "a", "b"],
        ["deltas", 2, "c"],
        ["ev", 1, {}],
        ["deltas", 1, "d"],
    ]
    assert json.loads(cast(str, inbox.take())) == [["timer", 7]]
    assert json.loads(cast(str, inbox.take())) == [["deltas", 1, "e"]]
    assert not inbox


async def test_a_full_inbox_says_so_and_has_room_when_it_was_read() -> None:
    inbox = Inbox()
    put = 0
    while not inbox.full:
        inbox.put_delta(put % 3, '"some text"')
        put += 1
        assert put < 100_000
    taken = 0
    while inbox.full:
        taken += sum(len(message) - 2 for message in json.loads(cast(str, inbox.take())))
    await inbox.room()
    while inbox:
        batch = json.loads(cast(str, inbox.take()))
        assert sum(len(message) - 2 for message in batch) < 1024
        taken += sum(len(message) - 2 for message in batch)
    assert taken == put
