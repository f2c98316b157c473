"""Streams of ten and a hundred times the length, on each way that events take."""

import asyncio
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from benchmarks.engines import DELTA, run_script
from benchmarks.harness import GEPPETTO, Bench, Finished, Row, Series, exponent, run_program
from benchmarks.questions.runs import Editor, editor
from benchmarks.questions.sse import time_of_answer

TITLE = "Does a stream of ten times the length cost ten times as much?"

LENGTHS = (1_000, 10_000, 100_000)
PRINTED = (400_000, 1_600_000)
"""Of `--events jsonl`: the start of a program is taken off, and differs by a tenth of a second from one to the next."""
LINEAR = "<= 1.05"

_READ = """
let events = 0, units = 0;
for await (const event of talk.startStream(COUNT)) {
  if (event.type === "partial") { events++; units += event.delta.length; }
  if (event.type === "final" && event.text.length !== units) events = -1;
}
console.log(JSON.stringify(events));
"""


def measure(bench: Bench) -> list[Row]:
    finished: dict[int, list[Finished]] = {length: [] for length in (1, *PRINTED)}
    with tempfile.TemporaryDirectory() as folder, editor() as client:
        ways: dict[str, tuple[str, Callable[[int], float]]] = {
            "to a script": ("processor time", _to_script),
            "to an editor": ("by the clock", lambda length: _to_editor(client, length)),
            "to a page": ("processor time", _to_page),
        }
        for _, measured in ways.values():
            measured(LENGTHS[0])
        # Turn by turn, all lengths of all ways: neighbours are compared round by round.
        taken = bench.take_turns(
            {
                f"{way} {length}": lambda measured=measured, length=length: measured(length)
                for way, (_, measured) in ways.items()
                for length in LENGTHS
            },
            rounds=3,
            warm_up=0,
        )

        def printed(length: int) -> float:
            finished[length].append(_printed(Path(folder), length))
            return finished[length][-1].cpu_seconds

        _printed(Path(folder), 1)  # compiles the modules
        bench.take_turns(
            {f"{length}": lambda length=length: printed(length) for length in finished}, rounds=3, warm_up=0
        )
    rows: list[Row] = []
    for way, (what, _) in ways.items():
        for smaller, larger in pairwise(LENGTHS):
            before, after = taken[f"{way} {smaller}"], taken[f"{way} {larger}"]
            note = f"{what}: {before.median * 1000:.3g} and {after.median * 1000:.3g} ms"
            name = f"{way}, {smaller} → {larger} deltas: exponent"
            rows.append(Row(name, "", exponent((smaller, larger), before, after), LINEAR, note))
    return rows + _printed_rows(finished)


def _printed_rows(finished: dict[int, list[Finished]]) -> list[Row]:
    start = Series(tuple(run.cpu_seconds for run in finished[1]))
    net = [Series(tuple(run.cpu_seconds - start.median for run in finished[length])) for length in PRINTED]
    peaks = [Series(tuple(run.peak_bytes / 1e6 for run in finished[length])) for length in PRINTED]
    fewer, more = PRINTED
    return [
        Row(
            f"to --events jsonl, {fewer} → {more} deltas: exponent",
            "",
            exponent(PRINTED, *net),
            LINEAR,
            f"processor time: {net[0].median:.3g} and {net[1].median:.3g} s; {start.median:.3g} s to start are taken off",
        ),
        Row("its peak memory", "MB", peaks[1], note=f"{more} deltas"),
        Row("the same / with a quarter of the deltas", "×", peaks[1].over(peaks[0])),
    ]


def _to_script(length: int) -> float:
    # What is started anew in every engine is started before: only the stream is timed.
    timed = asyncio.run(run_script(_READ.replace("COUNT", "300"), _READ.replace("COUNT", f"{length}")))
    if timed.said != length:
        raise RuntimeError(f"the script saw {timed.said} deltas and not {length}")
    return timed.cpu_seconds


def _to_editor(client: Editor, length: int) -> float:
    client.warm_child()
    number = client.run(f'await echoStep.startStream("word ".repeat({length})).done();')
    client.event(number, "started")
    began, characters = time.perf_counter(), 0
    while (event := client.event(number, "delta", "gap", "end")["event"])["kind"] != "end":
        characters += event["characters"] if event["kind"] == "gap" else len(event["delta"])
    if characters < length * len("word"):
        raise RuntimeError(f"{characters} characters of {length} deltas came")
    return time.perf_counter() - began


def _to_page(length: int) -> float:
    began = time.process_time()
    asyncio.run(time_of_answer(length))
    return time.process_time() - began


def _printed(folder: Path, length: int) -> Finished:
    at = folder / f"{length}"
    at.mkdir(exist_ok=True)
    (at / "geppetto.toml").write_text('[chat]\nprovider = "scripted"\nscript = "answers.yaml"\n')
    (at / "answers.yaml").write_text(f'- stream:\n    - delta: "{DELTA}"\n      repeat: {length}\n')
    (at / "long.geppetto.js").write_text('for await (const event of chatStep.startStream("Go")) {}\n')
    command = [GEPPETTO, "run", "long.geppetto.js", "--events", "jsonl", "--max-output", "1GiB"]
    return run_program(command, cwd=at)
