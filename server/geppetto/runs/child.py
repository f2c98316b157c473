"""A child process that runs one script, as its supervisor sees it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Protocol

from pydantic import ValidationError

from geppetto import __version__
from geppetto.errors import GeppettoError
from geppetto.runs.frames import FrameError, frame, read_frame
from geppetto.runs.protocol import PROTOCOL_VERSION, Hello, Wire

PIPE_BYTES = 1024 * 1024
_STDERR_BYTES = 16 * 1024
_DYING_SECONDS = 1.0


class ChildError(GeppettoError):
    """A child process did not become ready; the message says why."""


class Process(Protocol):
    """A process and its three pipes, whichever way it came to life.

    Attributes:
        ended: set when it is gone, even while somebody holds its pipes open.
    """

    stdin: asyncio.StreamWriter
    stdout: asyncio.StreamReader
    stderr: asyncio.StreamReader
    ended: asyncio.Event

    @property
    def pid(self) -> int: ...

    async def exit_code(self) -> int:
        """How it ended, as ``subprocess`` tells it. To be asked when it has."""
        ...

    def terminate(self) -> None:
        """Asks it to end; nothing if it has."""
        ...

    def kill(self) -> None:
        """Ends it for sure; nothing if it has."""
        ...

    def close(self) -> None:
        """Closes the pipes, and kills it if it lives."""
        ...


class Source(Protocol):
    """Where processes for scripts come from.

    Attributes:
        on_better: called when those that are started from now on begin with more than those before.
    """

    on_better: Callable[[], None]

    async def start(self) -> Process:
        """A new process, which says hello when it is warm.

        Raises:
            ChildError: it cannot be started.
        """
        ...

    async def close(self) -> None:
        """Ends what is left besides the processes it gave, which must have ended before."""
        ...


class LastWords:
    """The end of what a process writes to standard error."""

    def __init__(self, stderr: asyncio.StreamReader) -> None:
        self.data = b""
        self._listening = asyncio.create_task(self._listen(stderr), name="last words")

    async def _listen(self, stderr: asyncio.StreamReader) -> None:
        while data := await stderr.read(4096):
            self.data = (self.data + data)[-_STDERR_BYTES:]

    def below(self) -> str:
        """The text, below a colon and a line break; empty if there is none."""
        text = self.data.decode("utf-8", "replace").strip()
        return f":\n{text}" if text else ""

    async def complete(self) -> None:
        """Waits for the rest when the process has ended, but not long: somebody may hold the pipe open."""
        await asyncio.wait({self._listening}, timeout=_DYING_SECONDS)

    def close(self) -> None:
        self._listening.cancel()


class Child:
    """A child process that is warm or runs a script. Make one with :meth:`start`."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.stdout = process.stdout
        self.was_killed = False
        """Whether it was us who killed it."""
        self._last_words = LastWords(process.stderr)

    @classmethod
    async def start(cls, source: Source, *, ready_seconds: float) -> Child:
        """Starts a child and waits until it is warm.

        Args:
            ready_seconds: how long that may take.

        Raises:
            ChildError: it did not start, died, speaks another version, or said nothing in time.
        """
        child = cls(await source.start())
        try:
            await child._hello(ready_seconds)
        except BaseException:
            await child.end()
            raise
        return child

    @property
    def pid(self) -> int:
        return self._process.pid

    async def _hello(self, seconds: float) -> None:
        try:
            body = await asyncio.wait_for(read_frame(self.stdout), seconds)
        except TimeoutError:
            raise ChildError(
                f"The process for scripts was not ready after {seconds:g} s{self.words()}"
            ) from None
        except FrameError as error:
            raise ChildError(f"The process for scripts does not speak our protocol: {error}") from None
        if body is None:
            code = await self.exit_code()
            raise ChildError(
                f"The process for scripts ended before it was ready (exit code {code}){self.words()}"
            )
        try:
            hello = Hello.model_validate_json(body)
        except ValidationError:
            raise ChildError(
                "The process for scripts does not speak our protocol: it said no hello"
            ) from None
        if (hello.protocol, hello.version) != (PROTOCOL_VERSION, __version__):
            raise ChildError(
                f"The process for scripts is Geppetto {hello.version} (protocol {hello.protocol}), "
                f"but this is {__version__} (protocol {PROTOCOL_VERSION})",
                hint="Geppetto was updated while this process ran: restart it.",
            )

    @property
    def said(self) -> bytes:
        """The end of what it wrote to standard error."""
        return self._last_words.data

    def words(self) -> str:
        """The same as text, below a colon and a line break; empty if nothing."""
        return self._last_words.below()

    def send(self, message: Wire) -> Coroutine[None, None, None]:
        """Await the result. It ends when the message is in the pipe, or the child has ended, which its reader will notice.

        Raises:
            ValueError: the message has no JSON. At once, so that nobody waits for an answer to it.
        """
        return self._send(frame(message.model_dump_json().encode()))

    async def _send(self, data: bytes) -> None:
        stdin = self._process.stdin
        with contextlib.suppress(ConnectionError):
            stdin.write(data)
            await stdin.drain()

    def terminate(self) -> None:
        """Asks the operating system's way."""
        self._process.terminate()

    def kill(self) -> None:
        """Ends it for sure."""
        self.was_killed = True
        self._process.kill()

    async def exit_code(self) -> int:
        """How it ended, as ``subprocess`` tells it, when its pipe has ended; kills it if it does not follow."""
        if not await self._has_ended_within(_DYING_SECONDS):
            self.kill()
            await self._process.ended.wait()
        await self._last_words.complete()
        return await self._process.exit_code()

    async def end(self, *, patience: float = 0.0) -> None:
        """Returns when it is gone.

        Args:
            patience: seconds it may take to end by itself.
        """
        self._process.stdin.close()
        await self._has_ended_within(patience)
        self._process.close()
        await self._process.ended.wait()
        self._last_words.close()

    async def _has_ended_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.ended.wait(), seconds)
        return self._process.ended.is_set()
