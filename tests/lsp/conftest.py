"""What the language server's tests share."""

import asyncio
import itertools
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

# Enough of the API to test with, should the real typings change under the tests.
TYPINGS = """\
/** A list of messages. */
declare class Conversation {
  /** Adds a message; returns its id. */
  addMessage(role: "system" | "assistant" | "user" | "tool", text: string): string;
  /** @deprecated use addMessage */
  AddMessage(role: string, text: string): string;
}
declare const console: { log(...values: unknown[]): void };
"""

AWKWARD_NAME = "w s#é%25 日本"
"""A folder that has to be escaped, and looks escaped already."""


@pytest.fixture
def typings(tmp_path: Path) -> Path:
    path = tmp_path / "api" / "geppetto.d.ts"
    path.parent.mkdir()
    path.write_text(TYPINGS, "utf-8")
    return path


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / AWKWARD_NAME
    folder.mkdir()
    return folder


SERVER = "from geppetto.lsp.main import serve_stdio; raise SystemExit(serve_stdio())"
PUSH: dict[str, Any] = {"textDocument": {"publishDiagnostics": {"versionSupport": True}}}
PULL: dict[str, Any] = {
    "textDocument": {"diagnostic": {}},
    "workspace": {"diagnostics": {"refreshSupport": True}},
}


class RawClient:
    """An editor that may send anything. Keeps all it is told; its waits end, with a transcript when in vain."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.told: list[dict[str, Any]] = []
        self.answers: dict[Any, dict[str, Any]] = {}
        self.replies: dict[str, Any] = {}
        """What it answers the server's requests, by method."""
        self._ids = itertools.count(1)
        self._news = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())
        self._stderr = asyncio.create_task(self._read_stderr())
        self.stderr = ""
        self._offer: Any = None

    async def _read(self) -> None:
        assert self.process.stdout
        while header := await self.process.stdout.readline():
            length = int(header.split(b":")[1])
            while (await self.process.stdout.readline()).strip():
                pass
            message = json.loads(await self.process.stdout.readexactly(length))
            if message.get("method") == "window/showMessageRequest":
                self._offer = message["id"]
            elif "method" in message and "id" in message:
                self.send(
                    {"jsonrpc": "2.0", "id": message["id"], "result": self.replies.get(message["method"])}
                )
            async with self._news:
                if "method" in message:
                    self.told.append(message)
                else:
                    self.answers[message["id"]] = message
                self._news.notify_all()
        async with self._news:
            self._news.notify_all()

    def choose(self, title: str) -> None:
        """Clicks a button of the last message that has some."""
        self.send({"jsonrpc": "2.0", "id": self._offer, "result": {"title": title}})

    async def _read_stderr(self) -> None:
        assert self.process.stderr
        while data := await self.process.stderr.read(4096):
            self.stderr += data.decode("utf-8", "replace")

    def write(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)

    def send(self, message: Any) -> None:
        body = json.dumps(message).encode()
        self.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def notify(self, method: str, params: Any = None) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def begin(self, method: str, params: Any = None) -> int:
        number = next(self._ids)
        self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        return number

    async def answer(self, number: Any, seconds: float = 60) -> dict[str, Any]:
        await self.until(lambda: number in self.answers, seconds)
        return self.answers.pop(number)

    async def ask(self, method: str, params: Any = None) -> Any:
        """The result; an error fails the test."""
        answer = await self.answer(self.begin(method, params))
        assert "error" not in answer, answer
        return answer["result"]

    async def error(self, method: str, params: Any = None) -> int:
        """The code of the error that must come."""
        answer = await self.answer(self.begin(method, params))
        assert "error" in answer, answer
        return int(answer["error"]["code"])

    async def until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        try:
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(lambda: condition() or self._reader.done())
        except TimeoutError:
            pytest.fail(
                f"Waited in vain. Told: {self.told[-5:]}\nAnswers: {self.answers}\nstderr: {self.stderr}"
            )
        assert condition(), f"The server has ended. stderr: {self.stderr}"

    def told_of(self, method: str) -> list[Any]:
        return [message["params"] for message in self.told if message["method"] == method]

    async def published(self, uri: str, version: int | None) -> list[dict[str, Any]]:
        """The diagnostics pushed for a version of a document."""

        def of_version() -> list[Any]:
            pushed = self.told_of("textDocument/publishDiagnostics")
            return [each for each in pushed if each["uri"] == uri and each.get("version") == version]

        await self.until(lambda: bool(of_version()))
        return of_version()[-1]["diagnostics"]  # type: ignore[no-any-return]

    async def initialize(self, *folders: Path, capabilities: Any = PULL, **more: Any) -> Any:
        uris = [{"uri": folder.as_uri(), "name": folder.name} for folder in folders]
        params = {
            "processId": None,
            "capabilities": capabilities,
            "rootUri": None,
            "workspaceFolders": uris,
            **more,
        }
        result = await self.ask("initialize", params)
        self.notify("initialized", {})
        return result

    def open(self, uri: str, text: str, language: str = "javascript", version: int = 1) -> None:
        item = {"uri": uri, "languageId": language, "version": version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def change(self, uri: str, version: int, *changes: Any) -> None:
        """Changes: whole texts, or (line, character, line, character, text)."""
        edits: list[dict[str, Any]] = []
        for change in changes:
            if isinstance(change, str):
                edits.append({"text": change})
            else:
                a, b, c, d, text = change
                span = {"start": {"line": a, "character": b}, "end": {"line": c, "character": d}}
                edits.append({"range": span, "text": text})
        params = {"textDocument": {"uri": uri, "version": version}, "contentChanges": edits}
        self.notify("textDocument/didChange", params)

    async def pull(self, uri: str) -> list[str]:
        """The messages of the errors in a document."""
        while True:
            answer = await self.answer(self.begin("textDocument/diagnostic", {"textDocument": {"uri": uri}}))
            if answer.get("error", {}).get("code") != -32802:
                break
        return [item["message"] for item in answer["result"]["items"] if item["severity"] == 1]

    async def leave(self) -> int:
        """Says goodbye as the protocol asks; the exit code."""
        assert await self.ask("shutdown") is None
        self.notify("exit")
        return await self.wait()

    async def wait(self) -> int:
        async with asyncio.timeout(60):
            code = await self.process.wait()
            await asyncio.gather(self._reader, self._stderr)
        return code


@pytest.fixture
async def connect(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[RawClient]]]:
    """Starts servers, by the Python code for it. At the end every one of them must still be able to leave in good order, without a word."""
    clients: list[RawClient] = []

    async def connect(code: str = SERVER) -> RawClient:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            code,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=64 * 1024 * 1024,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
        clients.append(RawClient(process))
        return clients[-1]

    yield connect
    try:
        for client in clients:
            if client.process.returncode is None:
                assert await client.leave() == 0
            assert "ERROR" not in client.stderr and "Traceback" not in client.stderr, client.stderr[-3000:]
        assert not list(tmp_path.glob("geppetto-lsp-*")), "a shadow folder is still there"
    finally:
        for client in clients:
            if client.process.returncode is None:
                client.process.kill()
                await client.process.wait()
