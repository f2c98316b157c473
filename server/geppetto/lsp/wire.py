"""Messages as bytes: `Content-Length` framing, and pipes that are read and written without stopping the event loop.

The same code serves both sides of the server: the editor, and the TypeScript server behind. The loop does it itself
where it can, since every hop to a thread waits for the interpreter's lock; threads do where it cannot.
"""

import asyncio
import contextlib
import json
import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TypeAlias

from geppetto.json_value import JsonValue

MAX_MESSAGE_BYTES = 512 * 1024 * 1024
_MAX_HEADER_BYTES = 64 * 1024
_READ_BYTES = 256 * 1024
_MAX_BATCHES_AHEAD = 64
_MAX_UNREAD_BYTES = 1024 * 1024


class FramingError(Exception):
    """The bytes are not messages, and where the next one begins cannot be told."""


def frame(message: JsonValue) -> bytes:
    # ASCII only, so a length in characters is one in bytes, and half a surrogate pair passes.
    return framed(json.dumps(message, separators=(",", ":")).encode("ascii"))


@dataclass(frozen=True, slots=True)
class Unread:
    """A value as JSON that came and will go on as it is: to read it and to write it again costs more than to pass it on."""

    json: bytes

    def read(self) -> JsonValue:
        return json.loads(self.json)


Result: TypeAlias = "JsonValue | Unread"
"""What a request is answered with."""


def framed(body: bytes) -> bytes:
    """A message that is JSON already."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class Unframer:
    """Finds the bodies of messages in a stream of bytes, however it is cut into pieces."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._body_length: int | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The bodies that are complete with these bytes.

        Raises:
            FramingError: a header is wrong; nothing after it can be read.
        """
        self._buffer += data
        while True:
            if self._body_length is None:
                end = self._buffer.find(b"\r\n\r\n")
                if end < 0:
                    if len(self._buffer) > _MAX_HEADER_BYTES:
                        raise FramingError("no end of the header in sight")
                    return
                self._body_length = _content_length(bytes(self._buffer[:end]))
                del self._buffer[: end + 4]
            if len(self._buffer) < self._body_length:
                return
            body = bytes(self._buffer[: self._body_length])
            del self._buffer[: self._body_length]
            self._body_length = None
            yield body


def _content_length(header: bytes) -> int:
    for line in header.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            if not value.strip().isdigit() or int(value) > MAX_MESSAGE_BYTES:
                raise FramingError(f"a wrong length: {value[:40]!r}")
            return int(value)
    raise FramingError(f"no Content-Length in {header[:80]!r}")


class PipeReader:
    """Reads messages from a file descriptor and hands them over in the event loop, in order.

    `on_bodies` gets whatever arrived together; `on_end` is called once, with the reason if it was not the end of the
    file. The loop itself reads where it can watch the descriptor; a thread does for what it cannot: files, and pipes
    of Windows.
    """

    def __init__(
        self,
        descriptor: int,
        *,
        on_bodies: Callable[[list[bytes]], None],
        on_end: Callable[[Exception | None], None],
        name: str,
    ) -> None:
        self._descriptor = descriptor
        self._on_bodies = on_bodies
        self._on_end = on_end
        self._unframer = Unframer()
        self._loop = asyncio.get_running_loop()
        # The reading thread waits when the loop lags behind, so that what is unread stays in the pipe.
        self._ahead = threading.Semaphore(_MAX_BATCHES_AHEAD)
        try:
            self._loop.add_reader(descriptor, self._read)
        except (NotImplementedError, OSError):
            # A daemon, since nothing can end a blocking read of stdin. It reads the descriptor itself: a thread
            # that sleeps inside of a BufferedReader crashes the interpreter's exit.
            threading.Thread(target=self._run, name=name, daemon=True).start()

    def _read(self) -> None:
        """Reads once: the descriptor is known to have something, or to be at its end."""
        reason: Exception | None = None
        bodies: list[bytes] = []
        data = b""
        try:
            data = os.read(self._descriptor, _READ_BYTES)
            bodies.extend(self._unframer.feed(data))
        except BlockingIOError:
            return  # Somebody else shares the descriptor, and made it so.
        except (OSError, FramingError) as error:
            reason = error
        if bodies:
            self._on_bodies(bodies)
        if reason is not None or not data:
            self._loop.remove_reader(self._descriptor)
            self._on_end(reason)

    def _run(self) -> None:
        reason: Exception | None = None
        try:
            while data := os.read(self._descriptor, _READ_BYTES):
                if bodies := list(self._unframer.feed(data)):
                    self._ahead.acquire()
                    self._loop.call_soon_threadsafe(self._hand_over, bodies)
        except (OSError, FramingError) as error:
            reason = error
        except RuntimeError:
            return  # The loop is closed: nobody is left to tell.
        try:
            self._loop.call_soon_threadsafe(self._on_end, reason)
        except RuntimeError:
            return

    def _hand_over(self, bodies: list[bytes]) -> None:
        self._ahead.release()
        self._on_bodies(bodies)


class PipeWriter:
    """Writes to a file descriptor, in order, never making the caller wait.

    What the pipe takes at once is written at once; the rest is a thread's. After the other side has closed,
    everything is dropped: its reader reports the end.
    """

    def __init__(self, descriptor: int, *, name: str) -> None:
        self._descriptor = descriptor
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._unread = 0
        self._is_broken = False
        self._drained: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._lock = threading.Lock()
        self._room: select.poll | None = None
        if sys.platform != "win32":
            self._room = select.poll()
            self._room.register(descriptor, select.POLLOUT)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        with self._lock:
            rest = data if self._unread else self._write_what_fits(data)
            self._unread += len(rest)
        if rest:
            self._queue.put(rest)

    async def drain(self) -> None:
        """Waits while the other side is more than 1 MiB behind: for those who can hold back what they have to say."""
        with self._lock:
            if self._unread <= _MAX_UNREAD_BYTES:
                return
            drained = asyncio.Event()
            self._drained.append((asyncio.get_running_loop(), drained))
        await drained.wait()

    def close(self, timeout: float = 2.0) -> None:
        """Writes what is left, for `timeout` seconds at most. The descriptor stays open."""
        self._queue.put(None)
        self._thread.join(timeout)

    def _write_what_fits(self, data: bytes) -> bytes:
        """Writes as long as the pipe has room; returns the rest.

        A pipe with room takes a page without waiting, so pages it is where the descriptor is not ours alone to be
        made non-blocking.
        """
        if self._room is None or self._is_broken:
            return b"" if self._is_broken else data
        view = memoryview(data)
        try:
            waits = os.get_blocking(self._descriptor)
            while view and (not waits or self._room.poll(0)):
                view = view[os.write(self._descriptor, view[: select.PIPE_BUF] if waits else view) :]
        except BlockingIOError:
            return bytes(view)
        except OSError:
            self._is_broken = True
            return b""
        return bytes(view)

    def _run(self) -> None:
        while (data := self._queue.get()) is not None:
            try:
                view = memoryview(b"" if self._is_broken else data)
                while view:
                    view = view[self._write_when_possible(view) :]
            except OSError:
                self._is_broken = True
            self._written(len(data))

    def _write_when_possible(self, view: memoryview) -> int:
        try:
            return os.write(self._descriptor, view)
        except BlockingIOError:
            if self._room is not None:
                self._room.poll()
            return 0

    def _written(self, size: int) -> None:
        with self._lock:
            self._unread -= size
            if self._unread > _MAX_UNREAD_BYTES or not self._drained:
                return
            waiting, self._drained = self._drained, []
        for loop, drained in waiting:
            with contextlib.suppress(RuntimeError):  # The loop is closed: nobody waits any more.
                loop.call_soon_threadsafe(drained.set)
