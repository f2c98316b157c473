"""A script run from an editor: how soon it speaks, how much it may say, and what it costs everybody else."""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks.harness import GEPPETTO, Bench, Row, Series, run_program
from benchmarks.language_client import LanguageClient

TITLE = (
    "How soon does a run from the editor speak, how many events a second arrive, and does completion notice?"
)

HELLO = 'console.log("Hello, world");\n'
OBJECT = 'console.log({ hello: "world" });\n'
TYPING = "const conversation = new Conversation();\nconversation.\n"
LINES = 60_000
STREAMS = 30
WORDS = 4_000
COMPLETIONS = 60

# Lines of one level in a row merge, deltas of one stream too: so what is counted is what cannot merge.
MANY_LINES = f"""
const text = "x".repeat(60);
for (let i = 0; i < {LINES // 2}; i++) {{ console.log(text); console.warn(text); }}
"""
MANY_DELTAS = f"""
const text = "word ".repeat({WORDS});
await Promise.all(Array.from({{ length: {STREAMS} }}, () => echoStep.startStream(text).done()));
"""
FLOOD = """
const text = "x".repeat(60);
for (;;) {
  for (let i = 0; i < 200; i++) { console.log(text); console.warn(text); }
  await new Promise((go) => setTimeout(go, 0));
}
"""


class Editor(LanguageClient):
    """An editor that runs scripts."""

    typing: str

    def run(self, text: str) -> str:
        return str(self.ask("geppetto/run", {"text": text, "uri": "untitled:bench"})["runId"])

    def event(self, run_id: str, *kinds: str) -> dict[str, Any]:
        told = self.wait_for(
            "geppetto/runEvent",
            lambda params: params["runId"] == run_id and params["event"]["kind"] in (*kinds, "end"),
        )
        if told["event"].get("errors") or (told["event"]["kind"] == "end" and "end" not in kinds):
            raise RuntimeError(f"the run ended: {told['event']}")
        return told

    def warm_child(self) -> psutil.Process:
        """The process that waits for the next run, when it has made itself ready and rests."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            hosts = [each for each in self.processes() if is_of_runs(each)]
            if len(hosts) == 1:
                before = _seconds_used(hosts[0])
                time.sleep(0.7)
                if _seconds_used(hosts[0]) - before < 0.015:
                    return hosts[0]
            time.sleep(0.05)
        raise TimeoutError("no process became ready")


def is_of_runs(process: psutil.Process) -> bool:
    """Whether the process is one that runs scripts, or waits to: forked, or a program of its own."""
    try:
        parent = process.parent()
        if is_nursery(process):
            return parent is not None and is_nursery(parent)
        return "geppetto.runs.host" in process.cmdline()
    except psutil.Error:
        return False  # it has just ended


def is_nursery(process: psutil.Process) -> bool:
    """Whether those that run scripts are forked from the process, or it is one of them."""
    return "geppetto.runs.nursery" in process.cmdline()


def _seconds_used(process: psutil.Process) -> float:
    try:
        used = process.cpu_times()
    except psutil.Error:
        return float("inf")
    return used.user + used.system


def _milliseconds_used(process: psutil.Process) -> float:
    """The same for one that lives, more exactly than in hundredths of a second where the system tells."""
    threads = [*Path(f"/proc/{process.pid}/task").glob("*/schedstat")]
    if not threads:
        return _seconds_used(process) * 1000
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e6


@contextmanager
def editor(settings: str = "") -> Generator[Editor]:
    """An editor with an open script, in a workspace with these settings."""
    folder = Path(tempfile.mkdtemp(prefix="bench-runs-"))
    (folder / "geppetto.toml").write_text(settings)
    os.environ["GEPPETTO_STATE_DIR"] = str(folder / "state")
    client = Editor([GEPPETTO, "lsp"], folder)
    try:
        client.open(folder / "typing.geppetto.js", TYPING)
        client.typing = (folder / "typing.geppetto.js").as_uri()
        client.ask("textDocument/codeLens", {"textDocument": {"uri": client.typing}})
        yield client
    finally:
        client.close()
        del os.environ["GEPPETTO_STATE_DIR"]
        shutil.rmtree(folder, ignore_errors=True)


def speak(client: Editor, text: str) -> tuple[float, float]:
    """From the request to the first event, and to the first printed line, in ms."""
    client.warm_child()
    began = time.perf_counter()
    number = client.run(text)
    client.event(number, "started")
    first = time.perf_counter()
    client.event(number, "console")
    printed = time.perf_counter()
    client.event(number, "end")
    return (first - began) * 1000, (printed - began) * 1000


def lines_per_second(client: Editor) -> float:
    """Console lines that cannot merge, from the first to the last at the client."""
    client.warm_child()
    number = client.run(MANY_LINES)
    client.event(number, "started")
    began, seen = time.perf_counter(), 0
    while True:
        event = client.event(number, "console", "gap", "end")["event"]
        if event["kind"] == "end":
            break
        if event["kind"] == "gap":
            seen += event["events"]
        else:
            seen += event["text"].count("\n") + 1
    if seen != LINES:
        raise RuntimeError(f"{seen} lines of {LINES} were told")
    return LINES / (time.perf_counter() - began)


def deltas_per_second(client: Editor) -> float:
    """Pieces of text that steps have said, until the last has arrived, merged or not."""
    client.warm_child()
    number = client.run(MANY_DELTAS)
    client.event(number, "started")
    began, characters = time.perf_counter(), 0
    while True:
        event = client.event(number, "delta", "gap", "end")["event"]
        if event["kind"] == "end":
            break
        characters += event["characters"] if event["kind"] == "gap" else len(event["delta"])
    if characters < STREAMS * WORDS * 4:
        raise RuntimeError(f"{characters} characters were told")
    return STREAMS * WORDS / (time.perf_counter() - began)


def microseconds_a_piece(client: Editor, words: int) -> float:
    """What each piece of one stream takes, from the start of the run to its end."""
    client.warm_child()
    number = client.run(f'await echoStep.startStream("word ".repeat({words})).done();')
    client.event(number, "started")
    began = time.perf_counter()
    client.event(number, "end")
    return (time.perf_counter() - began) / words * 1e6


def completion(client: Editor) -> float:
    """The median of some, in ms."""
    times: list[float] = []
    position = {"textDocument": {"uri": client.typing}, "position": {"line": 1, "character": 13}}
    for _ in range(COMPLETIONS):
        began = time.perf_counter()
        answer = client.ask("textDocument/completion", position)
        times.append((time.perf_counter() - began) * 1000)
        if not answer:
            raise RuntimeError("nothing to complete")
    return statistics.median(times)


def measure(bench: Bench) -> list[Row]:
    bench.peer("node", "node", "--version")
    with editor() as client, tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "hello.js"
        script.write_text(HELLO)
        printed: list[float] = []
        became_ready: list[float] = []

        def hello() -> float:
            became_ready.append(_milliseconds_used(client.warm_child()))
            first, line = speak(client, HELLO)
            printed.append(line)
            return first

        starts = bench.take_turns(
            {
                "first": hello,
                "object": lambda: speak(client, OBJECT)[1],
                "node": lambda: run_program(["node", str(script)]).seconds * 1000,
            }
        )
        server = client.processes()[0]
        processor: dict[str, list[float]] = {"lines": [], "deltas": []}

        def flow(what: str, measured: Callable[[Editor], float], count: int) -> float:
            before = _seconds_used(server)
            rate = measured(client)
            processor[what].append((_seconds_used(server) - before) / count * 1e6)
            return rate

        flows = bench.take_turns(
            {
                "lines": lambda: flow("lines", lines_per_second, LINES),
                "deltas": lambda: flow("deltas", deltas_per_second, STREAMS * WORDS),
            },
            rounds=3,
        )

        grown = bench.take_turns(
            {
                str(words): lambda words=words: microseconds_a_piece(client, words)
                for words in (20_000, 200_000)
            },
            rounds=3,
        )

        def under_flood() -> float:
            number = client.run(FLOOD)
            client.event(number, "console")
            took = completion(client)
            client.ask("geppetto/cancelRun", {"runId": number})
            client.event(number, "end", "console")
            return took

        answers = bench.take_turns({"idle": lambda: completion(client), "flood": under_flood}, rounds=3)
        idle = client.warm_child().memory_full_info()
    megabyte = 1024 * 1024
    return [
        Row("first event / node on hello.js", "×", starts["first"].over(starts["node"]), "<= 0.5"),
        Row("first event of a warm run", "ms", starts["first"], "<= 40"),
        Row("its first printed line", "ms", Series(tuple(printed[1:]))),
        Row("the same, of an object", "ms", starts["object"]),
        Row("node hello.js", "ms", starts["node"]),
        Row("the start of a process that waits, processor time", "ms", Series(tuple(became_ready[1:]))),
        Row("console lines to the client", "events/s", flows["lines"], ">= 30000", "none of which can merge"),
        Row("pieces of streams to the client", "events/s", flows["deltas"], ">= 30000", f"{STREAMS} streams"),
        *(
            Row(
                f"{name}, the server's processor time",
                "µs/event",
                Series(tuple(processor[what][1:])),
                "<= 33",
            )
            for what, name in (("lines", "console lines"), ("deltas", "pieces of streams"))
        ),
        Row(
            "a piece of a stream of 200 000 / of 20 000",
            "×",
            grown["200000"].over(grown["20000"]),
            "<= 1.12",
            "that is an exponent of 1.05",
        ),
        Row("completion under flood / idle", "×", answers["flood"].over(answers["idle"]), "<= 2"),
        Row("completion, idle", "ms", answers["idle"], note="median of 60"),
        Row("completion, while a run floods", "ms", answers["flood"], note="median of 60"),
        Row("an idle warm process, its own memory", "MB", Series((idle.uss / megabyte,)), "<= 60"),
        Row("the same with what it shares", "MB", Series((idle.rss / megabyte,))),
    ]
