"""Events of a step on their way into the web chat's page: the server's work, and the delay of each change."""

import asyncio
import json
import socket
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from geppetto.chat.answering import Answering
from geppetto.events.router import EventRouter
from geppetto.steps.chat.step import ChatRequest, ChatStep
from geppetto.steps.run import StepRun
from geppetto.steps.tools import ToolUse
from geppetto.web.app import create_app
from geppetto.web.chat import Chat
from geppetto.web.chats import Chats
from geppetto.web.store import Store
from geppetto.web.views import Views

from benchmarks.harness import Bench, Row, Series

TITLE = "How fast do a step's events reach readers of the web chat's event stream?"

EVENTS = 20_000
READERS = 50
PACED = 150
PAUSE = 0.02


def measure(bench: Bench) -> list[Row]:
    latencies: dict[str, list[float]] = {"median": [], "p99": []}

    def paced() -> float:
        seconds = sorted(asyncio.run(_latencies()))
        latencies["median"].append(statistics.median(seconds) * 1000)
        latencies["p99"].append(seconds[len(seconds) * 99 // 100] * 1000)
        return seconds[0]

    rates = bench.take_turns(
        {
            "one": lambda: EVENTS / asyncio.run(time_of_answer(EVENTS)),
            "many": lambda: EVENTS / asyncio.run(time_of_answer(EVENTS, READERS)),
            "paced": paced,
        },
        rounds=3,
        warm_up=0,
    )
    note = "changes go out at most every 40 ms, several events together"
    return [
        Row("events of a step, until one reader has them all", "events/s", rates["one"], note=note),
        Row(f"the same with {READERS} readers", "events/s", rates["many"]),
        Row(f"one event every {PAUSE * 1000:g} ms: median delay", "ms", Series(tuple(latencies["median"]))),
        Row("the same, 99th percentile", "ms", Series(tuple(latencies["p99"]))),
    ]


class _Talk(ChatStep):
    """Says lines as fast as they are taken, or at a pace, and notes when."""

    type = "talk"
    default_model = "talk"

    def __init__(self, events: int, pause: float, said: list[float]) -> None:
        super().__init__()
        self._events, self._pause, self._said = events, pause, said

    async def round(self, run: StepRun, request: ChatRequest) -> list[ToolUse]:
        for number in range(self._events):
            if self._pause:
                await asyncio.sleep(self._pause)
            self._said.append(time.perf_counter())
            await run.partial(f"w{number}\n\n" if number % 12 == 11 else f"w{number} ")
        return []


async def time_of_answer(events: int, readers: int = 1) -> float:
    """Seconds from the first event of a step until all readers have the whole answer."""
    said: list[float] = []
    async with serving(lambda: _Talk(events, 0, said)) as (port, chat):
        ready, reading = asyncio.Semaphore(0), []
        for _ in range(readers):
            reading.append(asyncio.create_task(read_answer(port, chat.id, ready, lambda data: None)))
        for _ in range(readers):
            await ready.acquire()
        await chat.ask("Talk", "")
        async with asyncio.timeout(50):
            await asyncio.gather(*reading)
        return time.perf_counter() - said[0]


async def _latencies() -> list[float]:
    said: list[float] = []
    seen: dict[int, float] = {}

    def look(data: str) -> None:
        now = time.perf_counter()
        newest = data.rfind("w")
        number = data[newest + 1 :].split(" ")[0].split("<")[0].split("\\")[0].split('"')[0]
        if newest >= 0 and number.isdecimal():
            for each in range(int(number), -1, -1):
                if each in seen:
                    break
                seen[each] = now

    async with serving(lambda: _Talk(PACED, PAUSE, said)) as (port, chat):
        ready = asyncio.Semaphore(0)
        reading = asyncio.create_task(read_answer(port, chat.id, ready, look))
        await ready.acquire()
        await chat.ask("Talk", "")
        async with asyncio.timeout(50):
            await reading
    if len(seen) != PACED:
        raise RuntimeError(f"{len(seen)} events came, and not {PACED}")
    return [seen[number] - said[number] for number in range(PACED)]


async def read_answer(port: int, chat: str, ready: asyncio.Semaphore, look: Callable[[str], None]) -> None:
    """Reads a conversation's events until an answer ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /events?client_id={chat}.bench HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    event = b""
    while line := await reader.readline():
        if line.startswith(b"event: "):
            event = line[7:].strip()
            if event == b"thread":
                ready.release()
        elif line.startswith(b"data: ") and event in (b"block", b"tail"):
            data = json.loads(line[6:])
            look(data.get("text") or data["html"])
        elif event == b"end":
            break
    writer.close()


@asynccontextmanager
async def serving(step: Callable[[], ChatStep]) -> AsyncGenerator[tuple[int, Chat]]:
    async def make(profile: str, note: Callable[[str], None]) -> ChatStep:
        return step()

    with tempfile.TemporaryDirectory() as folder:
        store, views = Store(Path(folder) / "db"), Views()
        store.open()
        async with EventRouter() as router:
            chats = Chats(store, views, router, make)
            app = create_app(chats, views, Answering(Path(folder)))
            with socket.create_server(("127.0.0.1", 0)) as listener:
                server = uvicorn.Server(
                    uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
                )
                serving = asyncio.create_task(server.serve(sockets=[listener]))
                yield listener.getsockname()[1], chats.create()
                await chats.close()
                server.should_exit = True
                await serving
        store.close()
