"""Every way a guarded process can end, from the outside: exit code, message, nothing left running."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

Start = Callable[[list[str]], "subprocess.Popen[bytes]"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="scripts run in process on Windows")

PROGRAM = """
import os, signal, sys, time
from geppetto.cli import guard
from geppetto.cli.request import RunRequest

MIB = 1024 * 1024

def work(child):
    request = child.request()
    {work}
    return 0

with guard.fork(work) as held:
    {before}
    sys.exit(held.run(RunRequest("script.js", params={{"text": "x" * {size}}})))
"""


def program(work: str, *, before: str = "pass", size: int = 1) -> list[str]:
    return [
        sys.executable,
        "-c",
        PROGRAM.format(work=textwrap.indent(work, " " * 4).strip(), before=before, size=size),
    ]


def run(work: str, *, before: str = "pass", size: int = 1, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        program(work, before=before, size=size),
        capture_output=True,
        text=True,
        timeout=50,
        env={**os.environ, **env},
    )


@pytest.mark.parametrize("code", [0, 1, 2, 3, 130])
def test_the_exit_code_is_the_childs(code: int) -> None:
    done = run(f"print('out'); print('err', file=sys.stderr); return {code}")
    assert (done.returncode, done.stdout, done.stderr) == (code, "out\n", "err\n")


def test_a_large_request_arrives_whole() -> None:
    done = run("print(len(request.params['text']))", size=1_000_000)
    assert done.stdout == "1000000\n"


def test_an_exception_of_ours_is_a_stack_trace_and_not_silence() -> None:
    done = run("raise RuntimeError('a bug')")
    assert done.returncode == 1
    assert "RuntimeError: a bug" in done.stderr


@pytest.mark.parametrize(
    "number", [signal.SIGABRT, signal.SIGTRAP, signal.SIGILL, signal.SIGSEGV, signal.SIGBUS]
)
def test_a_crash_is_told(number: signal.Signals) -> None:
    done = run(f"os.write(2, b'native words'); os.kill(os.getpid(), {int(number)})")
    assert done.returncode == 1
    assert f"the JavaScript engine crashed ({number.name})" in done.stderr
    assert "native words" not in done.stderr and "Traceback" not in done.stderr


def test_a_crash_shows_the_dump_when_asked() -> None:
    assert "native words" in run("os.write(2, b'native words\\n'); os.abort()", GEPPETTO_DEBUG="1").stderr


@pytest.mark.parametrize(
    "dump", ["Fatal JavaScript out of memory: Reached heap limit", "FATAL ERROR: Allocation failed"]
)
def test_a_heap_that_is_full_is_a_limit(dump: str) -> None:
    done = run(f"os.write(2, b'x' * 200_000 + b'{dump}' + b'y' * 1000); os.kill(os.getpid(), signal.SIGTRAP)")
    assert done.returncode == 3
    assert "ran out of heap memory" in done.stderr and "--max-heap" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_native_words_of_a_run_that_ends_well_are_shown() -> None:
    done = run("os.write(2, b'a warning\\n')")
    assert (done.returncode, done.stderr) == (0, "a warning\n")


def test_a_kill_from_outside_is_told() -> None:
    done = run("os.kill(os.getpid(), signal.SIGKILL)")
    assert done.returncode == 1
    assert "killed from outside" in done.stderr


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_memory_past_the_bound_ends_the_process() -> None:
    # Shared memory: RLIMIT_DATA does not see it.
    work = """
    import mmap
    child.begin(memory_bytes=50 * MIB, seconds=None)
    kept = []
    for _ in range(40):
        held = mmap.mmap(-1, 10 * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        held.write(b"x" * 10 * MIB)
        kept.append(held)
        time.sleep(0.05)
    """
    done = run("import resource; resource.setrlimit = lambda *_: None" + textwrap.dedent(work))
    assert done.returncode == 3, done.stderr
    assert "MiB of memory, more than it may" in done.stderr and "--max-memory" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA")
def test_the_kernel_refuses_memory_past_the_bound() -> None:
    work = """
    child.begin(memory_bytes=100 * MIB, seconds=None)
    child.started()
    try:
        bytearray(200 * MIB)
    except MemoryError:
        print("refused")
    print(len(bytearray(50 * MIB)) // MIB)
    """
    done = run(textwrap.dedent(work).strip())
    assert (done.returncode, done.stdout) == (0, "refused\n50\n")


def test_a_child_deaf_to_its_own_time_limit_is_killed() -> None:
    done = run(
        "child.begin(memory_bytes=None, seconds=0.1); time.sleep(50)",
        before="guard._DEADLINE_GRACE_SECONDS = 0.2",
    )
    assert done.returncode == 3
    assert "time limit" in done.stderr and "--timeout" in done.stderr


def test_a_child_without_a_request_is_ended() -> None:
    done = run("print('never')", before="sys.exit(2)")
    assert (done.returncode, done.stdout) == (2, "")


class Started:
    """A guarded process whose child has said that it works."""

    def __init__(self, start: Start, work: str, before: str = "pass") -> None:
        self.process = start(program(f"{work}\nprint('ready', flush=True)\ntime.sleep(30)", before=before))
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"
        (self.child,) = psutil.Process(self.process.pid).children()

    def end(self) -> tuple[int, str]:
        _, err = self.process.communicate(timeout=60)
        assert not self.child.is_running() or self.child.status() == psutil.STATUS_ZOMBIE
        return self.process.returncode, err.decode()


DEAF = "for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP): signal.signal(n, signal.SIG_IGN)"
POLITE = "signal.signal({0}, lambda *_: (print('heard', file=sys.stderr), os._exit(130)))"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_reach_the_child(start: Start, number: signal.Signals) -> None:
    started = Started(start, POLITE.format(int(number)))
    started.process.send_signal(number)
    assert started.end() == (130, "heard\n")


def test_a_second_interrupt_kills(start: Start) -> None:
    started = Started(start, DEAF)
    started.process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert started.process.poll() is None
    started.process.send_signal(signal.SIGINT)
    code, err = started.end()
    assert code == 130 and "killed" in err


def test_a_child_deaf_to_termination_is_killed_in_the_end(start: Start) -> None:
    started = Started(start, DEAF, before="guard._TERMINATE_SECONDS = 0.3")
    started.process.terminate()
    code, err = started.end()
    assert code == 130 and "did not end by itself" in err


def test_the_child_dies_with_its_parent(start: Start) -> None:
    started = Started(start, DEAF)
    started.process.kill()
    started.process.wait()
    deadline = time.monotonic() + 60
    while started.child.is_running() and started.child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)
