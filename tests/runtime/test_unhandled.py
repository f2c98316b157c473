"""Rejections and throws that nobody handles are never silent; those somebody handles make no noise."""

import pytest

from tests.runtime.conftest import RunScript

FAIL = "const fail = async () => { await null; throw new Error('lost') }\n"


@pytest.mark.parametrize(
    ("script", "line", "column"),
    [
        pytest.param("(async () => { null.x })()", 1, 21, id="floating arrow"),
        pytest.param("async function main() {\n  null.x\n}\nmain()", 2, 8, id="main without await"),
        pytest.param("async function main() {\n  await null\n  null.x\n}\nmain()", 3, 8, id="after an await"),
        pytest.param("class A { async m() { null.x } }\nnew A().m()", 1, 28, id="method"),
        pytest.param("const o = { async m() {\n null.x } }\no.m()", 2, 7, id="object method"),
        pytest.param("const kept = Promise.reject(new Error('kept'))", 1, 29, id="kept in a variable"),
        pytest.param("const kept = Promise.reject('text')", 1, 22, id="not an Error"),
        pytest.param("async function f() {\n  throw 'text'\n}\nf()", 1, 1, id="async throws a text"),
        pytest.param("Promise.resolve().then(() => {\n  null.x\n})", 2, 8, id="then without catch"),
        pytest.param("new Promise((_, reject) => reject(new Error('no')))", 1, 35, id="constructor"),
        pytest.param("new Promise(() => { throw new Error('no') })", 1, 27, id="executor throws"),
        pytest.param("Promise.all([Promise.reject(new Error('one')), 1])", 1, 29, id="Promise.all"),
        pytest.param("async function* g() { null.x }\ng().next()", 1, 28, id="async generator"),
        pytest.param("embeddings.generateEmbeddingAsync(5)", 1, 12, id="embedding"),
        pytest.param("setTimeout(() => { null.x }, 1)", 1, 25, id="timer"),
        pytest.param("setTimeout(async () => {\n  null.x\n}, 1)", 2, 8, id="async timer"),
        pytest.param("queueMicrotask(() => { null.x })", 1, 29, id="microtask"),
        pytest.param("doubleStep.runWithEvents(1, (event) => { null.x })", 1, 47, id="handler"),
        pytest.param("doubleStep.startStream(1).on('final', (event) => { null.x })", 1, 57, id="listener"),
        pytest.param("doubleStep.startStream(1, { onFinal() { null.x } })", 1, 46, id="callback"),
        pytest.param("doubleStep.startStream('x')", 1, 12, id="stream error nobody observes"),
        pytest.param("null.x", 1, 6, id="plain"),
        pytest.param("await null\nnull.x", 2, 6, id="top level, after await"),
        pytest.param("function f() { null.x }\ntry { f() } finally { }", 1, 21, id="finally"),
        pytest.param("const a = 1;\nthrow 'text'", 2, 1, id="a text thrown"),
        pytest.param("await null;\n  throw 'text'; throw 'other'", 2, 3, id="a text thrown, after await"),
        pytest.param("const value = { code: 1 };\nif (value) throw value", 2, 12, id="an object thrown"),
        pytest.param("setTimeout(() => {\n  throw 5\n}, 1)", 2, 3, id="a number thrown in a timer"),
    ],
)
async def test_it_is_reported_at_its_place(
    run_script: RunScript, script: str, line: int, column: int
) -> None:
    ran = await run_script(script)
    assert ran.outcome.kind == "error", ran.lines
    place = ran.outcome.errors[0].place
    assert place is not None, ran.text
    assert (place.line, place.column) == (line, column), ran.text
    assert ran.outcome.errors[0].code_frame is not None


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("try { await fail() } catch {}", id="awaited and caught"),
        pytest.param("fail().catch(() => {})", id="catch"),
        pytest.param("fail().then(() => {}, () => {})", id="second argument of then"),
        pytest.param("const kept = fail(); await kept.catch(() => {})", id="kept and caught"),
        pytest.param("await Promise.allSettled([fail(), fail()])", id="allSettled"),
        pytest.param("await Promise.all([fail(), 1]).catch(() => {})", id="all, caught"),
        pytest.param("await Promise.any([fail(), 1])", id="any"),
        pytest.param("await Promise.race([fail(), 1])", id="race won by another"),
        pytest.param(
            "const late = Promise.reject(new Error('late')); await null; late.catch(() => {})", id="late"
        ),
        pytest.param(
            "const p = fail(); try { await p } catch {}; try { await p } catch {}", id="awaited twice"
        ),
        pytest.param(
            "try { for await (const x of (async function* () { await fail() })()) ; } catch {}",
            id="for await",
        ),
        pytest.param("await (async () => { try { return await fail() } catch { return 1 } })()", id="inside"),
        pytest.param("await Promise.resolve().then(fail).catch(() => {}).finally(() => {})", id="chain"),
        pytest.param(
            "const { promise, reject } = Promise.withResolvers(); promise.catch(() => {}); reject(1)",
            id="resolvers",
        ),
        pytest.param("try { await doubleStep.startStream('x').finalText() } catch {}", id="finalText"),
        pytest.param(
            "for await (const e of doubleStep.startStream('x')) ;", id="error event read by an iterator"
        ),
        pytest.param("doubleStep.startStream('x').on('error', () => {})", id="error event heard"),
        pytest.param("try { await embeddings.generateEmbeddingAsync(5) } catch {}", id="embedding"),
    ],
)
async def test_what_is_handled_makes_no_noise(run_script: RunScript, script: str) -> None:
    ran = await run_script(FAIL + script)
    assert ran.outcome.kind == "ok", ran.text


async def test_a_throwing_handler_does_not_stop_its_stream(run_script: RunScript) -> None:
    ran = await run_script(
        """
        const stream = echoStep.startStream("a b c");
        stream.on("partial", () => { throw new Error("mine") });
        stream.on("final", (event) => console.log("final", event.text));
        """
    )
    assert ran.outcome.kind == "error"
    assert ran.lines == ["final a b c"]
    (error,) = ran.outcome.errors
    assert error.message == "mine" and error.context.endswith(", 3 times")


async def test_an_unhandled_rejection_ends_the_run_as_in_node(run_script: RunScript) -> None:
    ran = await run_script("setTimeout(() => console.log('never'), 50); Promise.reject(new Error('now'))")
    assert ran.outcome.kind == "error"
    assert ran.lines == []
    assert ran.outcome.errors[0].code == "unhandled-rejection"


async def test_a_promise_that_nothing_can_settle_is_told(run_script: RunScript) -> None:
    ran = await run_script("console.log(1)\nawait new Promise(() => {})\nconsole.log(2)")
    assert ran.outcome.kind == "error"
    assert ran.lines == ["1"]
    assert "nothing can settle" in ran.text


async def test_a_value_that_may_be_thrown_at_several_places_names_them(run_script: RunScript) -> None:
    ran = await run_script("const a = 1, b = 2;\nif (a > b) throw a;\nthrow b;")
    assert ran.outcome.kind == "error"
    assert "main.geppetto.js:2:12" in ran.text and "main.geppetto.js:3:1" in ran.text
