"""What a step does with a service besides chatting: warming up, listing its models, staying light until then."""

import asyncio
import subprocess
import sys

import pytest
from geppetto.steps.chat import clients
from geppetto.steps.chat.clients import Clients
from geppetto.steps.chat.service import Service
from geppetto.steps.errors import StepError


async def test_the_models_of_a_service(chat):
    async def models(exchange):
        assert (exchange.method, exchange.path.partition("?")[0]) == ("GET", "/v1/models")
        data = [{"id": "zeta", "object": "model"}, {"id": "alpha"}, {"name": "no id"}, 7]
        await exchange.answer(200, {"object": "list", "data": data})

    chat.server.handlers = [models]
    assert await chat.step().models() == ["alpha", "zeta"]


@pytest.mark.parametrize("body", [[], {}, {"data": None}, 7, None])
async def test_a_list_that_is_none(chat, body):
    async def models(exchange):
        await exchange.answer(200, body)

    chat.server.handlers = [models]
    assert await chat.step().models() == []


async def test_models_that_are_not_told(chat):
    chat.server.handlers = [chat.fails("auth", "sk-planted-0123456789abcdef")]
    with pytest.raises(StepError) as failure:
        await chat.step().models()
    assert failure.value.kind == "auth"
    assert "sk-planted" not in str(failure.value)
    assert failure.value.__context__ is None


async def test_warming_up_asks_nothing_of_the_service(chat):
    step = chat.step()
    await step.warm_up()
    await step.warm_up()
    assert step.connect() is step.connect()
    assert chat.server.connections == 0


async def test_another_key_is_another_client(chat):
    assert chat.step(key="sk-one-123456").connect() is not chat.step(key="sk-two-123456").connect()
    own = Clients()
    await own.aclose()


def test_nothing_heavy_is_imported_before_a_step_runs():
    """Start-up time is a feature: the SDKs take most of a second."""
    code = (
        "import sys; from geppetto.steps.chat.openai import OpenAIStep; from geppetto.steps.chat.claude import ClaudeStep;"
        "OpenAIStep(); ClaudeStep();"
        "print([name for name in ('openai', 'anthropic', 'httpx2', 'pydantic', 'anyio') if name in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


async def test_a_client_that_does_not_close_is_left_behind(monkeypatch):
    monkeypatch.setattr(clients, "CLOSE_SECONDS", 0.05)

    class Stuck:
        async def close(self) -> None:
            await asyncio.Event().wait()

    kept = clients.Clients()
    first = kept.get("x", Service(), Stuck)
    async with asyncio.timeout(60):
        await kept.aclose()
    assert kept.get("x", Service(), Stuck) is not first
