"""The web chat and the terminal chat, with services: what a model is told of the turns before."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from geppetto.events.dispatch import ChatEventHandler
from geppetto.events.router import EventRouter
from geppetto.json_value import JsonValue
from geppetto.steps.chat.remote import RemoteChatStep
from geppetto.steps.chat.service import Timeouts
from geppetto.steps.tools import PythonTools, ToolDefinition
from geppetto.tui.session import ChatSession
from geppetto.web.chats import Chats
from geppetto.web.store import Store
from geppetto.web.views import Views

from tests.providers.conftest import Chat
from tests.providers.http_server import Handler

PATIENCE = 100.0
LONG = Timeouts(connect=60, first_token=60, idle=60, total=90)
"""A step's first request imports the vendor's package, which takes its time on a busy machine."""


def tools() -> PythonTools:
    async def weather(arguments: JsonValue) -> JsonValue:
        return {"sky": "clear", "at": arguments}

    def fail(arguments: JsonValue) -> JsonValue:
        raise RuntimeError("the gears are stuck")

    box = PythonTools()
    schema: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}}
    box.add(ToolDefinition("weather", "The weather of a city", schema), weather)
    box.add(ToolDefinition("fail", "Always fails", {"type": "object"}), fail)
    return box


def in_three_rounds(chat: Chat) -> list[Handler]:
    """Two calls at once after a text, then two one after the other without any, then the answer."""
    f = chat.vendor

    def calls(*calls: tuple[str, str, str], text: str = "") -> Handler:
        said = f.text(text) if text else []
        return f.played([*f.begin(), *said, *f.calls(*calls), *f.finish("tool_use")])

    return [
        calls(
            ("t1", "weather", '{"city": "Paris"}'), ("t2", "weather", '{"city": "Rome"}'), text="Let me look."
        ),
        calls(("t3", "fail", "")),
        calls(("t4", "weather", '["Oslo"]')),
        chat.answers("Clear ", "skies."),
    ]


def asked(chat: Chat) -> list[list[dict[str, Any]]]:
    """The messages of every request, those of the system apart."""
    return [
        [each for each in request["messages"] if each["role"] != "system"] for request in chat.server.requests
    ]


def said(chat: Chat, role: str, text: str) -> dict[str, Any]:
    content = text if chat.vendor.Step.type == "openai" else [{"type": "text", "text": text}]
    return {"role": role, "content": content}


def check(chat: Chat, later: str = "And tomorrow?") -> None:
    """The last request begins with what the model knew when it gave the answer before, to the letter."""
    *_, before, last = asked(chat)
    assert last[: len(before)] == before
    assert last[len(before) :] == [
        said(chat, "assistant", "Clear skies."),
        said(chat, "user", later),
    ]
    told = json.dumps(before)
    for part in ("Let me look.", "t1", "t2", "t3", "t4", "clear", "the gears are stuck"):
        assert part in told


class Web:
    """The conversations of a web chat, kept in a file."""

    def __init__(self, chat: Chat, file: Path) -> None:
        self.chat = chat
        self.file = file

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Chats]:
        async def make_step(profile: str, notice: Callable[[str], None]) -> RemoteChatStep:
            return self.chat.step(timeouts=LONG)

        store = Store(self.file)
        store.open()
        try:
            async with EventRouter() as router:
                chats = Chats(store, Views(), router, make_step, tools())
                yield chats
                await chats.close()
        finally:
            store.close()

    async def answered(self, chats: Chats, id: str) -> None:
        conversation = await chats.get(id)
        assert conversation is not None
        async with asyncio.timeout(PATIENCE):
            while conversation.busy:
                await asyncio.sleep(0.02)
        last = conversation.tree.thread()[-1]
        assert last.status == "done", last.error


async def test_the_web_chat_tells_what_tools_gave_also_after_a_restart(chat: Chat, tmp_path: Path) -> None:
    web = Web(chat, tmp_path / "conversations.sqlite")
    async with web.open() as chats:
        chat.server.handlers = in_three_rounds(chat)
        conversation = chats.create()
        await conversation.ask("What is the weather?", "")
        await web.answered(chats, conversation.id)
        chat.server.handlers = [chat.answers("Rain.")]
        answer = await conversation.ask("And tomorrow?", "")
        await web.answered(chats, conversation.id)
        check(chat)
        chat.server.handlers = [chat.answers("Snow.")]
        await conversation.retry(answer.id, "")
        await web.answered(chats, conversation.id)
        assert asked(chat)[-1] == asked(chat)[-2]
    async with web.open() as chats:
        again = await chats.get(conversation.id)
        assert again is not None
        chat.server.handlers = [chat.answers("Fog.")]
        await again.edit(answer.parent, "And on Sunday?", "")
        await web.answered(chats, again.id)
        assert asked(chat)[-1] == [*asked(chat)[-2][:-1], said(chat, "user", "And on Sunday?")]
        # The first answer once more, with other calls: each version leads on by what it says itself.
        first = again.tree.thread()[1]
        chat.server.handlers = [chat.answers("No idea.")]
        await again.retry(first.id, "")
        await web.answered(chats, again.id)
        chat.server.handlers = [chat.answers("None.")]
        await again.ask("Really?", "")
        await web.answered(chats, again.id)
        assert [each["role"] for each in asked(chat)[-1]] == ["user", "assistant", "user"]


async def test_a_call_that_was_stopped_is_not_told(chat: Chat, tmp_path: Path) -> None:
    """No service takes a call back without its result; the one that has a result stays."""
    web = Web(chat, tmp_path / "conversations.sqlite")
    waiting = asyncio.Event()

    async def wait(arguments: JsonValue) -> JsonValue:
        waiting.set()
        await asyncio.sleep(60)
        return None

    async with web.open() as chats:
        conversation = chats.create()
        box = conversation._tools  # pyright: ignore[reportPrivateUsage]
        assert isinstance(box, PythonTools)
        box.add(ToolDefinition("wait", "Waits", {"type": "object"}), wait)
        f = chat.vendor
        calls = f.calls(("t1", "weather", "{}"), ("t2", "wait", "{}"))
        chat.server.handlers = [f.played([*f.begin(), *f.text("Both."), *calls, *f.finish("tool_use")])]
        await conversation.ask("What is the weather?", "")
        async with asyncio.timeout(PATIENCE):
            await waiting.wait()
            while "clear" not in conversation.thread_html():
                await asyncio.sleep(0.02)
        conversation.stop()
        async with asyncio.timeout(PATIENCE):
            while conversation.busy:
                await asyncio.sleep(0.02)
        assert "stopped" in conversation.thread_html() and "working" not in conversation.thread_html()
        await asyncio.sleep(0)
    async with web.open() as chats:
        again = await chats.get(conversation.id)
        assert again is not None and "stopped" in again.thread_html()
        chat.server.handlers = [chat.answers("Rain.")]
        await again.ask("And now?", "")
        await web.answered(chats, again.id)
    told = json.dumps(asked(chat)[-1])
    assert "t1" in told and "clear" in told and "t2" not in told


async def test_conversations_of_version_1_are_read(openai_chat: Chat, tmp_path: Path) -> None:
    """It marked every call of an answer that was cut off as done, and noted no rounds."""
    web = Web(openai_chat, tmp_path / "conversations.sqlite")
    async with web.open():
        pass
    call = {"type": "tool", "name": "weather", "input": "{}", "is_error": False}
    parts = [
        {"type": "text", "text": "Let me look."},
        {**call, "id": "t1", "result": {"sky": "clear"}, "done": True},
        {**call, "id": "t2", "result": None, "done": True},
    ]
    with sqlite3.connect(web.file) as database:
        database.execute("INSERT INTO conversations VALUES ('c', 'Old', '', 'a', 1, 1)")
        for id, parent, role, status, said_ in (
            ("q", "", "user", "done", [{"type": "text", "text": "What is the weather?"}]),
            ("a", "q", "assistant", "interrupted", parts),
        ):
            row = (id, "c", parent, role, status, json.dumps(said_, separators=(",", ":")), "", "{}", 1)
            database.execute("INSERT INTO turns VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        database.execute("PRAGMA user_version = 1")
    database.close()
    async with web.open() as chats:
        old = await chats.get("c")
        assert old is not None
        openai_chat.server.handlers = [openai_chat.answers("Rain.")]
        await old.ask("And now?", "")
        await web.answered(chats, "c")
    roles = [each["role"] for each in asked(openai_chat)[-1]]
    assert roles == ["user", "assistant", "tool", "user"]
    assert "t2" not in json.dumps(asked(openai_chat)[-1])
    with sqlite3.connect(web.file) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (2,)
    database.close()


@pytest.mark.parametrize("system", ["", "Be brief."])
async def test_the_terminal_chat_tells_what_tools_gave(
    chat: Chat, system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def make_step(profile: str, notice: Callable[[str], None]) -> RemoteChatStep:
        return chat.step(timeouts=LONG)

    async with ChatSession(tmp_path, system=system) as session:
        monkeypatch.setattr(session._answering, "make_step", make_step)  # pyright: ignore[reportPrivateUsage]
        session._tools = tools()  # pyright: ignore[reportPrivateUsage]
        chat.server.handlers = in_three_rounds(chat)
        assert await session.ask("What is the weather?", ChatEventHandler())
        chat.server.handlers = [chat.answers("Rain.")]
        assert await session.ask("And tomorrow?", ChatEventHandler())
        check(chat)
        assert session.take_back() == "And tomorrow?"
        chat.server.handlers = [chat.answers("Snow.")]
        assert await session.ask("And on Sunday?", ChatEventHandler())
        assert asked(chat)[-1] == [*asked(chat)[-2][:-1], said(chat, "user", "And on Sunday?")]
        assert session.markdown().count("Let me look.\n\nClear skies.") == 1
