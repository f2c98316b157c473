"""An editor's session with the language server and with its peers: the same client, the same scripts."""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from geppetto.resources import tsc_path, tsc_version, typings_path

from benchmarks import peers
from benchmarks.harness import GEPPETTO, Bench, Row, Series
from benchmarks.language_client import LanguageClient
from benchmarks.questions.runs import is_of_runs

TITLE = "How fast does the language server answer, against TypeScript 7 bare, typescript-language-server and deno?"

EDITS, FEWEST, ENOUGH_SECONDS = 30, 6, 2.0
"""Of each kind in a session; fewer of what takes long."""
ROUNDS = 3
OPEN_SCRIPTS = (1, 20, 200)
LINES = (20, 200, 2000)
NO_MORE = "<= 1.1"
"""No more, by as much as two medians of the same thing differ."""

TSCONFIG = """{
  "compilerOptions": {
    "allowJs": true, "checkJs": true, "strict": true, "lib": ["esnext"], "target": "esnext", "module": "esnext",
    "moduleResolution": "bundler", "moduleDetection": "force", "types": [], "noEmit": true
  },
  "include": ["*.js", "geppetto.d.ts"]
}
"""
DENO_JSON = """{
  "compilerOptions": {"checkJs": true, "lib": ["esnext"], "types": ["./geppetto.d.ts"]}
}
"""

HEAD = """const conversation = new Conversation();
conversation.AddMessage("user", "Hello");
conversation.AddMessage("user", "toggled");
conversation.
"""
COMPLETION_LINE, DIAGNOSTICS_LINE = 3, 2
COMPLETION_AT = len("conversation.")
ROLE_AT = len('conversation.AddMessage("')
BLOCK = """
async function ask{n}(question) {{
  const conversation = new Conversation();
  conversation.AddMessage("system", "Be brief.");
  conversation.AddMessage("user", question);
  const stream = chatStep.startStream(conversation);
  let text = "";
  for await (const event of stream) {{
    if (event.type === "partial") text += event.delta;
  }}
  return text;
}}
"""


def script(lines: int) -> str:
    """A script of about so many lines, with an unfinished member access near its top, as while typing."""
    blocks = max(1, (lines - HEAD.count("\n")) // BLOCK.count("\n"))
    return HEAD + "".join(BLOCK.format(n=n) for n in range(blocks))


@dataclass(frozen=True)
class Contender:
    command: Callable[[], list[str]]
    project: dict[str, str]
    options: Any = None


CONTENDERS = {
    "geppetto": Contender(lambda: [GEPPETTO, "lsp"], {}),
    "TypeScript 7": Contender(
        lambda: [os.fspath(tsc_path()), "--lsp", "--stdio"], {"tsconfig.json": TSCONFIG}
    ),
    "typescript-language-server": Contender(
        lambda: [str(peers.bin_folder() / "typescript-language-server"), "--stdio"],
        {"tsconfig.json": TSCONFIG},
        {
            "tsserver": {"path": str(peers.bin_folder().parent / "typescript" / "lib" / "tsserver.js")},
            "disableAutomaticTypingAcquisition": True,
        },
    ),
    "deno": Contender(
        lambda: [peers.deno(), "lsp"],
        {"deno.json": DENO_JSON},
        {"enable": True, "lint": False, "cacheOnSave": False},
    ),
}


Taken = TypeVar("Taken")


@dataclass
class Session:
    """What one session measured, in ms and MB; memory without the processes that wait for runs, and with them."""

    first_completion: float
    completion: list[float]
    diagnostics: list[float]
    hover: list[float]
    memory: float
    with_runs: float


@contextmanager
def _editor(
    contender: Contender, text: str, scripts: int = 1
) -> Generator[tuple[LanguageClient, list[Path]]]:
    """An editor whose first script is open and whose server answers, in a folder with more scripts of that text."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    client = None
    try:
        for name, content in contender.project.items():
            (folder / name).write_text(content)
        if contender.project:
            shutil.copy(typings_path(), folder / "geppetto.d.ts")
        paths = [folder / f"script{n}.geppetto.js" for n in range(scripts)]
        for path in paths:
            path.write_text(text)
        client = LanguageClient(contender.command(), folder, options=contender.options)
        client.open(paths[0], text)
        while not _offers(client, paths[0]):
            pass
        yield client, paths
    finally:
        if client is not None:
            client.close()
        shutil.rmtree(folder, ignore_errors=True)


def run_session(contender: Contender, lines: int) -> Session:
    with _editor(contender, script(lines)) as (client, [path]):
        first = (time.perf_counter() - client.started) * 1000
        hover = _several(lambda n: _hover(client, path))
        diagnostics = _several(lambda n: _diagnose(client, path, wrong=n % 2 == 0))
        completion = _several(lambda n: _type_and_complete(client, path, n))
        everything = sum(process.memory_info().rss for process in client.processes()) / 1e6
        runs = sum(process.memory_info().rss for process in client.processes() if is_of_runs(process)) / 1e6
        return Session(first, completion, diagnostics, hover, everything - runs, everything)


def run_with_open_scripts(contender: Contender) -> dict[int, tuple[float, float]]:
    """Edit → completion and edit → diagnostics in ms, by how many scripts are open: one session, ever more of them."""
    text = script(200)
    figures: dict[int, tuple[float, float]] = {}
    with _editor(contender, text, max(OPEN_SCRIPTS)) as (client, paths):
        opened = 1
        for scripts in OPEN_SCRIPTS:
            for path in paths[opened:scripts]:
                client.open(path, text)
            opened = scripts
            assert _offers(client, paths[scripts - 1])
            _diagnose(client, paths[0], wrong=True)  # they are all looked at once, and that is no edit's cost
            _diagnose(client, paths[0], wrong=False)
            completion = _several(lambda n: _type_and_complete(client, paths[0], n))
            diagnostics = _several(lambda n: _diagnose(client, paths[0], wrong=n % 2 == 0))
            figures[scripts] = statistics.median(completion), statistics.median(diagnostics)
    return figures


def _position(path: Path, line: int, character: int) -> dict[str, Any]:
    return {"textDocument": {"uri": path.as_uri()}, "position": {"line": line, "character": character}}


def _offers(client: LanguageClient, path: Path, character: int = COMPLETION_AT) -> bool:
    """Whether completion names a member of the API, which only a server that knows the typings can."""
    result = client.ask("textDocument/completion", _position(path, COMPLETION_LINE, character))
    items = result["items"] if isinstance(result, dict) else result or []
    return any(item["label"].startswith("AddMessage") for item in items)


def _several(action: Callable[[int], None]) -> list[float]:
    """What the action takes in ms, done with 0, 1, 2 …; even times often, since an edit is taken back by the next."""
    times: list[float] = []
    until = time.monotonic() + ENOUGH_SECONDS
    while len(times) < EDITS and (len(times) < FEWEST or len(times) % 2 or time.monotonic() < until):
        started = time.perf_counter()
        action(len(times))
        times.append((time.perf_counter() - started) * 1000)
    return times


def _type_and_complete(client: LanguageClient, path: Path, n: int) -> None:
    """Types a letter after the dot (or takes it away), then completes."""
    typed = n % 2 == 0
    client.edit(path, COMPLETION_LINE, COMPLETION_AT, COMPLETION_AT + (not typed), "A" if typed else "")
    assert _offers(client, path, COMPLETION_AT + typed)


def _hover(client: LanguageClient, path: Path) -> None:
    answer = client.ask("textDocument/hover", _position(path, 1, len("conversation.Add")))
    assert "AddMessage" in str(answer)


def _diagnose(client: LanguageClient, path: Path, *, wrong: bool) -> None:
    """Makes a role wrong (or right again), then waits until the server says so."""

    def shows(items: list[dict[str, Any]]) -> bool:
        return wrong == any(item["range"]["start"]["line"] == DIAGNOSTICS_LINE for item in items)

    version = client.edit(path, DIAGNOSTICS_LINE, ROLE_AT + 3, ROLE_AT + 3 + wrong, "" if wrong else "r")
    if client.pulls:
        answer = client.ask("textDocument/diagnostic", {"textDocument": {"uri": path.as_uri()}})
        assert shows(answer["items"])
    else:
        client.wait_for(
            "textDocument/publishDiagnostics",
            lambda told: (
                told["uri"] == path.as_uri()
                and told.get("version", version) == version
                and shows(told["diagnostics"])
            ),
        )


def measure(bench: Bench) -> list[Row]:
    bench.versions["TypeScript"] = tsc_version()
    bench.peer(
        "typescript-language-server", str(peers.bin_folder() / "typescript-language-server"), "--version"
    )
    bench.peer("deno", peers.deno(), "--version")
    rows: list[Row] = []
    for lines in LINES:
        rows += _compare(lines, _sessions(lambda contender, lines=lines: run_session(contender, lines)))
    return rows + _open_scripts()


def _sessions(run: Callable[[Contender], Taken]) -> dict[str, list[Taken]]:
    """What sessions measure, contender after contender; the first of each is not counted."""
    taken: dict[str, list[Taken]] = {name: [] for name in CONTENDERS}
    for turn in range(ROUNDS + 1):
        for name, contender in CONTENDERS.items():
            session = run(contender)
            if turn:
                taken[name].append(session)
    return taken


def _compare(lines: int, sessions: dict[str, list[Session]]) -> list[Row]:
    def series(name: str, figure: Callable[[Session], float]) -> Series:
        return Series(tuple(figure(session) for session in sessions[name]))

    def p50(values: list[float]) -> float:
        return statistics.median(values)

    def p95(values: list[float]) -> float:
        return statistics.quantiles(values, n=20)[-1]

    figures: list[tuple[str, str, Callable[[Session], float], dict[str, str]]] = [
        (
            "spawn → first completion",
            "ms",
            lambda session: session.first_completion,
            {"typescript-language-server": "<= 0.2", "deno": "<= 0.5"},
        ),
        (
            "edit → completion p50",
            "ms",
            lambda session: p50(session.completion),
            {"TypeScript 7": "<= 1.3", "typescript-language-server": "<= 0.5", "deno": "<= 0.5"},
        ),
        ("edit → completion p95", "ms", lambda session: p95(session.completion), {}),
        (
            "edit → diagnostics p50",
            "ms",
            lambda session: p50(session.diagnostics),
            {"TypeScript 7": "<= 1.3", "typescript-language-server": "<= 0.5", "deno": "<= 0.5"},
        ),
        ("hover p50", "ms", lambda session: p50(session.hover), {}),
        (
            "memory of the server and what is behind it",
            "MB",
            lambda session: session.memory,
            {"typescript-language-server": "<= 0.4", "deno": "<= 0.5"},
        ),
        ("memory, with what waits for runs", "MB", lambda session: session.with_runs, {}),
    ]
    rows: list[Row] = []
    for what, unit, figure, targets in figures:
        ours = series("geppetto", figure)
        rows.append(Row(f"{lines} lines: {what}, geppetto", unit, ours))
        for peer in list(sessions)[1:]:
            theirs = series(peer, figure)
            target = targets.get(peer, "") if lines == 200 else ""
            rows.append(
                Row(
                    f"{lines} lines: {what} / {peer}",
                    "×",
                    ours.over(theirs),
                    target,
                    f"{theirs.median:.3g} {unit}",
                )
            )
    return rows


def _open_scripts() -> list[Row]:
    """What an edit costs with more scripts open, of 200 lines each; each contender against itself with one."""
    rows: list[Row] = []
    for name, sessions in _sessions(run_with_open_scripts).items():
        for which, what in enumerate(("edit → completion p50", "edit → diagnostics p50")):
            by_count = {
                scripts: Series(tuple(session[scripts][which] for session in sessions))
                for scripts in OPEN_SCRIPTS
            }
            for scripts in OPEN_SCRIPTS[1:]:
                rows.append(
                    Row(
                        f"{scripts} scripts open: {what} / with one, {name}",
                        "×",
                        by_count[scripts].over(by_count[1]),
                        NO_MORE if name == "geppetto" else "",
                        f"{by_count[scripts].median:.3g} and {by_count[1].median:.3g} ms",
                    )
                )
    return rows
