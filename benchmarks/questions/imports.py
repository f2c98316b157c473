"""What each way into Geppetto imports."""

import subprocess
import sys

from benchmarks.harness import Bench, Row, Series, environment

TITLE = "How long does each entry point import, and what weighs most?"

ENTRY_POINTS = {
    "geppetto.cli.main": "the command",
    "geppetto.cli.execute": "the process of a script that `geppetto run` runs",
    "geppetto.cli.app": "the command's options",
    "geppetto.runtime.engine": "the engine as a library",
    "geppetto.steps.run": "what the first started step needs",
    "geppetto.runs.host": "a process that waits for a run",
    "geppetto.lsp.server": "the language server",
    "geppetto.workers.worker": "a worker",
    "geppetto.web.app": "the web chat",
    "geppetto.tui.chat_app": "the terminal chat",
}
# As `geppetto lsp` does it: without the methods of 700 classes that it never makes.
AS_STARTED = {
    "geppetto.lsp.server": "from geppetto.lsp import main; main._import_protocol_types(); import geppetto.lsp.server",
}


def measure(bench: Bench) -> list[Row]:
    measured: dict[str, list[dict[str, tuple[float, float]]]] = {name: [] for name in ENTRY_POINTS}

    def run(name: str) -> float:
        modules = import_times(name)
        measured[name].append(modules)
        return sum(own for own, _ in modules.values())

    totals = bench.take_turns({name: lambda name=name: run(name) for name in ENTRY_POINTS}, rounds=3)
    rows: list[Row] = []
    for name, what in ENTRY_POINTS.items():
        own = {
            module: Series(tuple(seen[module][0] for seen in measured[name] if module in seen)).median
            for module in measured[name][-1]
        }
        heaviest = sorted(own, key=lambda module: own[module], reverse=True)[:10]
        note = f"{what}, {len(own)} modules: " + ", ".join(f"{each} {own[each]:.1f}" for each in heaviest)
        rows.append(Row(name, "ms", totals[name], note=note))
    return rows


def import_times(module: str) -> dict[str, tuple[float, float]]:
    """What importing a module imports: own and cumulative milliseconds by module, beyond a bare Python's."""
    command = [sys.executable, "-X", "importtime", "-c", AS_STARTED.get(module, f"import {module}")]
    ran = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True, timeout=60)
    said = ran.stderr
    times: dict[str, tuple[float, float]] = {}
    for line in said.splitlines():
        if not line.startswith("import time:") or "imported package" in line:
            continue
        own, cumulative, name = line.removeprefix("import time:").split("|")
        if name.strip() == "site":
            times.clear()  # everything so far is Python's own start
        else:
            times[name.strip()] = (int(own) / 1000, int(cumulative) / 1000)
    return times
