"""Where the command line writes: bytes to a file descriptor, gathered and flushed once a tick."""

import os
import select
from collections.abc import Callable

_FLUSH_AT = 64 * 1024

Write = Callable[[bytes], int]


class Channel:
    """One output. Knows whether its last line is still open.

    Args:
        write: writes some bytes and tells how many it took; raises OSError.
        schedule: calls a function soon; without it everything is written at once.
        on_broken: called once, when nobody reads any more or nothing can be written; what is written
            after that is dropped.
    """

    def __init__(
        self,
        write: Write,
        *,
        schedule: Callable[[Callable[[], None]], object] | None = None,
        on_broken: Callable[[], None] | None = None,
    ) -> None:
        self._write = write
        self._schedule = schedule
        self._on_broken = on_broken
        self._gathered = bytearray()
        self._scheduled = False
        self.line_is_open = False
        self.error: OSError | None = None

    def write(self, text: str) -> None:
        """Writes text; what Unicode cannot say (lone surrogates) becomes `?`."""
        if text:
            self.write_bytes(text.encode("utf-8", "replace"))

    def write_bytes(self, data: bytes) -> None:
        if self.error is not None or not data:
            return
        self._gathered += data
        self.line_is_open = not data.endswith(b"\n")
        if self._schedule is None or len(self._gathered) >= _FLUSH_AT:
            self.flush()
        elif not self._scheduled:
            self._scheduled = True
            self._schedule(self.flush)

    def end_line(self) -> None:
        """Starts a new line unless the output is at the start of one."""
        if self.line_is_open:
            self.write_bytes(b"\n")

    def flush(self) -> None:
        self._scheduled = False
        gathered, self._gathered = memoryview(self._gathered), bytearray()
        try:
            while gathered and self.error is None:
                gathered = gathered[self._write(bytes(gathered)) :]
        except OSError as error:
            self.error = error
            if self._on_broken is not None:
                self._on_broken()


def to_descriptor(descriptor: int) -> Write:
    """Writes to a file descriptor, also to one that somebody has made non-blocking."""

    def write(data: bytes) -> int:
        try:
            return os.write(descriptor, data)
        except BlockingIOError:
            select.select([], [descriptor], [])
            return 0

    return write


def is_same_file(one: int, other: int) -> bool:
    """Whether two descriptors lead to the same place, as after `2>&1` or on a terminal."""
    first, second = os.fstat(one), os.fstat(other)
    return (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino)
