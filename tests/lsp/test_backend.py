"""The TypeScript server behind: shadow projects, translation of URIs, restarts. Real processes throughout."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from geppetto.lsp.documents.store import Document, Documents
from geppetto.lsp.documents.text import Edit, Position, Range
from geppetto.lsp.errors import ResponseError
from geppetto.lsp.typescript.backend import Backend, Patience, State, Unavailable
from geppetto.lsp.typescript.process import TypeScriptProcess
from geppetto.lsp.typescript.shadow import Shadow
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SCRIPT = 'const conversation = new Conversation();\nconversation.addMessage("user", "hi");\n'


class Bench:
    """A backend with its documents, and what it told the user."""

    def __init__(self, typings: Path, *folders: Path, **options: Any) -> None:
        self.documents = Documents()
        self.shadow = Shadow([typings], self.documents.patterns)
        for folder in folders:
            self.shadow.add_folder(str(folder))
        self.restarted: list[str] = []
        self.failed: list[str] = []
        self.backend = Backend(
            self.documents,
            self.shadow,
            on_restarted=self.restarted.append,
            on_failed=self.failed.append,
            on_refresh=lambda: None,
            **options,
        )
        self.backend.start({})

    def open(self, uri: str, text: str = SCRIPT, language: str = "javascript") -> Document:
        document = self.documents.open(uri, language, 1, text)
        self.backend.open(document)
        return document

    async def ask(self, method: str, uri: str, line: int = 0, character: int = 0, **more: Any) -> Any:
        position = {"line": line, "character": character}
        return await self.backend.request(
            method, {"textDocument": {"uri": uri}, "position": position, **more}
        )

    async def problems(self, uri: str) -> list[str]:
        report: Any = await self.backend.request("textDocument/diagnostic", {"textDocument": {"uri": uri}})
        return [item["message"] for item in report["items"] if item["severity"] == 1]

    async def kill(self) -> None:
        """Kills the TypeScript server. (Never process 0: that is everything around these tests.)"""
        async with asyncio.timeout(60):
            while (number := self.backend.process_id) is None:
                await asyncio.sleep(0.01)
        os.kill(number, signal.SIGKILL)

    async def until_running(self) -> None:
        async with asyncio.timeout(60):
            while self.backend.state is not State.RUNNING:
                await asyncio.sleep(0.02)


@pytest.fixture
async def make(typings: Path) -> AsyncIterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(*folders: Path, **options: Any) -> Bench:
        made.append(Bench(typings, *folders, **options))
        return made[-1]

    yield make
    for bench in made:
        await bench.backend.close()
        assert not Path(bench.shadow.root).exists()


async def test_the_api_is_known_and_the_browser_is_not(make: Callable[..., Bench], workspace: Path) -> None:
    bench = make(workspace)
    uri = (workspace / "a.geppetto.js").as_uri()
    bench.open(uri, SCRIPT + "document;\nawait 1;\n")
    problems = await bench.problems(uri)
    assert len(problems) == 1 and "document" in problems[0]


async def test_the_workspace_s_own_tsconfig_does_not_matter(
    make: Callable[..., Bench], workspace: Path
) -> None:
    (workspace / "tsconfig.json").write_text('{"compilerOptions": {"lib": ["dom"], "allowJs": true}}')
    bench = make(workspace)
    uri = (workspace / "a.geppetto.js").as_uri()
    bench.open(uri, SCRIPT + "document;\n")
    assert len(await bench.problems(uri)) == 1


async def test_places_come_back_as_the_client_knows_them(
    make: Callable[..., Bench], workspace: Path, typings: Path
) -> None:
    (workspace / "lib.js").write_text("export function foo() {}\n")
    bench = make(workspace)
    # As VS Code spells it; not as Python does.
    uri = (workspace / "a.geppetto.js").as_uri().replace("%20", " ").replace(" ", "%20").replace("#", "%23")
    bench.open(uri, 'import { foo } from "./lib.js";\nfoo();\n' + SCRIPT)
    [definition] = await bench.ask("textDocument/definition", uri, 1, 1)
    assert definition["uri"] == (workspace / "lib.js").as_uri()
    [api] = await bench.ask("textDocument/definition", uri, 3, 15)
    assert api["uri"] == typings.as_uri()
    rename = await bench.ask("textDocument/rename", uri, 2, 8, newName="talk")
    assert list(rename["changes"]) == [uri]
    missing = await bench.ask("textDocument/hover", uri, 0, 22)
    assert bench.shadow.root not in str(missing)


async def test_paths_in_messages_are_the_user_s(make: Callable[..., Bench], workspace: Path) -> None:
    (workspace / "plain.js").write_text("var notAModule = 1;\n")
    bench = make(workspace)
    uri = (workspace / "a.geppetto.ts").as_uri()
    bench.open(
        uri, 'import { x } from "./missing.json";\nimport * as p from "./plain.js"; p;\n', "typescript"
    )
    [hover] = [await bench.ask("textDocument/hover", uri, 1, 12)]
    assert bench.shadow.root not in str(hover) + str(await bench.problems(uri))
    absent = (workspace / "absent.js").as_uri()
    with pytest.raises(ResponseError) as raised:
        await bench.ask("textDocument/hover", absent)
    assert absent in raised.value.message and "geppetto-lsp-" not in raised.value.message


async def test_a_temporary_folder_of_any_name(
    make: Callable[..., Bench], workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "Jörg M%C3üller #1"
    odd.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(odd))
    bench = make(workspace)
    assert bench.shadow.root.startswith(str(odd))
    uri = (workspace / "a.geppetto.js").as_uri()
    bench.open(uri, SCRIPT)
    places = await bench.ask("textDocument/references", uri, 1, 3, context={"includeDeclaration": True})
    assert {place["uri"] for place in places} == {uri}
    rename = await bench.ask("textDocument/rename", uri, 1, 3, newName="talk")
    assert list(rename["changes"]) == [uri]
    absent = (workspace / "absent.js").as_uri()
    with pytest.raises(ResponseError) as raised:
        await bench.ask("textDocument/hover", absent)
    assert absent in raised.value.message


@pytest.mark.parametrize(
    ("uri", "language"),
    [
        ("untitled:Untitled-1", "javascript"),
        ("untitled:/some/where/x.geppetto.ts", "geppetto-typescript"),
        ("vscode-vfs://github/x/y.geppetto.js", "geppetto"),
        ("file:///nowhere/at/all/x.geppetto.js", "javascript"),
    ],
)
async def test_documents_without_a_folder(make: Callable[..., Bench], uri: str, language: str) -> None:
    bench = make()
    bench.open(uri, SCRIPT + "nothing;\n", language)
    assert await bench.problems(uri) == ["Cannot find name 'nothing'."]
    [reference] = [
        place
        for place in await bench.ask(
            "textDocument/references", uri, 0, 8, context={"includeDeclaration": True}
        )
        if place["range"]["start"]["line"] == 0
    ]
    assert reference["uri"] == uri


@pytest.mark.parametrize(
    "name", ["script.js", ".hidden/a.geppetto.js", "node_modules/x/a.geppetto.js", "script"]
)
async def test_scripts_that_no_pattern_finds(make: Callable[..., Bench], workspace: Path, name: str) -> None:
    bench = make(workspace)
    first = (workspace / "first.geppetto.js").as_uri()
    bench.open(first)
    assert await bench.problems(first) == []
    uri = (workspace / name).as_uri()
    bench.open(uri, SCRIPT + "nothing;\n", "geppetto")
    assert await bench.problems(uri) == ["Cannot find name 'nothing'."]


async def test_two_folders_of_one_name(make: Callable[..., Bench], tmp_path: Path) -> None:
    folders = [tmp_path / "one" / "same", tmp_path / "two" / "same"]
    for number, folder in enumerate(folders):
        folder.mkdir(parents=True)
        (folder / "lib.js").write_text(f"export const x{number} = 1;\n")
    bench = make(*folders)
    for number, folder in enumerate(folders):
        uri = (folder / "a.geppetto.js").as_uri()
        bench.open(uri, f'import {{ x{number} }} from "./lib.js";\nx{number};\n')
        assert await bench.problems(uri) == []
        [definition] = await bench.ask("textDocument/definition", uri, 1, 1)
        assert definition["uri"] == (folder / "lib.js").as_uri()


async def test_folders_come_and_go(make: Callable[..., Bench], workspace: Path) -> None:
    (workspace / "sub").mkdir()
    (workspace / "lib.js").write_text("export const x = 1;\n")
    bench = make()
    uri = (workspace / "sub" / "a.geppetto.js").as_uri()
    bench.open(uri, 'import { x } from "../lib.js";\nx;\n')
    assert len(await bench.problems(uri)) == 1, "a loose file sees its own folder only"
    bench.backend.change_folders([str(workspace)], [])
    assert await bench.problems(uri) == []
    bench.backend.change_folders([], [str(workspace)])
    assert len(await bench.problems(uri)) == 1
    assert (workspace / "lib.js").exists()


async def test_a_death_costs_one_message_and_nothing_else(
    make: Callable[..., Bench], workspace: Path
) -> None:
    bench = make(workspace)
    uri = (workspace / "a.geppetto.js").as_uri()
    bench.open(uri, "")
    document, edits = bench.documents.change(uri, 2, [Edit(None, SCRIPT + "nothing;\n")]) or pytest.fail()
    bench.backend.change(document, edits)
    assert await bench.problems(uri) == ["Cannot find name 'nothing'."]
    for _ in range(2):
        question = asyncio.ensure_future(bench.problems(uri))
        await asyncio.sleep(0)
        await bench.kill()
        assert await question == ["Cannot find name 'nothing'."]
    assert len(bench.restarted) == 1 and not bench.failed


async def test_what_always_dies_is_given_up_until_asked(make: Callable[..., Bench], workspace: Path) -> None:
    bench = make(workspace, patience=Patience(deaths=3))
    uri = (workspace / "a.geppetto.js").as_uri()
    bench.open(uri)
    for _ in range(3):
        await bench.until_running()
        await bench.kill()
        async with asyncio.timeout(60):
            while bench.backend.state is State.RUNNING:
                await asyncio.sleep(0.01)
    assert bench.backend.state is State.FAILED
    assert len(bench.restarted) == 1 and len(bench.failed) == 1
    with pytest.raises(Unavailable):
        await bench.problems(uri)
    bench.backend.restart()
    assert await bench.problems(uri) == []


async def test_what_cannot_be_started_is_told(make: Callable[..., Bench]) -> None:
    def spawn() -> TypeScriptProcess:
        raise FileNotFoundError("no such file: tsc")

    bench = make(spawn=spawn)
    uri = "untitled:1"
    bench.open(uri)
    with pytest.raises(Unavailable):
        await bench.problems(uri)
    assert len(bench.failed) == 1 and "no such file" in bench.failed[0]


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGSTOP")
async def test_a_stuck_process_is_replaced(make: Callable[..., Bench], workspace: Path) -> None:
    bench = make(workspace, patience=Patience(answer_seconds=1))
    uri = (workspace / "a.geppetto.js").as_uri()
    bench.open(uri)

    async def until_answered() -> int:
        """How many questions had no answer before one had; a busy machine may be late with some."""
        failures = 0
        while True:
            try:
                assert await bench.problems(uri) == []
                return failures
            except Unavailable:
                failures += 1

    async with asyncio.timeout(60):
        await until_answered()
        stuck = bench.backend.process_id
        process = psutil.Process(stuck)
        process.suspend()
        # The signal takes its time, and it may answer until then.
        while process.status() != psutil.STATUS_STOPPED:
            await asyncio.sleep(0.01)
        assert await until_answered() >= 1
    assert bench.backend.process_id != stuck


async def test_an_abandoned_request_is_cancelled_there(make: Callable[..., Bench], workspace: Path) -> None:
    bench = make(workspace)
    uri = (workspace / "a.geppetto.js").as_uri()
    bench.open(uri)
    await bench.problems(uri)
    told: list[str] = []
    connection = bench.backend._connection  # pyright: ignore[reportPrivateUsage]
    assert connection is not None
    send, notify = connection.send, connection.notify

    def send_and_give_up(method: str, params: Any = None) -> Any:
        asyncio.get_running_loop().call_soon(question.cancel)  # before its answer can be read
        return send(method, params)

    def note(method: str, params: Any = None) -> None:
        told.append(method)
        notify(method, params)

    connection.send, connection.notify = send_and_give_up, note  # type: ignore[method-assign]
    question = asyncio.ensure_future(bench.problems(uri))
    with pytest.raises(asyncio.CancelledError):
        await question
    connection.send, connection.notify = send, notify  # type: ignore[method-assign]
    assert told == ["$/cancelRequest"]
    assert await bench.problems(uri) == []


async def test_nothing_is_written_into_the_workspace(make: Callable[..., Bench], workspace: Path) -> None:
    (workspace / "sub").mkdir()
    (workspace / "lib.js").write_text("export const x = 1;\n")
    before = sorted(path.relative_to(workspace) for path in workspace.rglob("*"))
    bench = make(workspace)
    for name in ("a.geppetto.js", "sub/b.js"):
        bench.open((workspace / name).as_uri(), SCRIPT, "geppetto")
        await bench.problems((workspace / name).as_uri())
    await bench.backend.close()
    assert sorted(path.relative_to(workspace) for path in workspace.rglob("*")) == before


async def test_a_file_changed_on_disk(make: Callable[..., Bench], workspace: Path) -> None:
    library = workspace / "lib.js"
    library.write_text("export const x = 1;\n")
    bench = make(workspace)
    uri = (workspace / "a.geppetto.js").as_uri()
    bench.open(uri, 'import { x } from "./lib.js";\nx;\n')
    assert await bench.problems(uri) == []
    library.write_text("export const y = 1;\n")
    bench.backend.files_changed([(library.as_uri(), 2)])
    assert len(await bench.problems(uri)) == 1
    library.unlink()
    bench.backend.files_changed([(library.as_uri(), 3)])
    assert len(await bench.problems(uri)) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_it_dies_with_the_server(typings: Path) -> None:
    program = (
        "import sys; from geppetto.lsp.typescript.process import TypeScriptProcess\n"
        "print(TypeScriptProcess().pid, flush=True); sys.stdin.read()"
    )
    server = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin and server.stdout
    child = psutil.Process(int(server.stdout.readline()))
    server.kill()
    server.wait(5)
    child.wait(5)
    server.stdin.close()
    server.stdout.close()


PIECES = st.sampled_from(
    ["a", "`", "\n", "\r", "\r\n", "😀", "é", "\u2028", "\f", "\v", "\x85", "日本", "// ", "\ud83d"]
)
TEXTS = st.lists(PIECES, max_size=8).map("".join)
POSITIONS = st.builds(Position, st.integers(0, 6), st.integers(0, 6) | st.just(10_000))
EDITS = st.lists(
    st.builds(Edit, st.none() | st.builds(Range, POSITIONS, POSITIONS), TEXTS), min_size=1, max_size=4
)


async def test_it_sees_the_text_that_we_see(make: Callable[..., Bench], workspace: Path) -> None:
    """Random edits, then a name appended: found where our own text has it."""
    bench = make(workspace)
    uri = (workspace / "a.geppetto.js").as_uri()
    loop = asyncio.get_running_loop()

    async def play(start: str, edits: list[Edit]) -> None:
        bench.open(uri, "`" + start)
        try:
            # A template string may hold anything, and its end is where the probe begins.
            changed = bench.documents.change(
                uri, 2, [*edits, Edit(Range(Position(0, 0), Position(0, 0)), "")]
            )
            assert changed
            bench.backend.change(*changed)
            body = str(changed[0].text)
            # Whatever is there now, the same text sent whole must look the same.
            incremental = await bench.ask("textDocument/documentSymbol", uri)
            probe = f"\nlet probe = {len(body)};\n"
            changed = bench.documents.change(
                uri, 3, [Edit(Range(Position(9999, 0), Position(9999, 0)), probe)]
            )
            assert changed
            bench.backend.change(*changed)
            folded = await bench.backend.request(
                "textDocument/selectionRange",
                {"textDocument": {"uri": uri}, "positions": [{"line": 0, "character": 0}]},
            )
            outer: Any = folded[0]  # type: ignore[index]
            while "parent" in outer:
                outer = outer["parent"]
            text = changed[0].text
            assert outer["range"]["end"] == _json(text.position_at(len(text)))
            bench.backend.close_document(uri)
            bench.documents.close(uri)
            bench.open(uri, body)
            assert await bench.ask("textDocument/documentSymbol", uri) == incremental
        finally:
            bench.backend.close_document(uri)
            bench.documents.close(uri)

    def run(start: str, edits: list[Edit]) -> None:
        asyncio.run_coroutine_threadsafe(play(start, edits), loop).result(60)

    searched = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))(
        given(TEXTS, EDITS)(run)
    )
    await asyncio.to_thread(searched)


def _json(position: Position) -> dict[str, int]:
    return {"line": position.line, "character": position.character}


async def test_folders_whose_first_documents_are_opened_together(
    make: Callable[..., Bench], tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder in folders:
        folder.mkdir()
    bench = make(*folders)
    uris = [(folder / "a.geppetto.js").as_uri() for folder in folders]
    for uri in uris:
        bench.open(uri, "nowhere();\n")
    for uri in uris:
        assert len(await bench.problems(uri)) == 1
