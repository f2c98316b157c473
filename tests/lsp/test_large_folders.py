"""Folders without scripts cost nothing, however large; scripts that nobody has opened are known all the same."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lsp.conftest import RawClient

Connect = Callable[[], Awaitable[RawClient]]

LIBRARY = 'export function greet() {\n  return "hi";\n}\n'
USE = 'import { greet } from "%s/library.geppetto.js";\nconsole.log(greet());\n'


async def users(client: RawClient, library: Path) -> set[str]:
    """The names of the scripts that use what the library exports."""
    asked: dict[str, Any] = {
        "textDocument": {"uri": library.as_uri()},
        "position": {"line": 0, "character": 17},
        "context": {"includeDeclaration": False},
    }
    places = await client.ask("textDocument/references", asked) or []
    return {place["uri"].rpartition("/")[2] for place in places} - {library.name}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


@pytest.fixture
def library(workspace: Path) -> Path:
    return write(workspace / "library.geppetto.js", LIBRARY)


async def test_scripts_that_nobody_has_opened(connect: Connect, workspace: Path, library: Path) -> None:
    write(workspace / "deep" / "er" / "a.geppetto.js", USE % "../..")
    write(workspace / "node_modules" / "b.geppetto.js", USE % "..")
    write(workspace / ".hidden" / "c.geppetto.js", USE % "..")
    client = await connect()
    await client.initialize(workspace)
    client.open(library.as_uri(), LIBRARY)
    assert await users(client, library) == {"a.geppetto.js"}


async def test_scripts_come_and_go(connect: Connect, workspace: Path, library: Path) -> None:
    def tell(path: Path, kind: int) -> None:
        client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": path.as_uri(), "type": kind}]})

    client = await connect()
    await client.initialize(workspace)
    client.open(library.as_uri(), LIBRARY)
    assert await users(client, library) == set()
    new = write(workspace / "new" / "a.geppetto.js", USE % "..")
    tell(new, 1)
    tell(write(workspace / "node_modules" / "b.geppetto.js", USE % ".."), 1)
    assert await users(client, library) == {"a.geppetto.js"}
    new.unlink()
    tell(new, 3)
    assert await users(client, library) == set()
    # Opened, unsaved, closed: known as long as it is open, wherever it would be.
    unsaved = workspace / "nowhere" / "c.geppetto.js"
    client.open(unsaved.as_uri(), USE % "..")
    assert await users(client, library) == {"c.geppetto.js"}
    client.notify("textDocument/didClose", {"textDocument": {"uri": unsaved.as_uri()}})
    assert await users(client, library) == set()


async def test_folders_are_read_once(connect: Connect, workspace: Path, library: Path) -> None:
    """Neither typing nor new scripts make anybody look through the folders again."""
    data = write(workspace / "data" / "set" / "1.json", "{}").parent

    def forget() -> None:
        """Makes the folder look as if it had not been read since it changed."""
        os.utime(data, (0, data.stat().st_mtime))

    forget()
    os.listdir(data)
    if data.stat().st_atime == 0:
        pytest.skip("this file system does not note when a folder is read")
    client = await connect()
    await client.initialize(workspace)
    uri = library.as_uri()
    client.open(uri, LIBRARY)
    assert await users(client, library) == set()
    forget()
    for number in range(3):
        new = write(workspace / f"{number}.geppetto.js", USE % ".")
        client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": new.as_uri(), "type": 1}]})
        client.change(uri, number + 2, (2, 1, 2, 1, f"\nconst a{number} = 1;"))
        assert len(await users(client, library)) == number + 1
        await client.pull(uri)
    assert data.stat().st_atime == 0
