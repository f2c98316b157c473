"""`geppetto map`: one line of results for each input, whatever happens in between."""

from __future__ import annotations

import asyncio
import io
import json
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from geppetto.workers.mapping.inputs import Input, count_inputs, read_inputs
from geppetto.workers.mapping.results import Results, ResultsError, result_line

from tests.workers.bench import SECONDS, Program, lines_of, programs, write_inputs

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Program]]:
    async with programs() as start:
        yield start


async def test_a_map_that_is_killed_goes_on_and_does_each_input_once(
    start: Callable[..., Program], tmp_path: Path
) -> None:
    inputs, out = write_inputs(tmp_path / "in.jsonl", 30), tmp_path / "out.jsonl"
    for enough in (5, 15):
        killed = start("quick_map", inputs, out)
        async with asyncio.timeout(SECONDS):
            while not out.exists() or out.read_bytes().count(b"\n") < enough:
                assert killed.process.poll() is None, killed.process.communicate()
                await asyncio.sleep(0.01)
        killed.send(signal.SIGKILL)
        await killed.finish()
    with out.open("ab") as file:
        file.write(b'{"line": 30, "input": "0')  # as a kill in the middle of writing would leave it
    assert (await start("quick_map", inputs, out).finish())[0] == 0
    lines = lines_of(out)
    assert sorted(line["line"] for line in lines) == list(range(1, 31))
    assert all(json.loads(line["output"]) == {"n": line["line"]} for line in lines)
    before = out.read_bytes()
    assert (await start("quick_map", inputs, out).finish())[0] == 0
    assert out.read_bytes() == before


def test_wherever_the_results_are_cut_off_each_input_is_done_once(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    inputs = [Input(number, 1000 + number, {}) for number in range(1, 4)]
    whole = tmp_path / "whole.jsonl"
    with Results(whole) as results:
        for each in inputs:
            results.add(result_line(each, "ok", {"output": f"é {each.line}"}))
    data = whole.read_bytes()
    for length in range(len(data) + 1):
        out.write_bytes(data[:length])
        with Results(out) as results:
            assert results.done == data[:length].count(b"\n")
            for each in inputs:
                if not results.has(each):
                    results.add(result_line(each, "ok", {"output": f"é {each.line}"}))
        assert out.read_bytes() == data


def test_results_that_are_not_ours_or_of_other_inputs_are_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    for foreign in (b"a letter to a friend", b'{"name": "Ada"}\n', b'{"line": 1}\n', b"# Notes\n\nmore"):
        out.write_bytes(foreign)
        with pytest.raises(ResultsError, match="not a result of geppetto map"):
            Results(out)
        assert out.read_bytes() == foreign
    out.unlink()
    with Results(out) as results:
        results.add(result_line(Input(1, 7, {}), "ok", {}))
        with pytest.raises(ResultsError, match="another input"):
            results.has(Input(1, 8, {}))
        with pytest.raises(ResultsError, match="another process"):
            Results(out)


def test_failures_are_listed_and_can_be_done_again(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with Results(out) as results:
        for number in range(1, 41):
            facts = {"error": {"message": f"bad {number}", "place": "a.js:1:2"}} if number % 2 else {}
            results.add(result_line(Input(number, number, {}), "error" if number % 2 else "ok", facts))
    with Results(out, retry_failed=True) as results:
        assert (results.done, results.failed, results.failures) == (20, 0, [])
        assert results.has(Input(2, 2, {})) and not results.has(Input(1, 1, {}))
        results.add(result_line(Input(1, 1, {}), "limit", {}))
    with Results(out) as results:
        assert (results.done, results.failed) == (21, 1)
        assert [(failure.line, failure.reason) for failure in results.failures] == [(1, "limit")]
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


def test_inputs_that_cannot_be_used_are_told_and_blank_lines_are_none() -> None:
    data = b'{"a": 1}\n\n  \n[1]\nnot json\n\xff\n{"a": 2}'
    read = list(read_inputs(io.BytesIO(data)))
    assert count_inputs(io.BytesIO(data)) == len(read) == 5
    assert [(each.line, each.params) for each in read] == [
        *((1, {"a": 1}), (4, None), (5, None), (6, None), (7, {"a": 2}))
    ]
    assert "not an object" in read[1].problem and "not JSON" in read[2].problem
    assert len({each.digest for each in read}) == 5


@pytest.mark.parametrize("levels", [101, 300, 50_000])
def test_an_input_that_is_nested_too_deeply_is_told(levels: int) -> None:
    data = b'{"a": ' + b"[" * levels + b"]" * levels + b"}"
    assert [(each.params, "levels deep" in each.problem) for each in read_inputs(io.BytesIO(data))] == [
        (None, True)
    ]


async def test_the_command_goes_past_failures_and_says_what_they_were(
    start: Callable[..., Program], tmp_path: Path
) -> None:
    (tmp_path / "a.geppetto.js").write_text(
        'if (params.n === 2) throw new Error("two is too much");\n'
        "if (params.n === 3) await echoStep.startStream(params.word).finalText();\n"
        "else console.log(JSON.stringify({ n: params.n }));\n"
    )
    (tmp_path / "in.jsonl").write_text('{"n": 1, "id": "a"}\n{"n": 2}\nwhat?\n{"n": 4, "word": "own"}\n')
    command = (
        "geppetto",
        "map",
        "a.geppetto.js",
        "in.jsonl",
        "-o",
        "out.jsonl",
        "-p",
        "word=hi",
        "--key",
        "id",
    )
    code, out, err = await start(*command, "--json", "-c", "2", cwd=tmp_path).finish()
    assert (code, out) == (1, "")
    assert "in.jsonl:2: Error: two is too much (a.geppetto.js:1:27)" in err
    assert "in.jsonl:3: this line is not JSON" in err
    assert "2 done, 2 failed: out.jsonl" in err
    lines = {line["line"]: line for line in lines_of(tmp_path / "out.jsonl")}
    assert (lines[1]["key"], lines[1]["output"], lines[1]["outcome"]) == ("a", {"n": 1}, "ok")
    assert (lines[2]["outcome"], lines[4]["output"]) == ("error", {"n": 4})
    # The failed ones again, one of them mended; without --json the output is text.
    (tmp_path / "in.jsonl").write_text('{"n": 1, "id": "a"}\n{"n": 2}\n{"n": 3}\n{"n": 4, "word": "own"}\n')
    code, out, err = await start(*command, "--retry-failed", "-c", "2", cwd=tmp_path).finish()
    assert code == 1 and "3 done, 1 failed" in err
    [mended] = [line for line in lines_of(tmp_path / "out.jsonl") if line["line"] == 3]
    assert mended["output"] == "hi"
