"""Every limit ends the run with an error that names it; what was said before is kept.

What only the end of the process can stop (a wedge, a crash of V8) is tested through the command line.
"""

from pathlib import Path

import pytest
from geppetto.runtime.engine import RuntimeEngine
from geppetto.runtime.limits import MIB, Limits
from geppetto.runtime.script import Script
from geppetto.runtime.setup import setup_standard

from tests.runtime.conftest import RunScript


@pytest.mark.parametrize(
    ("script", "limits", "name"),
    [
        pytest.param(
            "console.log(1); while (true) {}", Limits(yield_seconds=0.3), "yield", id="endless loop"
        ),
        pytest.param(
            "console.log(1); setTimeout(() => { for (;;) ; }, 1)",
            Limits(yield_seconds=0.3),
            "yield",
            id="in a timer",
        ),
        pytest.param(
            "console.log(1); doubleStep.runWithEvents(1, () => { for (;;) ; })",
            Limits(yield_seconds=0.3),
            "yield",
            id="in a handler",
        ),
        pytest.param(
            "console.log(1); /(a+)+$/.test('a'.repeat(40) + 'b')",
            Limits(yield_seconds=0.3),
            "yield",
            id="regex",
        ),
        pytest.param(
            "console.log(1); const a = []; for (let i = 0; ; i++) a.push(new Array(1000).fill(i))",
            Limits(heap_bytes=128 * MIB, yield_seconds=30),
            "heap",
            id="array bomb",
        ),
        pytest.param(
            "console.log(1); const a = []; for (let i = 1; ; i++) { a.push(new Array(1000).fill(i));"
            " if (i % 100 === 0) await new Promise((go) => setTimeout(go, 0)) }",
            Limits(heap_bytes=128 * MIB, yield_seconds=30),
            "heap",
            id="array bomb that gives way",
        ),
        pytest.param(
            "console.log(1); let s = 'x'; const a = []; for (;;) { s += s + Math.random(); a.push(s.slice(1)); if (s.length > 1e6) s = 'x' }",
            Limits(heap_bytes=128 * MIB, yield_seconds=30),
            "heap",
            id="string bomb",
        ),
        pytest.param(
            "console.log(1); setInterval(() => {}, 5)", Limits(wall_seconds=0.3), "wall", id="endless timers"
        ),
        pytest.param(
            "console.log(1); const t = () => setTimeout(t, 0); t()",
            Limits(wall_seconds=0.3),
            "wall",
            id="timer chain",
        ),
        pytest.param(
            "console.log(1); for (let i = 0; i < 10_000_000; i++) console.log('line', i)",
            Limits(output_bytes=2 * MIB, yield_seconds=30),
            "output",
            id="ten million lines",
        ),
        pytest.param(
            "console.log(1); console.log('x'.repeat(50_000_000))",
            Limits(output_bytes=MIB),
            "output",
            id="one long line",
        ),
        pytest.param(
            "console.log(1); await echoStep.startStream('x'.repeat(50_000_000)).finalText()",
            Limits(output_bytes=MIB),
            "output",
            id="50 MB delta",
        ),
    ],
)
async def test_a_limit_ends_the_run_and_is_named(
    run_script: RunScript, script: str, limits: Limits, name: str
) -> None:
    ran = await run_script(script, limits=limits)
    assert ran.outcome.kind == "limit", ran.text
    error = ran.outcome.errors[-1]
    assert error.code == f"limit.{name}"
    assert f"limit '{name}'" in ran.text and error.hint
    assert ran.lines[0] == "1"
    assert not ran.outcome.engine_lost


async def test_the_limit_of_the_heap_holds_for_each_script_of_an_engine(tmp_path: Path) -> None:
    keeps = "const kept = []; const keep = () => kept.push(new Array(1000).fill(kept.length));\n"
    bomb = f"{keeps} for (;;) {{ keep(); if (kept.length % 100 === 0) await new Promise((go) => setTimeout(go, 0)) }}"
    modest = f"{keeps} while (kept.length < 8_000) keep();"  # half of what there is
    engine = RuntimeEngine(root=tmp_path, limits=Limits(heap_bytes=128 * MIB, yield_seconds=30))
    engine.add_setup_function(setup_standard(tmp_path, env={}))
    async with engine:
        ran = [await engine.run(Script(tmp_path / "main.js", text)) for text in (bomb, modest, bomb, modest)]
    assert [[outcome.kind, *(error.code for error in outcome.errors)] for outcome in ran] == [
        ["limit", "limit.heap"],
        ["ok"],
    ] * 2


async def test_output_within_the_limit_is_whole_and_in_order(run_script: RunScript) -> None:
    ran = await run_script("for (let i = 0; i < 100_000; i++) console.log(i)")
    assert ran.outcome.kind == "ok", ran.text
    assert ran.lines == [str(number) for number in range(100_000)]


async def test_output_of_a_long_turn_comes_while_it_lasts(run_script: RunScript) -> None:
    ran = await run_script(
        """
        console.log("first");
        const until = Date.now() + 100;
        while (Date.now() < until) ;
        console.log("second");
        while (true) ;
        """,
        limits=Limits(yield_seconds=0.5),
    )
    assert ran.lines == ["first", "second"]


async def test_too_many_streams_at_once_is_an_error_of_the_stream(run_script: RunScript) -> None:
    ran = await run_script(
        """
        const streams = Array.from({ length: 5 }, (_, i) => echoStep.startStream("a b c " + i, { delay: 0.01 }));
        const ends = await Promise.allSettled(streams.map((stream) => stream.finalText()));
        console.log(ends.map((end) => end.status).join(" "));
        console.log(ends[4].reason.message);
        """,
        limits=Limits(streams=3),
    )
    assert ran.outcome.kind == "ok", ran.text
    assert ran.lines[0] == "fulfilled fulfilled fulfilled rejected rejected"
    assert "the limit is 3" in ran.lines[1]


async def test_the_token_limit_stops_the_run(run_script: RunScript) -> None:
    ran = await run_script(
        "for (;;) await echoStep.startStream('one two three').finalText()", limits=Limits(tokens=20)
    )
    assert ran.outcome.kind == "limit"
    assert ran.outcome.errors[-1].code == "limit.tokens"
    assert 20 < ran.outcome.input_tokens + ran.outcome.output_tokens <= 30


async def test_streams_that_a_limit_ends_keep_their_text(run_script: RunScript) -> None:
    ran = await run_script(
        """
        const stream = echoStep.startStream("one two three four five six", { delay: 0.1 });
        stream.on("interrupt", (event) => console.log("interrupted:", event.text));
        """,
        limits=Limits(wall_seconds=0.35),
    )
    assert ran.outcome.kind == "limit"
    assert ran.events[-1]["type"] == "interrupt"
    text = ran.events[-1]["text"]
    assert text.startswith("one") and text != "one two three four five six"
    assert ran.lines == [f"interrupted: {text}"]
