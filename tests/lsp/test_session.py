"""Sessions as editors have them: pushed diagnostics, folders, restarts, cancellation, other capabilities."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

Connect = Callable[[], Awaitable[Any]]
PUSH: dict[str, Any] = {"textDocument": {"publishDiagnostics": {"versionSupport": True}}}
SCRIPT = "const conversation = new Conversation();\nnothing;\n"
NOTHING = ["Cannot find name 'nothing'."]


def errors(items: list[dict[str, Any]]) -> list[str]:
    return [item["message"] for item in items if item["severity"] == 1]


def backend_of(client: Any) -> psutil.Process:
    [child] = psutil.Process(client.process.pid).children()
    return child


async def test_pushed_with_the_version_they_are_of(connect: Connect, workspace: Path) -> None:
    client = await connect()
    offered = (await client.initialize(workspace, capabilities=PUSH))["capabilities"]
    assert "diagnosticProvider" not in offered
    uri = (workspace / "a.geppetto.js").as_uri()
    client.open(uri, "")
    assert await client.published(uri, 1) == []
    client.change(uri, 2, SCRIPT)
    client.change(uri, 5, (0, 0, 0, 0, "\n"))
    [problem] = [item for item in await client.published(uri, 5) if item["severity"] == 1]
    assert problem["message"] == NOTHING[0] and problem["range"]["start"] == {"line": 2, "character": 0}
    assert not [
        each for each in client.told_of("textDocument/publishDiagnostics") if each.get("version") == 2
    ]
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    assert await client.published(uri, None) == [], "they stay after the document is closed"


async def test_pushed_again_when_a_neighbour_changes(connect: Connect, workspace: Path) -> None:
    client = await connect()
    await client.initialize(workspace, capabilities=PUSH)
    lib, uri = ((workspace / name).as_uri() for name in ("lib.js", "a.geppetto.js"))
    client.open(lib, "export const x = 1;\n")
    client.open(uri, 'import { x } from "./lib.js";\nx;\n')
    assert await client.published(uri, 1) == []
    client.told.clear()
    client.change(lib, 2, "export const y = 1;\n")
    await client.until(
        lambda: any(
            each["uri"] == uri and each["diagnostics"]
            for each in client.told_of("textDocument/publishDiagnostics")
        )
    )
    assert not [each for each in client.told_of("textDocument/publishDiagnostics") if each["uri"] == lib]


async def test_pulling_clients_are_asked_to_pull_again(connect: Connect, workspace: Path) -> None:
    client = await connect()
    await client.initialize(workspace)
    library = workspace / "lib.js"
    library.write_text("export const x = 1;\n")
    uri = (workspace / "a.geppetto.js").as_uri()
    client.open(uri, 'import { x } from "./lib.js";\nx;\n')
    assert await client.pull(uri) == []
    library.write_text("export const y = 1;\n")
    client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": library.as_uri(), "type": 2}]})
    await client.until(lambda: client.told_of("workspace/diagnostic/refresh") != [])
    assert len(await client.pull(uri)) == 1
    assert not client.told_of("textDocument/publishDiagnostics")


async def test_a_saved_neighbour_is_read_again(connect: Connect, workspace: Path) -> None:
    """Without file watching, which not every editor has."""
    client = await connect()
    await client.initialize(workspace)
    library = workspace / "lib.ts"
    library.write_text("export const x = 1;\n")
    uri = (workspace / "a.geppetto.ts").as_uri()
    client.open(uri, 'import { x } from "./lib.ts";\nx;\n', "typescript")
    assert await client.pull(uri) == []
    library.write_text("export const y = 1;\n")
    client.notify("textDocument/didSave", {"textDocument": {"uri": library.as_uri()}})
    assert len(await client.pull(uri)) == 1


async def test_a_backend_that_dies(connect: Connect, workspace: Path) -> None:
    client = await connect()
    await client.initialize(workspace)
    uri = (workspace / "a.geppetto.js").as_uri()
    client.open(uri, "")
    client.change(uri, 2, SCRIPT)
    assert await client.pull(uri) == NOTHING
    for _ in range(2):
        old = backend_of(client)
        old.kill()
        assert await client.pull(uri) == NOTHING
    await asyncio.sleep(0.3)
    [message] = client.told_of("window/showMessage")
    assert "started again" in message["message"]


async def test_a_backend_that_keeps_dying(connect: Connect, workspace: Path) -> None:
    client = await connect()
    await client.initialize(workspace)
    uri = (workspace / "a.geppetto.js").as_uri()
    client.open(uri, SCRIPT)

    def has_child() -> bool:
        return bool(psutil.Process(client.process.pid).children())

    async with asyncio.timeout(60):
        while not client.told_of("window/showMessageRequest"):
            if has_child():
                try:
                    backend_of(client).kill()
                except (psutil.NoSuchProcess, ValueError):
                    pass
            await asyncio.sleep(0.05)
    [offer] = client.told_of("window/showMessageRequest")
    assert offer["actions"] == [{"title": "Start it again"}]
    hover = {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 8}}
    assert await client.ask("textDocument/hover", hover) is None, "an error for each would be shown for each"
    assert await client.pull(uri) == []
    client.choose("Start it again")
    async with asyncio.timeout(60):
        while await client.pull(uri) != NOTHING:
            await asyncio.sleep(0.1)
    assert await client.ask("textDocument/hover", hover)


async def test_the_command_starts_it_again(connect: Connect, workspace: Path) -> None:
    client = await connect()
    offered = (await client.initialize(workspace))["capabilities"]
    uri = (workspace / "a.geppetto.js").as_uri()
    client.open(uri, SCRIPT)
    assert await client.pull(uri) == NOTHING
    old = backend_of(client)
    command = "geppetto.restartTypeScript"
    assert command in offered["executeCommandProvider"]["commands"]
    await client.ask("workspace/executeCommand", {"command": command})
    await asyncio.to_thread(old.wait, 10)
    assert await client.pull(uri) == NOTHING
    assert not client.told_of("window/showMessage"), "the user knows: it was the user's wish"


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
async def test_the_backend_dies_with_the_server(connect: Connect, workspace: Path, tmp_path: Path) -> None:
    client = await connect()
    await client.initialize(workspace)
    uri = (workspace / "a.geppetto.js").as_uri()
    client.open(uri, SCRIPT)
    assert await client.pull(uri) == NOTHING
    child = backend_of(client)
    (workspace / "lib.js").write_text("")
    client.process.send_signal(signal.SIGKILL)
    await client.wait()
    await asyncio.to_thread(child.wait, 10)
    [left] = tmp_path.glob("geppetto-lsp-*")
    await (await connect()).initialize(workspace)
    assert not left.exists(), "the next server removes what the dead one could not"
    assert (workspace / "lib.js").exists()


async def test_folders_that_come_and_go(connect: Connect, workspace: Path, tmp_path: Path) -> None:
    client = await connect()
    await client.initialize(workspace)
    (tmp_path / "other" / "sub").mkdir(parents=True)
    (tmp_path / "other" / "lib.js").write_text("export const x = 1;\n")
    uri = (tmp_path / "other" / "sub" / "a.geppetto.js").as_uri()
    client.open(uri, 'import { x } from "../lib.js";\nx;\n')
    assert len(await client.pull(uri)) == 1
    folder = {"uri": (tmp_path / "other").as_uri(), "name": "other"}
    client.notify("workspace/didChangeWorkspaceFolders", {"event": {"added": [folder], "removed": []}})
    assert await client.pull(uri) == []
    client.notify("workspace/didChangeWorkspaceFolders", {"event": {"added": [], "removed": [folder]}})
    assert len(await client.pull(uri)) == 1


@pytest.mark.parametrize("root", ["rootUri", "rootPath"])
async def test_clients_with_one_root(connect: Connect, workspace: Path, root: str) -> None:
    client = await connect()
    value = workspace.as_uri() if root == "rootUri" else str(workspace)
    (workspace / "sub").mkdir()
    (workspace / "lib.js").write_text("export const x = 1;\n")
    await client.initialize(**{root: value})
    uri = (workspace / "sub" / "a.geppetto.js").as_uri()
    client.open(uri, 'import { x } from "../lib.js";\nx;\n')
    assert await client.pull(uri) == []


async def test_utf_16_whatever_the_client_prefers(connect: Connect, workspace: Path) -> None:
    client = await connect()
    capabilities = {
        "general": {"positionEncodings": ["utf-8", "utf-32", "utf-16"]},
        "textDocument": {"diagnostic": {}},
    }
    assert (await client.initialize(workspace, capabilities=capabilities))["capabilities"][
        "positionEncoding"
    ] == "utf-16"
    uri = (workspace / "a.geppetto.js").as_uri()
    client.open(uri, '"日本😀"; nothing;\n')
    report = await client.ask("textDocument/diagnostic", {"textDocument": {"uri": uri}})
    [problem] = [item for item in report["items"] if item["severity"] == 1]
    assert problem["range"]["start"] == {"line": 0, "character": 8}


async def test_snippets_only_for_those_who_have_them(connect: Connect, workspace: Path) -> None:
    formats: list[set[Any]] = []
    for has_snippets in (False, True):
        client = await connect()
        item = {"snippetSupport": has_snippets, "documentationFormat": ["plaintext"]}
        await client.initialize(
            workspace, capabilities={"textDocument": {"completion": {"completionItem": item}}}
        )
        uri = (workspace / "a.geppetto.js").as_uri()
        client.open(uri, "const c = new Conversation();\nc.\n")
        params = {"textDocument": {"uri": uri}, "position": {"line": 1, "character": 2}}
        items = (await client.ask("textDocument/completion", params))["items"]
        resolved = await client.ask(
            "completionItem/resolve", next(each for each in items if each["label"] == "addMessage")
        )
        assert (
            resolved["documentation"]
            if isinstance(resolved["documentation"], str)
            else resolved["documentation"]["kind"] == "plaintext"
        )
        formats.append({each.get("insertTextFormat", 1) for each in items})
    assert formats[0] == {1}


async def test_folders_of_the_same_name_and_scripts_opened_twice_and_renamed(
    connect: Connect, tmp_path: Path
) -> None:
    folders = [tmp_path / name / "app" for name in ("a", "b")]
    for folder, exported in zip(folders, ("alpha", "beta"), strict=True):
        folder.mkdir(parents=True)
        (folder / "lib.js").write_text(f"export const {exported} = 1;\n")
    (folders[0] / "geppetto.toml").write_text('[lint.rules]\nstream-not-consumed = "error"\n')
    client = await connect()
    await client.initialize(*folders)
    first, second = ((folder / "s.geppetto.js").as_uri() for folder in folders)
    text = 'import { alpha } from "./lib.js";\nalpha;\nchatStep.startStream("hi");\n'
    client.open(first, text)
    client.open(second, text)
    [own] = await client.pull(first)
    assert "started and forgotten" in own
    assert await client.pull(second) == ["Module '\"./lib.js\"' has no exported member 'alpha'."]

    client.open(first, "nowhere();\n", version=7)
    assert await client.pull(first) == ["Cannot find name 'nowhere'."]
    client.change(first, 8, (0, 0, 0, 7, "there"))
    assert await client.pull(first) == ["Cannot find name 'there'."]

    renamed = (folders[0] / "t.geppetto.js").as_uri()
    client.notify("textDocument/didClose", {"textDocument": {"uri": first}})
    client.open(renamed, 'import { alpha } from "./lib.js";\nalpha.x;\n')
    client.notify("workspace/didRenameFiles", {"files": [{"oldUri": first, "newUri": renamed}]})
    assert await client.pull(renamed) == ["Property 'x' does not exist on type '1'."]
    asked = {"textDocument": {"uri": renamed}, "position": {"line": 1, "character": 1}}
    [place] = await client.ask("textDocument/definition", asked)
    assert place["uri"] == (folders[0] / "lib.js").as_uri()


async def test_an_untitled_script_can_be_renamed_in(connect: Connect) -> None:
    client = await connect()
    await client.initialize()
    client.open("untitled:Untitled-1", "let x = 1;\nx;\n", "geppetto")
    params = {
        "textDocument": {"uri": "untitled:Untitled-1"},
        "position": {"line": 1, "character": 0},
        "newName": "y",
    }
    edit = await client.ask("textDocument/rename", params)
    assert list(edit["changes"]) == ["untitled:Untitled-1"]


async def test_over_tcp(workspace: Path, tmp_path: Path) -> None:
    """Two editors, one after the other."""
    program = "from geppetto.lsp.main import serve_tcp; serve_tcp(0)"
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stderr=asyncio.subprocess.PIPE
    )
    try:
        assert server.stderr
        port = int((await asyncio.wait_for(server.stderr.readline(), 60)).rsplit(b":", 1)[1])
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            body = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}'
            writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            length = int((await asyncio.wait_for(reader.readline(), 60)).split(b":")[1])
            await reader.readline()
            assert b'"geppetto"' in await reader.readexactly(length)
            writer.close()
        server.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(server.wait(), 60) == 0
    finally:
        if server.returncode is None:
            server.kill()
            await server.wait()


async def test_several_opened_in_one_go_and_closed(connect: Connect, workspace: Path) -> None:
    """As an editor does with the files of its last session."""
    client = await connect()
    await client.initialize(workspace)
    uris = [
        (workspace / name).as_uri() for name in ("a.geppetto.js", "b.geppetto.ts", "lib.js", "c.geppetto.js")
    ]
    for uri in uris:
        client.open(uri, "nothing;\n")
    assert await client.pull(uris[-1]) == ["Cannot find name 'nothing'."]
    for uri in uris[:-1]:
        client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    assert await client.pull(uris[-1]) == ["Cannot find name 'nothing'."]
    assert not client.told_of("window/showMessage"), "the TypeScript server has died of it"
