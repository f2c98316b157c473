"""A real `geppetto web`, and readers of its events."""

import asyncio
import html
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from tests.events.brokers import _dying_with_us as dying_with_us  # pyright: ignore[reportPrivateUsage]

PATIENCE = 60.0
"""Seconds for whatever does not take one on a machine that has nothing else to do."""

MODEL = """
responses:
  - match: (?i)a long story
    stream:
      - { delta: "word ", repeat: 1500, delay: 1ms }
  - match: (?i)a short story
    stream:
      - { delta: "word ", repeat: 300, delay: 5ms }
  - match: (?i)without end
    stream:
      - { delta: "more and more ", repeat: 100000, delay: 10ms }
  - match: (?i)a flood
    stream:
      - { delta: "%s\\n\\n", repeat: 9000 }
  - match: (?i)script
    stream:
      - text: |
          Look: <script>document.title='pwned'</script><img src=x onerror="document.title='pwned'">
          [link](javascript:document.title='pwned') ![image](http://127.0.0.1:1/steal.png)
  - match: (?i)weather
    stream:
      - text: Let me look.
      - tool_call: { name: weather, input: { city: Paris } }
      - text: It is **sunny**.
  - match: (?i)fail
    stream:
      - text: "I begin to "
      - error: { kind: overloaded, message: too much to do }
  - match: (?i)code
    stream:
      - text: |
          # Title

          ```python
          def hello():
              return "world"  # a comment
          ```

          | a | b |
          |---|--:|
          | 1 | 2 |

          > and a [link](https://example.com)
  - text: "You said: {{user}}"
""" % ("a line of words that goes on and on " * 20)


@dataclass
class Server:
    """A server in a process of its own."""

    process: "subprocess.Popen[str]"
    address: str
    log: Path
    folder: Path

    @property
    def port(self) -> int:
        return urlsplit(self.address).port or 0

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(
        self,
        path: str,
        data: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        method: str = "",
    ) -> tuple[int, str, dict[str, str]]:
        """Status, body and headers; redirections are not followed."""
        body = None if data is None else urlencode(data).encode()
        request = urllib.request.Request(
            self.base + path, body, headers or {}, method=method or ("GET" if body is None else "POST")
        )
        opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=PATIENCE) as answer:
                return (
                    answer.status,
                    answer.read().decode(),
                    {k.lower(): v for k, v in answer.headers.items()},
                )
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(), {k.lower(): v for k, v in error.headers.items()}

    def ask(self, text: str, conversation: str = "", profile: str = "") -> tuple[str, str]:
        """Ask; the ids of the conversation and of the answer."""
        values = {"text": text, "conversation": conversation, "profile": profile}
        status, body, _ = self.request("/chat", values)
        assert status == 202, body
        said = json.loads(body)
        return said["conversation"], said["answer"]

    def page(self, conversation: str) -> str:
        status, body, _ = self.request(f"/c/{conversation}")
        assert status == 200
        return body

    def wait_for(self, conversation: str, condition: Callable[[str], bool]) -> str:
        """The conversation's page, when it fulfils a condition."""
        deadline = time.monotonic() + PATIENCE
        while not condition(page := self.page(conversation)):
            assert time.monotonic() < deadline, page
            time.sleep(0.05)
        return page

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        self.process.wait(PATIENCE)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


@dataclass
class Starter:
    """Starts servers in a workspace of their own."""

    folder: Path
    servers: list[Server] = field(default_factory=list[Server])

    @property
    def env(self) -> dict[str, str]:
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("GEPPETTO_", "OPENAI_", "ANTHROPIC_"))
        }
        home = {"HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder / "config")}
        return {**kept, **home, "GEPPETTO_STATE_DIR": str(self.folder / "state")}

    def spawn(self, *options: str) -> tuple["subprocess.Popen[str]", Path]:
        log = self.folder / f"log{len(list(self.folder.glob('log*')))}"
        with log.open("w") as output:
            process = subprocess.Popen(
                [*dying_with_us(), sys.executable, "-m", "geppetto", "web", "--port", "0", *options],
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                text=True,
            )
        return process, log

    def __call__(self, *options: str) -> Server:
        process, log = self.spawn(*options)
        deadline = time.monotonic() + PATIENCE
        while not (said := re.search(r"(http://\S+)\n", log.read_text())):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        self.servers.append(Server(process, said[1], log, self.folder))
        return self.servers[-1]

    def end(self) -> None:
        for server in self.servers:
            if server.process.poll() is None:
                server.process.kill()
                server.process.wait(PATIENCE)


def _workspace(folder: Path) -> Starter:
    (folder / "geppetto.toml").write_text(
        '[chat]\nprovider = "scripted"\nscript = "model.yaml"\n\n[profiles.parrot.chat]\nprovider = "echo"\n'
    )
    (folder / "model.yaml").write_text(MODEL)
    return Starter(folder)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    """Starts servers; they end with the test."""
    starter = _workspace(tmp_path)
    yield starter
    starter.end()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that the tests of a module share."""
    starter = _workspace(tmp_path_factory.mktemp("web"))
    yield starter()
    starter.end()


# --- a reader of events, as the page is one


@dataclass
class Page:
    """What a page shows of one conversation, made from the events it gets."""

    last_id: str = ""
    turns: dict[str, dict[int, str]] = field(default_factory=dict[str, dict[int, str]])
    ended: set[str] = field(default_factory=set[str])
    events: int = 0
    snapshots: int = 0
    size: int = 0

    def text(self, turn: str) -> str:
        """The text of an answer, without its markup."""
        return html.unescape(re.sub(r"<[^>]*>", "", "".join(self.turns[turn].values())))

    def take(self, raw: str) -> None:
        """Apply an event."""
        fields = dict(line.split(": ", 1) for line in raw.split("\n") if ": " in line and line[0] != ":")
        if "event" not in fields:
            return
        self.events += 1
        self.size += len(raw)
        data = json.loads(fields["data"])
        match fields["event"]:
            case "turn":
                self.turns.setdefault(data["turn"], {})
            case "block":
                self.turns.setdefault(data["turn"], {})[data["n"]] = data["html"]
            case "tail":
                self.turns[data["turn"]][data["n"]] += html.escape(data["text"])
            case "end":
                self.ended.add(data["turn"])
            case "thread":
                self.snapshots += 1
                self._take_thread(data["html"])
        self.last_id = fields["id"]

    def _take_thread(self, thread: str) -> None:
        self.turns.clear()
        for turn, status, body in re.findall(
            r'data-turn="(\w+)" data-status="(\w+)" aria-label="Answer">(.*?)<p class="typing"', thread, re.S
        ):
            blocks = re.split(r'<div class="block" data-n="\d+">', body)[1:]
            self.turns[turn] = {n: block.rstrip().removesuffix("</div>") for n, block in enumerate(blocks)}
            if status != "streaming":
                self.ended.add(turn)


@asynccontextmanager
async def connected(
    server: Server, conversation: str, page: Page, *, buffer: int = 2**16
) -> AsyncIterator[AsyncIterator[str]]:
    """The raw events of a conversation, from where the page was."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=buffer)
    resume = f"Last-Event-ID: {page.last_id}\r\n" if page.last_id else ""
    writer.write(
        f"GET /events?client_id={conversation}.test HTTP/1.1\r\nHost: localhost\r\n{resume}\r\n".encode()
    )

    async def events() -> AsyncIterator[str]:
        assert b" 200 " in await reader.readline()
        while await reader.readline() != b"\r\n":
            pass
        pending = b""
        while size := int((await reader.readline()).strip() or b"0", 16):
            pending += await reader.readexactly(size)
            await reader.readexactly(2)
            *whole, pending = pending.split(b"\n\n")
            for event in whole:
                yield event.decode()

    try:
        yield events()
    finally:
        writer.transport.abort()
