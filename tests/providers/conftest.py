"""A fake service, a step that asks it, and what was heard of the step."""

import asyncio
from collections.abc import AsyncIterator
from types import ModuleType

import pytest
from geppetto.events.codec import decode
from geppetto.events.message import Message
from geppetto.events.models import Event
from geppetto.events.publisher import PublisherManager
from geppetto.events.wire import EVENT_TYPE
from geppetto.steps.chat.clients import Clients
from geppetto.steps.chat.remote import RemoteChatStep
from geppetto.steps.chat.service import Retries, Service, Timeouts
from geppetto.steps.chat.step import ChatInput, ChatParameters
from geppetto.steps.context import StepContext
from geppetto.steps.result import StepResult
from geppetto.steps.tools import PythonTools

from tests.providers import fake_anthropic, fake_openai
from tests.providers.http_server import Handler, Server

KEY = "sk-planted-0123456789abcdef"
QUICK = Retries(delay=0.01, max_delay=0.02, chance=lambda: 1.0)
PATIENCE = Timeouts(connect=30, first_token=60, idle=60, total=100)


class Heard:
    """Everything a step published, checked for the order every stream of events must have."""

    def __init__(self) -> None:
        self.manager = PublisherManager()
        self.manager.register_publisher("all", self)
        self.messages: list[Message] = []
        self.first_delta = asyncio.Event()
        self._events: list[Event] = []

    async def publish(self, topic: str, *messages: Message) -> None:
        self.messages.extend(messages)
        if not self.first_delta.is_set() and any(m.metadata[EVENT_TYPE] == "partial" for m in messages):
            self.first_delta.set()

    @property
    def events(self) -> list[Event]:
        self._events += [decode(message.payload) for message in self.messages[len(self._events) :]]
        return self._events

    @property
    def text(self) -> str:
        return "".join(event.delta for event in self.events if event.type == "partial")

    @property
    def last(self) -> Event:
        types = [event.type for event in self.events]
        assert types[0] == "start" and set(types[1:-1]) <= {"partial", "tool-call", "tool-result"}, types
        last = self.events[-1]
        assert last.type in ("final", "error", "interrupt"), types
        if last.type != "error":
            assert last.text == self.text
        return last


class Chat:
    """A fake service of one vendor, and steps that ask it."""

    def __init__(self, vendor: ModuleType, server: Server, clients: Clients) -> None:
        self.vendor = vendor
        self.server = server
        self.clients = clients
        self.heard = Heard()

    def step(
        self,
        parameters: ChatParameters | None = None,
        *,
        base_url: str | None = None,
        key: str | None = KEY,
        timeouts: Timeouts = PATIENCE,
        retries: Retries = QUICK,
    ) -> RemoteChatStep:
        return self.vendor.Step(
            parameters or ChatParameters(model=self.vendor.MODEL),
            Service(base_url or self.server.address + self.vendor.BASE, key),
            timeouts=timeouts,
            retries=retries,
            clients=self.clients,
        )

    def start(
        self, *handlers: Handler, input: ChatInput = "Hi", tools: PythonTools | None = None, **options
    ) -> StepResult:
        self.server.handlers = list(handlers)
        context = StepContext(publisher=self.heard.manager, tools=tools)
        return self.step(**options).start(context, input)

    def context(self) -> StepContext:
        """The context of a step to be heard together with those before."""
        return StepContext(publisher=self.heard.manager)

    def heard_anew(self) -> StepContext:
        """Forget what was heard; the context of a step to be heard next."""
        self.heard = Heard()
        return StepContext(publisher=self.heard.manager)

    async def end(self, *handlers: Handler, **options) -> Event:
        """Run a step to its end, whatever that is; return its last event."""
        result = self.start(*handlers, **options)
        async with asyncio.timeout(120):
            try:
                await result.result()
            except Exception as error:
                assert self.heard.last.type != "final", error
        return self.heard.last

    def answers(self, *deltas: str, **more) -> Handler:
        return self.vendor.played(self.vendor.answer(*deltas, **more))

    def fails(self, kind: str, echo: str = "", **headers: str) -> Handler:
        status, body = self.vendor.error(kind, echo)

        async def handler(exchange) -> None:
            await exchange.answer(status, body, **headers)

        return handler


async def _chat(vendor: ModuleType) -> AsyncIterator[Chat]:
    clients = Clients()
    async with Server() as server:
        yield Chat(vendor, server, clients)
        await clients.aclose()
    left = [task for task in asyncio.all_tasks() if task.get_name().startswith("step ")]
    assert not left, left


@pytest.fixture(params=["openai", "claude"])
async def chat(request: pytest.FixtureRequest) -> AsyncIterator[Chat]:
    """Both vendors, one after the other."""
    async for chat in _chat({"openai": fake_openai, "claude": fake_anthropic}[request.param]):
        yield chat


@pytest.fixture
async def openai_chat() -> AsyncIterator[Chat]:
    async for chat in _chat(fake_openai):
        yield chat


@pytest.fixture
async def claude_chat() -> AsyncIterator[Chat]:
    async for chat in _chat(fake_anthropic):
        yield chat


@pytest.fixture(autouse=True)
def no_real_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's own configuration."""
    for name in (
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "OPENAI_BASE_URL",
        "ANTHROPIC_BASE_URL",
        "OPENAI_LOG",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
