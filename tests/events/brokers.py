"""Real brokers for the tests: on loopback, at a port of their own, in a folder of their own."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest
from geppetto.events.dead_letters import DeadLetterLog
from geppetto.events.retry import RetryPolicy
from geppetto.events.transports import Transport


class Bus(Protocol):
    """A broker that tests can connect to; one fresh broker a test."""

    async def connect(self, *, dead_letters: DeadLetterLog | None = None) -> Transport:
        """A connection with QUICK_RETRY. The test closes it, or the bus does at the end."""
        ...

    async def restart(self) -> None:
        """Stop the broker and start it again with what it kept; asked of durable buses only."""
        ...


QUICK_RETRY = RetryPolicy(attempts=3, delay=0.01, factor=2, max_delay=0.05)


class Server:
    """A broker process. Its port stays the same over restarts."""

    program = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    async def start(self) -> None:
        path = shutil.which(self.program)
        if path is None:
            pytest.skip(f"{self.program} is not installed: apt-get install {self.program}")
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*_dying_with_us(), path, *self.command()],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        async with asyncio.timeout(60):
            while not await self._answers():
                assert self._process.poll() is None, (self.folder / "log").read_text()
                await asyncio.sleep(0.02)

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            await asyncio.to_thread(process.wait, 10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    async def restart(self, how: signal.Signals = signal.SIGTERM) -> None:
        await self.stop(how)
        await self.start()

    def forget(self) -> None:
        """Throw away what the server kept, while it does not run."""
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != "log":
                path.unlink()

    def freeze(self) -> None:
        """The process is there and holds its connections, but does nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)  # until every thread has stopped

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        try:
            async with asyncio.timeout(2):
                return await self.greets(reader, writer)
        except (TimeoutError, OSError):
            return False
        finally:
            writer.close()

    async def greets(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        raise NotImplementedError


class NatsServer(Server):
    program = "nats-server"
    jetstream = True

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return [
            *("--addr", "127.0.0.1", "--port", str(self.port)),
            *(["--jetstream", "--store_dir", str(self.folder)] if self.jetstream else []),
        ]

    async def greets(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        return (await reader.readline()).startswith(b"INFO")


class RedisServer(Server):
    program = "redis-server"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        return [
            *("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)),
            *("--appendonly", "yes", "--appendfsync", "always", "--save", ""),
        ]

    async def greets(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"PING\r\n")
        return await reader.readline() == b"+PONG\r\n"


@asynccontextmanager
async def serving(kind: type[Server]) -> AsyncIterator[Server]:
    """A server that runs, and is gone afterwards together with its folder."""
    folder = Path(tempfile.mkdtemp(prefix="geppetto-broker-"))
    server = kind(folder)
    try:
        await server.start()
        yield server
    finally:
        await server.stop(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


Connect = Callable[[str, DeadLetterLog | None], Awaitable[Transport]]


class BrokerBus:
    """A bus for the conformance suite."""

    def __init__(self, server: Server, connect: Connect) -> None:
        self.server = server
        self._connect = connect
        self._transports: list[Transport] = []

    async def connect(self, *, dead_letters: DeadLetterLog | None = None) -> Transport:
        transport = await self._connect(self.server.url, dead_letters)
        self._transports.append(transport)
        return transport

    async def restart(self) -> None:
        await self.server.restart()

    async def dispose(self) -> None:
        for transport in self._transports:
            await transport.close()


def _dying_with_us() -> list[str]:
    """What to start a server with, so that none is left behind even when the tests are killed."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Line:
    """A way to a server that can lose an answer: the server has done what was asked, and nobody learns it."""

    def __init__(self) -> None:
        self.lose_the_next_answer = False
        self.lost = 0
        self.port = 0

    async def carry(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", server.port)

        async def there() -> None:
            while data := await reader.read(65536):
                forth.write(data)

        asking = asyncio.create_task(there())
        try:
            while data := await back.read(65536):
                if self.lose_the_next_answer:
                    self.lose_the_next_answer = False
                    self.lost += 1
                    break
                writer.write(data)
        finally:
            asking.cancel()
            forth.close()
            writer.close()


@asynccontextmanager
async def line_to(server: Server) -> AsyncIterator[Line]:
    line = Line()
    carriers: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carriers.add(asyncio.create_task(line.carry(server, reader, writer)))

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    line.port = listening.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        listening.close()
        for carrier in carriers:
            carrier.cancel()
        await asyncio.gather(*carriers, return_exceptions=True)


@asynccontextmanager
async def broker_bus(kind: type[Server], connect: Connect) -> AsyncIterator[Bus]:
    async with serving(kind) as server:
        bus = BrokerBus(server, connect)
        try:
            yield bus
        finally:
            await bus.dispose()
