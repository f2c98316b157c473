"""The engine: set-up functions, steps written in Python, life and death."""

import asyncio
from pathlib import Path

import pytest
from geppetto.errors import GeppettoError
from geppetto.json_value import JsonValue
from geppetto.runtime.engine import RuntimeEngine
from geppetto.runtime.limits import Limits
from geppetto.runtime.output import ConsoleLine, Output, StreamEvent
from geppetto.runtime.script import Script
from geppetto.runtime.setup import (
    create_step_object,
    setup_chat_step_factory,
    setup_conversation,
    setup_done_callback,
    setup_double_step,
    setup_echo_step,
    setup_embeddings,
)
from geppetto.steps.run import StepRun
from geppetto.steps.step import Step

from tests.runtime.conftest import RunScript
from tests.waiting import only_tasks


class Shout(Step[str, int]):
    type = "shout"
    input_type = "string"
    output_type = "number"

    async def run(self, run: StepRun, input: str) -> int:
        for word in input.split(" "):
            await asyncio.sleep(0)
            await run.partial(word.upper() + " ")
        return len(input)


def to_text(value: JsonValue) -> str:
    if not isinstance(value, str):
        raise GeppettoError("shout takes a text")
    return value


def setup_shout(engine: RuntimeEngine) -> None:
    create_step_object(engine, "shout", Shout(), to_text, lambda length: {"length": length})


async def test_a_step_of_ones_own_with_converters(run_script: RunScript) -> None:
    ran = await run_script(
        """
        const stream = shout.startStream("be loud");
        for await (const event of stream) if (event.type === "partial") console.log(event.delta);
        console.log(await stream.finalText());
        shout.runWithEvents("again", (event) => {
            if (event.type === "final") console.log(event.result.length, event.step.type, event.step.outputType);
        });
        shout.runWithEvents(5, (event) => { if (event.type === "error") console.log(event.error) });
        """,
        setup=[setup_shout],
    )
    assert ran.outcome.kind == "ok", ran.text
    assert sorted(ran.lines) == sorted(["BE ", "LOUD ", "BE LOUD ", "5 shout number", "shout takes a text"])
    assert ran.outcome.steps == 3


async def test_only_what_was_set_up_is_there(run_script: RunScript) -> None:
    probe = (
        "console.log([typeof doubleStep, typeof echoStep, typeof Conversation, typeof embeddings, typeof done,"
        " typeof chatStep, typeof ChatStepFactory].join(' '))"
    )
    assert (await run_script(probe, setup=[])).lines == [" ".join(["undefined"] * 7)]
    every = [
        setup_double_step(),
        setup_echo_step(),
        setup_conversation(),
        setup_embeddings(),
        setup_done_callback(),
        setup_chat_step_factory(),
    ]
    ran = await run_script(probe, setup=every)
    assert ran.lines == ["object object function object function object function"]


async def test_a_step_can_be_added_while_the_engine_runs(tmp_path: Path) -> None:
    shown: list[Output] = []
    async with RuntimeEngine(root=tmp_path, output=shown.append) as engine:
        setup_shout(engine)
        outcome = await engine.run(
            Script(tmp_path / "a.js", "console.log(await shout.startStream('hi').finalText())")
        )
    assert outcome.kind == "ok", outcome.errors
    assert [line.text for line in shown if isinstance(line, ConsoleLine)] == ["HI "]


async def test_run_on_loop_evaluates_and_gives_the_value(tmp_path: Path) -> None:
    async with RuntimeEngine(root=tmp_path) as engine:
        assert await engine.run_on_loop("globalThis.kept = 20; kept + 1") == 21
        assert await engine.run_on_loop("kept + 2") == 22
        with pytest.raises(GeppettoError, match="boom"):
            await engine.run_on_loop("throw new Error('boom')")


async def test_scripts_run_one_after_the_other_on_one_engine(tmp_path: Path) -> None:
    shown: list[Output] = []
    engine = RuntimeEngine(root=tmp_path, output=shown.append)
    engine.add_setup_function(setup_double_step())
    engine.add_setup_function(setup_done_callback())
    async with engine:
        for number in range(3):
            text = f"console.log({number}); doubleStep.runWithEvents({number}, () => {{}}); setInterval(() => 0, 1); done()"
            assert (await engine.run(Script(tmp_path / "a.js", text))).kind == "ok"
        failed = await engine.run(Script(tmp_path / "a.js", "null.x"))
        assert failed.kind == "error" and failed.errors[0].place is not None
        assert (await engine.run(Script(tmp_path / "a.js", "console.log('last')"))).kind == "ok"
    assert [line.text for line in shown if isinstance(line, ConsoleLine)] == ["0", "1", "2", "last"]


async def test_one_script_at_a_time(tmp_path: Path) -> None:
    async with RuntimeEngine(root=tmp_path) as engine:
        first = asyncio.create_task(engine.run(Script(tmp_path / "a.js", "setTimeout(() => {}, 50)")))
        await asyncio.sleep(0.01)
        with pytest.raises(GeppettoError, match="runs a script already"):
            await engine.run(Script(tmp_path / "b.js", "1"))
        assert (await first).kind == "ok"


async def test_misuse_is_told(tmp_path: Path) -> None:
    engine = RuntimeEngine(root=tmp_path)
    with pytest.raises(GeppettoError, match="call start"):
        await engine.run(Script(tmp_path / "a.js", "1"))
    await engine.start()
    with pytest.raises(GeppettoError, match="started before"):
        await engine.start()
    await engine.close()
    await engine.close()
    with pytest.raises(GeppettoError, match="not running"):
        engine.run_on_loop("1")


async def test_events_go_to_the_watcher_with_the_place_of_their_start(run_script: RunScript) -> None:
    ran = await run_script("const a = 1;\n\n  echoStep.startStream('x').on('final', () => {});")
    events = [shown for shown in ran.shown if isinstance(shown, StreamEvent)]
    assert [event["type"] for event in ran.events] == ["start", "partial", "final"]
    for event in events:
        assert event.global_name == "echoStep"
        assert event.place is not None and (event.place.line, event.place.column) == (3, 12)


async def test_an_interrupt_is_delivered_before_the_run_ends(tmp_path: Path) -> None:
    shown: list[Output] = []
    speaking = asyncio.Event()

    def watch(output: Output) -> None:
        shown.append(output)
        if isinstance(output, StreamEvent) and b'"partial"' in output.payload:
            speaking.set()

    engine = RuntimeEngine(root=tmp_path, output=watch)
    engine.add_setup_function(setup_echo_step())
    script = """
        const stream = echoStep.startStream("one two three four", { delay: 0.05 });
        stream.on("interrupt", (event) => console.log("kept:", event.text));
        await stream.done();
        console.log("after", stream.state ?? "");
        setInterval(() => {}, 1000);
    """
    async with engine:
        task = asyncio.create_task(engine.run(Script(tmp_path / "a.js", script)))
        await asyncio.wait_for(speaking.wait(), 60)
        engine.interrupt()
        engine.interrupt()
        outcome = await asyncio.wait_for(task, 60)
    assert outcome.kind == "cancelled" and outcome.errors == ()
    lines = [out.text for out in shown if isinstance(out, ConsoleLine)]
    assert lines[0].startswith("kept: one")
    terminal = [out for out in shown if isinstance(out, StreamEvent) and b'"type":"interrupt"' in out.payload]
    assert len(terminal) == 1


async def test_an_interrupt_stops_a_spinning_script(tmp_path: Path) -> None:
    async with RuntimeEngine(root=tmp_path) as engine:
        task = asyncio.create_task(engine.run(Script(tmp_path / "a.js", "for (;;) ;")))
        await asyncio.sleep(0.1)
        engine.interrupt()
        assert (await asyncio.wait_for(task, 60)).kind == "cancelled"
        assert (await engine.run(Script(tmp_path / "a.js", "1"))).kind == "ok"


async def test_closing_in_the_middle_of_a_run_leaves_nothing(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    engine = RuntimeEngine(root=tmp_path)
    engine.add_setup_function(setup_echo_step())
    await engine.start()
    task = asyncio.create_task(
        engine.run(
            Script(tmp_path / "a.js", "echoStep.startStream('a b c d', { delay: 1 }).on('final', () => {})")
        )
    )
    await asyncio.sleep(0.3)
    await asyncio.wait_for(engine.close(), 60)
    assert (await task).kind == "cancelled"
    await only_tasks(before)


async def test_cancelling_the_caller_cancels_the_run(tmp_path: Path) -> None:
    shown: list[Output] = []
    engine = RuntimeEngine(root=tmp_path, output=shown.append)
    engine.add_setup_function(setup_echo_step())
    async with engine:
        text = "echoStep.startStream('a b c d', { delay: 1 }).on('final', () => {})"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(engine.run(Script(tmp_path / "a.js", text)), 0.5)
    assert any(isinstance(out, StreamEvent) and b'"type":"interrupt"' in out.payload for out in shown)


async def test_a_thousand_streams_at_once_finish_in_order(run_script: RunScript) -> None:
    ran = await run_script(
        """
        const texts = await Promise.all(Array.from({ length: 1000 }, async (_, i) => {
            let text = "", last = "";
            for await (const event of echoStep.startStream(`stream ${i} says a b c`)) {
                if (event.type === "partial") text += event.delta;
                last = event.type;
            }
            return `${text}|${last}`;
        }));
        console.log(texts.every((text, i) => text === `stream ${i} says a b c|final`), texts.length);
        """
    )
    assert ran.outcome.kind == "ok", ran.text
    assert ran.lines == ["true 1000"]
    by_step: dict[str, list[str]] = {}
    for event in ran.events:
        by_step.setdefault(event["step"]["step_id"], []).append(event["type"])
    assert len(by_step) == 1000
    assert all(
        types[0] == "start" and types[-1] == "final" and types.count("final") == 1
        for types in by_step.values()
    )


async def test_a_blocking_step_answers_in_the_middle_of_a_turn(run_script: RunScript) -> None:
    ran = await run_script(
        """
        console.log("before");
        console.log(doubleStep.startBlocking(21));
        console.log(embeddings.generateEmbedding("hello").length, embeddings.getModel().dimensions);
        try { doubleStep.startBlocking("x") } catch (error) { console.log(error.message) }
        """
    )
    assert ran.outcome.kind == "ok", ran.text
    assert ran.lines[:3] == ["before", "[ 42 ]", "256 256"]
    assert "number" in ran.lines[3]


async def test_large_values_cross_the_mailbox_whole(run_script: RunScript) -> None:
    ran = await run_script(
        """
        const text = "é😀x".repeat(700_000);
        const [answer] = echoStep.startBlocking(text);
        console.log(answer === text || answer?.text === text, text.length);
        """
    )
    assert ran.outcome.kind == "ok", ran.text
    assert ran.lines == ["true 2800000"]


async def test_done_ends_the_run_at_once(run_script: RunScript) -> None:
    ran = await run_script("setInterval(() => {}, 10); setTimeout(() => done(), 20)")
    assert ran.outcome.kind == "ok"
    ran = await run_script("setInterval(() => {}, 10);\ndone(new Error('enough'))")
    assert ran.outcome.kind == "error" and "enough" in ran.text
    assert ran.outcome.errors[0].place is not None and ran.outcome.errors[0].place.line == 2


async def test_timers_fire_in_order_each_in_its_own_turn(run_script: RunScript) -> None:
    ran = await run_script(
        """
        const log = (text) => () => { console.log(text); Promise.resolve().then(() => console.log(text + "'")) };
        setTimeout(log("b"), 20); setTimeout(log("c"), 20); setTimeout(log("a"), 1); setTimeout(log("a2"), 1);
        const cleared = setTimeout(log("never"), 5); clearTimeout(cleared);
        let n = 0; const interval = setInterval(() => { if (++n === 3) clearInterval(interval) }, 1);
        """
    )
    assert ran.lines == ["a", "a'", "a2", "a2'", "b", "b'", "c", "c'"]


async def test_unconfigured_chat_echoes_and_says_so_once(run_script: RunScript) -> None:
    ran = await run_script(
        """
        console.log(await chatStep.startStream("hello").finalText());
        const conv = new Conversation();
        conv.addMessage("user", "from a conversation");
        console.log(await new ChatStepFactory().newStep().startStream(conv).finalText());
        """
    )
    assert ran.outcome.kind == "ok", ran.text
    assert ran.lines == ["hello", "from a conversation"]
    assert len(ran.notices) == 1 and "echo" in ran.notices[0]


async def test_params_are_there_and_frozen(run_script: RunScript) -> None:
    ran = await run_script(
        "'use strict'; console.log(params.name, params.list[0]); try { params.name = 1 } catch (e) { console.log(e.name) }",
        params={"name": "n", "list": [1]},
    )
    assert ran.lines == ["n 1", "TypeError"]


async def test_each_run_of_an_engine_is_counted_by_itself(tmp_path: Path) -> None:
    engine = RuntimeEngine(root=tmp_path, limits=Limits(output_bytes=5000, wall_seconds=20))
    engine.add_setup_function(setup_echo_step())
    script = Script(
        tmp_path / "a.js", "console.log('x'.repeat(3000)); await echoStep.startStream('a b').finalText()"
    )
    async with engine:
        for _ in range(3):
            outcome = await engine.run(script)
            assert (outcome.kind, outcome.steps, outcome.output_tokens) == ("ok", 1, 2), outcome.errors
