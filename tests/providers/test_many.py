"""Many chats at once."""

import asyncio
import json

import pytest
from geppetto.events.message import Message
from geppetto.events.publisher import PublisherManager
from geppetto.steps.chat.service import Timeouts
from geppetto.steps.context import StepContext

CHATS = 50


class Deltas:
    """Keeps the deltas of one step, and the types of its other events."""

    def __init__(self) -> None:
        self.manager = PublisherManager()
        self.manager.register_publisher("all", self)
        self.deltas: list[str] = []
        self.others: list[str] = []

    async def publish(self, topic: str, *messages: Message) -> None:
        for message in messages:
            event = json.loads(message.payload)
            if event["type"] == "partial":
                self.deltas.append(event["delta"])
            else:
                self.others.append(event["type"])


@pytest.mark.parametrize(("chat", "tokens"), [("openai", 2000), ("claude", 200)], indirect=["chat"])
async def test_fifty_chats(chat, tokens):
    """Each asks for its own words, and gets all of them in order, whatever the others do."""

    async def counts(exchange):
        number = str(exchange.json["messages"][0]["content"]).split("chat ")[1].split(".")[0]
        events = chat.vendor.answer(*(f"{number}:{n} " for n in range(tokens)))
        await exchange.start()
        for at in range(0, len(events), 50):
            await exchange.send(b"".join(events[at : at + 50]))
        await exchange.end()

    chat.server.handlers = [counts]
    step = chat.step(timeouts=Timeouts())
    heard = [Deltas() for _ in range(CHATS)]
    results = [
        step.start(StepContext(publisher=listener.manager), f"chat {number}.")
        for number, listener in enumerate(heard)
    ]
    async with asyncio.timeout(100):
        messages = await asyncio.gather(*(result.result() for result in results))
    for number, (message, listener) in enumerate(zip(messages, heard, strict=True)):
        assert listener.deltas == [f"{number}:{n} " for n in range(tokens)]
        assert listener.others == ["start", "final"]
        assert message.text == "".join(listener.deltas)
