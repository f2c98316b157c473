"""A small HTTP server under full control: every byte, and the end of the connection, is the test's to choose."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

WAIT = 10.0


class Exchange:
    """One request, and the means to answer it, well or badly."""

    def __init__(
        self, method: str, path: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter
    ):
        self.method, self.path, self.headers, self.body = method, path, headers, body
        self.gone = asyncio.Event()
        """Set when the client has closed the connection."""
        self._writer = writer
        self._chunked = False

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    async def start(self, status: int = 200, content_type: str | None = "text/event-stream", **headers: str):
        lines = [f"HTTP/1.1 {status} Whatever", "Transfer-Encoding: chunked"]
        if content_type:
            lines.append(f"Content-Type: {content_type}")
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.raw("\r\n".join([*lines, "", ""]).encode())
        self._chunked = True

    async def send(self, data: bytes) -> None:
        await self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    async def end(self) -> None:
        await self.raw(b"0\r\n\r\n")

    async def answer(self, status: int, body: object, content_type: str = "application/json", **headers: str):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        await self.start(status, content_type, **headers)
        await self.send(data)
        await self.end()

    async def raw(self, data: bytes) -> None:
        if not self.gone.is_set():
            self._writer.write(data)
            await self._writer.drain()

    def cut(self) -> None:
        """Drop the connection, as a failing network does."""
        self._writer.transport.abort()

    async def stall(self) -> None:
        """Say nothing until the client goes."""
        await asyncio.wait_for(self.gone.wait(), WAIT)


Handler = Callable[[Exchange], Awaitable[None]]


@dataclass
class Server:
    """Answers each request with the next handler; the last answers all that follow."""

    handlers: list[Handler] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    """0 for any that is free."""

    def __post_init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self.failures: list[BaseException] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def requests(self) -> list[Any]:
        return [exchange.json for exchange in self.exchanges]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=WAIT)
        assert not self.failures, self.failures

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        except Exception as error:
            self.failures.append(error)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ahead = b""
        while True:
            head = (ahead + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = dict(
                line.lower().split(": ", 1)[0:1] + line.split(": ", 1)[1:] for line in head[1:] if line
            )
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            exchange = Exchange(method, path, headers, body, writer)
            handler = self.handlers[min(len(self.exchanges), len(self.handlers) - 1)]
            self.exchanges.append(exchange)
            # The client says nothing while it is answered, but for its goodbye; after that, the next request.
            next_byte = asyncio.ensure_future(reader.read(1))
            next_byte.add_done_callback(lambda done, gone=exchange.gone: _note_end(done, gone))
            try:
                await handler(exchange)
                ahead = await next_byte
            finally:
                next_byte.cancel()
            if not ahead:
                return


def _note_end(done: "asyncio.Future[bytes]", gone: asyncio.Event) -> None:
    if done.cancelled() or done.exception() is not None or done.result() == b"":
        gone.set()
