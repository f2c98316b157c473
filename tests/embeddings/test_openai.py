"""Embeddings over HTTP, against a server that speaks the wire format, well and badly."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from geppetto.embeddings.factory import create_embeddings
from geppetto.embeddings.openai import MAX_BYTES, MAX_REQUESTS, MAX_TEXTS, OpenAIEmbeddings
from geppetto.embeddings.provider import EmbeddingModel, EmbeddingsError, EmbeddingsProvider
from geppetto.runtime.engine import RuntimeEngine
from geppetto.runtime.limits import Limits
from geppetto.runtime.outcome import RunOutcome
from geppetto.runtime.output import ConsoleLine, Output
from geppetto.runtime.script import Script
from geppetto.runtime.setup import setup_standard
from geppetto.settings.models import StepSettings
from geppetto.steps.chat.clients import Clients
from geppetto.steps.chat.service import Retries, Service

from tests.embeddings.conftest import KEY, answers, vectors
from tests.providers.http_server import Exchange, Handler, Server

MODEL = EmbeddingModel("tiny-embed", 16)
QUICK = Retries(delay=0.01, max_delay=0.02, chance=lambda: 1.0)


def provider(server: Server, model: EmbeddingModel = MODEL, timeout: float = 10.0) -> OpenAIEmbeddings:
    service = Service(f"{server.address}/v1", KEY)
    return OpenAIEmbeddings(model, lambda: service, timeout=timeout, retries=QUICK, clients=Clients)


def from_settings(server: Server, **embeddings: Any) -> EmbeddingsProvider:
    chosen = {"provider": "openai", "model": MODEL.name, "dimensions": MODEL.dimensions, **embeddings}
    return create_embeddings(
        StepSettings.model_validate(
            {"embeddings": chosen, "openai": {"base_url": f"{server.address}/v1", "api_key": KEY}}
        )
    )


async def failure(server: Server, *handlers: Handler, timeout: float = 10.0) -> EmbeddingsError:
    server.handlers = list(handlers)
    with pytest.raises(EmbeddingsError) as caught:
        async with asyncio.timeout(60):
            await provider(server, timeout=timeout).embed(["a", "b"])
    told = f"{caught.value} {caught.value.hint} {caught.value.__context__!r} {caught.value.__cause__!r}"
    assert KEY not in told
    return caught.value


async def test_vectors_come_in_the_order_of_the_texts(server: Server) -> None:
    texts = ["one", "two", "three", "one"]
    assert await provider(server).embed(texts) == await vectors(texts)
    [request] = server.requests
    assert request == {"model": "tiny-embed", "input": texts, "encoding_format": "float"}
    assert server.exchanges[0].path == "/v1/embeddings"
    assert server.exchanges[0].headers["authorization"] == f"Bearer {KEY}"


async def test_many_texts_are_few_requests_and_not_all_at_once(server: Server) -> None:
    running = most = 0
    answer = answers()

    async def slow(exchange: Exchange) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        await answer(exchange)

    server.handlers = [slow]
    texts = [f"text {n}" for n in range(MAX_TEXTS * 6 + 1)]
    assert await provider(server).embed(texts) == await vectors(texts)
    assert len(server.requests) == 7
    assert 2 <= most <= MAX_REQUESTS


async def test_long_texts_go_in_several_requests(server: Server) -> None:
    texts = ["ü" * (MAX_BYTES // 4), "a" * (MAX_BYTES // 2), "b", "c" * (2 * MAX_BYTES), "d"]
    assert await provider(server).embed(texts) == await vectors(texts)
    assert sorted(len(request["input"]) for request in server.requests) == [1, 1, 1, 2]


async def test_text_that_cannot_be_sent_is_mended(server: Server) -> None:
    await provider(server).embed(["half \ud83d pair"])
    assert server.requests[0]["input"] == ["half ? pair"]


async def test_a_model_is_shortened_only_when_it_can_be(server: Server) -> None:
    server.handlers = [answers()]
    await from_settings(server, model="text-embedding-3-small", disk_cache_size=0).embed(["a"])
    await from_settings(server, disk_cache_size=0).embed(["a"])
    assert [request.get("dimensions") for request in server.requests] == [16, None]


def fails(status: int, body: object = None, **headers: str) -> Handler:
    async def handler(exchange: Exchange) -> None:
        said = body or {"error": {"message": f"trouble with {exchange.headers['authorization']}"}}
        await exchange.answer(status, said, **headers)

    return handler


async def cut(exchange: Exchange) -> None:
    exchange.cut()


async def half(exchange: Exchange) -> None:
    await exchange.start(200, "application/json")
    await exchange.send(b'{"object": "list", "data": [')
    exchange.cut()


async def test_what_may_pass_is_tried_again(server: Server) -> None:
    server.handlers = [fails(500), cut, fails(429, Retry_After="0"), answers()]
    assert await provider(server).embed(["a"]) == await vectors(["a"])
    assert len(server.exchanges) == 4


@pytest.mark.parametrize(
    ("handler", "code", "said"),
    [
        (fails(500), "server", "failed (HTTP 500)"),
        (fails(429), "rate_limit", "too many requests"),
        (cut, "network", "lost"),
        (half, "network", "lost"),
    ],
)
async def test_but_not_for_ever(server: Server, handler: Handler, code: str, said: str) -> None:
    error = await failure(server, handler)
    assert error.code == code
    assert said in str(error)
    assert len(server.exchanges) == QUICK.attempts


@pytest.mark.parametrize(
    ("handler", "code", "said"),
    [
        (fails(401), "auth", "did not accept the API key"),
        (fails(404, {"error": {"message": "model tiny-embed not found"}}), "unknown_model", "tiny-embed"),
        (fails(400, {"error": {"message": "input is too long"}}), "context_length", "too long"),
        (answers(data=[]), "invalid_request", "one vector for each text"),
        (answers(data=None), "invalid_request", "one vector for each text"),
        (answers(data=[{"index": 0}, {"index": 1}]), "invalid_request", "one vector for each text"),
        (
            answers(data=[{"index": n, "embedding": ["x"] * 16} for n in (0, 1)]),
            "invalid_request",
            "one vector for each text",
        ),
        (
            answers(data=[{"index": n, "embedding": [0.5] * 17} for n in (0, 1)]),
            "settings",
            "made a vector of 17 numbers, and 16 were expected",
        ),
    ],
)
async def test_what_will_not_pass_is_told_at_once(
    server: Server, handler: Handler, code: str, said: str
) -> None:
    error = await failure(server, handler)
    assert (error.code, len(server.exchanges)) == (code, 1)
    assert said in str(error)


async def test_the_hint_says_which_dimensions(server: Server) -> None:
    error = await failure(server, answers(data=[{"index": n, "embedding": [0.5] * 17} for n in (0, 1)]))
    assert error.hint == "Set embeddings.dimensions to 17."


async def test_a_silent_server_is_given_up(server: Server) -> None:
    error = await failure(server, Exchange.stall, timeout=0.1)
    assert (error.code, len(server.exchanges)) == ("timeout", QUICK.attempts)
    assert "did not answer within 0.1 s" in str(error)
    for exchange in server.exchanges:
        await asyncio.wait_for(exchange.gone.wait(), 60)


async def test_cancelling_closes_every_connection(server: Server) -> None:
    server.handlers = [Exchange.stall]
    task = asyncio.create_task(provider(server).embed([f"text {n}" for n in range(MAX_TEXTS + 1)]))
    async with asyncio.timeout(60):
        while len(server.exchanges) < 2:
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for exchange in server.exchanges:
        await asyncio.wait_for(exchange.gone.wait(), 60)


async def test_one_failure_ends_the_other_requests(server: Server) -> None:
    server.handlers = [Exchange.stall, fails(401)]
    with pytest.raises(EmbeddingsError, match="did not accept"):
        async with asyncio.timeout(60):
            await provider(server).embed([f"text {n}" for n in range(MAX_TEXTS + 1)])
    await asyncio.wait_for(server.exchanges[0].gone.wait(), 60)


async def test_without_a_key_it_says_which_variable_to_set() -> None:
    embeddings = create_embeddings(StepSettings.model_validate({"embeddings": {"provider": "openai"}}))
    with pytest.raises(EmbeddingsError, match="there is no API key for OpenAI") as caught:
        await embeddings.embed(["a"])
    assert "OPENAI_API_KEY" in (caught.value.hint or "")
    assert caught.value.code == "auth"


async def test_ollama_is_asked_below_v1(server: Server) -> None:
    settings = {"embeddings": {"provider": "ollama", "model": "m", "dimensions": 16}}
    chosen = StepSettings.model_validate({**settings, "ollama": {"base_url": server.address}})
    assert await create_embeddings(chosen).embed(["a"]) == await vectors(["a"])
    assert server.exchanges[0].path == "/v1/embeddings"


async def test_a_text_is_paid_for_once_whatever_the_run(server: Server, own_machine: Path) -> None:
    texts = ["planted text one", "two", "three"]
    first = await from_settings(server).embed(texts[:2])
    second = await from_settings(server).embed(texts)
    assert second == await vectors(texts)
    assert second[:2] == first
    assert [request["input"] for request in server.requests] == [texts[:2], texts[2:]]
    # Neither keys nor texts are in the cache: only digests and numbers.
    kept = b"".join(path.read_bytes() for path in own_machine.iterdir())
    assert len(kept) > 0
    assert KEY.encode() not in kept and b"planted" not in kept


async def test_another_server_with_a_model_of_the_same_name_is_another_model(server: Server) -> None:
    await from_settings(server).embed(["a"])
    async with Server([answers()]) as other:
        await from_settings(other).embed(["a"])
        assert len(other.requests) == 1


async def test_a_damaged_cache_is_no_failure(server: Server, own_machine: Path) -> None:
    await from_settings(server).embed(["a"])
    for path in own_machine.iterdir():
        path.write_bytes(b"not a database, but long enough to look like one" * 100)
    assert await from_settings(server).embed(["a"]) == await vectors(["a"])
    assert len(server.requests) == 2


async def outcome_of(folder: Path, text: str, **limits: Any) -> RunOutcome:
    (folder / "main.geppetto.js").write_text(text)
    engine = RuntimeEngine(root=folder, limits=Limits(wall_seconds=30, **limits))
    engine.add_setup_function(setup_standard(folder, env={}))
    async with asyncio.timeout(60), engine:
        return await engine.run(Script(folder / "main.geppetto.js"))


async def run(folder: Path, text: str) -> list[str]:
    (folder / "main.geppetto.js").write_text(text)
    shown: list[Output] = []
    engine = RuntimeEngine(root=folder, output=shown.append)
    engine.add_setup_function(setup_standard(folder, env={}))
    async with asyncio.timeout(30), engine:
        outcome = await engine.run(Script(folder / "main.geppetto.js"))
    lines = [out.text for out in shown if isinstance(out, ConsoleLine)]
    told = [error.render() for error in outcome.errors]
    assert KEY not in json.dumps([lines, told])
    return [*lines, *told]


def configure(folder: Path, server: Server, *, price: float | None = None) -> None:
    """
    Args:
        price: US dollars for a million tokens.
    """
    (folder / ".git").mkdir()
    prices = "" if price is None else f"[prices.tiny-embed]\ninput = {price}\noutput = 0\n"
    (folder / "geppetto.toml").write_text(
        f'[embeddings]\nprovider = "openai"\nmodel = "tiny-embed"\ndimensions = 16\n'
        f'[openai]\nbase_url = "{server.address}/v1"\napi_key = "{KEY}"\n{prices}'
    )


async def test_many_calls_of_a_script_are_one_request(server: Server, tmp_path: Path) -> None:
    configure(tmp_path, server)
    lines = await run(
        tmp_path,
        """
        const texts = Array.from({ length: 300 }, (_, i) => `text ${i % 200}`);
        const all = await Promise.all(texts.map((text) => embeddings.generateEmbeddingAsync(text)));
        console.log(embeddings.getModel().name, all.length, all[0].length, all[0][3] === all[200][3]);
        console.log(embeddings.generateEmbedding("text 1")[3] === all[1][3]);
        """,
    )
    assert lines == ["tiny-embed 300 16 true", "true"]
    [request] = server.requests
    assert len(request["input"]) == 200


CANCELS = """
const stop = embeddings.generateEmbeddingWithCallbacks("12345678", { onSuccess() {}, onError() {} });
setTimeout(async () => {
    await embeddings.generateEmbeddingAsync("go");
    stop();
});
"""


def stalls(text: str) -> Handler:
    """Leaves the request for a text without an answer; answers others when that one has come."""
    come = asyncio.Event()
    answer = answers()

    async def handler(exchange: Exchange) -> None:
        if exchange.json["input"] == [text]:
            come.set()
            await exchange.stall()
        else:
            await asyncio.wait_for(come.wait(), 60)
            await answer(exchange)

    return handler


TWICE = """
await embeddings.generateEmbeddingAsync("first");
embeddings.generateEmbedding("second");
embeddings.generateEmbedding("first");  // is known
"""


async def test_what_requests_use_is_in_the_usage_of_the_run(server: Server, tmp_path: Path) -> None:
    configure(tmp_path, server, price=2.0)
    server.handlers = [answers(usage={"prompt_tokens": 1000, "total_tokens": 1000})]
    outcome = await outcome_of(tmp_path, TWICE)
    assert (outcome.kind, outcome.input_tokens, outcome.output_tokens) == ("ok", 2000, 0)
    assert outcome.cost_usd == pytest.approx(0.004)


async def test_a_server_that_does_not_say_what_was_used(server: Server, tmp_path: Path) -> None:
    configure(tmp_path, server)
    server.handlers = [answers(usage=None)]
    outcome = await outcome_of(tmp_path, "embeddings.generateEmbedding('four'.repeat(100));")
    assert (outcome.kind, outcome.input_tokens, outcome.cost_usd) == ("ok", 100, None)


@pytest.mark.parametrize("ask", ["await embeddings.generateEmbeddingAsync", "embeddings.generateEmbedding"])
@pytest.mark.parametrize("limit", ["tokens", "cost_usd"])
async def test_the_caps_of_the_run_hold(server: Server, tmp_path: Path, ask: str, limit: str) -> None:
    configure(tmp_path, server, price=1.0)
    server.handlers = [answers(usage={"prompt_tokens": 1000, "total_tokens": 1000})]
    text = f"for (let n = 0; ; n++) try {{ {ask}(`text ${{n}}`) }} catch {{}}"
    outcome = await outcome_of(tmp_path, text, **{limit: 2500 if limit == "tokens" else 0.0025})
    code = "limit.tokens" if limit == "tokens" else "limit.cost"
    assert (outcome.kind, outcome.errors[-1].code) == ("limit", code)
    # A request that passes the limit is the last, even for a script that listens to nobody.
    assert len(server.requests) == 3
    assert outcome.input_tokens == 3000


async def test_a_cancelled_request_is_counted_too(server: Server, tmp_path: Path) -> None:
    configure(tmp_path, server)
    server.handlers = [stalls("12345678")]
    outcome = await outcome_of(tmp_path, CANCELS)
    assert (outcome.kind, outcome.input_tokens) == ("ok", 2 + 1)


async def test_the_end_of_the_engine_closes_its_connections(server: Server, tmp_path: Path) -> None:
    configure(tmp_path, server)
    await outcome_of(tmp_path, "embeddings.generateEmbedding('a');")
    await asyncio.wait_for(server.exchanges[0].gone.wait(), 60)


async def test_a_failure_reaches_the_script_with_its_code(server: Server, tmp_path: Path) -> None:
    configure(tmp_path, server)
    server.handlers = [fails(401)]
    lines = await run(
        tmp_path,
        """
        try { await embeddings.generateEmbeddingAsync("a"); }
        catch (error) { console.log(error instanceof Error, error.code, error.message); }
        """,
    )
    assert lines[0].startswith("true auth ") and "did not accept the API key" in lines[0]


async def test_cancelling_in_a_script_closes_the_connection(server: Server, tmp_path: Path) -> None:
    configure(tmp_path, server)
    server.handlers = [stalls("12345678")]
    assert await run(tmp_path, CANCELS) == []
    [stalled] = [each for each in server.exchanges if each.json["input"] == ["12345678"]]
    await asyncio.wait_for(stalled.gone.wait(), 60)
