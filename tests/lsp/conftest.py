"""What the language server's tests share."""

from pathlib import Path

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
