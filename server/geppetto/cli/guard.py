"""Runs a script in a process of its own, and tells clearly how that process died.

V8 does not fail politely: out of memory it ends the process, a tight loop of promises makes it deaf, and
its own limits do not count buffers. So `geppetto run` forks before anything heavy is imported. The child
imports the runtime while the parent still reads the command line, then runs the script. The parent waits,
and sees to what the child cannot: a bound on its memory, a last deadline, and a message for every way to die.

POSIX only. On Windows, and with GEPPETTO_NO_GUARD set, scripts run in the command's own process.
"""

import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import Final, Self, cast

from geppetto.cli import exit_codes
from geppetto.cli.guarded import Child, be_child
from geppetto.cli.request import RunRequest
from geppetto.runs.process import MemoryWatch, cause_of_death

_MIB = 1024 * 1024
_MEMORY_POLL_SECONDS = 0.05
_DEADLINE_GRACE_SECONDS = 5.0
"""How much longer than its own time limit the child may take to end by itself."""
_HINT_SECONDS = 3.0
_TERMINATE_SECONDS = 5.0
_DUMP_BYTES = 64 * 1024
_POLITE: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if sys.platform != "win32" else ()


def is_supported() -> bool:
    return hasattr(os, "fork") and not os.environ.get("GEPPETTO_NO_GUARD")


class Guard:
    """The parent's end. A child that was given nothing to run is ended on leaving the context."""

    def __init__(self, pid: int, requests: int, bounds: int, dump: int) -> None:
        self._pid = pid
        self._has_ended = False
        self._requests = requests
        self._bounds = bounds
        self._dump_end = dump
        self._dump = b""
        self._memory: MemoryWatch | None = None  # while it is watched
        self._measured: MemoryWatch | None = None
        self._deadline: float | None = None
        self._kill_at: float | None = None
        self._hint_at: float | None = None
        self._killed_for: str | None = None
        self._signals = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._has_ended:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)

    def run(self, request: RunRequest) -> int:
        """Lets the child run the request; returns the exit code when it has ended."""
        wake, woken = os.pipe()
        os.set_blocking(woken, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, *_POLITE):
            if signal.getsignal(number) != signal.SIG_IGN or number == signal.SIGCHLD:  # as nohup wants it
                signal.signal(number, _ignore)  # the number arrives through the pipe
        self._send(request.to_bytes() + b"\n")
        poller = select.poll()
        for descriptor in (wake, self._bounds, self._dump_end):
            poller.register(descriptor, select.POLLIN)
        while (status := self._exit_status()) is None:
            for descriptor, _ in poller.poll(self._patience()):
                data = _read(descriptor)
                if data == b"":  # the child closed its end: it is about to end
                    poller.unregister(descriptor)
                elif descriptor == wake:
                    self._signalled(data or b"")
                elif descriptor == self._bounds:
                    self._told(data or b"")
                else:
                    self._dump = (self._dump + (data or b""))[-_DUMP_BYTES:]
            self._keep_bounds()
        while data := _read(self._dump_end):
            self._dump = (self._dump + data)[-_DUMP_BYTES:]
        return self._verdict(status)

    def _send(self, request: bytes) -> None:
        try:
            while request:
                request = request[os.write(self._requests, request) :]
        except BrokenPipeError:
            return  # the child died already: its status tells why

    def _exit_status(self) -> int | None:
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        self._has_ended = pid != 0
        return os.waitstatus_to_exitcode(status) if self._has_ended else None

    # --- while it runs

    def _patience(self) -> float | None:
        """Milliseconds until something has to be looked after; None for as long as it takes."""
        times = [at for at in (self._deadline, self._kill_at, self._hint_at) if at is not None]
        if self._memory is not None:
            times.append(time.monotonic() + _MEMORY_POLL_SECONDS)
        return max(min(times) - time.monotonic(), 0) * 1000 + 1 if times else None

    def _told(self, lines: bytes) -> None:
        for line in lines.splitlines():  # each was written at once, and is short: none is ever cut
            facts = cast(dict[str, float | None], json.loads(line))
            if (seconds := facts.get("seconds")) is not None:
                self._deadline = time.monotonic() + seconds + _DEADLINE_GRACE_SECONDS
            if (memory := facts.get("memory")) is not None:
                try:
                    self._memory = self._measured = MemoryWatch(self._pid, int(memory))
                except OSError:
                    continue  # not Linux: RLIMIT_DATA is all there is
            if (unused := facts.get("unused")) is not None and self._memory is not None:
                self._memory.unused = int(unused)

    def _keep_bounds(self) -> None:
        now = time.monotonic()
        if self._memory is not None and self._memory.is_exceeded():
            self._kill("memory")
        if self._deadline is not None and now >= self._deadline:
            self._kill("time")
        if self._kill_at is not None and now >= self._kill_at:
            self._kill("deaf")
        if self._hint_at is not None and now >= self._hint_at:
            self._hint_at = None
            _say("the script is still ending; Ctrl-C again kills it")

    def _signalled(self, numbers: bytes) -> None:
        for number in numbers:
            if number == signal.SIGCHLD:
                continue
            self._signals += 1
            if number == signal.SIGINT and self._signals > 1:
                self._kill("interrupt")
                continue
            # From a terminal the whole group gets Ctrl-C; the child does not mind hearing it twice.
            os.kill(self._pid, number)
            if number == signal.SIGINT:
                self._hint_at = time.monotonic() + _HINT_SECONDS
            else:
                self._kill_at = time.monotonic() + _TERMINATE_SECONDS

    def _kill(self, reason: str) -> None:
        self._killed_for = self._killed_for or reason
        self._deadline = self._kill_at = self._hint_at = self._memory = None
        os.kill(self._pid, signal.SIGKILL)

    # --- when it has ended

    def _verdict(self, status: int) -> int:
        """The exit code, after telling what the child could not tell any more."""
        if status >= 0:
            sys.stderr.buffer.write(self._dump)  # native code's own words, if any
            sys.stderr.flush()
            return status
        died = signal.Signals(-status)
        if died == signal.SIGKILL and self._killed_for is not None:
            return self._killed()
        if died in _POLITE:
            return exit_codes.CANCELLED
        self._show_dump()
        was_near = self._measured is not None and self._measured.was_near()
        match cause_of_death(died, self._dump, was_near_limit=was_near):
            case "memory":
                _say(
                    "the script ran out of heap memory, and V8 ended its process",
                    hint="--max-heap and --max-memory set the limits; keep less in memory at a time.",
                )
                return exit_codes.LIMIT
            case "killed":
                _say(
                    f"the script's process was killed from outside ({died.name})",
                    hint="When the machine runs out of memory, the system does that; "
                    "--max-memory stops a script earlier.",
                )
                return exit_codes.SCRIPT_ERROR
            case "crash":
                _say(
                    f"the JavaScript engine crashed ({died.name})",
                    hint="This is a bug in Geppetto or V8, not in the script. "
                    "GEPPETTO_DEBUG=1 shows what V8 said.",
                )
                return exit_codes.SCRIPT_ERROR

    def _killed(self) -> int:
        match self._killed_for:
            case "memory":
                used = 0 if self._measured is None else self._measured.resident // _MIB
                _say(
                    f"the script's process used {used} MiB of memory, more than it may",
                    hint="--max-memory sets the limit.",
                )
                return exit_codes.LIMIT
            case "time":
                _say(
                    "the script passed its time limit and did not end by itself",
                    hint="--timeout sets the limit.",
                )
                return exit_codes.LIMIT
            case "deaf":
                _say("the script did not end by itself, and was killed")
                return exit_codes.CANCELLED
            case _:
                _say("killed")
                return exit_codes.CANCELLED

    def _show_dump(self) -> None:
        if os.environ.get("GEPPETTO_DEBUG"):
            sys.stderr.buffer.write(self._dump)
            sys.stderr.flush()


def fork(work: Callable[[Child], int]) -> Guard:
    """Starts the child, which does the work and never returns from here; its exit code is the work's."""
    requests, request_end = os.pipe()
    bounds, bound_end = os.pipe()
    dump, dump_end = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        for descriptor in (request_end, bounds, dump):
            os.close(descriptor)
        be_child(work, Child(requests, bound_end), dump_end, parent)
    for descriptor in (requests, bound_end, dump_end):
        os.close(descriptor)
    os.set_blocking(dump, False)
    return Guard(pid, request_end, bounds, dump)


def _ignore(number: int, frame: object) -> None:
    """Does nothing, unlike SIG_IGN, which would keep the number from the pipe and pass to no child."""


def _read(descriptor: int) -> bytes | None:
    """What there is to read; empty at the end, None if there is nothing now."""
    try:
        return os.read(descriptor, 65536)
    except BlockingIOError:
        return None


def _say(message: str, *, hint: str | None = None) -> None:
    from geppetto.cli.errors import show

    show(f"{message}.", hint=hint)
