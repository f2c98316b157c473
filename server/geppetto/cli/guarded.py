"""The child's side of the guard: the process in which a script runs."""

import io
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from geppetto.cli import exit_codes
from geppetto.cli.request import RunRequest
from geppetto.runs.process import bound_memory, limit_data
from geppetto.runtime.parent import die_with_parent

_V8_START = 1024 * 1024 * 1024
"""More than V8 maps for machine code and the like before a script has made anything."""


class Child:
    """The child's end: what it was asked, and what it tells its parent."""

    def __init__(self, requests: int, bounds: int) -> None:
        self._requests = requests
        self._bounds = bounds
        self._memory: int | None = None

    def request(self) -> RunRequest | None:
        """Waits for the request; None if the parent has nothing to run after all."""
        received = bytearray()
        while not received.endswith(b"\n"):
            data = os.read(self._requests, 65536)
            if not data:
                return None
            received += data
        _die_with_pipe(self._requests)
        return RunRequest.from_bytes(bytes(received))

    def begin(self, *, memory_bytes: int | None, seconds: float | None) -> None:
        """Bounds this process's memory, and asks the parent to keep both bounds."""
        self._memory = memory_bytes
        if memory_bytes is not None:
            limit_data(memory_bytes + _V8_START)
        self._tell({"memory": memory_bytes, "seconds": seconds})

    def started(self) -> None:
        """Makes the bound exact: V8 has mapped much by now that it does not use, and RLIMIT_DATA counts it."""
        if self._memory is not None and (unused := bound_memory(self._memory)):
            self._tell({"unused": unused})

    def _tell(self, facts: dict[str, float | None]) -> None:
        os.write(self._bounds, json.dumps(facts).encode() + b"\n")


def be_child(work: Callable[[Child], int], child: Child, dump_end: int, parent: int) -> NoReturn:
    code = exit_codes.SCRIPT_ERROR
    try:
        _hide_native_errors(dump_end)
        die_with_parent(parent)
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


def _die_with_pipe(requests: int) -> None:
    """Where the kernel does not see to it: the request's pipe closes when the parent ends."""
    if sys.platform == "linux":
        return
    import threading

    def watch() -> None:
        while os.read(requests, 1):
            continue
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="geppetto parent watch").start()
