"""The process that runs' processes are forked from: ``python -m geppetto.runs.nursery``. Linux only.

It imports what a run needs, once for all of them: a process then starts in a tenth of the time, and shares
most of its memory. Since everything in it is in all of them, there is little: no V8 that has started, no
second thread, no event loop, no script, no settings, and no keys but those in the environment. What a run is
asked for goes through pipes that the nursery hands on and closes.

Its standard input is a socket to the supervisor. A packet from there with three descriptors asks for a process
and is answered; what it says besides is in ``geppetto.runs.protocol``. The descriptors become standard input,
output and error of that process, which is a run's from then on (see ``geppetto.runs.host``). When the socket ends,
so does the nursery; and its processes end with it, by the kernel's hand.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import stat
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from geppetto.errors import GeppettoError
from geppetto.runs import host
from geppetto.runs.ahead import import_modules
from geppetto.runs.protocol import Exited, Forked, Grown, NotForked, NurseryMessage
from geppetto.runtime.isolate import load_library
from geppetto.runtime.parent import die_with_parent

REQUEST = b"fork"
DESCRIPTORS = 3

_GROWING_SECONDS = 0.5
"""How long after its first process the nursery imports what only some runs need, and hears nobody meanwhile."""
_SETTINGS_SECONDS = 5.0


class _Nursery:
    def __init__(self, supervisor: socket.socket) -> None:
        self._supervisor = supervisor
        self._wakes, self._waker = socket.socketpair()
        self._wakes.setblocking(False)
        self._waker.setblocking(False)
        self._grows_at: float | None = None
        self._has_grown = False
        signal.signal(signal.SIGCHLD, _heard)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)

    def run(self) -> None:
        """Forks what it is asked for, until nobody can ask any more."""
        while True:
            patience = None if self._grows_at is None else max(self._grows_at - time.monotonic(), 0.0)
            ready, _, _ = select.select([self._supervisor, self._wakes], [], [], patience)
            if self._wakes in ready:
                self._reap()
            if self._supervisor in ready and not self._serve():
                return
            if self._grows_at is not None and time.monotonic() >= self._grows_at:
                self._grow()

    def _say(self, message: NurseryMessage, *descriptors: int) -> None:
        socket.send_fds(self._supervisor, [message.model_dump_json().encode()], descriptors)

    def _serve(self) -> bool:
        """Answers a request; False if there will be none any more."""
        request, descriptors, _, _ = socket.recv_fds(self._supervisor, len(REQUEST), DESCRIPTORS)
        if not request:
            return False
        try:
            self._fork(descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return True

    def _fork(self, descriptors: Sequence[int]) -> None:
        threads = len(os.listdir("/proc/self/task"))
        if threads > 1:
            # Something that was imported has started one: it would be missing, and its locks held.
            self._say(NotForked(reason=f"it has {threads} threads"))
            return
        nursery = os.getpid()
        try:
            gc.freeze()  # what is there now is left alone by those who collect garbage, and so stays shared
            pid = os.fork()
        except OSError as error:
            self._say(NotForked(reason=str(error)))
            return
        if pid == 0:
            self._become_a_runs(descriptors, nursery)
        try:
            pidfd = os.pidfd_open(pid)
        except OSError as error:
            os.kill(pid, signal.SIGKILL)
            self._say(NotForked(reason=str(error)))
            return
        try:
            self._say(Forked(pid=pid), pidfd)
        finally:
            os.close(pidfd)
        if not self._has_grown and self._grows_at is None:
            self._grows_at = time.monotonic() + _GROWING_SECONDS

    def _become_a_runs(self, descriptors: Sequence[int], nursery: int) -> NoReturn:
        try:
            gc.enable()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            die_with_parent(nursery)
            self._wakes.close()
            self._waker.close()
            self._supervisor.detach()  # the first descriptor takes its place
            for number, descriptor in enumerate(descriptors):
                os.dup2(descriptor, number)
                os.close(descriptor)
            importlib.invalidate_caches()
        except BaseException:
            os._exit(1)
        host.live(forked=True)

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._wakes.recv(4096):
                pass
        with contextlib.suppress(ChildProcessError):  # there are none
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = ended
                self._say(Exited(pid=pid, code=os.waitstatus_to_exitcode(status)))

    def _grow(self) -> None:
        self._grows_at, self._has_grown = None, True
        sdks = _sdks()
        if sdks:
            from geppetto.steps.services import import_sdks

            import_sdks(sdks)
            importlib.import_module("jsonschema")  # for tools, which only models call
            self._say(Grown())


def _heard(number: int, frame: FrameType | None) -> None:
    """The signal has written to the descriptor that is watched: that is all there is to do here."""


def _sdks() -> list[str]:
    """The SDKs that the settings of this folder name, found out in a process of its own: settings hold keys."""
    reading, writing = os.pipe()
    nursery = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            die_with_parent(nursery)
            os.write(writing, " ".join(_named_sdks()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    try:
        ready, _, _ = select.select([reading], [], [], _SETTINGS_SECONDS)
        return os.read(reading, 4096).decode().split() if ready else []
    finally:
        os.close(reading)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _named_sdks() -> Sequence[str]:
    from geppetto.settings.load import load_settings
    from geppetto.steps.services import sdks_of

    try:
        return sdks_of(load_settings(Path.cwd()).steps)
    except GeppettoError:
        return ()  # the run that needs them will say so


def main(arguments: Sequence[str]) -> None:
    """Forks runs' processes for the supervisor, whose process id is the argument."""
    if not arguments or not stat.S_ISSOCK(os.fstat(0).st_mode):
        sys.exit("This is a part of Geppetto that it starts by itself. To run a script: geppetto run FILE")
    die_with_parent(int(arguments[0]))
    gc.disable()  # what it frees would leave holes, in pages that are shared until somebody writes there
    import_modules()
    load_library()
    with contextlib.suppress(ConnectionError):  # the supervisor is gone
        _Nursery(socket.socket(fileno=0)).run()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
