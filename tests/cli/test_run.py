"""`geppetto run`, from outside."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

Geppetto = Callable[..., "subprocess.CompletedProcess[str]"]
Script = Callable[[str], str]
Start = Callable[[list[str]], "subprocess.Popen[bytes]"]
COMMAND = [sys.executable, "-m", "geppetto", "run"]

SLOW = """
const stream = echoStep.startStream("one two three four five six seven eight nine ten", { delay: 0.15 });
stream.on("interrupt", (event) => console.log("kept:", event.text));
await stream.done();
console.log("the script goes on");
"""


def test_text_and_console(geppetto: Geppetto, script: Script) -> None:
    name = script(
        'console.log("before"); await echoStep.startStream("some words").finalText(); console.error("after")'
    )
    done = geppetto("run", name)
    assert (done.returncode, done.stdout, done.stderr) == (0, "before\nsome words\n", "after\n")


def test_standard_input_and_params(geppetto: Geppetto) -> None:
    done = geppetto("run", "-", "-p", "a=b", "-p", "n:=[1]", stdin="console.log(params.a, params.n[0] + 1)")
    assert (done.returncode, done.stdout) == (0, "b 2\n"), done.stderr


def test_no_stream(geppetto: Geppetto, script: Script) -> None:
    name = script('console.log(await echoStep.startStream("words").finalText())')
    assert geppetto("run", name, "--no-stream").stdout == "words\n"
    assert geppetto("run", name).stdout == "words\nwords\n"


def test_events_as_json_lines(geppetto: Geppetto, script: Script) -> None:
    name = script('console.log("aside"); await echoStep.startStream("two words").finalText()')
    done = geppetto("run", name, "--events", "jsonl")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["type"] for event in events] == ["start", "partial", "partial", "final"]
    assert all(event["step"]["step_id"] for event in events)
    assert done.stderr == "aside\n"


def test_an_error_shows_its_place(geppetto: Geppetto, script: Script) -> None:
    done = geppetto("run", script("const a = 1;\nnull.x;\n"))
    assert done.returncode == 1
    assert "script.geppetto.js:2:6" in done.stderr and "TypeError" in done.stderr
    assert "\x1b" not in done.stderr


def test_what_an_error_says_cannot_steer_the_terminal(geppetto: Geppetto, script: Script) -> None:
    steering = r"\x1b]0;pwned\x07bad\x1b[2J"
    name = script(f'// \x1b[2J\nthrow new Error("{steering}", {{ cause: new TypeError("{steering}") }});\n')
    done = geppetto("run", name)
    assert "Error: ]0;pwnedbad[2J\n" in done.stderr and "Caused by TypeError: ]0;pwned" in done.stderr
    assert "\x1b" not in done.stderr and "\x07" not in done.stderr
    refused = geppetto("run", "no\x1b[2J.js")
    assert refused.returncode == 1 and "no[2J.js" in refused.stderr and "\x1b" not in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--timeout", "soon"], "--timeout soon"),
        (["-p", "novalue"], "novalue"),
        (["--root", "nowhere"], "nowhere"),
        (["--events", "xml"], "xml"),
        (["--such-an-option"], "--such-an-option"),
        (["--profile", "nobody"], "nobody"),
    ],
)
def test_usage_errors(geppetto: Geppetto, script: Script, arguments: list[str], says: str) -> None:
    done = geppetto("run", script("console.log('ran')"), *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr and "Traceback" not in done.stderr


def test_a_wrong_setting_is_a_usage_error(geppetto: Geppetto, script: Script, tmp_path: Path) -> None:
    (tmp_path / "geppetto.toml").write_text('[chat]\nprovider = "nobody"\n')
    done = geppetto("run", script("console.log('ran')"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "geppetto.toml:2" in done.stderr and "echo" in done.stderr


def test_limits_of_the_settings_hold_and_the_command_line_is_stronger(
    geppetto: Geppetto, script: Script, tmp_path: Path
) -> None:
    (tmp_path / "geppetto.toml").write_text("[limits]\noutput_bytes = 100\n")
    name = script("console.log('x'.repeat(200))")
    assert geppetto("run", name).returncode == 3
    assert geppetto("run", name, "--max-output", "1000").returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA")
def test_a_bomb_of_buffers_is_a_limit_with_its_place(geppetto: Geppetto, script: Script) -> None:
    name = script("const all = [];\nfor (;;) all.push(new Uint8Array(16 << 20).fill(1));\n")
    done = geppetto("run", name, "--max-memory", "400MiB")
    assert done.returncode == 3
    assert "RangeError: Array buffer allocation failed" in done.stderr
    assert "script.geppetto.js:2" in done.stderr and "limit 'memory'" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA")
def test_a_script_may_go_on_with_less_when_it_catches_a_refused_buffer(
    geppetto: Geppetto, script: Script
) -> None:
    name = script("try { new Uint8Array(1 << 30).fill(1) } catch (error) { console.log(error.name) }")
    done = geppetto("run", name, "--max-memory", "400MiB")
    assert (done.returncode, done.stdout) == (0, "RangeError\n")


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA")
def test_a_bomb_of_objects_is_a_limit(geppetto: Geppetto, script: Script) -> None:
    name = script("const all = []; for (;;) all.push({ a: 1, b: [1, 2, 3] });")
    done = geppetto("run", name, "--max-heap", "none", "--max-memory", "200MiB", "--yield-timeout", "50s")
    assert done.returncode == 3, done.stderr
    assert "memory" in done.stderr and "Traceback" not in done.stderr and "C stack" not in done.stderr


def test_a_reader_that_leaves_ends_the_run_quietly(start: Start, script: Script) -> None:
    run = start(
        [
            *COMMAND,
            script(
                "for (let n = 0; ; n++) { console.log(n); await new Promise((go) => setTimeout(go, 1)); }"
            ),
        ]
    )
    assert run.stdout is not None and run.stderr is not None
    assert run.stdout.readline() == b"0\n"
    run.stdout.close()
    assert run.wait(timeout=60) == 130
    assert run.stderr.read() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told(env: dict[str, str], script: Script, tmp_path: Path) -> None:
    name = script("console.log('line'); await new Promise((go) => setTimeout(go, 5000));")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, name],
            cwd=tmp_path,
            env=env,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    assert "No space left" in done.stderr


def test_ctrl_c_keeps_the_text_and_lets_the_script_finish(start: Start, script: Script) -> None:
    run = start([*COMMAND, script(SLOW)])
    assert run.stdout is not None
    seen = b""
    while b"two" not in seen:
        seen += os.read(run.stdout.fileno(), 1000)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does
    rest, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    streamed, kept, last = (seen + rest).decode().splitlines()
    assert kept == f"kept: {streamed}" and streamed.startswith("one two")
    assert last == "the script goes on"
    assert err == b""


def test_a_killed_run_leaves_nothing_behind(start: Start, script: Script) -> None:
    # What it says in a long turn is shown meanwhile: then it is in the loop.
    text = "console.log('in'); const until = Date.now() + 200; while (Date.now() < until); console.log('in'); for (;;);"
    run = start([*COMMAND, script(text)])
    assert run.stdout and run.stdout.read(3) == b"in\n"
    children = psutil.Process(run.pid).children()
    assert children
    run.kill()
    run.wait()
    deadline = time.monotonic() + 60
    while children[0].is_running() and children[0].status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_terminal_sees_headers_and_colours(env: dict[str, str], script: Script, tmp_path: Path) -> None:
    name = script('await echoStep.startStream("some words").finalText(); console.log({ a: 1 });')
    shown = on_a_terminal([*COMMAND, name], tmp_path, env)
    assert "▸ echoStep · script.geppetto.js:1" in shown
    assert "some words\r\n" in shown and "tokens" in shown
    assert "{ a: \x1b[33m1\x1b[39m }" in shown
    without = on_a_terminal([*COMMAND, "--no-color", name], tmp_path, env)
    assert "\x1b[3" not in without and "▸ echoStep" in without


def on_a_terminal(command: list[str], folder: Path, env: dict[str, str]) -> str:
    """What a command prints on a terminal of its own."""
    ours, theirs = pty.openpty()
    run = subprocess.Popen(
        command, cwd=folder, env={**env, "NO_COLOR": ""}, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([ours], [], [], 1)[0]:
            continue
        try:
            data = os.read(ours, 65536)
        except OSError:  # what Linux says when the other end is closed
            break
        if not data:
            break
        shown += data
    os.close(ours)
    assert run.wait(timeout=60) == 0, shown
    return shown.decode()


def test_nothing_heavy_is_imported_to_run_a_script(
    env: dict[str, str], script: Script, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "geppetto", "run", script('console.log("hello")')],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "hello\n"
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "py_mini_racer" in imported
    assert not imported & {"pydantic", "yaml", "rich", "openai", "anthropic", "jsonschema", "tree_sitter"}


@pytest.mark.parametrize(
    ("text", "closed", "code"),
    [
        ("console.log(1)", ">&-", 0),
        ("console.log(1)", "<&- >&- 2>&-", 0),
        ("null.x", ">&- 2>&-", 1),
    ],
)
def test_closed_streams_are_no_trouble(
    text: str, closed: str, code: int, script: Script, tmp_path: Path, env: dict[str, str]
) -> None:
    command = f"{sys.executable} -m geppetto run {script(text)} {closed}"
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_a_closed_standard_input_is_an_empty_script(tmp_path: Path, env: dict[str, str]) -> None:
    command = f"{sys.executable} -m geppetto run - <&-"
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, "<stdin> is empty" in done.stderr) == (1, True), done.stderr


def test_a_script_may_come_through_a_pipe(env: dict[str, str], tmp_path: Path) -> None:
    declared = "/** @param {string} name Whom. */\nconsole.log('hi', params.name);"
    for options, expected in (("-p name=you", "hi you"), ("--list-params", "Whom.")):
        done = subprocess.run(
            ["sh", "-c", f"cat | {sys.executable} -m geppetto run /dev/stdin {options}"],
            cwd=tmp_path,
            env=env,
            input=declared,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert expected in done.stdout, done.stderr


def test_the_params_of_standard_input_are_listed(geppetto: Geppetto) -> None:
    done = geppetto("run", "-", "--list-params", stdin="/** @param {string} name Whom. */")
    assert done.returncode == 0 and "geppetto run - -p name=…" in done.stdout, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are Unicode")
def test_the_name_of_a_script_need_not_be_unicode(env: dict[str, str], tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff.js"
    Path(os.fsdecode(name)).write_text("console.log('ran'); null.x")
    done = subprocess.run([*COMMAND, name], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "ran\n"), done.stderr
    assert "> 1 | console.log('ran'); null.x" in done.stderr


@pytest.mark.parametrize("file", ["", ".", "pipe"])
def test_a_cassette_takes_the_place_of_a_file_only(
    geppetto: Geppetto, script: Script, tmp_path: Path, file: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = geppetto("run", script("console.log(1)"), "--record", file)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "cannot be written: " in done.stderr and "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux")
def test_a_bound_that_leaves_no_memory_for_a_script_is_told(geppetto: Geppetto, script: Script) -> None:
    done = geppetto("run", script("console.log(1)"), "--max-memory", "10MiB")
    assert (done.returncode, done.stdout) == (2, "")
    assert "10 MiB of memory are too little" in done.stderr, done.stderr


def test_a_bound_that_no_system_knows_bounds_nothing(geppetto: Geppetto, script: Script) -> None:
    done = geppetto("run", script("console.log(1)"), "--max-memory", "99999999999t")
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
