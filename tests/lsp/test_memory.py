"""A server that is used all day uses no more at the end of it."""

import asyncio
import gc
import json
import pathlib
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from geppetto.lsp.server import GeppettoServer, create_server

SCRIPT = "const conversation = new Conversation();\n" * 50
KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE
# Paths intern their parts; the table of all interned strings belongs to the process, and grows in leaps.
INTERNED = tracemalloc.Filter(False, pathlib.__file__)


class Editor:
    """A client in the server's own process, so that its objects can be counted."""

    def __init__(self) -> None:
        self.server: GeppettoServer = create_server()
        self.server.rpc.set_writer(self)  # type: ignore[arg-type]
        self.answered: asyncio.Event = asyncio.Event()
        self.last: Any = None
        self.number = 0

    def write(self, data: bytes) -> None:
        message = json.loads(data.split(b"\r\n\r\n", 1)[1])
        if "id" in message and "method" not in message:
            assert "error" not in message, message
            self.last = message["result"]
            self.answered.set()

    def close(self) -> None:
        """Nothing to close."""

    def notify(self, method: str, params: Any) -> None:
        self.server.rpc.receive([json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode()])

    async def ask(self, method: str, params: Any) -> Any:
        self.number += 1
        self.answered.clear()
        message = {"jsonrpc": "2.0", "id": self.number, "method": method, "params": params}
        self.server.rpc.receive([json.dumps(message).encode()])
        await asyncio.wait_for(self.answered.wait(), 120)
        return self.last

    async def measured(self, document: Any) -> tuple[int, int, int]:
        """Live objects, the bytes that Python holds, and resident bytes, once everything has settled."""
        # The answer comes when all that was said before has reached the backend.
        position = {"line": 1, "character": 8}
        await self.ask("textDocument/hover", {"textDocument": document, "position": position})
        objects, before = -1, None
        while objects != before:  # what still goes on has objects, and ends
            objects, before = await self._counted(), objects
        snapshot = tracemalloc.take_snapshot().filter_traces([INTERNED])
        held = sum(statistic.size for statistic in snapshot.statistics("filename"))
        return objects, held, psutil.Process().memory_info().rss

    async def _counted(self) -> int:
        await asyncio.sleep(0.3)
        gc.collect()
        return len(gc.get_objects())


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
@pytest.mark.timeout(240)
@pytest.mark.parametrize(("pulls", "share"), [(True, 1), (False, 10)], ids=["pull", "push"])
async def test_edits_and_documents_leave_nothing_behind(workspace: Path, pulls: bool, share: int) -> None:
    editor = Editor()
    capabilities: Any = {"textDocument": {"diagnostic": {}} if pulls else {}}
    folders = [{"uri": workspace.as_uri(), "name": "x"}]
    await editor.ask("initialize", {"capabilities": capabilities, "workspaceFolders": folders})
    uri = (workspace / "a.geppetto.js").as_uri()
    document = {"uri": uri}
    version = 1
    item = {"uri": uri, "languageId": "javascript", "version": 1, "text": SCRIPT}
    editor.notify("textDocument/didOpen", {"textDocument": item})

    async def edit(count: int) -> None:
        nonlocal version
        for _ in range(count):
            version += 1
            line = version // 2 % 50
            start, end = {"line": line, "character": 0}, {"line": line, "character": version % 2 * 4}
            change = {"range": {"start": start, "end": end}, "text": "" if version % 2 else "/**/"}
            editor.notify(
                "textDocument/didChange",
                {"textDocument": {**document, "version": version}, "contentChanges": [change]},
            )
            if version % 200 == 0:
                await editor.ask(
                    "textDocument/hover", {"textDocument": document, "position": {"line": 1, "character": 8}}
                )
            if version % 1000 == 0:
                await editor.ask(
                    "textDocument/completion",
                    {"textDocument": document, "position": {"line": 50, "character": 0}},
                )

    async def open_and_close(count: int, start: int) -> None:
        for number in range(start, start + count):
            # Some in the workspace, some beside it, some nowhere.
            other = (workspace / f"{number}.geppetto.js").as_uri()
            if number % 100 == 7:
                other = (workspace.parent / f"loose{number % 3}" / "x.geppetto.ts").as_uri()
            elif number % 5 == 0:
                other = f"untitled:{number}"
            item = {"uri": other, "languageId": "javascript", "version": 1, "text": SCRIPT}
            editor.notify("textDocument/didOpen", {"textDocument": item})
            if number % 50 == 0:
                await editor.ask(
                    "textDocument/hover",
                    {"textDocument": {"uri": other}, "position": {"line": 0, "character": 0}},
                )
            editor.notify("textDocument/didClose", {"textDocument": {"uri": other}})
            if number % 10 == 0:
                await asyncio.sleep(0)

    try:
        await edit(1_000)
        await open_and_close(200, 0)
        objects, held, resident = await editor.measured(document)
        await edit(20_000 // share)
        await open_and_close(2_000 // share, 200)
        objects_after, held_after, resident_after = await editor.measured(document)
        assert len(editor.server.documents) == 1
        assert not list(workspace.iterdir())
        assert objects_after - objects < 500, f"{objects_after - objects} more objects"
        # The text of each document that was opened would be more, and so would two hundred bytes an edit.
        assert held_after - held < 300 * KIBIBYTE, f"{(held_after - held) // KIBIBYTE} KiB more"
        assert resident_after - resident < 24 * MEBIBYTE, (
            f"{(resident_after - resident) / MEBIBYTE:.0f} MiB more"
        )
    finally:
        await editor.server.close()
