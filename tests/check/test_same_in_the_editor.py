"""The language server follows the same `geppetto.toml` as `geppetto check`."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.check.conftest import BAD_ROLE, Write
from tests.lsp.conftest import PULL, RawClient, connect

__all__ = ["connect"]  # a fixture

Connect = Callable[[], Awaitable[RawClient]]


async def severities(client: RawClient, uri: str) -> dict[Any, int]:
    """By code. Asked again while the server says that the document has changed."""
    while True:
        answer = await client.answer(client.begin("textDocument/diagnostic", {"textDocument": {"uri": uri}}))
        if "error" not in answer:
            return {item["code"]: item["severity"] for item in answer["result"]["items"]}
        assert answer["error"]["code"] == -32802, answer


def tell(client: RawClient, path: Path) -> None:
    client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": path.as_uri(), "type": 2}]})


async def test_severities_follow_the_file(connect: Connect, write: Write, folder: Path) -> None:
    settings = write("geppetto.toml", '[lint.rules]\nunknown-role = "hint"\n')
    uri = write("a.geppetto.js", BAD_ROLE).as_uri()
    client = await connect()
    await client.initialize(folder, capabilities=PULL)
    client.open(uri, BAD_ROLE)
    assert await severities(client, uri) == {"unknown-role": 4}
    settings.write_text('[lint.rules]\nunknown-role = "warning"\n')
    tell(client, settings)
    assert await severities(client, uri) == {"unknown-role": 2}
    settings.write_text('[lint.rules]\nunknown-rol = "off"\n')
    tell(client, settings)
    assert await severities(client, uri) == {"unknown-role": 1}
    await client.until(lambda: bool(client.told_of("window/showMessage")))
    [said] = client.told_of("window/showMessage")
    assert 'did you mean "unknown-role"' in said["message"]


async def test_the_editor_is_stronger(connect: Connect, write: Write, folder: Path) -> None:
    write("geppetto.toml", '[lint.rules]\nunknown-role = "hint"\nstream-not-consumed = "error"\n')
    text = BAD_ROLE + 'chatStep.startStream("hi");\n'
    uri = write("a.geppetto.js", text).as_uri()
    client = await connect()
    options = {"rules": {"unknown-role": "warning"}}
    await client.initialize(folder, capabilities=PULL, initializationOptions=options)
    client.open(uri, text)
    assert await severities(client, uri) == {"unknown-role": 2, "stream-not-consumed": 1}


async def test_names_of_scripts_follow_the_file(connect: Connect, write: Write, folder: Path) -> None:
    write("geppetto.toml", '[lint]\nfile_patterns = ["*.prompt.js"]\n')
    uri = write("a.prompt.js", BAD_ROLE).as_uri()
    client = await connect()
    await client.initialize(folder, capabilities=PULL)
    client.open(uri, BAD_ROLE)
    await client.until(lambda: bool(client.told_of("workspace/diagnostic/refresh")))
    assert await severities(client, uri) == {"unknown-role": 1}
