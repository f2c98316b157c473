"""The guide's Go programs that set up an engine, in Python."""

from pathlib import Path

import pytest
from geppetto.errors import GeppettoError
from geppetto.json_value import JsonValue
from geppetto.runtime.engine import RuntimeEngine, SetupFunction
from geppetto.runtime.output import ConsoleLine, Output
from geppetto.runtime.script import Script
from geppetto.runtime.setup import (
    create_step_object,
    setup_chat_step_factory,
    setup_conversation,
    setup_done_callback,
    setup_double_step,
    setup_embeddings,
)
from geppetto.steps.run import StepRun
from geppetto.steps.step import Step


def console(shown: list[Output]) -> list[str]:
    return [line for out in shown if isinstance(out, ConsoleLine) for line in out.text.split("\n")]


async def test_runtime_engine(tmp_path: Path) -> None:
    """“RuntimeEngine”, “Built-in Setup Functions” and “Engine Lifecycle”."""
    shown: list[Output] = []
    engine = RuntimeEngine(root=tmp_path, output=shown.append)

    # Add setup functions
    engine.add_setup_function(setup_double_step())
    engine.add_setup_function(setup_conversation())
    engine.add_setup_function(setup_embeddings())
    engine.add_setup_function(setup_done_callback())
    engine.add_setup_function(setup_chat_step_factory())

    with pytest.raises(GeppettoError, match="start"):
        engine.run_on_loop("1")  # must be called after start()

    # Start engine (non-blocking)
    await engine.start()
    try:
        # Execute JavaScript code on running loop
        await engine.run_on_loop("console.log('Hello World');")
        assert await engine.run_on_loop(
            "[typeof doubleStep, typeof Conversation, typeof embeddings, typeof done, typeof chatStep].join()"
        ) == ("object,function,object,function,object")
    finally:
        await engine.close()
    assert console(shown) == ["Hello World"]


async def test_only_what_was_set_up_is_there(tmp_path: Path) -> None:
    engine = RuntimeEngine(root=tmp_path)
    engine.add_setup_function(setup_double_step())
    async with engine:
        assert await engine.run_on_loop("[typeof doubleStep, typeof Conversation, typeof done].join()") == (
            "object,undefined,undefined"
        )


class CountLetters(Step[str, dict[str, int]]):
    """“MyStep”: counts how often each letter occurs."""

    type = "count-letters"
    input_type = "string"
    output_type = "object"

    async def run(self, run: StepRun, input: str) -> dict[str, int]:
        counts: dict[str, int] = {}
        for letter in input:
            counts[letter] = counts.get(letter, 0) + 1
            await run.partial(letter)
        return counts


def setup_my_step() -> SetupFunction:
    """“Creating Setup Functions” and “Type Conversion Details”: converters between JavaScript and Python."""

    def to_text(value: JsonValue) -> str:
        if not isinstance(value, str):
            raise GeppettoError("myStep takes a text")
        return value

    def setup(engine: RuntimeEngine) -> None:
        create_step_object(
            engine,
            "myStep",
            CountLetters(),
            to_text,
            lambda counts: {letter.upper(): n for letter, n in counts.items()},
        )

    return setup


async def test_a_setup_function_for_a_step_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "main.js").write_text(
        """
        const stream = myStep.startStream("abba");
        const { result } = await stream.done();
        console.log(stream.text, result);
        myStep.runWithEvents(5, (event) => event.type === "error" && console.log(event.error));
        """
    )
    shown: list[Output] = []
    engine = RuntimeEngine(root=tmp_path, output=shown.append)
    engine.add_setup_function(setup_my_step())
    async with engine:
        outcome = await engine.run(Script(tmp_path / "main.js"))
    assert outcome.kind == "ok"
    assert console(shown) == ["abba { A: 2, B: 2 }", "myStep takes a text"]


async def test_an_error_in_a_setup_function_is_raised_by_start(tmp_path: Path) -> None:
    """“Error Handling”: in Go a setup function has to recover from panics by itself."""

    def setup(engine: RuntimeEngine) -> None:
        raise GeppettoError("the settings are missing")

    engine = RuntimeEngine(root=tmp_path)
    engine.add_setup_function(setup)
    with pytest.raises(GeppettoError, match="the settings are missing"):
        await engine.start()
    await engine.close()


async def test_code_that_fails_is_an_error_of_its_future(tmp_path: Path) -> None:
    async with RuntimeEngine(root=tmp_path) as engine:
        with pytest.raises(Exception, match="potentially is not defined"):
            await engine.run_on_loop("potentially.failing.code();")
        assert await engine.run_on_loop("1 + 1") == 2  # and the engine goes on


async def test_promises_are_settled_on_the_loop(tmp_path: Path) -> None:
    """“Promise-based Execution Example”: what a script awaits is settled by the engine, in turns of its own."""
    (tmp_path / "main.js").write_text(
        """
        console.log(await doubleStep.startAsync(21));
        try { await doubleStep.startAsync("x"); } catch (error) { console.log(error.code); }
        """
    )
    shown: list[Output] = []
    engine = RuntimeEngine(root=tmp_path, output=shown.append)
    engine.add_setup_function(setup_double_step())
    async with engine:
        await engine.run(Script(tmp_path / "main.js"))
    assert console(shown) == ["[ 42 ]", "invalid_input"]
