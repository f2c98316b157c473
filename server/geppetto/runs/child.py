"""A child process that runs one script, as its supervisor sees it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from geppetto import __version__
from geppetto.errors import GeppettoError
from geppetto.runs.frames import FrameError, frame, read_frame
from geppetto.runs.protocol import PROTOCOL_VERSION, Hello, Wire

# -P: the current folder, which may be anybody's workspace, is no place to import from.
HOST_COMMAND = (sys.executable, "-P", "-m", "geppetto.runs.host")

_PIPE_BYTES = 1024 * 1024
_STDERR_BYTES = 16 * 1024
_DYING_SECONDS = 1.0


class ChildError(GeppettoError):
    """A child process did not become ready; the message says why."""


class _Protocol(asyncio.subprocess.SubprocessStreamProtocol):
    """Tells when the process has ended, even while somebody holds its pipes open; asyncio's own wait does not."""

    def __init__(self) -> None:
        super().__init__(limit=_PIPE_BYTES, loop=asyncio.get_running_loop())
        self.ended = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.ended.set()


class Child:
    """A child process that is warm or runs a script. Make one with :meth:`spawn`."""

    def __init__(self, transport: asyncio.SubprocessTransport, protocol: _Protocol) -> None:
        assert protocol.stdin is not None and protocol.stdout is not None and protocol.stderr is not None
        self._transport = transport
        self._ended = protocol.ended
        self._stdin = protocol.stdin
        self.stdout = protocol.stdout
        self.said = b""
        """The end of what it wrote to standard error."""
        self.was_killed = False
        """Whether it was us who killed it."""
        self._listening = asyncio.create_task(self._listen(protocol.stderr), name="run stderr")

    @classmethod
    async def spawn(cls, command: Sequence[str] = HOST_COMMAND, *, ready_seconds: float) -> Child:
        """Starts a child and waits until it is warm.

        Args:
            command: without its last argument, which is this process's id.
            ready_seconds: how long that may take.

        Raises:
            ChildError: it did not start, died, speaks another version, or said nothing in time.
        """
        flags = 0 if sys.platform != "win32" else subprocess.CREATE_NO_WINDOW
        try:
            transport, protocol = await asyncio.get_running_loop().subprocess_exec(
                _Protocol,
                *command,
                str(os.getpid()),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C in the supervisor's terminal is not for the script
                creationflags=flags,
            )
        except OSError as error:
            raise ChildError(f"The process for scripts cannot be started: {error}") from None
        child = cls(transport, protocol)
        try:
            await child._hello(ready_seconds)
        except BaseException:
            await child.end()
            raise
        return child

    @property
    def pid(self) -> int:
        return self._transport.get_pid()

    async def _listen(self, stderr: asyncio.StreamReader) -> None:
        while data := await stderr.read(4096):
            self.said = (self.said + data)[-_STDERR_BYTES:]

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

    def words(self) -> str:
        """What it wrote to standard error, below a line break; empty if nothing."""
        text = self.said.decode("utf-8", "replace").strip()
        return f":\n{text}" if text else ""

    async def send(self, message: Wire) -> None:
        """Returns when the message is in the pipe; or when the child has ended, which its reader will notice."""
        with contextlib.suppress(ConnectionError):
            self._stdin.write(frame(message.model_dump_json().encode()))
            await self._stdin.drain()

    def terminate(self) -> None:
        """Asks the operating system's way."""
        with contextlib.suppress(ProcessLookupError):
            self._transport.terminate()

    def kill(self) -> None:
        """Ends it for sure."""
        self.was_killed = True
        with contextlib.suppress(ProcessLookupError):
            self._transport.kill()

    async def exit_code(self) -> int:
        """How it ended, as ``subprocess`` tells it, when its pipe has ended; kills it if it does not follow."""
        if not await self._has_ended_within(_DYING_SECONDS):
            self.kill()
            await self._ended.wait()
        await asyncio.wait({self._listening}, timeout=_DYING_SECONDS)
        code = self._transport.get_returncode()
        assert code is not None
        return code

    async def end(self, *, patience: float = 0.0) -> None:
        """Returns when it is gone.

        Args:
            patience: seconds it may take to end by itself.
        """
        self._stdin.close()
        await self._has_ended_within(patience)
        self._transport.close()  # kills it if need be
        await self._ended.wait()
        self._listening.cancel()

    async def _has_ended_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)
        return self._ended.is_set()
