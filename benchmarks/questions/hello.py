"""The wall time of the smallest script there is, a process each."""

import sys
import tempfile
from pathlib import Path

from benchmarks.harness import GEPPETTO, Bench, Row, run_program

TITLE = "How long does `geppetto run hello.js` take, against node on the same file?"


def measure(bench: Bench) -> list[Row]:
    bench.peer("node", "node", "--version")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "hello.js"
        script.write_text('console.log("Hello, world");\n')
        commands = {
            "node": ["node", str(script)],
            "geppetto": [GEPPETTO, "run", str(script)],
            "version": [GEPPETTO, "--version"],
            "python": [sys.executable, "-c", "import asyncio"],
        }
        times = bench.take_turns(
            {
                name: lambda command=command: run_program(command, cwd=Path(folder)).seconds * 1000
                for name, command in commands.items()
            },
            rounds=bench.rounds * 4,
        )
    return [
        Row("geppetto run / node", "×", times["geppetto"].over(times["node"]), "<= 4", "later 3"),
        Row("geppetto run", "ms", times["geppetto"]),
        Row("node", "ms", times["node"]),
        Row("geppetto --version", "ms", times["version"], "<= 300"),
        Row("python -c 'import asyncio'", "ms", times["python"], note="a floor: no engine, no script"),
    ]
