"""Processes for scripts that are forked from a nursery (see ``geppetto.runs.nursery``). Linux only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack

from geppetto.errors import GeppettoError
from geppetto.runs.child import PIPE_BYTES, LastWords
from geppetto.runs.nursery import REQUEST
from geppetto.runs.protocol import Exited, Forked, Grown, NotForked, nursery_message
from geppetto.runs.spawned import PYTHON

NURSERY_COMMAND = (*PYTHON, "geppetto.runs.nursery")

_PACKET_BYTES = 64 * 1024
_STARTING_SECONDS = 20.0
_ANSWER_SECONDS = 5.0
"""How long an answer may take after the first: the nursery may be importing."""
_CODE_SECONDS = 20.0
_BURYING_SECONDS = 1.0


class NurseryError(GeppettoError):
    """A nursery gave no process; the message says why."""


class ForkedProcess:
    """A ``Process`` whose parent is a nursery, which tells how it ended, as soon as it finds the time.

    When it ended is told by a descriptor of the process, and signals go by that, not by its number: that may be
    another's by then.
    """

    def __init__(
        self,
        stdin: asyncio.StreamWriter,
        stdout: tuple[asyncio.StreamReader, asyncio.ReadTransport],
        stderr: tuple[asyncio.StreamReader, asyncio.ReadTransport],
    ) -> None:
        self.pid = 0
        self.ended = asyncio.Event()
        self.stdin = stdin
        self.stdout, self._stdout = stdout
        self.stderr, self._stderr = stderr
        self._pidfd: int | None = None
        self._code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def exit_code(self) -> int:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CODE_SECONDS):
                return await asyncio.shield(self._code)
        return -signal.SIGKILL  # nobody knows

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def close(self) -> None:
        self.kill()
        self.stdin.close()
        self._stdout.close()
        self._stderr.close()

    # What its nursery says, or does not say any more

    def is_born(self, pid: int, pidfd: int) -> None:
        self.pid, self._pidfd = pid, pidfd
        asyncio.get_running_loop().add_reader(pidfd, self._has_ended, pidfd)

    def _has_ended(self, pidfd: int) -> None:
        asyncio.get_running_loop().remove_reader(pidfd)
        os.close(pidfd)
        self._pidfd = None
        self.ended.set()

    def is_reaped(self, code: int) -> None:
        self._code.set_result(code)

    def is_orphan(self) -> None:
        """Its nursery is gone, and the kernel ends it; nobody will tell how that went."""
        self.kill()
        self._code.set_result(-signal.SIGKILL)


class Nursery:
    """A nursery's process, as the supervisor sees it. Make one with :meth:`open`.

    Attributes:
        began: when, by the event loop's clock.
        is_gone: whether there is nothing more to be had from it.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, connection: socket.socket, on_grown: Callable[[], None]
    ) -> None:
        assert process.stderr is not None
        self._loop = asyncio.get_running_loop()
        self.began = self._loop.time()
        self.is_gone = False
        self._process = process
        self._connection = connection
        self._on_grown = on_grown
        self._patience = _STARTING_SECONDS
        self._asked: deque[tuple[ForkedProcess, asyncio.Future[None]]] = deque()
        self._living: dict[int, ForkedProcess] = {}
        self._last_words = LastWords(process.stderr)
        self._loop.add_reader(connection, self._read)

    @classmethod
    async def open(cls, on_grown: Callable[[], None]) -> Nursery:
        """Starts one. It answers when it is ready.

        Args:
            on_grown: called when its processes begin with more from now on.

        Raises:
            NurseryError: the system refuses.
        """
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            raise NurseryError(str(error)) from None
        ours.setblocking(False)
        with ExitStack() as unused, theirs:
            unused.callback(ours.close)
            try:
                process = await asyncio.create_subprocess_exec(
                    *NURSERY_COMMAND,
                    str(os.getpid()),
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
            except OSError as error:
                raise NurseryError(str(error)) from None
            unused.pop_all()
        return cls(process, ours, on_grown)

    async def fork(self) -> ForkedProcess:
        """A new process.

        Raises:
            NurseryError: there is none, or none in time.
        """
        if self.is_gone:
            raise NurseryError("it has ended")
        answer: asyncio.Future[None] = self._loop.create_future()
        with ExitStack() as unused:
            try:
                with ExitStack() as theirs:
                    child, descriptors = await _with_pipes(theirs)
                    unused.callback(child.close)
                    socket.send_fds(self._connection, [REQUEST], descriptors)
                self._asked.append((child, answer))
                async with asyncio.timeout(self._patience):
                    await answer
            except OSError as error:
                raise NurseryError(str(error) or "it does not answer") from None
            unused.pop_all()
        self._patience = _ANSWER_SECONDS
        return child

    def _read(self) -> None:
        try:
            packet, descriptors, _, _ = socket.recv_fds(
                self._connection, _PACKET_BYTES, 1, socket.MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            return
        except OSError:
            packet, descriptors = b"", []
        if not packet:
            self._lose()
            return
        match nursery_message.validate_json(packet):
            case Forked(pid=pid):
                child, answer = self._asked.popleft()
                child.is_born(pid, descriptors[0])
                self._living[pid] = child
                if answer.done():
                    child.kill()  # nobody waits for it any more
                else:
                    answer.set_result(None)
            case NotForked(reason=reason):
                _, answer = self._asked.popleft()
                if not answer.done():
                    answer.set_exception(NurseryError(reason))
            case Exited(pid=pid, code=code):
                if exited := self._living.pop(pid, None):
                    exited.is_reaped(code)
            case Grown():
                self._on_grown()

    def _lose(self) -> None:
        if self.is_gone:
            return
        self.is_gone = True
        self._loop.remove_reader(self._connection)
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        # After that: what has nobody to talk to any more ends by itself, and `kill` would bury it unseen.
        self._connection.close()
        for _, answer in self._asked:
            if not answer.done():
                answer.set_exception(NurseryError("it has ended"))
        for child in self._living.values():
            child.is_orphan()

    async def close(self) -> None:
        """Ends it, and whatever of its processes lives."""
        ended = [
            asyncio.ensure_future(child.exit_code())
            for child in self._living.values()
            if child.ended.is_set()
        ]
        if ended:  # it is about to bury them, which is its task and nobody else's
            await asyncio.wait(ended, timeout=_BURYING_SECONDS)
        self._lose()
        await self._process.wait()
        await self._last_words.complete()
        self._last_words.close()

    def words(self) -> str:
        """What it wrote to standard error, below a line break; empty if nothing. Complete when it is closed."""
        return self._last_words.below()


async def _with_pipes(theirs: ExitStack) -> tuple[ForkedProcess, tuple[int, int, int]]:
    """A process that is not born yet, and its ends of the pipes, which `theirs` closes."""
    stdin, ours = os.pipe()
    theirs.callback(os.close, stdin)
    transport, protocol = await asyncio.get_running_loop().connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(ours, "wb", 0)
    )
    writer = asyncio.StreamWriter(transport, protocol, None, asyncio.get_running_loop())
    stdout, out = await _read_pipe(theirs)
    stderr, err = await _read_pipe(theirs)
    return ForkedProcess(writer, out, err), (stdin, stdout, stderr)


async def _read_pipe(theirs: ExitStack) -> tuple[int, tuple[asyncio.StreamReader, asyncio.ReadTransport]]:
    ours, writing = os.pipe()
    theirs.callback(os.close, writing)
    reader = asyncio.StreamReader(PIPE_BYTES)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours, "rb", 0)
    )
    return writing, (reader, transport)
