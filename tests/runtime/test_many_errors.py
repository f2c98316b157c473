"""Many errors at once: each is told, and none floods the others out."""

from tests.runtime.conftest import RunScript


async def test_a_mistake_in_a_handler_is_told_once_with_how_often(run_script: RunScript) -> None:
    ran = await run_script(
        """
        const stream = echoStep.startStream("a b c d e");
        stream.on("partial", () => { throw new Error("oops"); });
        stream.on("final", () => { throw new Error("and at the end"); });
        await stream.done();
        """
    )
    assert [error.headline() for error in ran.outcome.errors] == [
        "Error: oops (in a handler of 'partial', 5 times)",
        "Error: and at the end (in a handler of 'final')",
    ]


async def test_streams_that_fail_in_the_same_way_are_told_once(run_script: RunScript) -> None:
    ran = await run_script(
        'for (let i = 0; i < 50; i++) doubleStep.startStream("x");\ndoubleStep.startStream("y");'
    )
    first, second = ran.outcome.errors
    assert "text 'x' (nothing in the script observed it, 50 times)" in first.headline()
    assert "text 'y' (nothing in the script observed it)" in second.headline()


async def test_very_many_different_errors_are_counted(run_script: RunScript) -> None:
    ran = await run_script("for (let i = 0; i < 250; i++) doubleStep.startStream(`no ${i}`);")
    assert len(ran.outcome.errors) == 101
    assert ran.outcome.errors[-1].headline() == "Error: 150 more errors are left out"


async def test_the_parts_of_an_aggregate_error_are_told(run_script: RunScript) -> None:
    ran = await run_script(
        'await Promise.any([Promise.reject(new Error("a")), Promise.reject("b"), Promise.reject(new TypeError("c"))]);'
    )
    (error,) = ran.outcome.errors
    assert error.headline().split("\n")[1:] == ["- Error: a", "- Thrown: 'b'", "- TypeError: c"]
