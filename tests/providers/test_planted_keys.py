"""A key is planted, and everything that is said and left behind is searched for it.

Said by the command line, with services that repeat the key in all their errors: on success and failure, recorded,
replayed, cached, with events printed; by `doctor`, `config show` and `models`; and by supervised runs and their records.
"""

import asyncio
import json
import os
from pathlib import Path

import pytest
from geppetto.runs.protocol import RunRequest
from geppetto.runs.store import RecordStore
from geppetto.runs.supervisor import RunsOptions, RunSupervisor

from tests.cassettes.test_command_line import Machine
from tests.providers import fake_anthropic, fake_openai
from tests.providers.http_server import Exchange, Server

KEY = "sk-planted-5f2c9d7e8a1b4063"

SCRIPT = """
defineTool({ name: "look", description: "Looks around", handler: () => Object.keys(globalThis).join() });
console.log(JSON.stringify([globalThis, params]));
const show = async (stream) => {
    stream.on("tool-result", (event) => console.log(JSON.stringify(event)));
    for await (const event of stream) if (event.type !== "partial") console.log(event.type, JSON.stringify(event));
};
await show(chatStep.startStream("look around"));
await show(chatStep.startStream("fail: auth"));
await show(chatStep.startStream("fail: server"));
await show(chatStep.startStream("fail: in the stream"));
await show(chatStep.startStream("fail: a page"));
await embeddings.generateEmbeddingAsync("fail").catch((error) => console.log(error.stack, error.cause));
chatStep.startStream("fail: auth");
"""


class Service:
    """Speaks like both vendors, and puts the key it was sent into everything but answers."""

    def __init__(self) -> None:
        self.keys: set[str] = set()

    async def __call__(self, exchange: Exchange) -> None:
        claude = exchange.path.endswith("/messages")
        vendor = fake_anthropic if claude else fake_openai
        headers = exchange.headers
        key = headers.get("x-api-key") or headers["authorization"].removeprefix("Bearer ")
        self.keys.add(key)
        if exchange.path.endswith("/embeddings") or exchange.method == "GET":
            await exchange.answer(
                401, {"error": {"message": f"Incorrect API key provided: {key}", "type": key}}
            )
            return
        said = json.dumps(exchange.json["messages"])
        if "look around" in said:
            asked = '"role": "tool"' in said or "tool_result" in said
            calls = [*vendor.begin(), *vendor.calls(("t1", "look", "{}")), *vendor.finish("tool_use")]
            await vendor.played(vendor.answer("I have ", "looked.") if asked else calls)(exchange)
        elif "auth" in said or "server" in said:
            status, body = vendor.error("auth" if "auth" in said else "server", key)
            body["error"]["message"] += f" {key}"
            await exchange.answer(status, body, X_Key=key)
        elif "in the stream" in said:
            await exchange.start()
            for event in [*vendor.begin(), *vendor.text("So far.")]:
                await exchange.send(event)
            await exchange.send(vendor.sse(vendor.error("auth", key)[1]))
            await exchange.end()
        else:
            await exchange.answer(200, f"<html>{key}</html>".encode(), "text/html", X_Key=key)


def plant(machine: Machine, where: str, vendor: str, address: str) -> dict[str, str]:
    """Put the key where users keep theirs; returns the environment to run with."""
    names = (
        ("OPENAI_API_KEY", "OPENAI_BASE_URL")
        if vendor == "openai"
        else ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL")
    )
    env = {
        names[1]: f"{address}/v1" if vendor == "openai" else address,
        "GEPPETTO_CHAT_PROVIDER": vendor,
        "GEPPETTO_CHAT_MODEL": "m",
        "GEPPETTO_CHAT_CACHE": "disk",
        "GEPPETTO_RETRIES_DELAY": "0.01",
        # As talkative as the SDKs and Python can be.
        "OPENAI_LOG": "debug",
        "ANTHROPIC_LOG": "debug",
        "PYTHONASYNCIODEBUG": "1",
    }
    if vendor == "openai":
        env["GEPPETTO_EMBEDDINGS_PROVIDER"] = "openai"
    if where == "environment":
        env[names[0]] = KEY
    elif where == ".env":
        (machine.work / ".env").write_text(f"{names[0]}={KEY}\n")
    else:
        path = machine.home / "geppetto" / "geppetto.toml"
        path.parent.mkdir(parents=True)
        path.write_text(f'[{vendor}]\napi_key = "{KEY}"\n')
    return env


def found_in(machine: Machine) -> list[str]:
    """The names of what has the key in it, but for the files it was planted in."""
    planted = {machine.work / ".env", machine.home / "geppetto" / "geppetto.toml"}
    files = [
        p
        for root in (machine.work, machine.home)
        for p in root.rglob("*")
        if p.is_file() and p not in planted
    ]
    said = {f"output {n}": text for n, text in enumerate(machine.said)}
    said |= {str(path): path.read_bytes().decode("latin-1") for path in files}
    assert len(files) > 1, "there should be something to look through"
    return [name for name, text in said.items() if KEY in text or KEY[3:] in text]


@pytest.mark.parametrize(
    ("vendor", "where", "events"),
    [
        ("openai", "environment", "jsonl"),
        ("claude", ".env", "yaml"),
        ("openai", "the user's settings", "text"),
    ],
)
async def test_the_command_line_says_no_key(tmp_path: Path, vendor: str, where: str, events: str) -> None:
    machine = Machine(tmp_path)
    (machine.work / "main.geppetto.js").write_text(SCRIPT)
    service = Service()
    async with Server([service]) as server:
        env = plant(machine, where, vendor, server.address)
        run = ("run", "main.geppetto.js", "-p", "a=b")
        code, out, err = await machine.geppetto(*run, "--record", "t.jsonl", **env)
        assert code == 1 and "I have looked." in out and '"type":"error"' in out, err
        assert '"code":"auth"' in out and '"code":"server"' in out
        assert err.count("[key]") >= 1, "the service repeated the key, and it was taken out"
        code, out, _ = await machine.geppetto(*run, "--events", events, "--metadata", **env)
        assert code == 1 and "looked" in out
        await machine.geppetto("models", **env)
        await machine.geppetto("config", "show", **env)
        await machine.geppetto("doctor", **env)
        await machine.geppetto("run", "main.geppetto.js", "--replay", "t.jsonl", **env)
        await machine.geppetto("run", "main.geppetto.js", "-p", "a=c", "--replay", "t.jsonl", **env)
    assert service.keys == {KEY}, "the key did go to the service"
    assert found_in(machine) == []


async def test_supervised_runs_and_their_records_have_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(tmp_path)
    script = machine.work / "main.geppetto.js"
    script.write_text(SCRIPT)
    service = Service()
    async with Server([service]) as server:
        for name, value in plant(machine, "environment", "openai", server.address).items():
            monkeypatch.setenv(name, value)
        for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
            monkeypatch.setenv(name, str(machine.home))
        os.makedirs(machine.home)
        supervisor = RunSupervisor(RunsOptions(warm=0), RecordStore(machine.home / "runs"))
        async with asyncio.timeout(60):
            run = supervisor.start(RunRequest(path=str(script)))
            machine.said = [event.model_dump_json() async for event in run.events()]
            await supervisor.close()
    assert service.keys == {KEY} and any('"looked' in text or "looked" in text for text in machine.said)
    assert found_in(machine) == []
