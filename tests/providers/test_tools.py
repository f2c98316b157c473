"""Tools and images over the wire: what a model calls, what it is told, what a conversation looks like to it."""

import asyncio
import base64

import pytest
from geppetto.conversation.models import ChatMessage, ImageContent, ToolResultMessage, ToolUseMessage
from geppetto.steps.chat.step import ChatParameters
from geppetto.steps.tools import PythonTools, ToolDefinition

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)
DATA_URL = "data:image/png;base64," + base64.b64encode(PNG).decode()
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def weather_tools() -> PythonTools:
    tools = PythonTools()

    async def weather(arguments):
        if arguments["city"] == "Atlantis":
            raise ValueError("sunk")
        await asyncio.sleep(0.01 if arguments["city"] == "Paris" else 0)
        return {"city": arguments["city"], "sky": "clear"}

    tools.add(ToolDefinition("weather", "The weather in a city.", SCHEMA), weather)
    tools.add(ToolDefinition("clock", "The time.", {"properties": {}}), lambda _: "noon")
    return tools


def calling(chat, *calls: tuple[str, str, str], said: str = "Let me look.", reason: str = "tool_use"):
    f = chat.vendor
    return f.played([*f.begin(), *(f.text(said) if said else []), *f.calls(*calls), *f.finish(reason)])


async def test_parallel_calls_with_arguments_in_fragments(chat):
    paris, rome = '{"city": "Paris", "ignored": "é 🎈"}', '{"city":"Rome"}'
    calls = calling(chat, ("t1", "weather", paris), ("t2", "weather", rome), ("t3", "clock", ""))
    final = await chat.end(calls, chat.answers("Clear."), tools=weather_tools())
    assert (final.type, final.text) == ("final", "Let me look.\n\nClear.")
    events = chat.heard.events
    assert [
        (e.tool_call.id, e.tool_call.name, e.tool_call.input) for e in events if e.type == "tool-call"
    ] == [
        ("t1", "weather", paris),
        ("t2", "weather", rome),
        ("t3", "clock", "{}"),
    ]
    results = {e.tool_result.id: e.tool_result.result for e in events if e.type == "tool-result"}
    assert results == {
        "t1": {"city": "Paris", "sky": "clear"},
        "t2": {"city": "Rome", "sky": "clear"},
        "t3": "noon",
    }
    assert final.meta.usage.input_tokens == 2000
    assert final.meta.usage.cost == pytest.approx(2 * chat.vendor.COST)
    assert final.meta.stop_reason == "end_turn"


async def test_what_openai_is_told(openai_chat):
    calls = calling(
        openai_chat, ("t1", "weather", '{"city": "Paris"}'), ("t2", "weather", '{"city": "Atlantis"}')
    )
    await openai_chat.end(calls, openai_chat.answers("Clear."), tools=weather_tools())
    first, second = openai_chat.server.requests
    assert first["tools"][0] == {
        "type": "function",
        "function": {"name": "weather", "description": "The weather in a city.", "parameters": SCHEMA},
    }
    call = {"type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}}
    lost = {"type": "function", "function": {"name": "weather", "arguments": '{"city":"Atlantis"}'}}
    assert second["messages"] == [
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "content": "Let me look.",
            "tool_calls": [{"id": "t1", **call}, {"id": "t2", **lost}],
        },
        {"role": "tool", "tool_call_id": "t1", "content": '{"city":"Paris","sky":"clear"}'},
        {"role": "tool", "tool_call_id": "t2", "content": "weather failed: ValueError: sunk"},
    ]


async def test_what_claude_is_told(claude_chat):
    f = claude_chat.vendor
    events = [
        *f.begin(),
        *f.thinking("Paris", "?", index=0, signature="sig-1"),
        *f.block(1, {"type": "redacted_thinking", "data": "secret"}, []),
        *f.text("Let me look.", index=2),
        *f.thinking("Both.", index=3, signature="sig-2"),
        *f.calls(("t1", "weather", '{"city": "Paris"}'), ("t2", "weather", '{"city": "Atlantis"}'), index=4),
        *f.finish("tool_use"),
    ]
    await claude_chat.end(f.played(events), claude_chat.answers("Clear."), tools=weather_tools())
    first, second = claude_chat.server.requests
    assert first["tools"] == [
        {"name": "weather", "description": "The weather in a city.", "input_schema": SCHEMA},
        {"name": "clock", "description": "The time.", "input_schema": {"type": "object", "properties": {}}},
    ]
    failed = "weather failed: ValueError: sunk"
    assert second["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {
            "role": "assistant",
            # Exactly as it came: Claude's thoughts are signed.
            "content": [
                {"type": "thinking", "thinking": "Paris?", "signature": "sig-1"},
                {"type": "redacted_thinking", "data": "secret"},
                {"type": "text", "text": "Let me look."},
                {"type": "thinking", "thinking": "Both.", "signature": "sig-2"},
                {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Paris"}},
                {"type": "tool_use", "id": "t2", "name": "weather", "input": {"city": "Atlantis"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": '{"city":"Paris","sky":"clear"}'},
                {"type": "tool_result", "tool_use_id": "t2", "content": failed, "is_error": True},
            ],
        },
    ]


async def test_two_rounds_of_calls(chat):
    rounds = [calling(chat, (f"t{n}", "weather", '{"city": "Rome"}'), said=f"Round {n}.") for n in (1, 2)]
    final = await chat.end(*rounds, chat.answers("Done."), tools=weather_tools())
    assert final.text == "Round 1.\n\nRound 2.\n\nDone."
    roles = [message["role"] for message in chat.server.requests[2]["messages"]]
    result = "user" if chat.vendor.BASE == "" else "tool"
    assert roles == ["user", "assistant", result, "assistant", result]


async def test_arguments_that_are_not_json_are_answered_as_an_error(chat):
    final = await chat.end(
        calling(chat, ("t1", "weather", '{"city": Paris}'), said=""),
        chat.answers("Sorry."),
        tools=weather_tools(),
    )
    assert (final.type, final.text) == ("final", "Sorry.")
    (result,) = [event.tool_result for event in chat.heard.events if event.type == "tool-result"]
    assert result.is_error and "not JSON" in result.result
    assert "not JSON" in str(chat.server.requests[1]["messages"])


async def test_arguments_cut_off_at_the_greatest_length(chat):
    error = await chat.end(
        calling(chat, ("t1", "weather", '{"city": "Par'), reason="max_tokens"), tools=weather_tools()
    )
    assert (error.type, error.code) == ("error", "context_length")
    assert "in the middle of a call of the tool 'weather'" in error.error_string
    assert error.error_string.endswith("Raise max_tokens.")
    assert len(chat.server.exchanges) == 1


async def test_cut_inside_a_call_is_not_asked_again(chat):
    f = chat.vendor

    async def cut(exchange):
        await exchange.start()
        for event in [*f.begin(), *f.calls(("t1", "weather", '{"city": "Paris"}'))[:3]]:
            await exchange.send(event)
        await exchange.end()

    error = await chat.end(cut, chat.answers("never"), tools=weather_tools())
    assert (error.type, error.code) == ("error", "network")
    assert not [event for event in chat.heard.events if event.type == "tool-call"]
    assert len(chat.server.exchanges) == 1


async def test_a_failure_in_a_later_round_is_asked_again(chat):
    first = calling(chat, ("t1", "weather", '{"city": "Rome"}'))
    final = await chat.end(first, chat.fails("overloaded"), chat.answers("Clear."), tools=weather_tools())
    assert final.text == "Let me look.\n\nClear."
    assert chat.server.requests[1] == chat.server.requests[2]


async def test_a_model_that_never_stops_calling(chat):
    parameters = ChatParameters(model="m", max_tool_rounds=3)
    error = await chat.end(
        calling(chat, ("t1", "weather", '{"city": "Rome"}')), parameters=parameters, tools=weather_tools()
    )
    assert error.code == "tool_rounds"
    assert len(chat.server.exchanges) == 4


class TestCallsOfCompatibleServers:
    async def calls(self, openai_chat, *fragments, finish="tool_calls"):
        f = openai_chat.vendor
        events = [*(f.chunk({"tool_calls": list(part)}) for part in fragments), *f.finish(finish)]
        await openai_chat.end(f.played(events), openai_chat.answers("ok"), tools=weather_tools())
        calls = [event.tool_call for event in openai_chat.heard.events if event.type == "tool-call"]
        return [(call.id, call.name, call.input) for call in calls]

    async def test_whole_calls_in_one_chunk_without_an_index(self, openai_chat):
        rome = {"name": "weather", "arguments": '{"city": "Rome"}'}
        oslo = {"name": "weather", "arguments": '{"city": "Oslo"}'}
        calls = await self.calls(
            openai_chat, ({"id": "a", "function": rome}, {"id": "b", "function": oslo}), finish="stop"
        )
        assert calls == [("a", "weather", '{"city": "Rome"}'), ("b", "weather", '{"city": "Oslo"}')]

    async def test_whole_calls_all_with_the_index_0(self, openai_chat):
        rome = {"name": "weather", "arguments": '{"city": "Rome"}'}
        parts = [({"index": 0, "id": id, "function": rome},) for id in ("a", "b")]
        assert [call[0] for call in await self.calls(openai_chat, *parts)] == ["a", "b"]

    async def test_a_name_in_every_fragment_and_no_id(self, openai_chat):
        parts = [
            ({"index": 0, "function": {"name": "weather", "arguments": piece}},)
            for piece in ('{"city"', ':"Rome"}')
        ]
        ((id, name, arguments),) = await self.calls(openai_chat, *parts)
        assert (name, arguments) == ("weather", '{"city":"Rome"}')
        assert id.startswith("call_")

    async def test_arguments_that_are_null(self, openai_chat):
        calls = await self.calls(
            openai_chat, ({"id": "a", "function": {"name": "clock", "arguments": None}},)
        )
        assert calls == [("a", "clock", "{}")]


def history() -> list:
    return [
        ChatMessage(role="system", text="Be brief."),
        ChatMessage(role="user", text="Weather?"),
        ToolUseMessage(tool_id="t1", name="weather", input={"city": "Rome"}),
        ToolUseMessage(tool_id="t2", name="clock", input={}),
        ToolResultMessage(tool_id="t1", result="clear"),
        ToolResultMessage(tool_id="t2", result="", metadata={"is_error": True}),
        ChatMessage(role="assistant", text="Clear."),
        ChatMessage(role="system", text="Be kind."),
        ChatMessage(role="tool", text="(the user left)"),
        ChatMessage(role="user", text="And now?"),
        ChatMessage(role="assistant", text="Now it is "),
    ]


async def test_a_conversation_for_openai(openai_chat):
    await openai_chat.end(openai_chat.answers("night."), input=history())
    calls = [
        {"id": "t1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rome"}'}},
        {"id": "t2", "type": "function", "function": {"name": "clock", "arguments": "{}"}},
    ]
    assert openai_chat.server.requests[0]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "t1", "content": "clear"},
        {"role": "tool", "tool_call_id": "t2", "content": ""},
        {"role": "assistant", "content": "Clear."},
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "(the user left)"},
        {"role": "user", "content": "And now?"},
        {"role": "assistant", "content": "Now it is "},
    ]


async def test_a_conversation_for_claude(claude_chat):
    await claude_chat.end(claude_chat.answers("night."), input=history())
    asked = claude_chat.server.requests[0]
    assert asked["system"] == "Be brief.\n\nBe kind."
    assert asked["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Rome"}},
                {"type": "tool_use", "id": "t2", "name": "clock", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "clear"},
                {"type": "tool_result", "tool_use_id": "t2", "is_error": True},
            ],
        },
        {"role": "assistant", "content": [{"type": "text", "text": "Clear."}]},
        {
            "role": "user",
            "content": [{"type": "text", "text": "(the user left)"}, {"type": "text", "text": "And now?"}],
        },
        {"role": "assistant", "content": [{"type": "text", "text": "Now it is"}]},
    ]


@pytest.fixture
def with_images(tmp_path) -> list:
    file = tmp_path / "a picture.png"
    file.write_bytes(PNG)
    urls = (file.as_uri(), DATA_URL, "https://example.org/cat.jpg?size=2")
    images = [ImageContent(image_url=url, detail="low") for url in urls]
    return [ChatMessage(role="user", text="What is this?", images=tuple(images))]


async def test_images_for_openai(openai_chat, with_images):
    await openai_chat.end(openai_chat.answers("A dot."), input=with_images)
    local = {"type": "image_url", "image_url": {"url": DATA_URL, "detail": "low"}}
    remote = {
        "type": "image_url",
        "image_url": {"url": "https://example.org/cat.jpg?size=2", "detail": "low"},
    }
    content = [{"type": "text", "text": "What is this?"}, local, local, remote]
    assert openai_chat.server.requests[0]["messages"] == [{"role": "user", "content": content}]


async def test_images_for_claude(claude_chat, with_images):
    await claude_chat.end(claude_chat.answers("A dot."), input=with_images)
    data = DATA_URL.partition(",")[2]
    local = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    remote = {"type": "image", "source": {"type": "url", "url": "https://example.org/cat.jpg?size=2"}}
    content = [local, local, remote, {"type": "text", "text": "What is this?"}]
    assert claude_chat.server.requests[0]["messages"] == [{"role": "user", "content": content}]


async def test_an_image_that_has_gone(chat, with_images, tmp_path):
    (tmp_path / "a picture.png").unlink()
    error = await chat.end(chat.answers("x"), input=with_images)
    assert (error.type, error.code) == ("error", "image")
    assert "a picture.png" in error.error_string
    assert not chat.server.exchanges


async def test_an_image_that_is_not_the_users(chat):
    image = ImageContent(image_url=DATA_URL)
    error = await chat.end(chat.answers("x"), input=[ChatMessage(role="assistant", text="", images=(image,))])
    assert error.code == "invalid_input"
    assert "the role assistant" in error.error_string
