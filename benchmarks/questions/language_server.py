"""An editor's session with the language server and with its peers: the same client, the same scripts."""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geppetto.resources import tsc_path, tsc_version, typings_path

from benchmarks import peers
from benchmarks.harness import GEPPETTO, Bench, Row, Series
from benchmarks.language_client import LanguageClient

TITLE = "How fast does the language server answer, against TypeScript 7 bare, typescript-language-server and deno?"

EDITS = 30
ROUNDS = 3
OPEN_SCRIPTS = (1, 20, 200)
LINES = (20, 200, 2000)

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


@dataclass
class Session:
    """What one session measured, in ms and MB."""

    first_completion: float
    completion: list[float]
    diagnostics: list[float]
    hover: list[float]
    memory: float


def run_session(
    contender: Contender, lines: int, scripts: int = 1, *, completion_only: bool = False
) -> Session:
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    client = None
    try:
        for name, text in contender.project.items():
            (folder / name).write_text(text)
        if contender.project:
            shutil.copy(typings_path(), folder / "geppetto.d.ts")
        text = script(lines)
        paths = [folder / f"script{n}.geppetto.js" for n in range(scripts)]
        for path in paths:
            path.write_text(text)
        client = LanguageClient(contender.command(), folder, options=contender.options)
        path = paths[0]
        client.open(path, text)
        while not _offers(client, path):
            pass
        first = (time.perf_counter() - client.started) * 1000
        for other in paths[1:]:
            client.open(other, text)
        hover, diagnostics = [], []
        if not completion_only:
            hover = [_timed(lambda: _hover(client, path)) for _ in range(EDITS)]
            diagnostics = [_diagnose(client, path, wrong=n % 2 == 0) for n in range(EDITS)]
        else:
            assert _offers(client, paths[-1])
        completion = [_type_and_complete(client, path, n) for n in range(EDITS)]
        memory = sum(process.memory_info().rss for process in client.processes()) / 1e6
        return Session(first, completion, diagnostics, hover, memory)
    finally:
        if client is not None:
            client.close()
        shutil.rmtree(folder, ignore_errors=True)


def _position(path: Path, line: int, character: int) -> dict[str, Any]:
    return {"textDocument": {"uri": path.as_uri()}, "position": {"line": line, "character": character}}


def _offers(client: LanguageClient, path: Path, character: int = COMPLETION_AT) -> bool:
    """Whether completion names a member of the API, which only a server that knows the typings can."""
    result = client.ask("textDocument/completion", _position(path, COMPLETION_LINE, character))
    items = result["items"] if isinstance(result, dict) else result or []
    return any(item["label"].startswith("AddMessage") for item in items)


def _timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000


def _type_and_complete(client: LanguageClient, path: Path, n: int) -> float:
    """Types a letter after the dot (or takes it away), then completes."""

    def act() -> None:
        typed = n % 2 == 0
        client.edit(path, COMPLETION_LINE, COMPLETION_AT, COMPLETION_AT + (not typed), "A" if typed else "")
        assert _offers(client, path, COMPLETION_AT + typed)

    return _timed(act)


def _hover(client: LanguageClient, path: Path) -> None:
    answer = client.ask("textDocument/hover", _position(path, 1, len("conversation.Add")))
    assert "AddMessage" in str(answer)


def _diagnose(client: LanguageClient, path: Path, *, wrong: bool) -> float:
    """Makes a role wrong (or right again), then waits until the server says so."""

    def shows(items: list[dict[str, Any]]) -> bool:
        return wrong == any(item["range"]["start"]["line"] == DIAGNOSTICS_LINE for item in items)

    def act() -> None:
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

    return _timed(act)


def measure(bench: Bench) -> list[Row]:
    bench.versions["TypeScript"] = tsc_version()
    bench.peer(
        "typescript-language-server", str(peers.bin_folder() / "typescript-language-server"), "--version"
    )
    bench.peer("deno", peers.deno(), "--version")
    rows: list[Row] = []
    for lines in LINES:
        sessions = _sessions(ROUNDS, CONTENDERS, lambda contender, lines=lines: run_session(contender, lines))
        rows += _compare(lines, sessions)
    rows += _open_scripts()
    return rows


def _sessions(
    rounds: int, contenders: dict[str, Contender], run: Callable[[Contender], Session]
) -> dict[str, list[Session]]:
    """Sessions in turns, one not counted first."""
    taken: dict[str, list[Session]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, contender in contenders.items():
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
            "memory, children included",
            "MB",
            lambda session: session.memory,
            {"typescript-language-server": "<= 0.4", "deno": "<= 0.5"},
        ),
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
    contenders = {name: CONTENDERS[name] for name in ("geppetto", "TypeScript 7", "deno")}
    rows: list[Row] = []
    alone: dict[str, Series] = {}
    for scripts in OPEN_SCRIPTS:
        sessions = _sessions(
            ROUNDS,
            contenders,
            lambda contender, scripts=scripts: run_session(contender, 200, scripts, completion_only=True),
        )
        for name, taken in sessions.items():
            series = Series(tuple(statistics.median(session.completion) for session in taken))
            if scripts == 1:
                alone[name] = series
                continue
            target = "<= 1.2" if name == "geppetto" and scripts == 200 else ""
            rows.append(
                Row(
                    f"{scripts} scripts open: edit → completion p50 / with one, {name}",
                    "×",
                    series.over(alone[name]),
                    target,
                    f"{series.median:.3g} ms",
                )
            )
    return rows
