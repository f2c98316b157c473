"""`geppetto chat` as a program: in pipes, and on a terminal."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

GEPPETTO = str(Path(sys.executable).with_name("geppetto"))
Scripted = Callable[..., Path]
STORY = '  - stream: [{ text: "Once upon a time" }, { stall: true }]\n'


def chat(folder: Path, *arguments: str, input: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [GEPPETTO, "chat", *arguments], cwd=folder, input=input, capture_output=True, text=True, timeout=60
    )


def test_lines_are_questions(scripted: Scripted) -> None:
    ran = chat(
        scripted('  - stream: [{ text: "One." }]\n  - stream: [{ text: "Two" }]\n'), input="first\n\nsecond"
    )
    assert (ran.stdout, ran.stderr, ran.returncode) == ("One.\nTwo\n", "", 0)


def test_one_question_with_what_is_piped(tmp_path: Path) -> None:
    ran = chat(tmp_path, "Sum this up:", input="a long text\n")
    assert ran.stdout == "Sum this up:\n\na long text\n"
    assert "echo" in ran.stderr


def test_a_failed_answer_is_told_and_the_next_question_asked(scripted: Scripted) -> None:
    folder = scripted(
        '  - { match: first, stream: [{ error: { kind: server, message: tangled } }] }\n  - stream: [{ text: "Two." }]\n'
    )
    ran = chat(folder, input="first\nsecond\n")
    assert (ran.stdout, ran.returncode) == ("Two.\n", 1)
    assert "tangled" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--profile", "nobody"], "nobody"), (["--folder", "nowhere"], "there is no such folder")],
)
def test_wrong_options(scripted: Scripted, arguments: list[str], said: str) -> None:
    ran = chat(scripted(STORY), *arguments, input="hello\n")
    assert ran.returncode in (1, 2)
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")
@pytest.mark.parametrize("question", ["tell\n", ""], ids=["in an answer", "at the prompt"])
def test_an_interrupt_ends_it(scripted: Scripted, question: str) -> None:
    running = subprocess.Popen(
        [GEPPETTO, "chat"],
        cwd=scripted(STORY),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert running.stdin and running.stdout
    try:
        if question:
            running.stdin.write(question.encode())
            running.stdin.flush()
            assert os.read(running.stdout.fileno(), 100)
        else:
            _until_it_catches_signals(running.pid)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130
    finally:
        running.kill()
        running.communicate()


def _until_it_catches_signals(pid: int) -> None:
    """The Python handler is there from the start; asyncio's wake-up descriptor comes with the loop's."""
    for _ in range(600):
        with suppress(FileNotFoundError):  # closed meanwhile
            if any("socket" in os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")):
                break
        time.sleep(0.05)
    time.sleep(0.5)


@contextmanager
def on_terminal(
    folder: Path, *arguments: str, term: str = "xterm-256color"
) -> "Iterator[tuple[int, subprocess.Popen[bytes]]]":
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": term, "COLUMNS": "80", "LINES": "24"}
    running = subprocess.Popen(
        [GEPPETTO, *arguments], cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )  # fmt: skip
    os.close(theirs)
    try:
        yield ours, running
    finally:
        running.kill()
        running.wait()
        os.close(ours)


def read_until(terminal: int, wanted: bytes, seconds: float = 60) -> bytes:
    seen = b""
    deadline = time.monotonic() + seconds
    while wanted not in seen:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"{wanted!r} did not come after {seen[-2000:]!r}"
        seen += os.read(terminal, 65536)
    return seen


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudoterminals of this kind")
def test_on_a_terminal_it_is_a_screen_that_leaves_no_trace(scripted: Scripted) -> None:
    with on_terminal(scripted('  - stream: [{ text: "Hello, Pinocchio." }]\n'), "chat") as (
        terminal,
        running,
    ):
        read_until(terminal, b"Ask something")
        os.write(terminal, b"hi\r")
        read_until(terminal, b"Pinocchio")
        os.write(terminal, b"\x11")  # Ctrl+Q
        read_until(terminal, b"\x1b[?1049l")  # the screen from before
        assert running.wait(60) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudoterminals of this kind")
@pytest.mark.parametrize("command", [["chat"], ["run", "a.geppetto.js", "--tui"]])
def test_a_screen_that_fails_is_no_success(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    folder = scripted('  - stream: [{ text: "Hello." }]\n')
    (folder / "a.geppetto.js").write_text("1;\n")
    (folder / "sitecustomize.py").write_text(
        "import textual.app\ndef fail(self):\n    raise OSError('no screen')\ntextual.app.App._on_compose = fail\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder))
    with on_terminal(folder, *command) as (terminal, running):
        read_until(terminal, b"no screen")
        assert running.wait(60) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudoterminals of this kind")
def test_an_answer_cannot_steer_the_terminal(scripted: Scripted) -> None:
    folder = scripted('  - stream: [{ text: "\\e]0;pwned\\a\\e[2Jcleared\\r?" }]\n')
    with on_terminal(folder, "chat", "--plain", "hi") as (terminal, _):
        seen = read_until(terminal, b"tokens")
        assert b"]0;pwned[2Jcleared?\r\n" in seen and b"\x1b" not in seen and b"\x07" not in seen
    assert "\x1b]0;pwned\x07" in chat(folder, "hi").stdout  # a pipe gets what was said


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudoterminals of this kind")
def test_plain_on_a_terminal(scripted: Scripted) -> None:
    with on_terminal(scripted('  - stream: [{ text: "Hello." }]\n'), "chat", "--plain") as (
        terminal,
        running,
    ):
        read_until(terminal, b"> ")
        os.write(terminal, b"hi\n")
        assert b"Hello." in read_until(terminal, b"tokens\r\n> ")  # they may come in one piece
        os.write(terminal, b"\x04")
        assert running.wait(60) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudoterminals of this kind")
def test_on_the_screen_an_answer_cannot_steer_the_terminal_either(scripted: Scripted) -> None:
    steering = "\\e]0;pwned\\a\\ecleared\\x9b2J"
    folder = scripted(
        f'  - stream: [{{ text: "In a text {steering}\\n\\n```\\nin code {steering}\\n```\\n" }}, '
        f'{{ tool_call: {{ name: "look{steering}", input: "for {steering}" }} }}, '
        f'{{ error: {{ kind: server, message: "The end {steering}." }} }}]\n'
    )
    (folder / "say.geppetto.js").write_text(
        'await chatStep.startStream("hi").finalText().catch(() => {});\n'
        'console.log("\\x1b[31mred\\x1b[0m \\x1b]0;pwned\\x07\\x1bcleared\\x9b2J");\n'
        'console.log("told");\n'
    )
    for arguments, wanted in (["chat"], b"The end"), (["run", "say.geppetto.js", "--tui"], b"q quits"):
        with on_terminal(folder, *arguments) as (terminal, _):
            if arguments == ["chat"]:
                read_until(terminal, b"Ask something")
                os.write(terminal, b"hi\r")
            seen = read_until(terminal, wanted)
            os.write(terminal, b"\x11")
            seen += read_until(terminal, b"\x1b[?1049l")
            assert b"pwned" in seen
            for steers in b"\x1b]0;pwned", b"\x1bc", "\x9b".encode():
                assert steers not in seen


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudoterminals of this kind")
def test_a_dumb_terminal_gets_lines(scripted: Scripted) -> None:
    folder = scripted('  - stream: [{ text: "Hello." }]\n')
    with on_terminal(folder, "chat", term="dumb") as (terminal, _):
        seen = read_until(terminal, b"> ")
        os.write(terminal, b"hi\n")
        seen += read_until(terminal, b"Hello.")
        assert b"\x1b" not in seen
