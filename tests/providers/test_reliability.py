"""What goes wrong between here and a model: one terminal event each, the text kept, asked again only when it may help."""

import asyncio
import time

import pytest
from geppetto.steps.chat.clients import Clients
from geppetto.steps.chat.service import Retries, Timeouts
from geppetto.steps.chat.step import ChatParameters
from geppetto.steps.errors import StepError

from tests.providers.conftest import PATIENCE, QUICK

RETRYABLE = ("rate_limit", "server", "overloaded")
LASTING = (
    "auth",
    "forbidden",
    "quota",
    "context_length",
    "content_filter",
    "unknown_model",
    "invalid_request",
)
ADVICE = {
    "auth": "Check the API key",
    "forbidden": "Check what the API key of this provider may do",
    "quota": "billing",
    "context_length": "Shorten the conversation",
    "content_filter": "rephrase",
    "unknown_model": "Check the model's name",
    "invalid_request": "",
    "rate_limit": "fewer streams",
    "server": "try again later",
    "overloaded": "try again later",
}


def code_of(kind: str) -> str:
    return "auth" if kind == "forbidden" else kind


@pytest.mark.parametrize("kind", LASTING)
async def test_a_failure_that_lasts_is_told_at_once(chat, kind):
    error = await chat.end(chat.fails(kind), parameters=ChatParameters(model="some-model"))
    assert (error.type, error.code) == ("error", code_of(kind))
    status, body = chat.vendor.error(kind)
    assert f"HTTP {status}" in error.error_string
    assert body["error"]["message"].rstrip(". ") in error.error_string
    assert ADVICE[kind] in error.error_string
    if kind == "unknown_model":
        assert "'some-model'" in error.error_string
    assert len(chat.server.exchanges) == 1


@pytest.mark.parametrize("kind", RETRYABLE)
async def test_a_failure_that_passes_is_not_seen(chat, kind):
    final = await chat.end(chat.fails(kind), chat.fails(kind), chat.answers("At last."))
    assert (final.type, final.text) == ("final", "At last.")
    assert len(chat.server.exchanges) == 3


@pytest.mark.parametrize("kind", RETRYABLE)
async def test_a_failure_that_does_not_pass(chat, kind):
    error = await chat.end(chat.fails(kind))
    assert (error.type, error.code) == ("error", kind)
    assert "tried 4 times" in error.error_string
    assert ADVICE[kind] in error.error_string
    assert len(chat.server.exchanges) == 4


@pytest.mark.parametrize("status", [408, 409, 500, 502, 504, 520])
async def test_statuses_that_are_asked_again(chat, status):
    async def fails(exchange):
        await exchange.answer(status, b"<html><body>gateway</body></html>", "text/html")

    final = await chat.end(fails, chat.answers("ok"))
    assert (final.type, final.text) == ("final", "ok")


async def test_retry_after_is_kept(chat):
    asked: list[float] = []

    def noting(handler):
        async def noted(exchange):
            asked.append(time.monotonic())
            await handler(exchange)

        return noted

    final = await chat.end(noting(chat.fails("rate_limit", Retry_After="0.3")), noting(chat.answers("ok")))
    assert final.text == "ok"
    assert asked[1] - asked[0] >= 0.29


async def test_retry_after_in_milliseconds_and_as_a_date(chat):
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    wait = chat.fails("overloaded", **{"retry-after-ms": "20"})
    final = await chat.end(wait, chat.fails("rate_limit", Retry_After=date), chat.answers("ok"))
    assert final.text == "ok"


async def test_nobody_waits_for_an_hour(chat):
    error = await chat.end(chat.fails("rate_limit", Retry_After="3600"), chat.answers("too late"))
    assert error.code == "rate_limit"
    assert "asks to wait 3600 s" in error.error_string
    assert len(chat.server.exchanges) == 1


@pytest.mark.parametrize("value", ["soon", "-5", "nan", "1e999", ""])
async def test_a_retry_after_that_makes_no_sense(chat, value):
    final = await chat.end(chat.fails("rate_limit", Retry_After=value), chat.answers("ok"))
    assert final.text == "ok"


async def test_cut_before_the_first_token_is_asked_again(chat):
    async def cut_at_once(exchange):
        exchange.cut()

    async def cut_after_headers(exchange):
        await exchange.start()
        await exchange.send(chat.vendor.begin()[0])
        exchange.cut()

    final = await chat.end(cut_at_once, cut_after_headers, chat.answers("ok"))
    assert (final.type, final.text) == ("final", "ok")
    assert len(chat.server.exchanges) == 3


def beginning(chat) -> list[bytes]:
    """The first events of an answer, up to some text and no further."""
    return [*chat.vendor.begin(), *chat.vendor.text("Once upon")[: 1 if chat.vendor.BASE else 2]]


@pytest.mark.parametrize("how", ["cut", "ended", "half an event"])
async def test_cut_in_the_middle_keeps_the_text_and_is_not_asked_again(chat, how):
    async def cut(exchange):
        await exchange.start()
        for event in beginning(chat):
            await exchange.send(event)
        if how == "half an event":
            await exchange.send(chat.vendor.finish()[0][:30])
        await asyncio.wait_for(chat.heard.first_delta.wait(), 60)
        if how == "cut":
            exchange.cut()
        else:
            await exchange.end()

    result = chat.start(cut, chat.answers("never"))
    with pytest.raises(StepError):
        await result.result()
    error = chat.heard.last
    assert (error.type, error.code) == ("error", "network"), error.error_string
    assert "Check the connection" in error.error_string
    assert (chat.heard.text, result.text) == ("Once upon", "Once upon")
    assert len(chat.server.exchanges) == 1


async def test_nobody_is_there(chat):
    error = await chat.end(chat.answers("x"), base_url="http://127.0.0.1:9/v1")
    assert error.code == "network"
    assert "cannot connect to http://127.0.0.1:9/v1: " in error.error_string
    assert "refused" in error.error_string
    assert "tried 4 times" in error.error_string


async def test_no_such_host(chat):
    error = await chat.end(
        chat.answers("x"), base_url="http://geppetto.invalid/v1", retries=Retries(attempts=1)
    )
    assert error.code == "network"
    assert "cannot connect to http://geppetto.invalid/v1" in error.error_string


async def test_silence_before_the_first_token(chat):
    async def silent(exchange):
        await exchange.stall()

    quick = Timeouts(first_token=0.2, idle=10, total=10)
    error = await chat.end(silent, chat.answers("never"), timeouts=quick)
    assert (error.type, error.code) == ("error", "timeout")
    assert "sent nothing within 0.2 s" in error.error_string
    await asyncio.wait_for(chat.server.exchanges[0].gone.wait(), 60)
    assert len(chat.server.exchanges) == 1


async def test_only_signs_of_life_are_no_first_token(chat):
    async def pings(exchange):
        await exchange.start()
        while not exchange.gone.is_set():
            await exchange.send(chat.vendor.ping())
            await asyncio.sleep(0.02)

    error = await chat.end(pings, timeouts=Timeouts(first_token=0.2, idle=0.1, total=10))
    assert error.code == "timeout"
    assert "sent nothing within 0.2 s" in error.error_string


async def test_a_long_wait_for_the_first_token_is_not_silence(chat):
    async def thinks(exchange):
        await exchange.start()
        await asyncio.sleep(0.3)
        for event in chat.vendor.answer("Well."):
            await exchange.send(event)
        await exchange.end()

    final = await chat.end(thinks, timeouts=Timeouts(first_token=10, idle=0.1, total=10))
    assert (final.type, final.text) == ("final", "Well.")


async def test_silence_in_the_middle(chat):
    async def stops(exchange):
        await exchange.start()
        for event in beginning(chat):
            await exchange.send(event)
        await exchange.stall()

    error = await chat.end(stops, timeouts=Timeouts(first_token=10, idle=0.2, total=10))
    assert (error.type, error.code) == ("error", "timeout")
    assert "fell silent in the middle of its answer, for 0.2 s" in error.error_string
    assert chat.heard.text == "Once upon"
    await asyncio.wait_for(chat.server.exchanges[0].gone.wait(), 60)


async def test_pings_are_signs_of_life(chat):
    async def slow(exchange):
        await exchange.start()
        for event in beginning(chat):
            await exchange.send(event)
        for _ in range(12):
            await asyncio.sleep(0.05)
            await exchange.send(chat.vendor.ping())
        for event in chat.vendor.finish():
            await exchange.send(event)
        await exchange.end()

    final = await chat.end(slow, timeouts=Timeouts(first_token=10, idle=0.3, total=10))
    assert (final.type, final.text) == ("final", "Once upon")


async def test_a_slow_listener_is_not_silence(chat):
    """The service waits for the listener, not the other way round."""
    words = [f"w{n} " for n in range(3000)]

    async def slowly(topic, *messages):
        chat.heard.messages.extend(messages)
        await asyncio.sleep(0.03)

    chat.heard.publish = slowly
    final = await chat.end(chat.answers(*words), timeouts=Timeouts(first_token=10, idle=0.02, total=None))
    assert (final.type, final.text) == ("final", "".join(words))


async def test_an_endless_stream_ends(chat):
    async def endless(exchange):
        await exchange.start()
        for event in beginning(chat):
            await exchange.send(event)
        more = chat.vendor.text(" and on")[-1 if chat.vendor.BASE else 1]
        while not exchange.gone.is_set():
            await exchange.send(more)
            await asyncio.sleep(0.005)

    error = await chat.end(endless, timeouts=Timeouts(first_token=5, idle=5, total=0.5))
    assert (error.type, error.code) == ("error", "timeout")
    assert "did not complete its answer within 0.5 s" in error.error_string
    assert chat.heard.text.startswith("Once upon and on and on")
    await asyncio.wait_for(chat.server.exchanges[0].gone.wait(), 60)


async def test_the_total_bounds_the_attempts_too(chat):
    retries = Retries(attempts=100, delay=0.05, max_delay=0.05)
    error = await chat.end(chat.fails("overloaded"), timeouts=Timeouts(total=0.4), retries=retries)
    assert error.code == "timeout"
    assert 1 < len(chat.server.exchanges) < 20


@pytest.mark.parametrize(
    "when", ["before the headers", "before the first token", "in the middle", "between attempts"]
)
async def test_cancel_closes_the_connection(chat, when):
    asked = asyncio.Event()

    async def handler(exchange):
        if when == "between attempts":
            await chat.fails("overloaded")(exchange)
            asked.set()
            return
        if when != "before the headers":
            await exchange.start()
            for event in chat.vendor.begin() if when == "before the first token" else beginning(chat):
                await exchange.send(event)
        asked.set()
        await exchange.stall()

    result = chat.start(handler, retries=Retries(delay=5, max_delay=5))
    await asyncio.wait_for(asked.wait(), 60)
    if when == "in the middle":
        await asyncio.wait_for(chat.heard.first_delta.wait(), 60)
    await result.cancel()
    last = chat.heard.last
    assert (last.type, last.text) == ("interrupt", "Once upon" if when == "in the middle" else "")
    if when != "between attempts":
        await asyncio.wait_for(chat.server.exchanges[0].gone.wait(), 60)
    assert len(chat.server.exchanges) == 1


async def test_many_cancels_do_no_harm(chat):
    async def stops(exchange):
        await exchange.start()
        for event in beginning(chat):
            await exchange.send(event)
        await exchange.stall()

    chat.server.handlers = [stops]
    results = [chat.step().start(chat.heard_anew(), "Hi") for _ in range(10)]
    for count, result in enumerate(results):
        await asyncio.sleep(0.005 * count)
        await result.cancel()
    for exchange in chat.server.exchanges:
        await asyncio.wait_for(exchange.gone.wait(), 60)
    # The pool is in order: the next step gets its answer.
    chat.server.handlers = [chat.answers("fine")]
    assert (await chat.step().start(chat.heard_anew(), "Hi").result()).text == "fine"


async def test_an_error_in_the_stream_before_the_first_token(chat):
    async def fails(exchange):
        await exchange.start()
        await exchange.send(chat.vendor.stream_error("overloaded"))
        await exchange.end()

    final = await chat.end(fails, chat.answers("ok"))
    assert (final.type, final.text) == ("final", "ok")


async def test_an_error_in_the_middle_of_the_stream(chat):
    async def fails(exchange):
        await exchange.start()
        for event in [*beginning(chat), chat.vendor.stream_error("overloaded")]:
            await exchange.send(event)
        await exchange.end()

    error = await chat.end(fails, chat.answers("never"))
    assert (error.type, error.code) == ("error", "overloaded")
    assert "overloaded" in error.error_string.lower()
    assert chat.heard.text == "Once upon"
    assert len(chat.server.exchanges) == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'event: message_delta\ndata: {"type": \n\n', "not JSON"),
        (b"event: message_delta\ndata: nonsense\n\n", "not JSON"),
        (b'event: message_delta\ndata: {"type": "\xff\xfe"}\n\n', "not UTF-8"),
    ],
)
async def test_what_is_not_json(chat, data, said):
    async def nonsense(exchange):
        await exchange.start()
        for event in beginning(chat):
            await exchange.send(event)
        await exchange.send(data)
        await exchange.end()

    error = await chat.end(nonsense, chat.answers("never"))
    assert (error.type, error.code) == ("error", "server")
    assert said in error.error_string
    assert chat.heard.text == "Once upon"
    assert len(chat.server.exchanges) == 1


@pytest.mark.parametrize(
    ("content_type", "body", "code", "said"),
    [
        (
            "text/html; charset=utf-8",
            b"<html><h1>Welcome to nginx!</h1></html>",
            "server",
            "Welcome to nginx",
        ),
        ("application/json", b'{"choices": [{"message": {"content": "x"}}]}', "server", "application/json"),
        (
            "application/json",
            b'{"error": {"message": "You must log in", "code": "invalid_api_key"}}',
            "auth",
            "log in",
        ),
        ("application/json", b'{"error": "model \'x\' not found"}', "unknown_model", "not found"),
        ("text/html", b"x" * 1_000_000, "server", "text/html"),
        ("application/json", b"{", "server", "instead of a stream"),
    ],
)
async def test_an_answer_that_is_no_stream(chat, content_type, body, code, said):
    async def wrong(exchange):
        await exchange.answer(200, body, content_type)

    error = await chat.end(wrong, chat.answers("never"))
    assert (error.type, error.code) == ("error", code)
    assert said in error.error_string
    assert len(error.error_string) < 800
    assert len(chat.server.exchanges) == 1


async def test_a_stream_of_an_unusual_type(chat):
    async def plain(exchange):
        await exchange.start(content_type="text/plain")
        for event in chat.vendor.answer("ok"):
            await exchange.send(event)
        await exchange.end()

    async def none(exchange):
        await exchange.start(content_type=None)
        for event in chat.vendor.answer("ok"):
            await exchange.send(event)
        await exchange.end()

    for handler in (plain, none):
        chat.heard_anew()
        assert (await chat.end(handler)).text == "ok"


async def test_an_empty_stream(chat):
    error = await chat.end(chat.vendor.played([]))
    assert (error.type, error.code) == ("error", "network")
    assert "before the answer was complete" in error.error_string
    assert len(chat.server.exchanges) == QUICK.attempts


async def test_garbage_instead_of_http(chat):
    async def garbage(exchange):
        await exchange.raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
        exchange.cut()

    error = await chat.end(garbage)
    assert error.code == "network"


async def test_bytes_that_cannot_be_unpacked(chat):
    async def broken(exchange):
        await exchange.start(content_encoding="gzip")
        await exchange.send(b"this is not gzip")
        await exchange.end()

    error = await chat.end(broken)
    assert (error.type, error.code) == ("error", "server")
    assert "unpacked" in error.error_string


async def test_a_wrong_address_is_recognised(openai_chat):
    async def not_found(exchange):
        await exchange.answer(404, {"detail": "Not Found"})

    error = await openai_chat.end(not_found)
    assert error.code == "invalid_request"
    assert "usually ends in /v1" in error.error_string


async def test_no_key(chat):
    step = type(chat.step())(ChatParameters(), clients=Clients())
    result = step.start(chat.heard_anew(), "Hi")
    with pytest.raises(StepError):
        await result.result()
    error = chat.heard.last
    assert error.code == "auth"
    assert "there is no API key" in error.error_string
    assert step.key_variable in error.error_string


@pytest.mark.parametrize("key", ["sk-with\nnewline-12345", "sk-with space-12345", "sk-typo“graphic-12345"])
async def test_a_key_that_no_request_can_carry(chat, key):
    error = await chat.end(chat.answers("x"), key=key)
    assert error.code == "auth"
    assert "Copy it again" in error.error_string
    assert key[:7] not in error.error_string
    assert not chat.server.exchanges


async def test_no_model_for_a_server_of_ones_own(chat):
    error = await chat.end(chat.answers("x"), parameters=ChatParameters())
    assert error.code == "settings"
    assert "no model is named for http://127.0.0.1" in error.error_string


async def test_claude_without_temperature(claude_chat):
    async def refuses(exchange):
        error = {"type": "invalid_request_error", "message": "`temperature` is deprecated for this model."}
        await exchange.answer(400, {"type": "error", "error": error})

    error = await claude_chat.end(refuses, parameters=ChatParameters(model="m", temperature=1.0))
    assert error.code == "invalid_request"
    assert "Remove temperature" in error.error_string


async def test_the_deadlines_can_be_left_out(chat):
    final = await chat.end(chat.answers("ok"), timeouts=Timeouts(None, None, None, None))
    assert final.text == "ok"
    assert PATIENCE.total


async def test_a_missing_sdk_says_what_to_install(chat, monkeypatch):
    step = chat.step()
    monkeypatch.setattr(type(step), "sdk", "no_such_sdk")
    with pytest.raises(StepError) as failure:
        await step.warm_up()
    assert failure.value.kind == "settings"
    assert f"geppetto[{step.extra}]" in (failure.value.hint or "")
