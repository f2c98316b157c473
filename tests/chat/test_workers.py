"""Both chats, with workers that answer: real ones, behind a real bus, that die in the middle of it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from geppetto.errors import GeppettoError
from geppetto.events.dispatch import ChatEventHandler
from geppetto.events.models import ErrorEvent, FinalEvent, PartialEvent, StartEvent, ToolResultEvent
from geppetto.events.transports.connect import connect
from geppetto.events.wire import chat_topic
from geppetto.tui.session import ChatSession
from geppetto.workers.wire import QUEUE

from tests.events.brokers import NatsServer, RedisServer, Server, serving
from tests.events.brokers import _dying_with_us as dying_with_us  # pyright: ignore[reportPrivateUsage]
from tests.web.conftest import PATIENCE, Starter
from tests.web.test_keeping import answers, done

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

MODEL = """
responses:
  - match: (?i)a slow story
    stream:
      - { delta: "word ", repeat: 400, delay: 20ms }
      - text: The end.
  - match: (?i)weather
    stream:
      - text: Let me look.
      - tool_call: { name: weather, input: { city: Paris } }
      - text: It is **sunny**.
  - match: (?i)fail
    stream:
      - text: "I begin to "
      - error: { kind: overloaded, message: too much to do }
  - text: "You said: {{user}}"
"""


class Workers:
    """Workers with settings of their own, in processes that end with the test."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self._environment = environment
        self._started: list[subprocess.Popen[str]] = []
        folder.mkdir()
        (folder / "geppetto.toml").write_text(
            '[chat]\nprovider = "scripted"\nscript = "model.yaml"\n[profiles.parrot.chat]\nprovider = "echo"\n'
            '[tools]\nweather = "its_tools:weather"\n'
        )
        (folder / "model.yaml").write_text(MODEL)
        (folder / "its_tools.py").write_text(
            "def weather(city: str) -> str:\n    return f'Rain in {city}!'\n"
        )

    def start(self, bus: Server, *options: str, trusted: bool = True) -> subprocess.Popen[str]:
        """One that takes a run at a time."""
        environment = dict(self._environment)
        if trusted:
            environment["GEPPETTO_TRUSTED_FOLDERS"] = str(self.folder)
        command = ("worker", "--bus", bus.url, "--claim-after", "2s", "--concurrency", "1", *options)
        with self.log(len(self._started)).open("w") as log:
            process = subprocess.Popen(
                [*dying_with_us(), sys.executable, "-m", "geppetto", *command],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
            )
        self._started.append(process)
        return process

    def log(self, number: int) -> Path:
        return self.folder.parent / f"worker{number}.log"

    async def at_work(self) -> subprocess.Popen[str]:
        """The one that does a run."""
        deadline = time.monotonic() + PATIENCE
        while True:
            for number, process in enumerate(self._started):
                said = self.log(number).read_text()
                if process.poll() is None and len(re.findall(r" run \S+: ", said)) > said.count(" ended: "):
                    return process
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)

    async def wait_for(self, text: str, number: int = 0) -> None:
        """For something that one says in its log."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.log(number).read_text():
            assert time.monotonic() < deadline, self.log(number).read_text()
            await asyncio.sleep(0.05)

    def end(self) -> None:
        for process in self._started:
            process.kill()
            process.wait(PATIENCE)


@pytest.fixture
def starter(tmp_path: Path) -> Iterator[Starter]:
    """Starts web chats in a folder without settings."""
    folder = tmp_path / "web"
    folder.mkdir()
    starter = Starter(folder)
    yield starter
    starter.end()


@pytest.fixture
def workers(tmp_path: Path, starter: Starter) -> Iterator[Workers]:
    workers = Workers(tmp_path / "worker", starter.env)
    yield workers
    workers.end()


@pytest.fixture
async def nats() -> AsyncIterator[Server]:
    async with serving(NatsServer) as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in [*os.environ]:
        if name.startswith("GEPPETTO_"):
            monkeypatch.delenv(name)


class Heard(ChatEventHandler):
    """What a terminal is told."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.errors: list[ErrorEvent] = []
        self.results: list[object] = []
        self.notes: list[str] = []
        self.engine = ""

    def handle_start(self, event: StartEvent) -> None:
        self.texts.append("")

    def handle_partial(self, event: PartialEvent) -> None:
        self.texts[-1] += event.delta

    def handle_tool_result(self, event: ToolResultEvent) -> None:
        self.results.append(event.tool_result.result)

    def handle_final(self, event: FinalEvent) -> None:
        self.engine = event.meta.engine
        assert event.meta.usage is not None and event.meta.usage.output_tokens

    def handle_error(self, event: ErrorEvent) -> None:
        self.errors.append(event)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("kind", [NatsServer, RedisServer])
async def test_workers_answer_the_web_chat_by_one_setting_and_keep_their_keys(
    kind: type[Server], starter: Starter, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(kind) as bus:
        workers.start(bus)
        monkeypatch.setenv("GEPPETTO_BUS", bus.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-in-the-web")
        environment = {**starter.env, "GEPPETTO_BUS": bus.url, "OPENAI_API_KEY": "sk-planted-in-the-web"}
        monkeypatch.setattr(Starter, "env", property(lambda _: environment))
        web = await asyncio.to_thread(starter, "--tool", "weather")
        assert "workers at 127.0.0.1" in web.request("/")[1]
        jobs: list[bytes] = []
        heard: list[bytes] = []
        transport = await connect(bus.url)
        conversation, _ = await asyncio.to_thread(web.ask, "Hello")
        await asyncio.to_thread(web.wait_for, conversation, done)
        async with transport.subscribe(QUEUE) as queue, transport.subscribe(chat_topic(conversation)) as live:

            async def listen(subscription: object, to: list[bytes]) -> None:
                async for message in subscription:  # type: ignore[attr-defined]
                    to.append(message.payload)
                    message.ack()

            listening = [
                asyncio.create_task(listen(queue, jobs)),
                asyncio.create_task(listen(live, heard)),
            ]
            await asyncio.to_thread(web.ask, "What about the weather?", conversation)
            page = await asyncio.to_thread(
                web.wait_for, conversation, lambda page: done(page) and len(answers(page)) == 2
            )
            for task in listening:
                task.cancel()
        await transport.close()
        assert answers(page)[0][1] == "You said: Hello"
        assert "Rain in Paris!" in page and "sunny" in page
        # Its footer is as if it were answered here, and others can listen to it.
        assert "scripted" in answers(page)[1][2] and "tokens" in answers(page)[1][2]
        assert any(b'"type":"tool-result"' in each for each in heard)
        job = json.loads(jobs[0])
        told = [(each["role"], each["text"]) for each in job["params"]["messages"]]
        assert told == [
            ("user", "Hello"),
            ("assistant", "You said: Hello"),
            ("user", "What about the weather?"),
        ]
        assert b"sk-planted" not in b"".join([*jobs, *heard])
        await asyncio.to_thread(web.stop)


async def test_what_goes_wrong_at_a_worker_is_the_answer(
    nats: Server, starter: Starter, workers: Workers
) -> None:
    workers.start(nats, trusted=False)
    web = await asyncio.to_thread(starter, "--bus", nats.url)
    conversation, _ = await asyncio.to_thread(web.ask, "Hello", "", "nobody")
    page = await asyncio.to_thread(web.wait_for, conversation, done)
    assert answers(page)[0][0] == "error"
    assert "The worker says" in page and "nobody" in page and "parrot" in page
    await asyncio.to_thread(web.ask, "Please fail", conversation)
    page = await asyncio.to_thread(
        web.wait_for, conversation, lambda page: done(page) and len(answers(page)) == 2
    )
    assert answers(page)[1][:2] == ("error", "I begin to") and "too much to do" in answers(page)[1][2]
    conversation, _ = await asyncio.to_thread(web.ask, "é" * 600_000)
    page = await asyncio.to_thread(web.wait_for, conversation, done)
    assert answers(page)[0][0] == "error" and "max_payload" in page
    await asyncio.to_thread(web.stop)
    for tool, said in (("weather", "have not said that you trust"), ("hammer", "hammer")):
        web = await asyncio.to_thread(starter, "--bus", nats.url, "--tool", tool)
        conversation, _ = await asyncio.to_thread(web.ask, "Hello")
        page = await asyncio.to_thread(web.wait_for, conversation, done)
        assert answers(page)[0][0] == "error" and said in page
        await asyncio.to_thread(web.stop)


async def test_stop_reaches_the_worker_and_keeps_what_was_said(
    nats: Server, starter: Starter, workers: Workers
) -> None:
    workers.start(nats)
    web = await asyncio.to_thread(starter, "--bus", nats.url)
    conversation, _ = await asyncio.to_thread(web.ask, "A slow story")
    await asyncio.to_thread(web.wait_for, conversation, lambda page: "word word word" in page)
    await asyncio.to_thread(web.request, f"/c/{conversation}/stop", {})
    page = await asyncio.to_thread(web.wait_for, conversation, done)
    assert answers(page)[0][0] == "interrupted" and "word word word" in answers(page)[0][1]
    await workers.wait_for("ended: cancelled")


async def test_a_worker_that_dies_leaves_its_words_and_another_one_answers_anew(
    nats: Server, starter: Starter, workers: Workers
) -> None:
    for _ in range(2):
        workers.start(nats)
    web = await asyncio.to_thread(starter, "--bus", nats.url)
    conversation, _ = await asyncio.to_thread(web.ask, "A slow story")
    await asyncio.to_thread(web.wait_for, conversation, lambda page: "word word word" in page)
    (await workers.at_work()).kill()
    page = await asyncio.to_thread(
        web.wait_for, conversation, lambda page: done(page) and answers(page)[-1][0] == "done"
    )
    assert answers(page)[-1][1].endswith("word The end.") and answers(page)[-1][1].count("word") == 400
    assert "2 / 2" in page
    [before] = re.findall(r'data-show="(\w+)" aria-label="Earlier version"', page.split('"Answer"')[-1])
    await asyncio.to_thread(web.request, f"/c/{conversation}/show", {"turn": before})
    ((status, text, below),) = answers(web.page(conversation))
    assert status == "error" and "word word word" in text and "another one gives it anew" in below


async def test_an_answer_that_two_workers_die_of_is_given_up(
    nats: Server, starter: Starter, workers: Workers, tmp_path: Path
) -> None:
    dead = tmp_path / "dead.jsonl"
    web = await asyncio.to_thread(starter, "--bus", nats.url)
    conversation, _ = await asyncio.to_thread(web.ask, "A slow story")
    await asyncio.to_thread(web.wait_for, conversation, lambda page: "No worker has taken" in page)
    for number in range(2):
        workers.start(nats)
        await asyncio.to_thread(
            web.wait_for,
            conversation,
            lambda page, number=number: "word word word" in page and page.count(" / 2") == number,
        )
        (await workers.at_work()).kill()
    workers.start(nats, "--dead-letters", str(dead))
    page = await asyncio.to_thread(web.wait_for, conversation, done)
    assert answers(page)[-1][0] == "error" and "2 workers were lost" in page
    assert "word word word" in answers(page)[-1][1]
    assert dead.read_text().count("A slow story") == 1


async def test_a_bus_that_restarts_leaves_no_hole_in_an_answer_and_that_is_said(
    nats: Server, starter: Starter, workers: Workers
) -> None:
    workers.start(nats)
    web = await asyncio.to_thread(starter, "--bus", nats.url)
    conversation, _ = await asyncio.to_thread(web.ask, "A slow story")
    await asyncio.to_thread(web.wait_for, conversation, lambda page: "word word word" in page)
    await nats.stop(signal.SIGKILL)
    await asyncio.to_thread(web.wait_for, conversation, lambda page: "is lost" in page)
    await nats.start()
    page = await asyncio.to_thread(web.wait_for, conversation, done)
    assert answers(page)[0][0] == "done"
    assert answers(page)[0][1].count("word") == 400 and answers(page)[0][1].endswith("The end.")
    assert "again after" in web.log.read_text()


async def test_workers_answer_the_terminal_chat(nats: Server, workers: Workers, tmp_path: Path) -> None:
    heard = Heard()
    async with ChatSession(tmp_path, bus=nats.url, tools=["weather"]) as session:
        asking = asyncio.create_task(session.ask("What about the weather?", heard, heard.notes.append))
        await heard.until(lambda: any("No worker has taken" in note for note in heard.notes))
        workers.start(nats)
        assert await asking
        assert heard.texts == ["Let me look.\n\nIt is **sunny**."] and heard.results == ["Rain in Paris!"]
        assert heard.engine == "scripted"
        await session.use_profile("parrot")  # which the workers have, and we do not
        assert await session.ask("Polly", heard)
        assert heard.texts[-1] == "Polly"
        await session.use_profile("")
        workers.start(nats)
        asking = asyncio.create_task(session.ask("A slow story", heard, heard.notes.append))
        await heard.until(lambda: heard.texts[-1].startswith("word word"))
        (await workers.at_work()).kill()
        assert await asking
        *_, broken, whole = heard.texts
        assert broken.startswith("word word") and "The end." not in broken
        assert whole == "word " * 400 + "The end."
        assert [event.code for event in heard.errors] == ["worker_lost"]
        # Only what came to its end was said.
        assert session.markdown().count("word") == 400


async def test_an_interrupt_in_the_terminal_reaches_the_worker(
    nats: Server, workers: Workers, tmp_path: Path
) -> None:
    workers.start(nats)
    heard = Heard()
    async with ChatSession(tmp_path, bus=nats.url) as session:
        asking = asyncio.create_task(session.ask("A slow story", heard))
        await heard.until(lambda: bool(heard.texts) and heard.texts[-1].startswith("word word"))
        session.interrupt()
        assert not await asking
        await workers.wait_for("ended: cancelled")
        assert session.markdown().count("word") == heard.texts[-1].count("word")


async def test_a_bus_that_is_not_there_is_told_at_the_start(tmp_path: Path, starter: Starter) -> None:
    with pytest.raises(GeppettoError, match=r"127\.0\.0\.1:1"):
        async with ChatSession(tmp_path, bus="nats://127.0.0.1:1"):
            pass
    process, log = starter.spawn("--bus", "nats://127.0.0.1:1")
    assert await asyncio.to_thread(process.wait, PATIENCE) == 1
    assert "127.0.0.1:1" in log.read_text() and "Traceback" not in log.read_text()
    with pytest.raises(GeppettoError, match="no workers behind memory"):
        async with ChatSession(tmp_path, bus="memory:"):
            pass
