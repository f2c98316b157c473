"""What the language server and its processes hold: at rest, while a hundred scripts run, and after a hundred runs."""

import statistics
import time

import psutil

from benchmarks.harness import Bench, Row, Series
from benchmarks.questions.runs import Editor, editor, is_nursery, is_of_runs

TITLE = "How much memory do the language server, a process that waits and a hundred runs take?"

RUNS = 100
# Said again and again: the editor does not hear what is said while it asks for the next run.
STAYS = 'setInterval(() => console.log("here"), 500);'
HELLO = 'console.log("Hello, world");'


def measure(bench: Bench) -> list[Row]:
    with editor(f"[runs]\nat_once = {RUNS}\n") as client:
        for _ in range(5):  # they load what all need
            client.event(client.run(HELLO), "end")
        own = _own(client.warm_child())
        server, *children = client.processes()
        at_rest = _resident(server)
        backend = sum(_resident(child) for child in children if child.name() == "tsc")
        nursery = [_own(child) for child in children if is_nursery(child) and not is_of_runs(child)]
        known = {process.pid for process in (server, *children)}

        seconds = _start_all(client)
        running = [_own(process) for process in client.processes() if process.pid not in known]
        with_runs = _resident(server)
        client.ask("workspace/executeCommand", {"command": "geppetto.cancel", "arguments": []})
        client.warm_child()
        afterwards = _resident(server)
    if len(running) < RUNS - 1:
        raise RuntimeError(f"{len(running)} processes ran, and not {RUNS}")
    return [
        _row("the server, one script open", at_rest, "without its children"),
        _row("TypeScript behind it", backend),
        _row("an idle warm process, its own memory", own, target="<= 60"),
        *(_row("what all are forked from, its own memory", megabytes) for megabytes in nursery),
        _row(f"one of {RUNS} runs at once, its own memory", statistics.median(running), "median"),
        _row(f"{RUNS} runs at once, their own memory together", sum(running)),
        _row(f"what {RUNS} runs at once add to the server", with_runs - at_rest),
        _row("what it keeps of them", afterwards - at_rest, "their output, to show"),
        Row(f"until {RUNS} runs at once have all spoken", "s", Series((seconds,))),
    ]


def _row(name: str, megabytes: float, note: str = "", target: str = "") -> Row:
    return Row(name, "MB", Series((megabytes,)), target, note)


def _own(process: psutil.Process) -> float:
    """MB that nobody shares with the process: what ends with it."""
    return process.memory_full_info().uss / 1e6


def _resident(process: psutil.Process) -> float:
    return process.memory_info().rss / 1e6


def _start_all(client: Editor) -> float:
    """Seconds until all runs have said something; they go on."""
    began = time.perf_counter()
    silent = {client.run(STAYS) for _ in range(RUNS)}
    while silent:
        told = client.wait_for(
            "geppetto/runEvent", lambda params: params["event"]["kind"] in ("console", "end")
        )
        if told["event"]["kind"] == "end":
            raise RuntimeError(f"a run ended: {told['event']}")
        silent.discard(told["runId"])
    return time.perf_counter() - began
