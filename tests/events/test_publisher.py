"""From one step to many topics."""

import asyncio
import logging

import pytest
from geppetto.events.codec import StreamEncoder, decode
from geppetto.events.message import Message
from geppetto.events.models import EventMetadata, FinalEvent, PartialEvent, StartEvent, StepMetadata
from geppetto.events.publisher import PublisherManager, PublishError
from geppetto.events.transports.memory import MemoryTransport

pytestmark = pytest.mark.timeout(30)

META = EventMetadata(message_id="message")
STEP = StepMetadata(step_id="step", type="test")
START = StartEvent(meta=META, step=STEP)
FINAL = FinalEvent(meta=META, step=STEP, text="done")


class Recorder:
    """A publisher that remembers, giving way in between as a network would."""

    def __init__(self) -> None:
        self.published: list[tuple[str, Message]] = []

    async def publish(self, topic: str, *messages: Message) -> None:
        await asyncio.sleep(0)
        self.published += [(topic, message) for message in messages]

    @property
    def numbers(self) -> list[str]:
        return [message.metadata["sequence_number"] for _, message in self.published]


class Broken:
    async def publish(self, topic: str, *messages: Message) -> None:
        raise ConnectionError(f"no way to {topic}")


async def test_metadata_names_the_event_without_decoding_it() -> None:
    manager, recorder = PublisherManager(), Recorder()
    manager.register_publisher("topic", recorder)
    await manager.publish(START, StreamEncoder(META, STEP).partial_event("hi"), FINAL)
    assert [message.metadata for _, message in recorder.published] == [
        {"sequence_number": "0", "step_id": "step", "event_type": "start"},
        {"sequence_number": "1", "step_id": "step", "event_type": "partial"},
        {"sequence_number": "2", "step_id": "step", "event_type": "final"},
    ]
    assert [decode(message.payload) for _, message in recorder.published] == [
        START,
        PartialEvent(meta=META, step=STEP, delta="hi"),
        FINAL,
    ]


async def test_every_publisher_of_every_topic_gets_the_same_numbers() -> None:
    manager, one, two = PublisherManager(), Recorder(), Recorder()
    manager.register_publisher("a", one)
    manager.register_publisher("a", two)
    manager.register_publisher("b", two)
    assert manager.topics == ("a", "b")
    await asyncio.gather(*(manager.publish(START, FINAL) for _ in range(10)))
    assert one.numbers == [str(number) for number in range(20)]
    for topic in ("a", "b"):
        assert [
            message.metadata["sequence_number"] for name, message in two.published if name == topic
        ] == one.numbers


async def test_registering_twice_publishes_once() -> None:
    manager, recorder = PublisherManager(), Recorder()
    manager.register_publisher("a", recorder)
    manager.register_publisher("a", recorder)
    await manager.publish(START)
    assert len(recorder.published) == 1


async def test_unregistering_stops_one_publisher_or_the_whole_topic() -> None:
    manager, one, two = PublisherManager(), Recorder(), Recorder()
    for topic in ("a", "b"):
        manager.register_publisher(topic, one)
        manager.register_publisher(topic, two)
    manager.unregister("a", one)
    manager.unregister("b")
    await manager.publish(START)
    assert one.published == []
    assert [topic for topic, _ in two.published] == ["a"]


async def test_events_before_the_first_publisher_are_counted() -> None:
    manager, recorder = PublisherManager(), Recorder()
    await manager.publish(START, START)
    manager.register_publisher("a", recorder)
    await manager.publish(FINAL)
    assert recorder.numbers == ["2"]


async def test_a_broken_publisher_does_not_keep_events_from_the_others() -> None:
    manager, recorder = PublisherManager(), Recorder()
    manager.register_publisher("broken", Broken())
    manager.register_publisher("whole", recorder)
    with pytest.raises(PublishError, match="broken: no way to broken") as raised:
        await manager.publish(START)
    assert [topic for topic, _ in raised.value.failures] == ["broken"]
    assert recorder.numbers == ["0"]


@pytest.mark.parametrize("others", [0, 1])
async def test_publishing_blindly_logs_and_goes_on(others: int, caplog: pytest.LogCaptureFixture) -> None:
    manager = PublisherManager()
    manager.register_publisher("broken", Broken())
    for _ in range(others):
        manager.register_publisher("whole", Recorder())
    with caplog.at_level(logging.ERROR):
        await manager.publish_blind(START)
    assert "no way to broken" in caplog.text


async def test_cancelling_a_publish_is_not_swallowed() -> None:
    transport, manager = MemoryTransport(), PublisherManager()
    manager.register_publisher("a", transport)
    manager.register_publisher("b", transport)
    async with transport.subscribe("a"), transport.subscribe("b"):
        publishing = asyncio.create_task(manager.publish_blind(START))
        await asyncio.sleep(0.01)
        publishing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await publishing
