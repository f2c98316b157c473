"""What scripts do at odd moments: cancelled before it began, over in the middle of a batch, thrown what is no Error."""

from pathlib import Path

import pytest
from geppetto.runtime.engine import RuntimeEngine
from geppetto.runtime.isolate import Isolate, IsolateLostError
from geppetto.runtime.script import Script

from tests.runtime.conftest import RunScript

pytestmark = pytest.mark.timeout(60)


async def test_a_signal_aborted_beforehand_cancels_the_stream_however_quick_its_step(
    run_script: RunScript,
) -> None:
    ran = await run_script(
        """
        const stream = echoStep.startStream("quick words", { signal: AbortSignal.abort() });
        stream.on("partial", () => console.log("never")).on("interrupt", (event) => console.log("interrupted"));
        for (const until = Date.now() + 100; Date.now() < until; ) console.log;
        console.log((await stream.done()).type);
        """
    )
    assert ran.lines == ["interrupted", "interrupt"]
    assert [event["type"] for event in ran.events] == ["start", "interrupt"]


async def test_a_step_is_not_run_blocking_under_an_aborted_signal(run_script: RunScript) -> None:
    ran = await run_script(
        'try { echoStep.startBlocking("x", { signal: AbortSignal.abort() }) } catch (e) { console.log(e.name) }'
    )
    assert (ran.lines, ran.events) == (["AbortError"], [])


async def test_nothing_is_delivered_after_done(run_script: RunScript) -> None:
    ran = await run_script(
        """
        const stream = echoStep.startStream("a b c d e f");
        stream.on("partial", () => { console.log("one"); done(); });
        stream.on("final", () => console.log("never"));
        """
    )
    assert (ran.lines, ran.outcome.kind) == (["one"], "ok")


async def test_what_is_no_error_has_the_place_of_its_stream(run_script: RunScript) -> None:
    ran = await run_script(
        'const stream = echoStep.startStream("a");\nstream.on("final", () => { throw { code: 7 } });'
    )
    assert "Thrown: { code: 7 } (in a handler of 'final')" in ran.text
    assert "main.geppetto.js:1:25" in ran.text


async def test_a_throw_in_a_microtask_ends_the_run(run_script: RunScript) -> None:
    ran = await run_script(
        'queueMicrotask(() => { throw new Error("in here") }); setTimeout(() => console.log("never"), 50);'
    )
    assert (ran.lines, ran.outcome.kind) == ([], "error")
    assert "in here (in a microtask)" in ran.text


async def test_decorators_work_in_typescript(run_script: RunScript) -> None:
    ran = await run_script(
        """
        const twice = (method: Function, _context: unknown) => async function (this: unknown, ...args: unknown[]) {
          return 2 * (await method.apply(this, args));
        };
        class A { @twice async m(x: number) { return x } @twice async n() { throw new Error("decorated") } }
        console.log(await new A().m(21));
        await new A().n();
        """,
        name="main.ts",
    )
    assert ran.lines == ["42"], ran.text
    assert "main.ts:5:83" in ran.text


async def test_what_belongs_to_node_is_told_apart(run_script: RunScript) -> None:
    ran = await run_script('await fetch("https://example.org")')
    assert "Scripts have no 'fetch'" in ran.text


async def test_an_engine_that_was_lost_runs_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RuntimeEngine(root=tmp_path) as engine:
        monkeypatch.setattr(Isolate, "lost", True)
        with pytest.raises(IsolateLostError, match="make a new one"):
            await engine.run(Script(tmp_path / "main.js", "1"))
        monkeypatch.undo()
