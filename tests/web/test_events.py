"""Readers of the event stream: cut off, slow, and many."""

import asyncio
import random

import pytest

from tests.web.conftest import PATIENCE, Page, Server, connected

STORY = "word " * 1500


async def _read_to_end(server: Server, conversation: str, answer: str, page: Page) -> None:
    async with asyncio.timeout(PATIENCE), connected(server, conversation, page) as events:
        async for event in events:
            page.take(event)
            if answer in page.ended:
                return


async def test_a_connection_cut_a_hundred_times_loses_nothing(server: Server) -> None:
    conversation, answer = await asyncio.to_thread(server.ask, "Tell me a long story")
    page, chance, cuts = Page(), random.Random(7), 0
    async with asyncio.timeout(PATIENCE):
        while answer not in page.ended or cuts < 100:
            stop_at = page.events + chance.randrange(3)
            async with connected(server, conversation, page) as events:
                async for event in events:
                    if page.events >= stop_at and event.startswith("id:"):
                        break  # this one is lost, as if it were on its way when the connection broke
                    page.take(event)
                    if answer in page.ended:
                        break
            if answer in page.ended and cuts < 99:
                # It was over too soon: from the beginning again, out of what is kept.
                page = Page(last_id=page.last_id.rpartition("-")[0] + "-0")
            cuts += 1
    assert cuts >= 100
    assert page.text(answer).split() == STORY.split()


async def test_one_that_comes_late_gets_all_of_it_at_once(server: Server) -> None:
    conversation, answer = await asyncio.to_thread(server.ask, "Tell me a long story")
    page = Page()
    await _read_to_end(server, conversation, answer, page)
    late = Page()
    await _read_to_end(server, conversation, answer, late)
    assert late.snapshots == 1 and late.events == 1
    assert late.text(answer).split() == page.text(answer).split() == STORY.split()


async def test_a_slow_reader_slows_nobody_and_finds_the_whole_text_later(server: Server) -> None:
    conversation, hello = await asyncio.to_thread(server.ask, "Hello")
    await _read_to_end(server, conversation, hello, Page())
    slow, fast = Page(), Page()
    async with connected(server, conversation, slow, buffer=1024) as slow_events:
        slow.take(await anext(e async for e in slow_events if e.startswith("id:")))
        # Many times what the kernel, the server and the feed keep for one that does not read.
        _, answer = await asyncio.to_thread(server.ask, "Give me a flood", conversation)
        await _read_to_end(server, conversation, answer, fast)
        assert fast.size > 4_000_000
        async with asyncio.timeout(PATIENCE):
            async for event in slow_events:
                slow.take(event)
                if answer in slow.ended:
                    break
    assert slow.text(answer) == fast.text(answer)
    assert slow.snapshots >= 2  # it missed too much, and got the present instead
    assert slow.size < fast.size + 20_000_000


async def test_two_hundred_readers_of_one_stream(server: Server) -> None:
    conversation, hello = await asyncio.to_thread(server.ask, "Hello")
    await _read_to_end(server, conversation, hello, Page())
    pages = [Page() for _ in range(200)]
    there = asyncio.Semaphore(0)
    asked: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def read(page: Page) -> None:
        async with connected(server, conversation, page) as events:
            async for event in events:
                page.take(event)
                if page.events == 1 and not asked.done():
                    there.release()
                if asked.done() and asked.result() in page.ended:
                    return

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        for page in pages:
            group.create_task(read(page))
        for _ in pages:
            await there.acquire()
        _, answer = await asyncio.to_thread(server.ask, "Tell me a short story", conversation)
        asked.set_result(answer)
    assert all(page.text(answer).split() == ["word"] * 300 for page in pages)
    assert all(page.snapshots == 1 for page in pages)  # the one at the beginning: nobody fell behind


async def test_a_quiet_connection_shows_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    from geppetto.web import app
    from geppetto.web.feed import Feed
    from starlette.requests import Request

    class Quiet:
        feed = Feed()
        readers = 0

    class Chats:
        async def get(self, _: str) -> Quiet:
            return Quiet()

    assert app.HEARTBEAT == 30
    monkeypatch.setattr(app, "HEARTBEAT", 0.01)
    pages = app._Pages(Chats(), None, None, needs_token=False)  # type: ignore[arg-type]  # pyright: ignore
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/events",
        "query_string": f"client_id=x.1&after={Quiet.feed.id()}".encode(),
        "headers": [],
    }
    response = await pages.events(Request(scope))
    sent: asyncio.Queue[bytes] = asyncio.Queue()

    async def send(message: dict[str, object]) -> None:
        await sent.put(bytes(message.get("body") or b""))  # type: ignore[arg-type]  # pyright: ignore

    async def receive() -> dict[str, object]:
        await asyncio.Event().wait()
        return {}

    serving = asyncio.create_task(response(scope, receive, send))  # type: ignore[arg-type]  # pyright: ignore
    async with asyncio.timeout(PATIENCE):
        pings = 0
        while pings < 3:
            pings += (await sent.get()).startswith(b": ping")
    serving.cancel()
    await asyncio.wait({serving})
