"""Clients that break the rules, or strain them: an error or a sane answer, never a dead or wedged server."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from geppetto.lsp.wire import FramingError, Unframer, frame
from hypothesis import given
from hypothesis import strategies as st

PARSE_ERROR, INVALID_REQUEST, UNKNOWN, INVALID_PARAMS, NOT_INITIALIZED = (
    -32700,
    -32600,
    -32601,
    -32602,
    -32002,
)
Connect = Callable[[], Awaitable[Any]]
SCRIPT = "const conversation = new Conversation();\nnothing;\n"
NOTHING = ["Cannot find name 'nothing'."]


@given(st.lists(st.text(), max_size=5), st.data())
def test_messages_are_found_however_the_bytes_are_cut(texts: list[str], data: st.DataObject) -> None:
    stream = b"".join(frame(text) for text in texts)
    unframer, found = Unframer(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += [json.loads(body) for body in unframer.feed(stream[:size])]
        stream = stream[size:]
    assert found == texts


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: x\r\n\r\n",
        b"Content-Length: 99999999999999\r\n\r\n",
        b"\r\n\r\n",
        b"x" * 70_000,
    ],
)
def test_headers_that_cannot_be_read(header: bytes) -> None:
    with pytest.raises(FramingError):
        list(Unframer().feed(header))


async def test_before_and_after(connect: Connect) -> None:
    client = await connect()
    client.notify("textDocument/didOpen", {"textDocument": {"uri": "x"}})
    assert await client.error("textDocument/hover", {}) == NOT_INITIALIZED
    assert await client.error("shutdown") == NOT_INITIALIZED
    await client.initialize()
    assert await client.error("initialize", {"capabilities": {}}) == INVALID_REQUEST
    assert await client.ask("shutdown") is None
    assert await client.error("textDocument/hover", {}) == INVALID_REQUEST
    client.notify("exit")
    assert await client.wait() == 0


async def test_exit_without_shutdown(connect: Connect) -> None:
    client = await connect()
    await client.initialize()
    client.notify("exit")
    assert await client.wait() == 1


async def test_an_editor_that_goes_away(connect: Connect, workspace: Path) -> None:
    client = await connect()
    await client.initialize(workspace)
    client.open((workspace / "a.geppetto.js").as_uri(), SCRIPT)
    client.process.stdin.close()
    assert await client.wait() == 1


async def test_bytes_that_are_no_message(connect: Connect) -> None:
    client = await connect()
    await client.initialize()
    client.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert await client.wait() == 1
    assert "cannot be read" in client.stderr


async def test_headers_may_be_written_in_other_ways(connect: Connect) -> None:
    client = await connect()
    await client.initialize()
    body = b'{"jsonrpc":"2.0","id":"x","method":"nothing"}'
    client.write(b"content-type: y\r\ncontent-length:%d\r\n\r\n%b" % (len(body), body))
    assert (await client.answer("x"))["error"]["code"] == UNKNOWN


NO_MESSAGES = [
    (b"{", PARSE_ERROR),
    (b"", PARSE_ERROR),
    (b"\xff\xfe", PARSE_ERROR),
    (b"[" * 100_000, PARSE_ERROR),
    (b'{"jsonrpc":"2.0","id":1,"method":"x","params":[NaN]}', PARSE_ERROR),
    (b'{"jsonrpc":"2.0","id":1,"method":"x","params":[1e999]}', PARSE_ERROR),
    (b"[]", INVALID_REQUEST),
    (b"null", INVALID_REQUEST),
    (b"{}", INVALID_REQUEST),
    (b'{"jsonrpc":"1.0","id":1,"method":"x"}', INVALID_REQUEST),
    (b'{"jsonrpc":"2.0","id":1,"method":7}', INVALID_REQUEST),
    (b'{"jsonrpc":"2.0","id":[],"method":"x"}', INVALID_REQUEST),
    (b'{"jsonrpc":"2.0","id":true,"method":"x"}', INVALID_REQUEST),
]


async def test_messages_that_are_none(connect: Connect) -> None:
    client = await connect()
    for body, code in NO_MESSAGES:
        client.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        assert (await client.answer(None))["error"]["code"] == code, body
    await client.initialize()


WRONG: list[Any] = [
    None,
    7,
    "x",
    [],
    {},
    {"textDocument": 5},
    {"textDocument": {"uri": 5}},
    {"textDocument": {"uri": None}},
]


async def test_parameters_of_the_wrong_type(connect: Connect, workspace: Path) -> None:
    client = await connect()
    capabilities = {
        "general": 7,
        "textDocument": {"completion": "yes", "hover": {"contentFormat": [1, {}]}, "diagnostic": {}},
    }
    result = await client.initialize(workspace, capabilities=capabilities, initializationOptions=[1])
    uri = (workspace / "a.geppetto.js").as_uri()
    client.open(uri, SCRIPT)
    methods = [name for name, value in METHODS.items() if value(result["capabilities"])]
    for method in methods:
        for params in WRONG:
            answer = await client.answer(client.begin(method, params))
            assert "result" in answer or answer["error"]["code"] in (
                INVALID_PARAMS,
                -32603,
                INVALID_REQUEST,
            ), (method, params, answer)
    document = {"uri": uri}
    for position in (
        None,
        5,
        {},
        {"line": -1, "character": 0},
        {"line": "0", "character": 0},
        {"line": 0.5, "character": 0},
    ):
        assert (
            await client.error("textDocument/hover", {"textDocument": document, "position": position})
            == INVALID_PARAMS
        )
    for method in ("didOpen", "didChange", "didClose", "didSave", "nonsense"):
        for params in WRONG:
            client.notify(f"textDocument/{method}", params)
    for changes in (
        None,
        {},
        [5],
        [{"text": 5}],
        [{"range": 5, "text": ""}],
        [{"range": {"start": {}}, "text": ""}],
    ):
        client.notify("textDocument/didChange", {"textDocument": document, "contentChanges": changes})
    for params in (
        *WRONG,
        {"changes": 5},
        {"changes": [5]},
        {"changes": [{"uri": 5, "type": 5}]},
        {"changes": [{"uri": "x", "type": 99}]},
    ):
        client.notify("workspace/didChangeWatchedFiles", params)
        client.notify("workspace/didChangeWorkspaceFolders", params)
        client.notify("$/cancelRequest", params)
        client.notify("$/nonsense", params)
    assert await client.pull(uri) == NOTHING


METHODS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "textDocument/completion": lambda offered: offered["completionProvider"],
    "textDocument/hover": lambda offered: offered["hoverProvider"],
    "textDocument/rename": lambda offered: offered["renameProvider"],
    "textDocument/codeAction": lambda offered: offered["codeActionProvider"],
    "textDocument/diagnostic": lambda offered: offered["diagnosticProvider"],
    "textDocument/selectionRange": lambda offered: offered["selectionRangeProvider"],
    "textDocument/semanticTokens/full": lambda offered: offered["semanticTokensProvider"],
    "completionItem/resolve": lambda offered: offered["completionProvider"]["resolveProvider"],
    "workspace/executeCommand": lambda offered: offered["executeCommandProvider"],
    "callHierarchy/incomingCalls": lambda offered: offered["callHierarchyProvider"],
    "workspace/symbol": lambda offered: offered["workspaceSymbolProvider"],
}


async def test_unknown_methods_and_unopened_files(connect: Connect, workspace: Path) -> None:
    client = await connect()
    await client.initialize(workspace)
    assert await client.error("textDocument/nonsense", {}) == UNKNOWN
    assert await client.error("workspace/executeCommand", {"command": "rm -rf"}) == INVALID_PARAMS
    uri = (workspace / "never opened.geppetto.js").as_uri()
    client.change(uri, 2, (0, 0, 0, 0, "x"))
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    position = {"line": 0, "character": 0}
    assert (
        await client.ask("textDocument/hover", {"textDocument": {"uri": uri}, "position": position}) is None
    )
    assert await client.pull(uri) == []


NO_FILES = [
    "",
    "nonsense",
    "file:",
    "file://",
    "file:///",
    "file:///%00.geppetto.js",
    "http://[",
    "untitled:",
    "file://other-host/a.geppetto.js",
]


async def test_uris_of_no_file(connect: Connect, workspace: Path) -> None:
    client = await connect()
    await client.initialize(workspace)
    for uri in NO_FILES:
        client.open(uri, SCRIPT, "geppetto")
        answer = await client.answer(client.begin("textDocument/diagnostic", {"textDocument": {"uri": uri}}))
        assert "result" in answer, uri
        client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    good = (workspace / "a.geppetto.js").as_uri()
    client.open(good, SCRIPT)
    assert await client.pull(good) == NOTHING


async def test_one_id_twice(connect: Connect, workspace: Path) -> None:
    client = await connect()
    await client.initialize(workspace)
    uri = (workspace / "a.geppetto.js").as_uri()
    client.open(uri, SCRIPT)
    message = {
        "jsonrpc": "2.0",
        "id": "twice",
        "method": "textDocument/diagnostic",
        "params": {"textDocument": {"uri": uri}},
    }
    both = b"".join(
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body) for body in [json.dumps(message).encode()] * 2
    )
    client.write(both)
    first = await client.answer("twice")
    second = await client.answer("twice") if "error" in first else {"error": None}
    assert "error" in first or "error" in second


async def test_cancelled_in_the_same_breath(connect: Connect, workspace: Path) -> None:
    client = await connect()
    await client.initialize(workspace)
    uri = (workspace / "a.geppetto.js").as_uri()
    client.open(uri, SCRIPT)
    numbers = []
    for _ in range(50):
        numbers.append(client.begin("textDocument/diagnostic", {"textDocument": {"uri": uri}}))
        client.notify("$/cancelRequest", {"id": numbers[-1]})
    answers = [await client.answer(number) for number in numbers]
    assert all("result" in answer or answer["error"]["code"] == -32800 for answer in answers)
    assert await client.pull(uri) == NOTHING


async def test_ten_thousand_edits_in_a_burst(connect: Connect, workspace: Path) -> None:
    client = await connect()
    await client.initialize(
        workspace, capabilities={"textDocument": {"publishDiagnostics": {"versionSupport": True}}}
    )
    uri = (workspace / "a.geppetto.js").as_uri()
    client.open(uri, "\n" * 10)
    for version in range(2, 10_002):
        client.change(uri, version, (version % 7, 0, version % 7, 0, "/* 😀 */"))
    client.change(uri, 10_002, (0, 0, 999_999, 0, SCRIPT))
    assert [
        item["message"] for item in await client.published(uri, 10_002) if item["severity"] == 1
    ] == NOTHING
    assert len(client.told_of("textDocument/publishDiagnostics")) < 200, "not debounced"


async def test_a_script_of_ten_megabytes(connect: Connect, workspace: Path) -> None:
    client = await connect()
    await client.initialize(workspace)
    uri = (workspace / "a.geppetto.js").as_uri()
    filler = "// " + "é" * 97 + "\n"
    client.open(uri, filler * (10 * 1024 * 1024 // len(filler.encode())) + SCRIPT)
    for version in range(2, 30):
        client.change(uri, version, (5, 3, 5, 4, "x"))
    async with asyncio.timeout(100):
        # A busy machine may be late with the first answers; the errors are left out then.
        while await client.pull(uri) != NOTHING:
            pass


async def test_a_client_that_does_not_read(connect: Connect, workspace: Path) -> None:
    """It asks for more than a pipe holds, and reads only then."""
    client = await connect()
    await client.initialize(workspace)
    uri = (workspace / "a.geppetto.js").as_uri()
    client.open(uri, SCRIPT + "conversation.\n" * 5)
    transport = client.process._transport.get_pipe_transport(1)
    transport.pause_reading()
    position = {"line": 7, "character": 0}
    numbers = [
        client.begin("textDocument/completion", {"textDocument": {"uri": uri}, "position": position})
        for _ in range(300)
    ]
    await asyncio.wait_for(client.process.stdin.drain(), 60)
    await asyncio.sleep(1)
    transport.resume_reading()
    for number in numbers:
        assert "result" in await client.answer(number)


async def test_a_file_deleted_under_the_server(connect: Connect, workspace: Path) -> None:
    client = await connect()
    path = workspace / "a.geppetto.js"
    path.write_text(SCRIPT)
    await client.initialize(workspace)
    client.open(path.as_uri(), SCRIPT)
    assert await client.pull(path.as_uri()) == NOTHING
    path.unlink()
    workspace.rmdir()
    client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": path.as_uri(), "type": 3}]})
    client.change(path.as_uri(), 2, SCRIPT)
    assert await client.pull(path.as_uri()) == NOTHING


async def test_the_whole_disk_as_a_workspace(connect: Connect, workspace: Path) -> None:
    client = await connect()
    await client.initialize(Path("/"))
    uri = (workspace / "a.geppetto.js").as_uri()
    client.open(uri, SCRIPT)
    assert await client.pull(uri) == NOTHING
