"""Runs `geppetto check` as a user does: as a process of its own, in a repository of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "geppetto", "check"]
Check = Callable[..., "subprocess.CompletedProcess[str]"]
Write = Callable[[str, str], Path]

BAD_ROLE = 'new Conversation().addMessage("boss", "hi");\n'
SLIP = 'new Conversation().addMessage("System", "hi");\n'
DEPRECATED = "await doubleStep.startAsync(21);\n"
UNTYPED = "nowhere();\n"
FORGOTTEN = 'chatStep.startStream("hi");\n'
CLEAN = 'console.log(await chatStep.startStream("hi").finalText());\n'


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    home = str(tmp_path / "home")
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("GEPPETTO_", "GITHUB_"))
    }
    return {**kept, "HOME": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home, "TMPDIR": str(tmp_path)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    (folder / ".git").mkdir(parents=True)
    return folder


@pytest.fixture
def write(folder: Path) -> Write:
    def write(name: str, text: str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path

    return write


@pytest.fixture
def check(folder: Path, tmp_path: Path, env: dict[str, str]) -> Check:
    """Runs the command; afterwards nothing of it may be left in the temporary folder."""

    def check(
        *arguments: str, cwd: Path | None = None, before: Sequence[str] = (), **extra: str
    ) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [*before, *COMMAND, *arguments],
            cwd=cwd or folder,
            env={**env, **extra},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=100,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert not list(tmp_path.glob("geppetto-lsp-*"))
        return done

    return check
