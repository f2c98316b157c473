"""One long stream to `--events jsonl`: what twice the length costs."""

import tempfile
from pathlib import Path

from benchmarks.harness import GEPPETTO, Bench, Finished, Row, Series, run_program

TITLE = "Does twice the stream cost twice as much? (`geppetto run --events jsonl`)"

SHORT, LONG = 100_000, 200_000


def measure(bench: Bench) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for deltas in (SHORT, LONG):
            at = folder / f"{deltas}"
            at.mkdir()
            (at / "geppetto.toml").write_text('[chat]\nprovider = "scripted"\nscript = "answers.yaml"\n')
            (at / "answers.yaml").write_text(f'- stream:\n    - delta: "token "\n      repeat: {deltas}\n')
            (at / "long.geppetto.js").write_text('for await (const event of chatStep.startStream("Go")) {}\n')
        runs: dict[int, list[Finished]] = {SHORT: [], LONG: []}

        def run(deltas: int) -> float:
            command = [GEPPETTO, "run", "long.geppetto.js", "--events", "jsonl", "--max-output", "1GiB"]
            finished = run_program(command, cwd=folder / f"{deltas}")
            runs[deltas].append(finished)
            return finished.seconds

        times = bench.take_turns(
            {"short": lambda: run(SHORT), "long": lambda: run(LONG)}, rounds=3, warm_up=0
        )

    def series(deltas: int, figure: str) -> Series:
        return Series(tuple(getattr(finished, figure) for finished in runs[deltas]))

    memory = series(LONG, "peak_bytes").over(series(SHORT, "peak_bytes"))
    processor = series(LONG, "cpu_seconds").over(series(SHORT, "cpu_seconds"))
    return [
        Row("time, 200 000 / 100 000 deltas", "×", times["long"].over(times["short"]), "<= 2.3"),
        Row("CPU time, 200 000 / 100 000 deltas", "×", processor, "<= 2.3"),
        Row("peak memory, 200 000 / 100 000 deltas", "×", memory, "<= 2.3"),
        Row("200 000 deltas", "s", times["long"]),
        Row("events a second", "events/s", Series(tuple(LONG / value for value in times["long"].values))),
        Row("peak memory, 200 000 deltas", "MB", Series(tuple(f.peak_bytes / 1e6 for f in runs[LONG]))),
    ]
