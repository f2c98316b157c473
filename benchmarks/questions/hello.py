"""The wall time of small scripts, a process each."""

import sys
import tempfile
from pathlib import Path

from benchmarks import peers
from benchmarks.harness import GEPPETTO, Bench, Row, need, run_program

TITLE = "How long does `geppetto run` take with a hello script, against node and deno on the same file?"

TYPESCRIPT = {
    "main.ts": """import { greet } from "./greet.ts";
import names from "./names.json" with { type: "json" };
enum Tone { Calm, Loud }
for (const name of names as string[]) console.log(greet(name, Tone.Loud));
""",
    "greet.ts": """import { end } from "./end.ts";
export const greet = (name: string, tone: number): string => `Hello, ${name}${end(tone)}`;
""",
    "end.ts": """export function end(tone: number): string { return tone ? "!" : "."; }
""",
    "names.json": """["world", "moon"]
""",
}


def measure(bench: Bench) -> list[Row]:
    node = need("node", "Node.js, from nodejs.org or your system's packages")
    tsx = str(peers.bin_folder().parent / "tsx" / "dist" / "cli.mjs")
    bench.peer("node", node, "--version")
    bench.peer("deno", peers.deno(), "--version")
    bench.peer("tsx", node, tsx, "--version")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "hello.js"
        script.write_text('console.log("Hello, world");\n')
        for name, text in TYPESCRIPT.items():
            (Path(folder) / name).write_text(text)
        typed = str(Path(folder) / "main.ts")
        commands = {
            "node": [node, str(script)],
            "deno": [peers.deno(), "run", str(script)],
            "geppetto": [GEPPETTO, "run", str(script)],
            "version": [GEPPETTO, "--version"],
            "geppetto, TypeScript": [GEPPETTO, "run", typed],
            "deno, TypeScript": [peers.deno(), "run", typed],
            "node, TypeScript": [node, tsx, typed],
            "python": [sys.executable, "-c", "import asyncio"],
        }
        times = bench.take_turns(
            {
                name: lambda command=command: run_program(command, cwd=Path(folder)).seconds * 1000
                for name, command in commands.items()
            },
            rounds=bench.rounds * 3,
        )
    return [
        Row("geppetto run / node", "×", times["geppetto"].over(times["node"]), "<= 3"),
        Row("geppetto run / deno", "×", times["geppetto"].over(times["deno"])),
        Row("geppetto run", "ms", times["geppetto"]),
        Row("node", "ms", times["node"]),
        Row("deno", "ms", times["deno"]),
        Row(
            "TypeScript with imports: geppetto run / deno run",
            "×",
            times["geppetto, TypeScript"].over(times["deno, TypeScript"]),
            note="both with their caches warm; neither checks types",
        ),
        Row(
            "TypeScript with imports: geppetto run / node",
            "×",
            times["geppetto, TypeScript"].over(times["node, TypeScript"]),
            note="node with tsx, since not every node takes TypeScript",
        ),
        Row("TypeScript with imports: geppetto run", "ms", times["geppetto, TypeScript"]),
        Row("geppetto --version", "ms", times["version"], "<= 300"),
        Row("python -c 'import asyncio'", "ms", times["python"], note="a floor: no engine, no script"),
    ]
