"""The same request gets the same events again, and says that they come from the cache."""

import asyncio
import json
from pathlib import Path

import pytest
from geppetto.blob_store import BlobStore, DiskStore, MemoryStore, blob_key
from geppetto.conversation.models import ChatMessage
from geppetto.conversation.tree import Conversation
from geppetto.steps.caching import CachingStep
from geppetto.steps.chat.step import ChatInput, ChatParameters
from geppetto.steps.context import StepContext
from geppetto.steps.errors import StepCancelled, StepError
from geppetto.steps.tools import PythonTools, ToolDefinition

from tests.providers.conftest import KEY, Chat

MIB = 1024 * 1024


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return MemoryStore(MIB) if request.param == "memory" else DiskStore(tmp_path / "a.sqlite3", MIB)


async def ask(
    chat: Chat,
    store: BlobStore,
    input: ChatInput = "Hi",
    parameters: ChatParameters | None = None,
    tools: PythonTools | None = None,
) -> ChatMessage:
    context = chat.heard_anew()
    context.tools = tools
    async with asyncio.timeout(60):
        return await CachingStep(chat.step(parameters), store).start(context, input).result()


def told(chat: Chat) -> list[dict]:
    """What is the same from run to run: all but ids, usage and where it came from."""
    events = [json.loads(message.payload) for message in chat.heard.messages]
    for event in events:
        del event["meta"]["message_id"], event["step"]["step_id"]
        event["meta"].pop("usage", None)
        event["step"]["meta"].pop("cache", None)
    return events


async def test_the_same_request_is_asked_once(chat: Chat, store: BlobStore) -> None:
    chat.server.handlers = [chat.answers("Hello", " there", "!")]
    first = await ask(chat, store)
    events, usage = told(chat), chat.heard.last.meta.usage
    assert chat.heard.last.step.meta["cache"] == {"hit": False}
    assert usage is not None and usage.input_tokens > 0
    second = await ask(chat, store)
    assert len(chat.server.exchanges) == 1
    assert (second.text, second.role) == (first.text, "assistant") and second.id != first.id
    assert told(chat) == events
    assert [event["type"] for event in events] == ["start", "partial", "partial", "partial", "final"]
    last = chat.heard.last
    cache = last.step.meta["cache"]
    assert cache["hit"] is True and cache["stored"].startswith("20")
    assert cache["usage"]["input_tokens"] == usage.input_tokens
    assert last.meta.usage and (last.meta.usage.input_tokens, last.meta.usage.cost) == (0, 0.0)


async def test_ids_and_times_do_not_count_and_everything_else_does(openai_chat: Chat) -> None:
    chat, store = openai_chat, MemoryStore(MIB)
    chat.server.handlers = [chat.answers("Hello")]

    def conversation(*texts: str) -> Conversation:
        made = Conversation()
        for text in texts:
            made.append(ChatMessage(role="user", text=text))
        return made

    asked: list[int] = []
    base = ChatParameters(model="m")
    for input, parameters in [
        ("Hi", base),
        (conversation("Hi"), base),
        (conversation("Hi"), ChatParameters(model="m")),
        (conversation("Hi", "there"), base),
        ("Hi", ChatParameters(model="n")),
        ("Hi", ChatParameters(model="m", temperature=0.1)),
        ("Hi", ChatParameters(model="m", stop=("x",))),
        ("Hi ", base),
    ]:
        await ask(chat, store, input, parameters)
        asked.append(len(chat.server.exchanges))
    assert asked == [1, 1, 1, 2, 3, 4, 5, 6]
    step = CachingStep(chat.step(base, base_url=f"{chat.server.address}/other/v1"), store)
    await step.start(StepContext(), "Hi").result()
    assert len(chat.server.exchanges) == 7


async def test_an_answer_with_tools_is_not_kept_but_one_without_is(chat: Chat) -> None:
    store = MemoryStore(MIB)
    tools = PythonTools()
    calls: list[object] = []
    tools.add(ToolDefinition("clock", "Tells the time.", {"type": "object"}), calls.append)
    f = chat.vendor
    looks_at_the_clock = f.played([*f.begin(), *f.calls(("c1", "clock", "{}")), *f.finish("tool_use")])
    chat.server.handlers = [
        looks_at_the_clock,
        chat.answers("Late."),
        looks_at_the_clock,
        chat.answers("Later."),
        chat.answers("No need."),
    ]
    assert (await ask(chat, store, "When?", tools=tools)).text == "Late."
    assert (await ask(chat, store, "When?", tools=tools)).text == "Later."
    assert len(calls) == 2
    # Offered and not called; and another set of tools is another request.
    assert (await ask(chat, store, "Hm?", tools=tools)).text == "No need."
    assert (await ask(chat, store, "Hm?", tools=tools)).text == "No need."
    assert len(chat.server.exchanges) == 5
    await ask(chat, store, "Hm?")
    assert len(chat.server.exchanges) == 6


async def test_failures_and_half_answers_are_not_kept(chat: Chat, store: BlobStore) -> None:
    chat.server.handlers = [chat.fails("auth"), chat.answers("Hello")]
    with pytest.raises(StepError):
        await ask(chat, store)
    assert chat.heard.last.type == "error"
    assert (await ask(chat, store)).text == "Hello"
    assert (await ask(chat, store)).text == "Hello"
    assert len(chat.server.exchanges) == 2

    async def begins(exchange) -> None:
        await exchange.stall()

    chat.server.handlers = [begins, chat.answers("All of it")]
    chat.server.exchanges.clear()
    result = CachingStep(chat.step(), store).start(chat.heard_anew(), "More")
    async with asyncio.timeout(60):
        while not chat.server.exchanges:
            await asyncio.sleep(0.01)
    await result.cancel()
    with pytest.raises(StepCancelled):
        await result.result()
    assert chat.heard.last.type == "interrupt"
    assert (await ask(chat, store, "More")).text == "All of it"


async def test_the_disk_outlives_the_process_and_holds_no_key(openai_chat: Chat, tmp_path: Path) -> None:
    chat, path = openai_chat, tmp_path / "cache" / "a.sqlite3"
    chat.server.handlers = [chat.answers("Your key: ", KEY[:9], KEY[9:], " and more")]
    store = DiskStore(path, MIB)
    await ask(chat, store, f"planted question {KEY}")
    store.close()
    kept = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert KEY.encode() not in kept and KEY[9:].encode() not in kept and b"planted" not in kept
    again = await ask(chat, DiskStore(path, MIB), f"planted question {KEY}")
    assert again.text == "Your key: [key] and more"
    assert len(chat.server.exchanges) == 1


async def test_an_entry_that_cannot_be_read_is_asked_for_again(openai_chat: Chat) -> None:
    class Odd(MemoryStore):
        data = b""

        async def get(self, keys):
            return dict.fromkeys(keys, self.data)

    chat = openai_chat
    chat.server.handlers = [chat.answers("Hello")]
    store = Odd(MIB)
    for store.data in (b"", b"x", b'{"stored": "x"}\n', b'{"stored": "x"}\n{"type": "final"}\n', b"[1]\n"):
        assert (await ask(chat, store)).text == "Hello"
    assert len(chat.server.exchanges) == 5


async def test_topics_of_the_step_hear_of_answers_from_the_cache(openai_chat: Chat) -> None:
    chat, store = openai_chat, MemoryStore(MIB)
    chat.server.handlers = [chat.answers("Hello")]
    heard: list[str] = []

    class Publisher:
        async def publish(self, topic, *messages) -> None:
            heard.extend(json.loads(message.payload)["type"] for message in messages)

    step = CachingStep(chat.step(), store)
    step.add_published_topic(Publisher(), "t")
    for _ in range(2):
        await step.start(StepContext(), "Hi").result()
    assert heard == ["start", "partial", "final"] * 2
    assert blob_key("x") != blob_key("y")
