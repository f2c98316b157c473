"""Processes for scripts that are started as programs of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Sequence

from geppetto.runs.child import PIPE_BYTES, ChildError

# -P: the current folder, which may be anybody's workspace, is no place to import from.
PYTHON = (sys.executable, "-P", "-m")
HOST_COMMAND = (*PYTHON, "geppetto.runs.host")


class Spawner:
    """Starts a program for each process.

    Args:
        command: without its last argument, which is this process's id.
    """

    def __init__(self, command: Sequence[str] = HOST_COMMAND) -> None:
        self._command = command
        self.on_better: Callable[[], None] = lambda: None  # these are as good as they will be

    async def start(self) -> SpawnedProcess:
        flags = 0 if sys.platform != "win32" else subprocess.CREATE_NO_WINDOW
        try:
            transport, protocol = await asyncio.get_running_loop().subprocess_exec(
                _Protocol,
                *self._command,
                str(os.getpid()),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C in the supervisor's terminal is not for the script
                creationflags=flags,
            )
        except OSError as error:
            raise ChildError(f"The process for scripts cannot be started: {error}") from None
        return SpawnedProcess(transport, protocol)

    async def close(self) -> None:
        """There is nothing besides the processes."""


class _Protocol(asyncio.subprocess.SubprocessStreamProtocol):
    """Tells when the process has ended, even while somebody holds its pipes open; asyncio's own wait does not."""

    def __init__(self) -> None:
        super().__init__(limit=PIPE_BYTES, loop=asyncio.get_running_loop())
        self.ended = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.ended.set()


class SpawnedProcess:
    """A ``Process`` that asyncio started."""

    def __init__(self, transport: asyncio.SubprocessTransport, protocol: _Protocol) -> None:
        assert protocol.stdin is not None and protocol.stdout is not None and protocol.stderr is not None
        self._transport = transport
        self.stdin = protocol.stdin
        self.stdout = protocol.stdout
        self.stderr = protocol.stderr
        self.ended = protocol.ended

    @property
    def pid(self) -> int:
        return self._transport.get_pid()

    async def exit_code(self) -> int:
        code = self._transport.get_returncode()
        assert code is not None
        return code

    def terminate(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._transport.terminate()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._transport.kill()

    def close(self) -> None:
        self._transport.close()
