"""A small editor: speaks the language server protocol over stdio, one request after another."""

import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.harness import environment

_PATIENCE = 60.0

_CAPABILITIES = {
    "general": {"positionEncodings": ["utf-16"]},
    "textDocument": {
        "completion": {"completionItem": {"snippetSupport": True}, "contextSupport": True},
        "hover": {"contentFormat": ["markdown", "plaintext"]},
        "diagnostic": {"dynamicRegistration": True, "relatedDocumentSupport": False},
        "publishDiagnostics": {"versionSupport": True},
        "synchronization": {},
    },
    "workspace": {"configuration": True, "workspaceFolders": True},
}


class LanguageClient:
    """A session with a server, from its start to its end.

    Raises, from everything that waits:
        TimeoutError: no answer came.
        RuntimeError: the server answered with an error, or ended.
    """

    def __init__(self, command: Sequence[str], folder: Path, *, options: object = None) -> None:
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env={**environment(), "DENO_DIR": str(folder / ".deno"), "DENO_NO_UPDATE_CHECK": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._number = 0
        self._versions: dict[str, int] = {}
        self._messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        self.notified: Callable[[str, dict[str, Any]], None] = lambda method, params: None
        result = self.ask(
            "initialize",
            {
                "processId": os.getpid(),
                "rootUri": folder.as_uri(),
                "workspaceFolders": [{"uri": folder.as_uri(), "name": "bench"}],
                "capabilities": _CAPABILITIES,
                "initializationOptions": options,
            },
        )
        self.pulls = bool(result["capabilities"].get("diagnosticProvider"))
        self.tell("initialized", {})

    def ask(self, method: str, params: object) -> Any:
        """Sends a request; returns its result."""
        self._number += 1
        number = self._number
        self._send({"id": number, "method": method, "params": params})
        answer = self._take(lambda message: message.get("id") == number and "method" not in message, method)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer.get("result")

    def tell(self, method: str, params: object) -> None:
        """Sends a notification."""
        self._send({"method": method, "params": params})

    def wait_for(self, method: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Waits for a notification."""
        return self._take(
            lambda message: message.get("method") == method and wanted(message["params"]), method
        )["params"]

    def open(self, path: Path, text: str, language: str = "javascript") -> None:
        self._versions[path.as_uri()] = 1
        item = {"uri": path.as_uri(), "languageId": language, "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": item})

    def edit(self, path: Path, line: int, start: int, end: int, text: str) -> int:
        """Replaces characters of a line; returns the new version."""
        uri = path.as_uri()
        self._versions[uri] += 1
        span = {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}
        self.tell(
            "textDocument/didChange",
            {
                "textDocument": {"uri": uri, "version": self._versions[uri]},
                "contentChanges": [{"range": span, "text": text}],
            },
        )
        return self._versions[uri]

    def processes(self) -> list[psutil.Process]:
        """The server and its children."""
        server = psutil.Process(self._process.pid)
        return [server, *server.children(recursive=True)]

    def close(self) -> None:
        """Ends the server and all its children."""
        children = self.processes()
        self._process.kill()
        for child in children[1:]:
            try:
                child.kill()
            except psutil.NoSuchProcess:
                continue
        self._process.wait(10)

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._process.stdin.flush()

    def _take(self, wanted: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                message = self._messages.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise TimeoutError(f"{what}: nothing came in {_PATIENCE:g} s") from None
            if message is None:
                self._messages.put(None)
                raise RuntimeError(f"{what}: the server ended")
            if wanted(message):
                return message
            if "id" in message and "method" in message:
                items = message["params"].get("items", []) if isinstance(message.get("params"), dict) else []
                self._send({"id": message["id"], "result": [None for _ in items] or None})

    def _read(self) -> None:
        output = self._process.stdout
        assert output is not None
        while header := output.readline():
            length = 0
            while header.strip():
                name, _, value = header.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
                header = output.readline()
            self._messages.put(json.loads(output.read(length)))
        self._messages.put(None)
