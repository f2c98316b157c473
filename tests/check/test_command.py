"""Paths, settings, fixes and exit codes."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.check.conftest import (
    BAD_ROLE,
    CLEAN,
    COMMAND,
    DEPRECATED,
    FORGOTTEN,
    SLIP,
    UNTYPED,
    Check,
    Write,
)

INFORMATION = 'chatStep.startStream("hi").on("final", () => {});\n'
IS_ROOT = sys.platform != "win32" and os.geteuid() == 0
_POWERS = "-dac_override,-dac_read_search"
MORTAL = ["setpriv", "--bounding-set", _POWERS, "--inh-caps", _POWERS] if IS_ROOT else []
"""Permissions hold for whom this runs."""
HINT = "const neverUsed = 1;\n"


@pytest.mark.parametrize(
    ("text", "fail_on", "code"),
    [
        (BAD_ROLE, "error", 1),
        (FORGOTTEN, "error", 0),
        (FORGOTTEN, "warning", 1),
        (INFORMATION, "warning", 0),
        (INFORMATION, "information", 1),
        (INFORMATION, "hint", 1),
    ],
)
def test_what_fails(check: Check, write: Write, text: str, fail_on: str, code: int) -> None:
    write("a.geppetto.js", text)
    done = check("--fail-on", fail_on)
    assert done.returncode == code
    assert "a.geppetto.js:1:" in done.stdout


def test_hints_only_if_asked_for(check: Check, write: Write) -> None:
    write("a.geppetto.js", HINT)
    assert check().stdout == "No problems in 1 script.\n"
    done = check("--fail-on", "hint")
    assert done.returncode == 1 and "hint TS6133" in done.stdout


def test_paths_that_are_not_there_are_all_named(check: Check, write: Write) -> None:
    write("a.geppetto.js", BAD_ROLE)
    write("notes.txt", "")
    done = check("a.geppetto.js", "nowhere", "notes.txt", "lost\nline.js")
    assert done.returncode == 2 and done.stdout == ""
    assert "nowhere: there is no such file" in done.stderr and "notes.txt: scripts are" in done.stderr
    assert "lost\\nline.js" in done.stderr


def test_no_scripts_is_said(check: Check, folder: Path) -> None:
    done = check()
    assert done.returncode == 0 and "no scripts in ." in done.stderr and "*.geppetto.ts" in done.stderr


@pytest.mark.parametrize("arguments", [["--format", "xml"], ["--fail-on", "never"], ["--unknown"]])
def test_wrong_options(check: Check, arguments: list[str]) -> None:
    assert check(*arguments).returncode == 2


def test_a_named_file_is_checked_whatever_its_name_and_place(
    check: Check, write: Write, tmp_path: Path
) -> None:
    write("plain.js", BAD_ROLE)
    write(".hidden/x.geppetto.js", UNTYPED)
    outside = tmp_path / "outside.geppetto.js"
    outside.write_text(BAD_ROLE)
    done = check("plain.js", "plain.js", ".hidden/x.geppetto.js", str(outside))
    lines = done.stdout.splitlines()
    assert len(lines) == 4, done.stdout
    assert str(outside) in done.stdout and "TS2304" in done.stdout
    assert lines[-1].endswith("in 3 scripts.")


def test_odd_names(check: Check, write: Write, folder: Path) -> None:
    names = ["w s#é%25 日本/a b.geppetto.js", "new\nline.geppetto.js", "*?[x].geppetto.js", "'\".geppetto.js"]
    for name in names:
        write(name, BAD_ROLE + UNTYPED)
    if sys.platform == "linux":
        with open(os.fsencode(folder) + b"/bytes-\xff.geppetto.js", "w") as file:
            file.write(CLEAN)
    report = json.loads(check("--format", "json").stdout)
    found = {(each["path"], each["code"]) for each in report["problems"] if each["code"] != "unreadable"}
    assert found == {(name, code) for name in names for code in ("unknown-role", "TS2304")}
    lines = check().stdout.splitlines()
    assert len(lines) == 2 * len(names) + 1 + (sys.platform == "linux")
    if sys.platform == "linux":
        assert "bytes-\\xff.geppetto.js:1:1: error unreadable" in "\n".join(lines)
    assert check("--format", "sarif").returncode == 1


def test_what_is_made_from_typescript_is_left_out(check: Check, write: Write) -> None:
    write("twin.geppetto.ts", BAD_ROLE)
    write("twin.geppetto.js", BAD_ROLE)
    assert "in 1 script." in check().stdout
    done = check("twin.geppetto.js")
    assert done.returncode == 2 and "twin.geppetto.ts" in done.stderr


def test_projects_side_by_side(check: Check, write: Write, tmp_path: Path) -> None:
    write("a/geppetto.toml", "")
    write("a/x.geppetto.js", UNTYPED)
    write("b/geppetto.toml", "")
    write("b/x.geppetto.js", UNTYPED)
    write("x.geppetto.js", UNTYPED)
    assert check().stdout.count("TS2304") == 3


def test_scripts_that_cannot_be_read_are_findings(check: Check, write: Write, folder: Path) -> None:
    (folder / "latin.geppetto.js").write_bytes(b'"\xe9";\n')
    write("good.geppetto.js", BAD_ROLE)
    done = check()
    assert done.returncode == 1
    assert "latin.geppetto.js:1:1: error unreadable" in done.stdout and "unknown-role" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="permissions")
def test_what_may_not_be_read_or_written_is_a_finding(check: Check, write: Write) -> None:
    write("a.geppetto.js", DEPRECATED)
    closed, secret = write("closed/b.geppetto.js", BAD_ROLE).parent, write("secret.geppetto.js", BAD_ROLE)
    fixed, kept = write("z.geppetto.js", DEPRECATED), write("kept.geppetto.js", DEPRECATED)
    locked = write("locked/d.geppetto.js", DEPRECATED)
    closed.chmod(0)
    secret.chmod(0)
    kept.chmod(0o444)
    locked.parent.chmod(0o555)
    try:
        alone = check("secret.geppetto.js", "closed", before=MORTAL)
        done = check("--fix", "--format", "json", before=MORTAL)
    finally:
        closed.chmod(0o755)
        locked.parent.chmod(0o755)
    assert alone.returncode == done.returncode == 1
    assert "closed:1:1: error unreadable: The folder cannot be read: " in alone.stdout
    assert "secret.geppetto.js:1:1: error unreadable: The script cannot be read: " in alone.stdout
    report = json.loads(done.stdout)
    assert report["fixed"] == 2 and fixed.read_text() != DEPRECATED
    assert kept.read_text() == locked.read_text() == DEPRECATED
    assert [(each["path"], each["code"]) for each in report["problems"]] == [
        ("closed", "unreadable"),
        ("kept.geppetto.js", "unwritable"),
        ("kept.geppetto.js", "deprecated-call"),
        ("locked/d.geppetto.js", "unwritable"),
        ("locked/d.geppetto.js", "deprecated-call"),
        ("secret.geppetto.js", "unreadable"),
    ]


def test_imports_from_elsewhere_in_the_project(check: Check, write: Write) -> None:
    write("lib/tool.js", "export const answer = 42;\n")
    path = write("scripts/a.geppetto.js", 'import { answer } from "../lib/tool.js";\nanswer.foo();\n')
    done = check(cwd=path.parent)
    assert "Found 1 error" in done.stdout and "TS2339" in done.stdout


def test_imports_without_a_project(check: Check, write: Write, folder: Path) -> None:
    (folder / ".git").rmdir()
    write("lib/tool.js", "export const answer = 42;\n")
    write("scripts/a.geppetto.js", 'import { answer } from "../lib/tool.js";\nanswer.foo();\n')
    done = check()
    assert "Found 1 error" in done.stdout and "TS2339" in done.stdout


# Settings


def test_rules_and_patterns_of_the_settings(check: Check, write: Write) -> None:
    write("geppetto.toml", '[lint]\nfile_patterns = ["*.prompt.js"]\n[lint.rules]\nunknown-role = "hint"\n')
    write("a.prompt.js", BAD_ROLE)
    write("a.geppetto.js", BAD_ROLE)
    write("strict/geppetto.toml", '[lint.rules]\nstream-not-consumed = "error"\n')
    write("strict/b.prompt.js", FORGOTTEN)
    report = json.loads(check("--format", "json", "--fail-on", "hint").stdout)
    found = [(each["path"], each["code"], each["severity"]) for each in report["problems"]]
    assert found[0] == ("a.prompt.js", "unknown-role", "hint")
    assert found[1:] == [("strict/b.prompt.js", "stream-not-consumed", "error")]


def test_variables_are_settings_too(check: Check, write: Write) -> None:
    write("a.geppetto.js", BAD_ROLE)
    write("geppetto.toml", '[lint.rules]\nunknown-role = "warning"\n')
    # TypeScript's own error comes to light when the rule that says it better is off.
    assert "unknown-role" not in check(GEPPETTO_LINT_RULES='{"unknown-role": "off"}').stdout
    assert "unknown-role" in check(GEPPETTO_LINT_RULES='{"floating-promise": "off"}').stdout


def test_wrong_settings(check: Check, write: Write) -> None:
    write("a.geppetto.js", CLEAN)
    write("geppetto.toml", '[lint.rules]\nfloating-promse = "off"\n')
    done = check()
    assert done.returncode == 2 and done.stdout == ""
    assert "geppetto.toml:2" in done.stderr and 'did you mean "floating-promise"' in done.stderr


# Fixes


def test_safe_fixes_are_applied_and_nothing_else(check: Check, write: Write) -> None:
    rest = "nothing(\r\n  1);\r\n"
    both = write("both.geppetto.js", "\ufeff// 😀\r\n" + SLIP + DEPRECATED + DEPRECATED + BAD_ROLE + rest)
    both.chmod(0o640)
    forgotten = write("forgotten.geppetto.js", FORGOTTEN)
    hidden = write(".hidden/one.geppetto.js", DEPRECATED)
    done = check("--fix", ".", ".hidden")
    assert done.returncode == 1
    fixed = "await doubleStep.startStream(21).done();\n"
    role = SLIP.replace("System", "system")
    assert both.read_bytes().decode() == "\ufeff// 😀\r\n" + role + fixed + fixed + BAD_ROLE + rest
    assert both.stat().st_mode & 0o777 == 0o640
    assert forgotten.read_text() == FORGOTTEN
    assert hidden.read_text() == fixed
    assert "Fixed 4 problems." in done.stdout and "deprecated-call" not in done.stdout
    assert "both.geppetto.js:5:31: error unknown-role" in done.stdout and "TS2304" in done.stdout
    again = check("--fix", ".", ".hidden")
    assert "Fixed" not in again.stdout and both.read_bytes().decode().endswith(rest)
    assert not list(both.parent.glob(".geppetto-*"))


def test_nothing_is_written_without_fix(check: Check, write: Write) -> None:
    path = write("a.geppetto.js", DEPRECATED)
    before = path.stat().st_mtime_ns
    assert "--fix removes 1." in check().stdout
    assert path.stat().st_mtime_ns == before and path.read_text() == DEPRECATED


# Many, and being stopped


def test_three_hundred_scripts(check: Check, write: Write) -> None:
    for number in range(300):
        text = (BAD_ROLE, DEPRECATED, CLEAN)[number % 3]
        write(f"d{number % 7}/s{number}.geppetto.js", f"// {number}\n{text}")
    done = check("--format", "json")
    report = json.loads(done.stdout)
    assert (report["scripts"], report["counts"]["error"], report["counts"]["warning"]) == (300, 100, 100)
    paths = [each["path"] for each in report["problems"]]
    assert len(set(paths)) == 200 and paths == sorted(paths, key=Path)
    assert {each["start"]["line"] for each in report["problems"]} == {2}
    assert done.stderr == ""
    done = check("--fix", "--format", "json")
    report = json.loads(done.stdout)
    assert (report["fixed"], report["counts"]["warning"]) == (100, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="terminals")
def test_a_bar_on_a_terminal(write: Write, folder: Path, env: dict[str, str]) -> None:
    import pty

    for number in range(3):
        write(f"s{number}.geppetto.js", CLEAN)
    ours, theirs = pty.openpty()
    drawn = b""
    env["TERM"] = "xterm"
    with subprocess.Popen(COMMAND, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=theirs) as process:
        try:
            os.close(theirs)
            with contextlib.suppress(OSError):  # what Linux says when the other end is closed
                while select.select([ours], [], [], 60)[0] and (data := os.read(ours, 65536)):
                    drawn += data
            said, _ = process.communicate(timeout=60)
        finally:
            os.close(ours)
            process.kill()
    assert b"Checking" in drawn and b"3/3" in drawn
    assert drawn.endswith(b"\x1b[2K"), "it is gone at the end"
    assert said == b"No problems in 3 scripts.\n"


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_it_at_once(write: Write, folder: Path, env: dict[str, str], tmp_path: Path) -> None:
    for number in range(200):
        write(f"s{number}.geppetto.js", BAD_ROLE)
    process = subprocess.Popen(COMMAND, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        children: list[psutil.Process] = []
        deadline = time.monotonic() + 60
        while not children and time.monotonic() < deadline and process.poll() is None:
            children = psutil.Process(process.pid).children()
            time.sleep(0.01)
        assert children, "it never started the TypeScript server"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert out == b"" and b"Traceback" not in err, err
        assert not psutil.wait_procs(children, timeout=60)[1]
        assert not list(tmp_path.glob("geppetto-lsp-*"))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full")
def test_a_disk_that_is_full(write: Write, folder: Path, env: dict[str, str]) -> None:
    write("a.geppetto.js", BAD_ROLE)
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            COMMAND, cwd=folder, env=env, stdout=full, stderr=subprocess.PIPE, text=True, timeout=100
        )
    assert done.returncode == 2
    assert done.stderr == "geppetto: The report cannot be written: No space left on device.\n"


def test_a_reader_that_goes_away(write: Write, folder: Path, env: dict[str, str]) -> None:
    write("a.geppetto.js", BAD_ROLE)
    process = subprocess.Popen(COMMAND, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    process.stdout.close()
    assert process.stderr
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 130 and err == b""
