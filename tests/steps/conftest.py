"""A listener to a step's events, and the invariant that every stream of events must keep."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from geppetto.events.codec import decode
from geppetto.events.message import Message
from geppetto.events.models import Event
from geppetto.events.publisher import PublisherManager
from geppetto.events.wire import SEQUENCE_NUMBER
from geppetto.steps.context import StepContext


class Listener:
    """A publisher that keeps what it gets. `before` runs first in every publish: to wait, to fail, to cancel."""

    def __init__(self, before: Callable[[], Awaitable[None] | None] | None = None) -> None:
        self.manager = PublisherManager()
        self.manager.register_publisher("all", self)
        self.before = before
        self.messages: list[Message] = []
        self.batches: list[int] = []

    async def publish(self, topic: str, *messages: Message) -> None:
        waiting = self.before() if self.before else None
        if waiting is not None:
            await waiting
        self.batches.append(len(messages))
        self.messages.extend(messages)

    def context(self, **more) -> StepContext:
        return StepContext(publisher=self.manager, **more)

    @property
    def events(self) -> list[Event]:
        return [decode(message.payload) for message in self.messages]

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]

    def of(self, step_id: str) -> list[Event]:
        return [event for event in self.events if event.step.step_id == step_id]

    def check_numbers(self) -> None:
        numbers = [int(message.metadata[SEQUENCE_NUMBER]) for message in self.messages]
        assert numbers == list(range(len(numbers)))

    def check(self) -> Event:
        """Assert the invariant for the one stream that was heard; return its terminal event."""
        self.check_numbers()
        return check_stream(self.events)


def check_stream(events: list[Event]) -> Event:
    types = [event.type for event in events]
    assert types[0] == "start", types
    assert set(types[1:-1]) <= {"partial", "tool-call", "tool-result"}, types
    last = events[-1]
    assert last.type in {"final", "error", "interrupt"}, types
    said = "".join(event.delta for event in events if event.type == "partial")
    if last.type == "interrupt" or (last.type == "final" and said):
        assert last.text == said
    return last


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def new_listener() -> type[Listener]:
    return Listener


@pytest.fixture
def stream_check() -> Callable[[list[Event]], Event]:
    return check_stream


@pytest.fixture(autouse=True)
async def nothing_left_running():
    """A step that leaves a task behind would be cut off silently by the end of the test."""
    yield
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    left = [task for task in left if task.get_name().startswith("step ")]
    assert not left, left
