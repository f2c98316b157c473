"""Answers as they come from both vendors: text, stop reasons, usage, and any cut of the bytes between."""

import asyncio

import pytest
from geppetto.conversation.models import ChatMessage
from geppetto.steps.chat.step import ChatParameters

from tests.providers import fake_openai


async def test_an_answer(chat):
    result = chat.start(chat.answers("Hel", "lo", "", " wörld 🎈"))
    message = await result.result()
    assert (message.role, message.text) == ("assistant", "Hello wörld 🎈")
    final = chat.heard.last
    assert (final.type, final.text) == ("final", "Hello wörld 🎈")
    assert [event.delta for event in chat.heard.events if event.type == "partial"] == [
        "Hel",
        "lo",
        " wörld 🎈",
    ]
    assert final.meta.engine == chat.vendor.MODEL
    assert final.meta.stop_reason == "end_turn"
    assert (final.meta.usage.input_tokens, final.meta.usage.output_tokens) == (1000, 100)
    assert final.meta.usage.cost == pytest.approx(chat.vendor.COST)
    (exchange,) = chat.server.exchanges
    assert (exchange.method, exchange.path) == ("POST", chat.vendor.PATH)
    assert exchange.json["stream"] is True


async def test_the_longest_answer(chat):
    final = await chat.end(chat.answers("cut", reason="max_tokens"))
    assert (final.type, final.text, final.meta.stop_reason) == ("final", "cut", "max_tokens")


async def test_the_stream_is_cut_at_every_byte(chat):
    """Each request gets the same stream, split in two at another byte."""
    whole = b"".join(chat.vendor.small_answer("né", "🎈"))

    def split(at: int):
        async def handler(exchange):
            await exchange.start()
            await exchange.send(whole[:at])
            # The client reads the first part before the second is there.
            await asyncio.sleep(0.001)
            await exchange.send(whole[at:])
            await exchange.end()

        return handler

    chat.server.handlers = [*map(split, range(1, len(whole)))]
    step = chat.step()
    for _ in chat.server.handlers:
        assert (await step.start(chat.heard_anew(), "Hi").result()).text == "né🎈"
        assert chat.heard.last.text == "né🎈"


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
async def test_byte_by_byte(chat, newline):
    whole = b"".join(chat.vendor.answer("né", "🎈")).replace(b"\n", newline)

    async def handler(exchange):
        await exchange.start()
        for at in range(len(whole)):
            await exchange.send(whole[at : at + 1])
        await exchange.end()

    final = await chat.end(handler)
    assert (final.type, final.text) == ("final", "né🎈")
    assert final.meta.usage.output_tokens == 100


async def test_connections_are_kept(chat):
    chat.server.handlers = [chat.answers("one"), chat.answers("two"), chat.answers("three")]
    for text in ("one", "two", "three"):
        assert (await chat.step().start(chat.heard_anew(), "Hi").result()).text == text
    assert chat.server.connections == 1


async def test_clients_can_be_closed_and_used_again(chat):
    chat.server.handlers = [chat.answers("one")]
    await chat.step().start(chat.heard_anew(), "Hi").result()
    await chat.clients.aclose()
    assert (await chat.step().start(chat.heard_anew(), "Hi").result()).text == "one"
    assert chat.server.connections == 2


async def test_parameters(openai_chat, claude_chat):
    parameters = ChatParameters(
        model="m", temperature=0.5, top_p=0.9, max_tokens=7, stop=("END", "FIN"), seed=11
    )
    await openai_chat.end(openai_chat.answers("x"), parameters=parameters)
    await claude_chat.end(claude_chat.answers("x"), parameters=parameters)
    (asked,) = openai_chat.server.requests
    messages = asked.pop("messages")
    assert messages == [{"role": "user", "content": "Hi"}]
    assert asked == {
        "model": "m",
        "stream": True,
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 7,
        "stop": ["END", "FIN"],
        "seed": 11,
        "stream_options": {"include_usage": True},
    }
    (asked,) = claude_chat.server.requests
    assert asked == {
        "model": "m",
        "stream": True,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 7,
        "stop_sequences": ["END", "FIN"],
    }
    # Only this version of the API knows them.
    assert claude_chat.server.exchanges[0].headers["anthropic-version"] == "2023-06-01"


async def test_nothing_is_sent_that_was_not_asked_for(openai_chat, claude_chat):
    await openai_chat.end(openai_chat.answers("x"))
    await claude_chat.end(claude_chat.answers("x"))
    assert set(openai_chat.server.requests[0]) == {"model", "messages", "stream", "stream_options"}
    assert set(claude_chat.server.requests[0]) == {"model", "messages", "stream", "max_tokens"}
    assert claude_chat.server.exchanges[0].headers["anthropic-version"] > "2026"


async def test_an_answer_by_schema(openai_chat, claude_chat):
    strict = {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": False,
    }
    loose = {"type": "object", "properties": {"name": {"type": "string"}}}
    for schema in (strict, loose):
        parameters = ChatParameters(model="m", response_schema=schema)
        openai_chat.heard_anew()
        await openai_chat.end(openai_chat.answers("{}"), parameters=parameters)
    formats = [request["response_format"] for request in openai_chat.server.requests]
    assert {"name": "answer", "schema": strict, "strict": True} in [f["json_schema"] for f in formats]
    assert {"name": "answer", "schema": loose, "strict": False} in [f["json_schema"] for f in formats]
    await claude_chat.end(
        claude_chat.answers("{}"), parameters=ChatParameters(model="m", response_schema=loose)
    )
    assert claude_chat.server.requests[0]["output_config"] == {
        "format": {"type": "json_schema", "schema": loose}
    }


async def test_an_empty_answer_is_an_answer(chat):
    final = await chat.end(chat.answers())
    assert (final.type, final.text) == ("final", "")


async def test_nothing_to_answer(claude_chat):
    error = await claude_chat.end(
        claude_chat.answers("x"), input=[ChatMessage(role="system", text="Be brief.")]
    )
    assert (error.code, error.error_string) == ("invalid_input", "there is no message to answer")


class TestWhatCompatibleServersSend:
    async def test_several_choices(self, openai_chat):
        f = fake_openai
        events = [
            *f.begin(),
            f.chunk({"content": "other"}, index=1),
            *f.text("mine"),
            f.chunk({}, "length", index=1),
            *f.finish(),
        ]
        final = await openai_chat.end(f.played(events))
        assert (final.text, final.meta.stop_reason) == ("mine", "end_turn")

    async def test_odd_chunks(self, openai_chat):
        f = fake_openai
        frame = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        events = [
            f.sse({**frame, "choices": None}),
            f.sse({**frame}),
            f.sse({}),
            f.chunk(None),
            f.chunk({"content": None, "role": None, "tool_calls": None}),
            f.chunk({"reasoning_content": "hmm"}),
            *f.text("a"),
            f.sse({**frame, "choices": [{"delta": {"content": "b"}}]}),
            f.sse({**frame, "choices": [{"index": 0}]}),
            b"event: message\nid: 7\nretry: 10\n" + f.chunk({"content": "c"}),
            *f.finish("stop"),
        ]
        final = await openai_chat.end(f.played(events))
        assert (final.type, final.text) == ("final", "abc")

    async def test_chunks_that_are_no_objects(self, openai_chat):
        f = fake_openai
        final = await openai_chat.end(
            f.played([f.sse(1), f.sse([]), f.sse("x"), f.sse(None), *f.answer("ok")])
        )
        assert (final.type, final.text) == ("final", "ok")

    async def test_usage_in_every_chunk_counts_once(self, openai_chat):
        f = fake_openai
        running = [f.chunk({"content": "x"}, usage={**f.USAGE, "completion_tokens": n}) for n in (1, 2, 3)]
        final = await openai_chat.end(f.played([*running, *f.finish()]))
        assert (final.meta.usage.input_tokens, final.meta.usage.output_tokens) == (1000, 100)

    async def test_no_usage(self, openai_chat):
        f = fake_openai
        final = await openai_chat.end(f.played([*f.text("x"), f.chunk({}, "stop"), f.DONE]))
        assert (final.type, final.meta.usage.input_tokens, final.meta.usage.output_tokens) == ("final", 4, 1)
        assert final.step.meta == {"usage": "estimated"}

    async def test_cached_tokens_are_cheaper_and_a_told_cost_is_believed(self, openai_chat):
        f = fake_openai
        cached = f.usage(prompt_tokens_details={"cached_tokens": 400})
        final = await openai_chat.end(f.played([*f.text("x"), f.chunk({}, "stop"), cached, f.DONE]))
        assert final.meta.usage.cost == pytest.approx((600 * 1.25 + 400 * 0.125 + 100 * 10) / 1e6)
        told = f.usage(cost=0.5)
        openai_chat.heard_anew()
        final = await openai_chat.end(f.played([*f.text("x"), f.chunk({}, "stop"), told, f.DONE]))
        assert final.meta.usage.cost == 0.5

    async def test_done_without_a_finish_reason(self, openai_chat):
        f = fake_openai
        final = await openai_chat.end(f.played([*f.text("all"), f.DONE]))
        assert (final.type, final.text, final.meta.stop_reason) == ("final", "all", "end_turn")

    @pytest.mark.parametrize(
        "refusal",
        [
            {"error": {"message": "Unknown parameter: 'stream_options'", "code": "unknown_parameter"}},
            {
                "detail": [
                    {"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs"}
                ]
            },
        ],
    )
    async def test_a_server_that_refuses_stream_options(self, openai_chat, refusal):
        async def choosy(exchange):
            if "stream_options" in exchange.json:
                await exchange.answer(422 if "detail" in refusal else 400, refusal)
            else:
                await openai_chat.answers("fine")(exchange)

        final = await openai_chat.end(choosy)
        assert (final.type, final.text) == ("final", "fine")
        assert len(openai_chat.server.exchanges) == 2
        # Learnt: the next step of this service does not ask.
        openai_chat.heard_anew()
        await openai_chat.end(choosy)
        assert len(openai_chat.server.exchanges) == 3

    async def test_the_name_of_max_tokens(self, openai_chat):
        message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'."

        async def choosy(exchange):
            if "max_tokens" in exchange.json:
                body = {"error": {"message": message, "code": "unsupported_parameter", "param": "max_tokens"}}
                await exchange.answer(400, body)
            else:
                await openai_chat.answers("fine")(exchange)

        final = await openai_chat.end(choosy, parameters=ChatParameters(model="m", max_tokens=5))
        assert final.text == "fine"
        assert openai_chat.server.requests[1]["max_completion_tokens"] == 5

    async def test_a_wrong_max_tokens_is_no_reason_to_rename_it(self, openai_chat):
        async def strict(exchange):
            body = {"error": {"message": "max_tokens is too large: 9999999", "param": "max_tokens"}}
            await exchange.answer(400, body)

        error = await openai_chat.end(strict, parameters=ChatParameters(model="m", max_tokens=9999999))
        assert error.code == "invalid_request"
        assert "too large" in error.error_string
        assert len(openai_chat.server.exchanges) == 1

    async def test_no_key_is_needed_and_none_is_taken_from_the_environment(self, openai_chat, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", "sk-for-openai-only-123456")
        final = await openai_chat.end(openai_chat.answers("local"), key=None)
        assert final.text == "local"
        assert "sk-for-openai" not in str(openai_chat.server.exchanges[0].headers)


class TestWhatClaudeSends:
    async def test_thoughts_pings_and_unknown_things_are_not_text(self, claude_chat):
        f = claude_chat.vendor
        events = [
            *f.begin(),
            f.ping(),
            *f.thinking("Let me", " see", index=0),
            *f.block(1, {"type": "redacted_thinking", "data": "xyz"}, []),
            f.sse({"type": "a_new_event", "message": {"usage": {"input_tokens": 5}}}),
            *f.block(2, {"type": "a_new_block", "text": "no"}, [{"type": "a_new_delta", "text": "no"}]),
            *f.text("Yes", ".", index=3),
            f.ping(),
            *f.finish(),
        ]
        final = await claude_chat.end(f.played(events))
        assert (final.type, final.text) == ("final", "Yes.")
        assert final.meta.usage.input_tokens == 1000

    async def test_text_after_something_else_is_a_paragraph_of_its_own(self, claude_chat):
        f = claude_chat.vendor
        parts = [
            *f.text("One.", index=0),
            *f.thinking("hm", index=1),
            *f.text("Two.", index=2),
            *f.text("!", index=3),
        ]
        final = await claude_chat.end(f.played([*f.begin(), *parts, *f.finish()]))
        assert final.text == "One.\n\nTwo.!"

    async def test_cached_tokens(self, claude_chat):
        f = claude_chat.vendor
        begin = f.begin(cache_read_input_tokens=2000, cache_creation_input_tokens=500)
        final = await claude_chat.end(f.played([*begin, *f.text("x"), *f.finish()]))
        assert (final.meta.usage.input_tokens, final.meta.usage.output_tokens) == (3500, 100)
        dollars = (1000 * 1 + 2000 * 0.1 + 500 * 1.25 + 100 * 5) / 1e6
        assert final.meta.usage.cost == pytest.approx(dollars)

    async def test_an_interrupted_answer_knows_what_was_sent(self, claude_chat):
        f = claude_chat.vendor

        async def stalls(exchange):
            await exchange.start()
            for event in [*f.begin(), *f.text("so far")[:2]]:
                await exchange.send(event)
            await exchange.stall()

        result = claude_chat.start(stalls)
        await asyncio.wait_for(claude_chat.heard.first_delta.wait(), 60)
        await result.cancel()
        last = claude_chat.heard.last
        assert (last.type, last.text, last.meta.usage.input_tokens) == ("interrupt", "so far", 1000)

    async def test_a_refusal(self, claude_chat):
        f = claude_chat.vendor
        details = {"type": "refusal", "category": "bio", "explanation": "This is dangerous."}
        events = [*f.begin(), *f.text("Well, "), *f.finish("refusal", stop_details=details)]
        error = await claude_chat.end(f.played(events))
        assert (error.type, error.code) == ("error", "content_filter")
        assert "This is dangerous." in error.error_string
        assert claude_chat.heard.text == "Well, "


async def test_openai_filters_the_answer(openai_chat):
    error = await openai_chat.end(openai_chat.answers("Well, ", reason="refusal"))
    assert (error.type, error.code) == ("error", "content_filter")
    assert openai_chat.heard.text == "Well, "
