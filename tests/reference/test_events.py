"""The Go programs of the streaming architecture page, in Python: router, publishers, handlers, steps."""

import asyncio
import json

from geppetto.events.codec import decode
from geppetto.events.dispatch import ChatEventHandler, on_events
from geppetto.events.message import Message
from geppetto.events.models import (
    ErrorEvent,
    Event,
    FinalEvent,
    InterruptEvent,
    PartialEvent,
    StartEvent,
    ToolCallEvent,
    ToolResultEvent,
)
from geppetto.events.publisher import PublisherManager
from geppetto.events.router import EventRouter
from geppetto.events.transports.memory import MemoryTransport
from geppetto.steps.chat.echo import EchoStep
from geppetto.steps.context import StepContext
from geppetto.steps.errors import StepCancelled, StepError
from geppetto.steps.run import StepRun
from geppetto.steps.step import Step


class Recorder(ChatEventHandler):
    """“MyEventHandler”: notes what it is told."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def handle_start(self, event: StartEvent) -> None:
        self.seen.append(f"start {event.step.type}")

    async def handle_partial(self, event: PartialEvent) -> None:
        self.seen.append(f"partial {event.delta!r} {event.completion!r}")

    def handle_tool_call(self, event: ToolCallEvent) -> None:
        self.seen.append(f"call {event.tool_call.name}")

    def handle_tool_result(self, event: ToolResultEvent) -> None:
        self.seen.append(f"result {event.tool_result.result}")

    def handle_final(self, event: FinalEvent) -> None:
        self.seen.append(f"final {event.text!r}")

    def handle_error(self, event: ErrorEvent) -> None:
        self.seen.append(f"error {event.error_string}")

    def handle_interrupt(self, event: InterruptEvent) -> None:
        self.seen.append(f"interrupt {event.text!r}")


class ToolUser(Step[str, str]):
    """A step that says and does one of everything; “Complete Chat Step with Streaming”."""

    type = "tool-user"
    input_type = output_type = "string"

    async def run(self, run: StepRun, input: str) -> str:
        await run.partial("Let me see")
        await run.tool_call("call-1", "search", '{"query": "main"}')
        await run.tool_result("call-1", {"file": "main.go"})
        if input == "fail":
            raise StepError("the service is gone")
        if input == "wait":
            await asyncio.Event().wait()
        await run.partial(": found.")
        return run.text


async def test_router_set_up_and_a_chat_handler() -> None:
    """“Event Router Setup and Usage”, “Event Handler Registration”."""
    handler = Recorder()
    step = EchoStep()
    async with EventRouter() as router:
        await router.register_chat_event_handler(step, "session-123", handler)
        assert router.running
        result = step.start(StepContext(), "one two")
        # Process final results
        messages = [message async for message in result]
    assert [message.text for message in messages] == ["one two"]
    assert handler.seen == [
        "start echo",
        "partial 'one' 'one'",
        "partial ' two' 'one two'",
        "final 'one two'",
    ]


async def test_every_event_type_has_its_method() -> None:
    """“Core Event Types”, “Streaming Flow: LLM to UI”, “Cancellation Pattern”."""
    handler = Recorder()
    step = ToolUser()
    async with EventRouter() as router:
        await router.register_chat_event_handler(step, "all", handler)
        await step.start(StepContext(), "go").result()
        failing = step.start(StepContext(), "fail")
        try:
            await failing.result()
        except StepError as error:
            assert str(error) == "the service is gone"
        waiting = step.start(StepContext(), "wait")
        while handler.seen[-1] != "result {'file': 'main.go'}":
            await asyncio.sleep(0.01)
        await waiting.cancel()
        try:
            await waiting.result()
        except StepCancelled as cancelled:
            assert cancelled.text == "Let me see"
    common = [
        "start tool-user",
        "partial 'Let me see' 'Let me see'",
        "call search",
        "result {'file': 'main.go'}",
    ]
    assert handler.seen == [
        *common,
        "partial ': found.' 'Let me see: found.'",
        "final 'Let me see: found.'",
        *common,
        "error the service is gone",
        *common,
        "interrupt 'Let me see'",
    ]


async def test_publisher_manager() -> None:
    """“PublisherManager”: several publishers, sequence numbers, JSON payloads."""
    transport = MemoryTransport()
    received: list[Message] = []
    async with EventRouter(transport) as router:
        await router.add_handler("one", "chat-events", received.append)
        await router.add_handler("two", "audit", received.append)
        manager = PublisherManager()
        manager.register_publisher("chat-events", transport)
        manager.register_publisher("audit", transport)
        await EchoStep().start(StepContext(publisher=manager), "hello").result()
    await transport.close()
    numbers = [message.metadata["sequence_number"] for message in received]
    assert sorted(numbers) == ["0", "0", "1", "1", "2", "2"]
    assert {message.metadata["event_type"] for message in received} == {"start", "partial", "final"}


async def test_metadata_is_snake_case_json() -> None:
    """“Event Metadata Structure” and “Step Metadata Structure”: the field names of the wire."""
    payloads: list[bytes] = []
    async with EventRouter() as router:
        step = EchoStep()
        step.add_published_topic(router.transport, "wire")
        await router.add_handler(None, "wire", lambda message: payloads.append(message.payload))
        await step.start(StepContext(parent_id="p", metadata={"k": 1}), "hello").result()
    final = json.loads(payloads[-1])
    assert final["type"] == "final" and final["text"] == "hello"
    assert {"message_id", "parent_id", "engine", "usage", "stop_reason"} <= final["meta"].keys()
    assert final["meta"]["parent_id"] == "p"
    assert set(final["meta"]["usage"]) >= {"input_tokens", "output_tokens"}
    assert final["step"].keys() == {"step_id", "type", "input_type", "output_type", "meta"}
    assert final["step"]["meta"] == {"k": 1}
    # Only the delta travels; the completion is put together where it is read.
    assert "completion" not in json.loads(payloads[1]) and decode(payloads[1]).type == "partial"


async def test_forwarding_to_a_user_interface() -> None:
    """“Backend Integration”: one function that turns messages into what a user interface takes."""
    sent: list[tuple[str, str]] = []

    def forward(event: Event) -> None:
        match event:
            case PartialEvent():
                sent.append(("completion", event.completion))
            case FinalEvent():
                sent.append(("done", event.text))
            case ErrorEvent():
                sent.append(("error", event.error_string))
            case _:
                pass

    async with EventRouter() as router:
        step = EchoStep()
        step.add_published_topic(router.transport, "ui")
        await router.add_handler("ui", "ui", on_events(forward))
        await step.start(StepContext(), "a b").result()
    assert sent == [("completion", "a"), ("completion", "a b"), ("done", "a b")]


async def test_a_topic_of_each_step_comes_and_goes() -> None:
    """“Topic Management” and “Handler Lifecycle” of the guide."""
    events: list[str] = []
    async with EventRouter() as router:
        manager = PublisherManager()
        manager.register_publisher("step.s-1", router.transport)
        await router.add_step_handler("s-1", on_events(lambda event: events.append(event.type)))
        assert router.handlers == ("step.s-1",)
        await EchoStep().start(StepContext(step_id="s-1", publisher=manager), "hi").result()
        while router.handlers:
            await asyncio.sleep(0.01)
    assert events == ["start", "partial", "final"]
