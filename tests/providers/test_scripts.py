"""Scripts that talk to services, in the real engine: what JavaScript sees, and what reaches the service."""

import asyncio
import base64
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from geppetto.runtime.limits import Limits
from geppetto.runtime.setup import setup_standard

from tests.providers.conftest import KEY, Chat
from tests.providers.http_server import Handler
from tests.runtime.conftest import Ran, RunScript, run_script

__all__ = ["run_script"]  # a fixture

ENVIRONMENT = {
    "openai": ("OPENAI_API_KEY", "OPENAI_BASE_URL"),
    "claude": ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"),
}


class Scripts:
    """Runs scripts whose `chatStep` asks a fake service."""

    def __init__(self, chat: Chat, run_script: RunScript, folder: Path) -> None:
        self.chat = chat
        self.folder = folder
        self._run_script = run_script

    async def run(
        self, text: str, *handlers: Handler, limits: Limits | None = None, settings: str = ""
    ) -> Ran:
        vendor = self.chat.vendor
        self.chat.server.handlers = list(handlers)
        key, url = ENVIRONMENT[vendor.Step.type]
        env = {
            key: KEY,
            url: self.chat.server.address + vendor.BASE,
            "GEPPETTO_CHAT_PROVIDER": vendor.Step.type,
            "GEPPETTO_CHAT_MODEL": vendor.MODEL,
            "GEPPETTO_RETRIES_DELAY": "0.01",
        }
        (self.folder / ".git").mkdir(exist_ok=True)
        (self.folder / "geppetto.toml").write_text(settings)
        async with asyncio.timeout(110):
            setup = [setup_standard(self.folder, env=env)]
            # The first run imports the vendor's package, which takes its time.
            return await self._run_script(text, limits=limits or Limits(wall_seconds=100), setup=setup)


@pytest.fixture
def scripts(
    chat: Chat, run_script: RunScript, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scripts]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    yield Scripts(chat, run_script, tmp_path)


def calling(chat: Chat, *calls: tuple[str, str, str], text: str = "Let me look.") -> Handler:
    f = chat.vendor
    return f.played([*f.begin(), *f.text(text), *f.calls(*calls), *f.finish("tool_use")])


async def test_text_streams_into_the_script(scripts: Scripts) -> None:
    ran = await scripts.run(
        """
        const stream = chatStep.startStream("Hi");
        const heard = [];
        stream.on("partial", (event) => heard.push(event.delta));
        let completion = "";
        for await (const event of stream) {
            if (event.type === "partial") completion = event.completion;
            if (event.type === "final") {
                const { engine, usage, stopReason } = event.meta;
                console.log(JSON.stringify([event.text, engine, usage.inputTokens, usage.outputTokens, stopReason]));
            }
        }
        console.log(JSON.stringify(heard), completion);
        """,
        scripts.chat.answers("Hel", "lo, ", "wörld 🎈"),
    )
    assert ran.text == ""
    assert json.loads(ran.lines[0]) == ["Hello, wörld 🎈", scripts.chat.vendor.MODEL, 1000, 100, "end_turn"]
    assert ran.lines[1] == '["Hel","lo, ","wörld 🎈"] Hello, wörld 🎈'
    assert (ran.outcome.input_tokens, ran.outcome.output_tokens) == (1000, 100)
    assert ran.outcome.cost_usd == pytest.approx(scripts.chat.vendor.COST)


TOOLS = """
let asked = 0, both;
const together = new Promise((resolve) => (both = resolve));
defineTool({
    name: "weather",
    description: "The weather of a city",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    // Answers only when it is asked twice at the same time.
    handler: async ({ city }) => {
        if (++asked === 2) both();
        await together;
        return { city, sky: "clear" };
    },
});
defineTool({
    name: "fail",
    description: "Always fails",
    handler: async () => {
        throw new RangeError("the gears are stuck");
    },
});
"""


async def test_tools_of_the_script(scripts: Scripts) -> None:
    """Two calls at once, one whose handler throws, one whose arguments are refused; then the answer."""
    ran = await scripts.run(
        TOOLS
        + """
        const stream = chatStep.startStream("What is the weather?");
        stream.on("tool-call", ({ toolCall }) => console.log("call", toolCall.id, JSON.stringify(toolCall.input)));
        stream.on("tool-result", ({ toolResult }) => console.log("result", toolResult.id, toolResult.isError ?? false));
        console.log(await stream.finalText());
        """,
        calling(
            scripts.chat,
            ("t1", "weather", '{"city": "Paris"}'),
            ("t2", "weather", '{"city": "Rome"}'),
            ("t3", "fail", "{}"),
            ("t4", "weather", '{"town": "Oslo"}'),
        ),
        scripts.chat.answers("Clear."),
    )
    assert ran.text == ""
    assert ran.lines[:4] == [
        'call t1 {"city":"Paris"}',
        'call t2 {"city":"Rome"}',
        "call t3 {}",
        'call t4 {"town":"Oslo"}',
    ]
    assert sorted(ran.lines[4:8]) == [
        "result t1 false",
        "result t2 false",
        "result t3 true",
        "result t4 true",
    ]
    assert ran.lines[8:] == ["Let me look.", "", "Clear."]
    first, second = scripts.chat.server.requests
    assert {"weather", "fail"} == {tool.get("name") or tool["function"]["name"] for tool in first["tools"]}
    sent_back = json.dumps(second["messages"])
    for part in ("Paris", "clear", "the gears are stuck", "city", "required"):
        assert part in sent_back
    assert (
        sent_back.count("tool_call_id" if scripts.chat.vendor.Step.type == "openai" else "tool_use_id") == 4
    )


async def test_the_next_turn_tells_what_tools_gave(scripts: Scripts) -> None:
    """After `addAnswer` the model is told what it knew when it answered, to the letter, and then the question."""
    f = scripts.chat.vendor
    ran = await scripts.run(
        TOOLS
        + """
        const conversation = new Conversation();
        conversation.addMessage("user", "What is the weather?");
        const stream = chatStep.startStream(conversation);
        const id = await conversation.addAnswer(stream);
        conversation.addMessage("user", "And tomorrow?");
        const later = chatStep.startStream(conversation);
        later.on("start", (event) => console.log(event.meta.parentId === conversation.getThread().at(-1).id));
        await conversation.addAnswer(later);
        console.log(conversation.getThread().map((message) => message.role ?? message.type).join(" "));
        console.log(conversation.getMessages().find((message) => message.id === id).text);
        """,
        calling(scripts.chat, ("t1", "weather", '{"city": "Paris"}'), ("t2", "weather", '{"city": "Rome"}')),
        f.played([*f.begin(), *f.calls(("t3", "fail", "")), *f.finish("tool_use")]),
        scripts.chat.answers("Clear."),
        scripts.chat.answers("Rain."),
    )
    assert ran.text == ""
    assert ran.lines == [
        "true",
        "user assistant tool-use tool-use tool-result tool-result tool-use tool-result assistant user assistant",
        "Clear.",
    ]
    _, _, third, fourth = (request["messages"] for request in scripts.chat.server.requests)
    assert len(third) == 6 if f.Step.type == "openai" else 5
    assert fourth[: len(third)] == third
    told = json.dumps(third)
    for part in ("Let me look.", "t1", "t2", "t3", "clear", "RangeError: the gears are stuck"):
        assert part in told
    answer, question = fourth[len(third) :]
    if f.Step.type == "openai":
        assert answer == {"role": "assistant", "content": "Clear."}
        assert question == {"role": "user", "content": "And tomorrow?"}
    else:
        assert answer == {"role": "assistant", "content": [{"type": "text", "text": "Clear."}]}
        assert question == {"role": "user", "content": [{"type": "text", "text": "And tomorrow?"}]}


def png() -> bytes:
    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + part(b"IHDR", header)
        + part(b"IDAT", zlib.compress(b"\0abc"))
        + part(b"IEND", b"")
    )


async def test_an_image_beside_the_script(scripts: Scripts) -> None:
    (scripts.folder / "cat.png").write_bytes(png())
    ran = await scripts.run(
        """
        const conversation = new Conversation();
        conversation.addMessage("system", "You are brief.");
        conversation.addMessageWithImage("user", "What is this?", "cat.png");
        console.log(await chatStep.startStream(conversation).finalText());
        """,
        scripts.chat.answers("A cat."),
    )
    assert (ran.text, ran.lines) == ("", ["A cat."])
    (sent,) = scripts.chat.server.requests
    assert base64.b64encode(png()).decode() in json.dumps(sent)
    assert "image/png" in json.dumps(sent)
    assert "You are brief." in json.dumps(sent.get("system") or sent["messages"][0])


async def test_the_answer_fits_a_schema(scripts: Scripts) -> None:
    ran = await scripts.run(
        """
        const schema = {
            type: "object", properties: { sky: { type: "string" } }, required: ["sky"], additionalProperties: false,
        };
        const step = new ChatStepFactory().newStep({ responseSchema: schema, temperature: 0.5, maxTokens: 77 });
        console.log(JSON.parse(await step.startStream("The weather?").finalText()).sky);
        """,
        scripts.chat.answers('{"sky":', ' "clear"}'),
    )
    assert (ran.text, ran.lines) == ("", ["clear"])
    (sent,) = scripts.chat.server.requests
    assert sent["temperature"] == 0.5 and 77 in sent.values()
    asked = sent.get("response_format") or sent["output_config"]["format"]
    assert asked["type"] == "json_schema" and '"sky"' in json.dumps(asked)


def endless(chat: Chat) -> Handler:
    """A few words, and then nothing more until the client goes."""

    async def handler(exchange) -> None:
        f = chat.vendor
        await exchange.start()
        # Without its end, so that the block goes on.
        for event in [*f.begin(), *f.text("so far ", "so good")[:3]]:
            await exchange.send(event)
        await exchange.stall()

    return handler


async def test_cancel_closes_the_connection(scripts: Scripts) -> None:
    server = scripts.chat.server

    async def watched(exchange) -> None:
        await endless(scripts.chat)(exchange)
        server.handlers = [scripts.chat.answers("after")]

    ran = await scripts.run(
        """
        const stream = chatStep.startStream("Tell me everything");
        stream.on("partial", () => stream.cancel());
        stream.on("interrupt", (event) => console.log("stopped:", event.text, event.step.metadata.usage));
        await stream.done();
        // The service has seen the end of the first request before it answers the second.
        console.log(await chatStep.startStream("And now?").finalText());
        """,
        watched,
        scripts.chat.answers("after"),
    )
    assert ran.text == ""
    assert ran.lines[0].startswith("stopped: so far") and ran.lines[0].endswith("estimated")
    assert ran.lines[1:] == ["after"]
    assert server.exchanges[0].gone.is_set()


async def test_the_end_of_the_run_closes_connections_too(scripts: Scripts) -> None:
    ran = await scripts.run(
        """chatStep.startStream("a").on("partial", () => done());""", endless(scripts.chat)
    )
    assert ran.outcome.kind == "ok"
    await asyncio.wait_for(scripts.chat.server.exchanges[0].gone.wait(), 60)


async def test_an_idle_connection_ends_with_the_engine(scripts: Scripts) -> None:
    ran = await scripts.run("await chatStep.startStream('a').finalText();", scripts.chat.answers("x"))
    assert ran.text == ""
    await asyncio.wait_for(scripts.chat.server.exchanges[0].gone.wait(), 60)


class TestCaps:
    """Tokens and money are capped over the whole run: answers, rounds of tools, and what was broken off."""

    LOOP = "for (;;) await chatStep.startStream('again').finalText();"

    async def test_tokens(self, scripts: Scripts) -> None:
        ran = await scripts.run(self.LOOP, scripts.chat.answers("x"), limits=Limits(tokens=3000))
        assert (ran.outcome.kind, ran.outcome.errors[-1].code) == ("limit", "limit.tokens")
        assert len(scripts.chat.server.exchanges) == 3  # of 1 100 tokens each

    async def test_money_by_a_price_from_the_settings(self, scripts: Scripts) -> None:
        ran = await scripts.run(
            self.LOOP,
            scripts.chat.answers("x"),
            limits=Limits(cost_usd=4.0),
            settings=f'[prices."{scripts.chat.vendor.MODEL}"]\ninput = 1000\noutput = 5000\n',
        )
        assert (ran.outcome.kind, ran.outcome.errors[-1].code) == ("limit", "limit.cost")
        assert ran.outcome.cost_usd == pytest.approx(4.5)  # 1.5 dollars an answer

    async def test_rounds_of_tools_within_one_step(self, scripts: Scripts) -> None:
        ran = await scripts.run(
            "defineTool({ name: 'on', description: 'Goes on', handler: () => 1 });"
            "await chatStep.startStream('go').finalText();",
            calling(scripts.chat, ("t1", "on", "{}")),
            limits=Limits(tokens=3000),
        )
        assert (ran.outcome.kind, ran.outcome.errors[-1].code) == ("limit", "limit.tokens")
        assert len(scripts.chat.server.exchanges) == 3

    async def test_answers_that_are_broken_off(self, scripts: Scripts) -> None:
        ran = await scripts.run(
            """
            for (;;) {
                const stream = chatStep.startStream("word ".repeat(800));
                stream.on("partial", () => stream.cancel());
                await stream.done();
            }
            """,
            endless(scripts.chat),
            limits=Limits(tokens=5000),
        )
        assert (ran.outcome.kind, ran.outcome.errors[-1].code) == ("limit", "limit.tokens")
        assert 5 <= len(scripts.chat.server.exchanges) <= 6  # of 1 000 tokens each, or a little more
        interrupted = [event for event in ran.events if event["type"] == "interrupt"]
        assert all(event["step"]["meta"] == {"usage": "estimated"} for event in interrupted[:4])


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("auth", "auth"),
        ("quota", "quota"),
        ("rate_limit", "rate_limit"),
        ("context_length", "context_length"),
        ("content_filter", "content_filter"),
        ("unknown_model", "unknown_model"),
        ("overloaded", "overloaded"),
        ("network", "network"),
    ],
)
async def test_errors_told_apart(scripts: Scripts, kind: str, code: str) -> None:
    async def cut(exchange) -> None:
        exchange.cut()

    ran = await scripts.run(
        """
        const stream = chatStep.startStream("Hi");
        stream.on("error", (event) => console.log(event.code));
        try { await stream.finalText(); } catch (error) { console.log(error.code, error.message.length > 20); }
        """,
        cut if kind == "network" else scripts.chat.fails(kind),
        settings="[retries]\nattempts = 2\n",
    )
    assert (ran.text, ran.lines) == ("", [code, f"{code} true"])
    again = code in ("rate_limit", "overloaded", "network")
    assert len(scripts.chat.server.exchanges) == (2 if again else 1)


async def test_deadlines_from_the_settings(scripts: Scripts) -> None:
    ran = await scripts.run(
        """
        const stream = chatStep.startStream("Hi");
        for await (const event of stream) if (event.type === "error") console.log(event.code, event.error);
        console.log(stream.text);
        """,
        endless(scripts.chat),
        settings="[timeouts]\nidle = 0.3\n",
    )
    assert ran.text == ""
    assert ran.lines[0].startswith("timeout ") and "for 0.3 s" in ran.lines[0]
    assert ran.lines[1].startswith("so far")


@pytest.mark.parametrize("chat", ["openai"], indirect=True)
async def test_fifty_chats_of_one_script(scripts: Scripts) -> None:
    """2 000 tokens each, all at once: all complete, each in its own order."""

    async def counts(exchange) -> None:
        f = scripts.chat.vendor
        number = str(exchange.json["messages"][0]["content"]).split("chat ")[1].split(".")[0]
        events = f.answer(*(f"{number}:{n} " for n in range(2000)))
        await exchange.start()
        for at in range(0, len(events), 100):
            await exchange.send(b"".join(events[at : at + 100]))
        await exchange.end()

    ran = await scripts.run(
        """
        const tell = async (number) => {
            let next = 0, text = "";
            for await (const event of chatStep.startStream(`chat ${number}.`)) {
                if (event.type === "partial") text += event.delta;
                if (event.type === "final" && event.text !== text) throw new Error(`chat ${number} lost text`);
            }
            for (const word of text.trim().split(" "))
                if (word !== `${number}:${next++}`) throw new Error(`chat ${number} says ${word}, not ${next - 1}`);
            return next;
        };
        const counts = await Promise.all(Array.from({ length: 50 }, (_, number) => tell(number)));
        console.log(counts.length, counts.every((count) => count === 2000));
        """,
        counts,
        limits=Limits(wall_seconds=55),
    )
    assert (ran.text, ran.lines) == ("", ["50 true"])
    assert len(scripts.chat.server.exchanges) == 50
