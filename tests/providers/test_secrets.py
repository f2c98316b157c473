"""The key goes to the service it is for, and nowhere else."""

import logging
import traceback

import pytest
from geppetto.steps.chat.service import Service

from tests.providers.conftest import KEY


async def exercise(chat) -> list[BaseException]:
    """Every kind of end that a step can have, by services that repeat the key in all they say."""

    async def page(exchange):
        await exchange.answer(200, f"<html>Bearer {KEY}</html>".encode(), "text/html")

    async def not_json(exchange):
        await exchange.start()
        await exchange.send(f"event: x\ndata: {{{KEY}\n\n".encode())
        await exchange.end()

    async def plain(exchange):
        await exchange.answer(400, f"do not like {KEY}".encode(), "text/plain", X_Key=KEY)

    async def odd(exchange):
        await exchange.answer(418, {"error": {"code": KEY, "type": KEY, "message": f"{KEY}{KEY}"}})

    async def broken_http(exchange):
        await exchange.raw(f"HTTP/1.1 200 OK\r\n{KEY} is no header\r\n\r\n".encode())
        exchange.cut()

    async def in_the_stream(exchange):
        await exchange.start()
        _, body = chat.vendor.error("auth", KEY)
        await exchange.send(chat.vendor.sse(body))
        await exchange.end()

    handlers = [chat.answers("fine"), page, not_json, plain, odd, broken_http, in_the_stream]
    handlers += [chat.fails(kind, KEY) for kind in ("auth", "rate_limit", "server", "unknown_model")]
    raised: list[BaseException] = []
    for handler in handlers:
        chat.server.handlers = [handler]
        try:
            await chat.step().start(chat.context(), "Hi").result()
        except Exception as error:
            raised.append(error)
    assert len(raised) == len(handlers) - 1
    return raised


def everything_said(error: BaseException) -> str:
    """An error as any log or debugger would show it: its whole chain, hidden links and notes included."""
    seen: BaseException | None = error
    parts = ["".join(traceback.format_exception(error))]
    while seen is not None:
        parts.append(f"{seen!r} {seen.args} {vars(seen)} {getattr(seen, '__notes__', '')}")
        seen = seen.__cause__ or seen.__context__
    return "\n".join(parts)


async def test_no_key_in_anything_that_is_said(chat, caplog):
    caplog.set_level(logging.DEBUG)
    errors = await exercise(chat)
    assert chat.server.exchanges[0].headers["authorization"] == f"Bearer {KEY}"
    said = [message.payload.decode() + str(message.metadata) for message in chat.heard.messages]
    said += map(everything_said, errors)
    said += [repr(chat.step()), repr(chat.step().service), str(vars(chat.step()))]
    for text in said:
        assert KEY not in text
    assert any("[key]" in text for text in said), "the services did repeat the key"


async def test_no_key_in_the_log(chat, caplog):
    """Ours, the SDK's and the HTTP library's, on the lowest level."""
    caplog.set_level(logging.DEBUG)
    handlers = [
        chat.answers("fine"),
        chat.fails("auth", KEY, X_Key=KEY),
        chat.fails("rate_limit", KEY, Server=KEY),
    ]
    for handler in handlers:
        chat.server.handlers = [handler]
        try:
            await chat.step().start(chat.context(), "Hi").result()
        except Exception as error:
            logging.getLogger("test").exception("a step failed", exc_info=error)
    formatter = logging.Formatter("%(name)s %(message)s %(args)s")
    lines = [formatter.format(record) + str(vars(record)) for record in caplog.records]
    assert len(lines) > 20
    assert [line for line in lines if KEY in line] == []
    assert any("trying again" in line for line in lines)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"no {KEY}!", "no [key]!"),
        (
            "Incorrect API key provided: sk-proj-********************wxyz.",
            "Incorrect API key provided: [key]",
        ),
        ("a\n  b\tc", "a b c"),
        ("x" * 600, "x" * 499 + "…"),
    ],
)
def test_cleaning(text, shown):
    assert Service(api_key=KEY).clean(text) == shown


def test_a_placeholder_is_no_secret():
    assert Service("http://localhost:11434/v1", "ollama").clean("is ollama running?") == "is ollama running?"


def test_where_a_service_is_says_nothing_secret():
    service = Service("https://user:password123@example.org:8443/v1/?key=abc", "x")
    assert service.where("OpenAI") == "https://example.org:8443/v1"
    assert "password123" not in service.clean("cannot reach user:password123@example.org")
    assert "sk-planted" not in repr(Service(api_key=KEY))
