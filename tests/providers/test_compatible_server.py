"""Against a server that we did not write: LiteLLM's proxy, with mocked models and with a service behind it.

The first shows that we understand what others send; the second, that they understand what we send, since what
arrives behind the proxy is what it made of our request.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from geppetto.runtime.limits import Limits
from geppetto.runtime.setup import setup_standard
from geppetto.steps.chat.clients import shared_clients

from tests.providers import fake_openai
from tests.providers.http_server import Server
from tests.providers.litellm_proxy import ANSWER, KEY, Proxy, proxy
from tests.runtime.conftest import Ran, RunScript, run_script

__all__ = ["proxy", "run_script"]  # fixtures

# The first of them waits until the proxy has started.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SHOW = """
for await (const event of stream) {
    if (event.type === "final") {
        const { usage, stopReason } = event.meta;
        console.log(JSON.stringify([event.text, usage.outputTokens > 0, stopReason, event.step.metadata.usage ?? "told"]));
    }
    if (event.type === "error") console.log(event.code);
}
"""


class Through:
    """Runs scripts that talk to the proxy, in its way of speaking like one vendor or the other."""

    def __init__(self, vendor: str, proxy: Proxy, run_script: RunScript, folder: Path) -> None:
        self.vendor = vendor
        self.proxy = proxy
        self.run_script = run_script
        self.folder = folder

    async def run(self, text: str, model: str, key: str = KEY) -> Ran:
        env = {"GEPPETTO_CHAT_PROVIDER": self.vendor, "GEPPETTO_CHAT_MODEL": model}
        env |= {"GEPPETTO_RETRIES_DELAY": "0.01", "GEPPETTO_RETRIES_ATTEMPTS": "2"}
        if self.vendor == "openai":
            env |= {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": f"{self.proxy.address}/v1"}
        else:
            env |= {"ANTHROPIC_API_KEY": key, "ANTHROPIC_BASE_URL": self.proxy.address}
        (self.folder / ".git").mkdir(exist_ok=True)
        async with asyncio.timeout(120):
            setup = [setup_standard(self.folder, env=env)]
            return await self.run_script(text, limits=Limits(wall_seconds=110), setup=setup)


@pytest.fixture(params=["openai", "claude"])
async def through(
    request: pytest.FixtureRequest,
    proxy: Proxy,
    run_script: RunScript,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Through]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    yield Through(request.param, proxy, run_script, tmp_path)


@pytest.fixture
async def upstream(proxy: Proxy) -> AsyncIterator[Server]:
    """The service behind the proxy's model "upstream"; it speaks like OpenAI."""
    async with Server(port=proxy.upstream) as server:
        yield server


@pytest.mark.parametrize(
    ("through", "model"),
    [("openai", "mocked"), ("openai", "upstream"), ("claude", "upstream")],
    indirect=["through"],
)
async def test_a_stream(through: Through, upstream: Server, model: str) -> None:
    words = [word + " " for word in ANSWER.split()]
    upstream.handlers = [fake_openai.played(fake_openai.answer(*words))]
    ran = await through.run(
        f"const stream = chatStep.startStream('Hi'); let deltas = 0; stream.on('partial', () => deltas++); {SHOW}"
        "console.log(deltas > 3);",
        model,
    )
    assert ran.text == ""
    text, *rest = json.loads(ran.lines[0])
    assert (text.strip(), rest) == (ANSWER, [True, "end_turn", "told"])
    assert ran.lines[1:] == ["true"]


async def test_errors(through: Through) -> None:
    codes = {}
    for model in ("too-many", "too-long", "broken", "no-such-model"):
        ran = await through.run(f"const stream = chatStep.startStream('Hi'); {SHOW}", model)
        codes[model] = ran.lines
    assert codes == {
        "too-many": ["rate_limit"],
        "too-long": ["context_length"],
        "broken": ["server"],
        "no-such-model": ["unknown_model"],
    }


async def test_tools_called_from_behind_it(through: Through, upstream: Server) -> None:
    f = fake_openai
    calls = f.calls(("t1", "weather", '{"city": "Paris"}'))
    calls += f.calls(("t2", "weather", '{"city": "Rome"}'), first=1)
    upstream.handlers = [
        f.played([*f.begin(), *f.text("Let me look."), *calls, *f.finish("tool_use")]),
        f.played(f.answer("Clear ", "everywhere.")),
    ]
    ran = await through.run(
        """
        defineTool({
            name: "weather",
            description: "The weather of a city",
            parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
            handler: async ({ city }) => {
                if (city === "Rome") throw new Error("no station in Rome");
                return `clear in ${city}`;
            },
        });
        """
        f"const stream = chatStep.startStream('The weather?', {{ maxTokens: 99 }}); {SHOW}",
        "upstream",
    )
    assert ran.text == ""
    assert json.loads(ran.lines[-1])[::2] == ["Let me look.\n\nClear everywhere.", "end_turn"]
    first, second = upstream.requests
    assert first["tools"][0]["function"]["parameters"]["required"] == ["city"]
    roles = [message["role"] for message in second["messages"]]
    assert roles == ["user", "assistant", "tool", "tool"]
    assert [call["function"]["name"] for call in second["messages"][1]["tool_calls"]] == ["weather"] * 2
    assert "clear in Paris" in str(second["messages"][2]) and "no station in Rome" in str(
        second["messages"][3]
    )


async def test_cancel_is_felt_behind_it(through: Through, upstream: Server) -> None:
    f = fake_openai

    async def goes_on(exchange) -> None:
        await exchange.start()
        while not exchange.gone.is_set():
            await exchange.send(b"".join(f.text("word ")))
            await asyncio.sleep(0.02)

    upstream.handlers = [goes_on]
    ran = await through.run(
        """
        const stream = chatStep.startStream("Tell me everything");
        stream.on("partial", () => stream.cancel());
        await stream.done();
        console.log(stream.text.startsWith("word"));
        """,
        "upstream",
    )
    assert (ran.text, ran.lines) == ("", ["true"])
    await asyncio.wait_for(upstream.exchanges[0].gone.wait(), 60)
    assert "authorization" in upstream.exchanges[0].headers
    assert KEY not in str(upstream.exchanges[0].headers)


async def test_its_models_are_listed(proxy: Proxy) -> None:
    from geppetto.steps.chat.openai import OpenAIStep
    from geppetto.steps.chat.service import Service

    step = OpenAIStep(service=Service(f"{proxy.address}/v1", KEY))
    assert {"mocked", "upstream"} <= set(await step.models())
    await shared_clients.aclose()
