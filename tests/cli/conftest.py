"""Runs the command as a user does: as a process of its own, in a folder of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Geppetto = Callable[..., "subprocess.CompletedProcess[str]"]

COMMAND = [sys.executable, "-m", "geppetto"]


def environment(home: Path) -> dict[str, str]:
    """An environment in which nothing is configured."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GEPPETTO_", "OPENAI_", "ANTHROPIC_"))
    }
    return {
        **kept,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "XDG_CACHE_HOME": str(home),
        "TERM": "xterm",
    }


@pytest.fixture
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return environment(tmp_path_factory.mktemp("home"))


@pytest.fixture
def geppetto(tmp_path: Path, env: dict[str, str]) -> Geppetto:
    """Runs `geppetto ARGUMENTS` in the test's folder; returns what it printed and its exit code."""

    def call(*arguments: str, stdin: str | None = None, **extra: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=tmp_path,
            env={**env, **extra},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return call


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], str]:
    """Writes a script; returns its name."""

    def write(text: str, name: str = "script.geppetto.js") -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return name

    return write


Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path, env: dict[str, str]) -> Iterator[Start]:
    """Starts a command in a session of its own; whatever it leaves running ends with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def call(command: list[str]) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield call
    for process in started:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it left nothing
        process.communicate()
