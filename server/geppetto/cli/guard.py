"""Runs a script in a process of its own, and tells clearly how that process died.

V8 does not fail politely: out of memory it ends the process, a tight loop of promises makes it deaf, and
its own limits do not count buffers. So `geppetto run` forks before anything heavy is imported. The child
imports the runtime while the parent still reads the command line, then runs the script. The parent waits,
and sees to what the child cannot: a bound on its memory, a last deadline, and a message for every way to die.

POSIX only. On Windows, and with GEPPETTO_NO_GUARD set, scripts run in the command's own process.
"""

import io
import json
import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import Final, NoReturn, Self

from geppetto.cli import exit_codes
from geppetto.cli.request import RunRequest

_MIB = 1024 * 1024
_V8_OVERHEAD = 640 * _MIB
"""Data that V8 maps for machine code before a script has made anything; RLIMIT_DATA counts it."""
_MEMORY_SLACK = 64 * _MIB
_MEMORY_POLL_SECONDS = 0.1
_DEADLINE_GRACE_SECONDS = 5.0
"""How much longer than its own time limit the child may take to end by itself."""
_HINT_SECONDS = 3.0
_TERMINATE_SECONDS = 5.0
_DUMP_BYTES = 64 * 1024
_OUT_OF_MEMORY = re.compile(rb"out of memory|Allocation failed|allocation failed", re.IGNORECASE)
_POLITE: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if sys.platform != "win32" else ()


def is_supported() -> bool:
    return hasattr(os, "fork") and not os.environ.get("GEPPETTO_NO_GUARD")


class Child:
    """The child's end: what it was asked, and what it tells its parent."""

    def __init__(self, requests: int, bounds: int) -> None:
        self._requests = requests
        self._bounds = bounds

    def request(self) -> RunRequest | None:
        """Waits for the request; None if the parent has nothing to run after all."""
        received = bytearray()
        while not received.endswith(b"\n"):
            data = os.read(self._requests, 65536)
            if not data:
                return None
            received += data
        _die_with_parent(self._requests)
        return RunRequest.from_bytes(bytes(received))

    def bound(self, *, memory_bytes: int | None, seconds: float | None) -> None:
        """Bounds this process's memory, and asks the parent to keep both bounds."""
        if memory_bytes is not None:
            import resource

            _, hard = resource.getrlimit(resource.RLIMIT_DATA)
            wanted = memory_bytes + _V8_OVERHEAD
            if hard == resource.RLIM_INFINITY or wanted < hard:
                resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
        os.write(self._bounds, json.dumps([memory_bytes, seconds]).encode() + b"\n")


class Guard:
    """The parent's end. A child that was given nothing to run is ended on leaving the context."""

    def __init__(self, pid: int, requests: int, bounds: int, dump: int) -> None:
        self._pid = pid
        self._has_ended = False
        self._requests = requests
        self._bounds = bounds
        self._dump_end = dump
        self._dump = b""
        self._memory: int | None = None
        self._resident = 0
        self._deadline: float | None = None
        self._kill_at: float | None = None
        self._hint_at: float | None = None
        self._killed_for: str | None = None
        self._signals = 0
        self._statm: int | None = None

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
                    self._bounded(data or b"")
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

    def _bounded(self, data: bytes) -> None:
        self._memory, seconds = json.loads(data)
        if seconds is not None:
            self._deadline = time.monotonic() + seconds + _DEADLINE_GRACE_SECONDS
        if self._memory is not None:
            try:
                self._statm = os.open(f"/proc/{self._pid}/statm", os.O_RDONLY)
            except OSError:
                self._memory = None  # not Linux: RLIMIT_DATA is all there is

    def _keep_bounds(self) -> None:
        now = time.monotonic()
        if self._memory is not None and self._statm is not None:
            fields = os.pread(self._statm, 200, 0).split()
            if len(fields) > 2:  # private memory: what is resident and not a mapped file
                self._resident = (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")
            if self._resident > self._memory + _MEMORY_SLACK:
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
        if _OUT_OF_MEMORY.search(self._dump) or (died == signal.SIGTRAP and self._is_near_limit()):
            _say(
                "the script ran out of heap memory, and V8 ended the process",
                hint="--max-heap and --max-memory set the limits; keep less in memory at a time.",
            )
            return exit_codes.LIMIT
        if died == signal.SIGKILL:
            _say(
                "the script's process was killed from outside (SIGKILL)",
                hint="When the machine runs out of memory, the system does that; --max-memory stops a script earlier.",
            )
            return exit_codes.SCRIPT_ERROR
        _say(
            f"the JavaScript engine crashed ({died.name})",
            hint="This is a bug in Geppetto or V8, not in the script. GEPPETTO_DEBUG=1 shows what V8 said.",
        )
        return exit_codes.SCRIPT_ERROR

    def _killed(self) -> int:
        match self._killed_for:
            case "memory":
                used = self._resident // _MIB
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

    def _is_near_limit(self) -> bool:
        return self._memory is not None and self._resident > self._memory // 2

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
        _be_child(work, Child(requests, bound_end), dump_end, parent)
    for descriptor in (requests, bound_end, dump_end):
        os.close(descriptor)
    os.set_blocking(dump, False)
    return Guard(pid, request_end, bounds, dump)


def _be_child(work: Callable[[Child], int], child: Child, dump_end: int, parent: int) -> NoReturn:
    code = exit_codes.SCRIPT_ERROR
    try:
        _hide_native_errors(dump_end)
        _die_by_kernel(parent)
        code = work(child)
    except KeyboardInterrupt:
        code = exit_codes.CANCELLED
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else exit_codes.SCRIPT_ERROR
    except BaseException:  # nothing may get past here: above is the parent's stack
        import traceback

        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                code = code or exit_codes.SCRIPT_ERROR
        # Without tearing down the interpreter and V8: that takes time, and a wedged V8 never ends.
        os._exit(code)


def _hide_native_errors(dump_end: int) -> None:
    """Gives descriptor 2, which V8 writes its dying words to, to the parent; Python keeps the real one."""
    real = os.dup(2)
    os.dup2(dump_end, 2)
    os.close(dump_end)
    sys.stderr = io.TextIOWrapper(
        io.FileIO(real, "w", closefd=False),  # pyright: ignore[reportArgumentType]
        encoding=sys.stderr.encoding,
        errors="backslashreplace",
        write_through=True,
    )


def _die_by_kernel(parent: int) -> None:
    """Asks Linux to kill this process when its parent ends."""
    if sys.platform != "linux":
        return
    import ctypes

    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we asked
        os._exit(exit_codes.CANCELLED)


def _die_with_parent(requests: int) -> None:
    """Where the kernel does not see to it: the request's pipe closes when the parent ends."""
    if sys.platform == "linux":
        return
    import threading

    def watch() -> None:
        while os.read(requests, 1):
            continue
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="geppetto parent watch").start()


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
