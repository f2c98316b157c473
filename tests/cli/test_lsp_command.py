"""`geppetto lsp` speaks the protocol on its standard streams, however an editor spells the command."""

import json
import subprocess
import sys
from typing import Any

import pytest


def message(content: dict[str, Any]) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", **content}).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.mark.parametrize("arguments", [["lsp"], ["lsp", "--stdio"]])
def test_an_editor_starts_it_and_ends_it(arguments: list[str]) -> None:
    root = {"processId": None, "rootUri": None, "capabilities": {}}
    said = b"".join(
        (
            message({"id": 1, "method": "initialize", "params": root}),
            message({"method": "initialized", "params": {}}),
            message({"id": 2, "method": "shutdown"}),
            message({"method": "exit"}),
        )
    )
    done = subprocess.run(
        [sys.executable, "-m", "geppetto", *arguments], input=said, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b'"completionProvider"' in done.stdout
    assert b'"id":2' in done.stdout.replace(b" ", b"")
